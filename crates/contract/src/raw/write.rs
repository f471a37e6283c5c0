//! Responsibility: results as plain JSON (the table of section 7.2).

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use crate::iso::{self, Day, ShortClock};
use crate::json::write::{self as json, display};
use crate::value::{Moment, TimeDelta, Value, wire_members};

/// Values nested in values, as in the native form.
const DEEPEST: usize = 200;
/// Values in one value.
const MOST_VALUES: usize = 1_000_000;
/// Digits of an int; Python refuses more.
const MOST_DIGITS: usize = 4300;

/// Appends a result.
///
/// # Errors
/// A text that names what cannot be sent. `out` then ends with a piece of the value.
pub fn write_result(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    Writer { values: 0 }.value(value, 0, out)
}

/// Appends a point in time in UTC.
pub(crate) fn write_moment(moment: Moment, out: &mut Vec<u8>) {
    let utc = moment.to_utc();
    display(out, format_args!("\"{}T{}+00:00\"", Day(utc.date), ShortClock(utc.time)));
}

pub(super) fn uuid(uuid: &uuid::Uuid, out: &mut Vec<u8>) {
    display(out, format_args!(r#"{{"hex": "{}"}}"#, uuid.as_simple()));
}

struct Writer {
    values: usize,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), String> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(format!("cannot send more than {MOST_VALUES} values"));
        }
        match value {
            Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
                enter(depth)?;
                json::list(out, *b"[]", items, |out, item| self.value(item, depth + 1, out))
            }
            Value::Dict(members) => {
                enter(depth)?;
                json::list(out, *b"{}", wire_members(members), |out, (name, value)| {
                    json::name(out, &name);
                    self.value(value, depth + 1, out)
                })
            }
            leaf => self::leaf(leaf, out),
        }
    }
}

fn enter(depth: usize) -> Result<(), String> {
    if depth < DEEPEST {
        Ok(())
    } else {
        Err(format!("cannot send a value nested deeper than {DEEPEST} values"))
    }
}

fn leaf(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::None => json::null(out),
        Value::Bool(truth) => json::bool(out, *truth),
        Value::Int(number) => json::int(out, *number),
        Value::BigInt(digits) if digits.trim_start_matches('-').len() > MOST_DIGITS => {
            return Err(format!("cannot send an int of more than {MOST_DIGITS} digits"));
        }
        Value::BigInt(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Float(number) if number.is_finite() => json::float(out, *number),
        Value::Float(number) => {
            return Err(format!("cannot send the float {} as JSON", crate::value::float_repr(*number)));
        }
        Value::Str(text) => json::string(out, text),
        Value::Bytes(bytes) => {
            display(out, format_args!(r#"{{"py/b64": "{}"}}"#, Base64Display::new(bytes, &STANDARD)));
        }
        Value::Uuid(bytes) => uuid(&uuid::Uuid::from_bytes(*bytes), out),
        Value::DateTime(value) => json::string(out, &iso::datetime(value)?),
        Value::Date(date) => display(out, format_args!("\"{}\"", Day(*date))),
        Value::Time(time, zone) => json::string(out, &iso::time(*time, zone.as_deref())?),
        Value::TimeDelta(span) => json::float(out, seconds(*span)),
        Value::Decimal(text) => json::string(out, text),
        other => return Err(format!("cannot send a {} as JSON", other.type_name())),
    }
    Ok(())
}

/// `timedelta.total_seconds()`
fn seconds(span: TimeDelta) -> f64 {
    let micros = span.total_micros();
    let (size, sign) = (micros.unsigned_abs(), if micros < 0 { "-" } else { "" });
    // As text, because the whole number of microseconds may be no float, and dividing would round twice.
    format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000).parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tagged;

    fn written(description: &str) -> Result<String, String> {
        let mut out = Vec::new();
        write_result(&tagged::read(description).unwrap(), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_result_becomes_what_the_table_says() {
        for (description, text) in [
            (r#"{"$set": [1]}"#, "[1]"),
            (r#"{"$frozenset": [{"$tuple": [1, 2]}]}"#, "[[1, 2]]"),
            (r#"{"$bytes": "00ff"}"#, r#"{"py/b64": "AP8="}"#),
            (
                r#"{"$uuid": "c0ffee00-1234-4abc-8def-0123456789ab"}"#,
                r#"{"hex": "c0ffee0012344abc8def0123456789ab"}"#,
            ),
            (r#"{"$decimal": "1.10"}"#, r#""1.10""#),
            (r#"{"$timedelta": [-1, 5, 7]}"#, "-86394.999993"),
            (r#"{"$timedelta": [999999999, 86399, 999999]}"#, "86400000000000.0"),
            (r#"{"$timedelta": [0, 0, 0]}"#, "0.0"),
            (r#"{"$date": "0001-02-03"}"#, r#""0001-02-03""#),
            (r#"{"$time": "01:02:03", "tz": null}"#, r#""01:02:03""#),
            (
                r#"{"$time": "01:02:03.000004", "tz": {"$timezone": [-1, 82800, 0], "name": "x"}}"#,
                r#""01:02:03.000004-01:00""#,
            ),
            (
                r#"{"$datetime": "2024-07-01T00:00:00", "tz": {"$zone": "Europe/Moscow"}}"#,
                r#""2024-07-01T00:00:00+03:00""#,
            ),
            (r#"{"$dict": [[1, "a"], [null, "b"], ["1", "c"]]}"#, r#"{"1": "c", "null": "b"}"#),
            (r#"{"py/object": "x"}"#, r#"{"py/object": "x"}"#),
            (r#"{"$float": "1e+16"}"#, "1e+16"),
        ] {
            assert_eq!(written(description).as_deref(), Ok(text), "{description}");
        }
    }

    #[test]
    fn what_json_lacks_is_refused_by_its_name() {
        for (description, words) in [
            (r#"{"$float": "nan"}"#, "float nan"),
            (r#"[{"$float": "-inf"}]"#, "float -inf"),
            (r#"{"$complex": ["1.0", "2.0"]}"#, "complex"),
            (r#"{"$range": [1, 2, 1]}"#, "range"),
            (r#"{"$zone": "UTC"}"#, "ZoneInfo"),
            (&"[".repeat(201).chars().chain("]".repeat(201).chars()).collect::<String>(), "deeper than 200"),
        ] {
            assert!(written(description).unwrap_err().contains(words), "{description}");
        }
        assert!(written(&("[".repeat(200) + &"]".repeat(200))).is_ok());
    }
}
