//! A worker's output, made readable: its log lines are JSON objects, everything else is the program's own.

use std::fmt::Write as _;

use serde_json::Value;

use crate::failure::printable;

/// The line for a person: level, message and fields of a log line; another line as it is.
pub(super) fn readable(line: &str) -> String {
    parsed(line).unwrap_or_else(|| printable(line))
}

fn parsed(line: &str) -> Option<String> {
    let Value::Object(mut fields) = serde_json::from_str(line).ok()? else { return None };
    let level = fields.remove("level")?;
    let message = fields.remove("message")?;
    fields.remove("timestamp")?;
    fields.remove("target");
    let mut text = match level.as_str()? {
        "INFO" => String::new(),
        level => format!("{}: ", level.to_lowercase()),
    };
    text.push_str(&printable(message.as_str()?));
    for (name, value) in fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        // Writing to a string cannot fail.
        let _ = write!(text, "  {name}={}", printable(&value));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_becomes_its_message_and_fields() {
        let line = r#"{"timestamp":"2026-01-01T00:00:00Z","level":"WARN","message":"late","queue":"orders","n":3,"target":"x"}"#;
        assert_eq!(readable(line), "warn: late  queue=orders  n=3");
    }

    #[test]
    fn what_the_program_prints_stays_as_it_is() {
        for line in ["hello", "{\"a\": 1}", "[1]", "", "  File \"app.py\", line 1"] {
            assert_eq!(readable(line), line);
        }
    }

    #[test]
    fn output_cannot_steer_the_terminal() {
        assert!(!readable("\x1b[2J").contains('\x1b'));
    }
}
