//! Failures as a person sees them: what, where, what to do, and the exit code.

use std::fmt::Write as _;
use std::process::ExitCode;

use anstyle::AnsiColor;
use prpc_broker::Url;

/// The exit codes. 4 is kept for a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The function, the program or the input is at fault.
    Failed = 1,
    /// The command was given wrongly.
    Usage = 2,
    /// The broker cannot be used.
    Broker = 3,
    /// No answer in time.
    Timeout = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    what: String,
    place: Option<String>,
    fix: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), place: None, fix: None }
    }

    /// A failure that another process of ours has reported already.
    pub(crate) fn reported(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    pub(crate) fn place(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// What a failed operation of the broker at `url` means.
    pub(crate) fn broker(error: &prpc_broker::Error, url: &Url) -> Self {
        use prpc_broker::Error;
        let failure = match error {
            Error::NotFound | Error::Truncated => Self::new(Exit::Failed, error.to_string()),
            Error::Timeout => Self::new(Exit::Timeout, error.to_string()),
            _ => Self::new(Exit::Broker, error.to_string()),
        };
        let failure = failure.place(url.to_string());
        match error {
            Error::Url(_) => failure
                .fix("write redis://host:6379/0, or host:9092 for Kafka, in --broker or PRPC_URL_BROKER"),
            Error::Connection(_) => {
                failure.fix("check that the server runs and --broker names it: redis-cli -u URL ping")
            }
            Error::Full(_) => failure.fix("give the server memory or disk, then try again"),
            Error::Refused(_) => {
                failure.fix("check the user's rights and the type of the keys on the server")
            }
            Error::NotFound => failure.fix("prpc dead list"),
            _ => failure,
        }
    }

    /// The form on a terminal.
    fn text(&self) -> String {
        let (red, bold) = (AnsiColor::Red.on_default().bold(), anstyle::Style::new().bold());
        let mut text = format!("{red}error:{red:#} {bold}{}{bold:#}\n", printable(&self.what));
        for (label, line) in [("where:", &self.place), ("fix:", &self.fix)] {
            if let Some(line) = line {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "  {label:<6} {}", printable(line));
            }
        }
        text
    }

    /// Prints it on standard error, coloured only where colours are seen and wanted.
    pub(crate) fn report(&self) {
        if !self.what.is_empty() {
            anstream::eprint!("{}", self.text());
        }
    }
}

/// Text from elsewhere that cannot steer a terminal: control characters are escaped, line ends and tabs stay.
pub(crate) fn printable(text: &str) -> String {
    let steers = |char: char| char.is_control() && !matches!(char, '\n' | '\t');
    text.chars()
        .map(|char| if steers(char) { char.escape_unicode().to_string() } else { char.to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_where_and_the_next_step() {
        let failure = Failure::new(Exit::Broker, "no connection").place("redis://a:1").fix("start it");
        let plain = anstream::adapter::strip_str(&failure.text()).to_string();
        assert_eq!(plain, "error: no connection\n  where: redis://a:1\n  fix:   start it\n");
    }

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\nc");
    }

    #[test]
    fn an_address_in_a_failure_hides_its_password() {
        let url = Url::new("redis://user:s3cret@host:1");
        let failure = Failure::broker(&prpc_broker::Error::Connection("refused".into()), &url);
        assert_eq!(failure.exit, Exit::Broker);
        assert!(failure.text().contains("host:1") && !failure.text().contains("s3cret"));
    }
}
