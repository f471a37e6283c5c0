//! Durations as Kubernetes writes them: `30s`, `1m30s`, `500ms`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A span above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

const EXPECTED: &str = "a duration above zero with units, such as 30s, 1m30s or 500ms";

impl Span {
    /// The span.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The library also reads words, blanks and ISO 8601, which Kubernetes does not.
        if !text.chars().all(|char| char.is_ascii_digit() || ".hms".contains(char)) {
            return Err(EXPECTED);
        }
        let span: SignedDuration = text.parse().map_err(|_| EXPECTED)?;
        Duration::try_from(span).ok().filter(|span| !span.is_zero()).map(Self).ok_or(EXPECTED)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        if nanos == 0 {
            write!(f, "{seconds}s")
        } else {
            let fraction = format!("{nanos:09}");
            write!(f, "{seconds}.{}s", fraction.trim_end_matches('0'))
        }
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^([0-9]+([.][0-9]+)?(h|m|s|ms))+$",
            "maxLength": 32
        })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

/// Sees numbers too, so that `timeout: 30` is told what is missing.
struct Text;

impl Visitor<'_> for Text {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(|expected| E::custom(format_args!("{text:?} is not {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_in_go_syntax_are_read() {
        for (text, millis) in [
            ("30s", 30_000),
            ("5m", 300_000),
            ("1m30s", 90_000),
            ("1h2m3s", 3_723_000),
            ("500ms", 500),
            ("1.5s", 1500),
        ] {
            let timeout: Span = text.parse().unwrap();
            assert_eq!(timeout.duration(), Duration::from_millis(millis), "{text}");
            assert_eq!(timeout.to_string().parse(), Ok(timeout), "{text}");
        }
    }

    #[test]
    fn what_has_no_unit_or_is_not_above_zero_is_refused() {
        for text in ["30", "", "0s", "-5s", "1d", "5 minutes", "PT30S", "s", "99999999999999999999h"] {
            assert_eq!(text.parse::<Span>(), Err(EXPECTED), "{text}");
        }
    }
}
