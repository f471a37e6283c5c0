//! Log lines on standard error: readable on a terminal, one JSON object a line everywhere else.

use std::io::IsTerminal as _;
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The variable that chooses what is logged, in the syntax of `tracing`'s filters: `info`, `prpc_broker=debug`, …
pub const VARIABLE: &str = "PRPC_LOG";

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Readable,
    /// For log collectors.
    Json,
}

/// Starts logging for this process. A second call changes nothing.
///
/// A filter that cannot be read is reported in the log and replaced by `info`: a typing error there must not stop a server.
pub fn start() {
    let form = if std::io::stderr().is_terminal() { Form::Readable } else { Form::Json };
    let (filter, problem) = filter(std::env::var(VARIABLE).ok().as_deref());
    if tracing::subscriber::set_global_default(subscriber(form, filter, std::io::stderr)).is_ok()
        && let Some(problem) = problem
    {
        tracing::warn!(problem, "{VARIABLE} cannot be read, logging at info");
    }
}

fn filter(text: Option<&str>) -> (EnvFilter, Option<String>) {
    match text.filter(|text| !text.is_empty()).map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new("info"), Some(error.to_string())),
        None => (EnvFilter::new("info"), None),
    }
}

fn subscriber<W>(form: Form, filter: EnvFilter, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // It would report lines that could not be written (a full disk) on standard error, and panic when that fails too.
    let lines =
        tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter).with_writer(writer);
    match form {
        Form::Readable => Box::new(lines.with_target(false).compact().finish()),
        Form::Json => Box::new(lines.json().flatten_event(true).with_ansi(false).finish()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(form: Form, filter_text: Option<&str>, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(form, filter(filter_text).0, move || writer.clone());
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_json_line_is_one_object_with_the_fields_at_its_top() {
        let text = logged(Form::Json, None, || tracing::info!(queue = "orders", "started\nhere"));
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "started\nhere");
        assert_eq!(line["queue"], "orders");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn debug_lines_appear_only_when_asked_for() {
        assert_eq!(logged(Form::Readable, None, || tracing::debug!("detail")), "");
        assert!(logged(Form::Readable, Some("debug"), || tracing::debug!("detail")).contains("detail"));
    }

    #[test]
    fn a_filter_that_cannot_be_read_falls_back_to_info_and_is_reported() {
        let (filter, problem) = filter(Some("prpc=loud"));
        assert_eq!(filter.to_string(), "info");
        assert!(problem.is_some());
    }
}
