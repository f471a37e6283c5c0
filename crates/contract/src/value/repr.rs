//! Responsibility: Python's `repr`, which turns dict keys into text.

use std::fmt::Write;

use super::{DateTime, Time, TimeDelta, Value, Zone, float_repr};

/// Python's `repr` of the value.
pub fn repr(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

macro_rules! put {
    // Writing to a string cannot fail.
    ($out:expr, $($part:tt)*) => {{ let _ = write!($out, $($part)*); }};
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(truth) => out.push_str(if *truth { "True" } else { "False" }),
        Value::Int(number) => {
            put!(out, "{number}");
        }
        Value::BigInt(number) => out.push_str(number),
        Value::Float(number) => out.push_str(&float_repr(*number)),
        Value::Str(text) => string(out, text),
        Value::List(items) => sequence(out, "[", items, "]"),
        Value::Tuple(items) if items.len() == 1 => sequence(out, "(", items, ",)"),
        Value::Tuple(items) => sequence(out, "(", items, ")"),
        Value::Set(items) if items.is_empty() => out.push_str("set()"),
        Value::Set(items) => sequence(out, "{", items, "}"),
        Value::FrozenSet(items) if items.is_empty() => out.push_str("frozenset()"),
        Value::FrozenSet(items) => sequence(out, "frozenset({", items, "})"),
        Value::Dict(members) => dict(out, members),
        Value::Bytes(bytes) => self::bytes(out, bytes),
        Value::Uuid(bytes) => {
            put!(out, "UUID('{}')", uuid::Uuid::from_bytes(*bytes));
        }
        Value::DateTime(moment) => datetime(out, moment),
        Value::Date(date) => {
            put!(out, "datetime.date({}, {}, {})", date.year(), date.month(), date.day());
        }
        Value::Time(time, zone) => {
            out.push_str("datetime.time(");
            clock(out, *time);
            tzinfo(out, zone.as_deref());
        }
        Value::TimeDelta(span) => timedelta(out, *span),
        Value::Zone(zone) => self::zone(out, zone),
        Value::Decimal(text) => {
            put!(out, "Decimal('{text}')");
        }
        Value::Complex(real, imaginary) => complex(out, *real, *imaginary),
        Value::Range(parts) => {
            out.push_str("range(");
            let shown = if parts[2] == Value::Int(1) { 2 } else { 3 };
            sequence(out, "", &parts[..shown], ")");
        }
    }
}

fn sequence(out: &mut String, open: &str, items: &[Value], close: &str) {
    out.push_str(open);
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        write(out, item);
    }
    out.push_str(close);
}

fn dict(out: &mut String, members: &[(Value, Value)]) {
    out.push('{');
    for (n, (key, value)) in members.iter().enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        write(out, key);
        out.push_str(": ");
        write(out, value);
    }
    out.push('}');
}

fn quote(single: bool, double: bool) -> char {
    if single && !double { '"' } else { '\'' }
}

fn string(out: &mut String, text: &str) {
    let quote = quote(text.contains('\''), text.contains('"'));
    out.push(quote);
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if char == quote => out.extend(['\\', char]),
            ' '..='~' => out.push(char),
            _ if printable(char) => out.push(char),
            _ => {
                let code = u32::from(char);
                match code {
                    0..0x100 => {
                        put!(out, "\\x{code:02x}");
                    }
                    0x100..0x10000 => {
                        put!(out, "\\u{code:04x}");
                    }
                    _ => {
                        put!(out, "\\U{code:08x}");
                    }
                }
            }
        }
    }
    out.push(quote);
}

/// Rust escapes by the same character classes as Python, but a combining mark only at the start of a text.
fn printable(char: char) -> bool {
    let mut pair = String::from("a");
    pair.push(char);
    pair.escape_debug().nth(1) != Some('\\')
}

fn bytes(out: &mut String, bytes: &[u8]) {
    let quote = quote(bytes.contains(&b'\''), bytes.contains(&b'"'));
    out.extend(['b', quote]);
    for byte in bytes {
        match *byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            byte if char::from(byte) == quote => out.extend(['\\', quote]),
            byte @ b' '..=b'~' => out.push(char::from(byte)),
            byte => {
                put!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote);
}

fn datetime(out: &mut String, moment: &DateTime) {
    let date = moment.date;
    put!(out, "datetime.datetime({}, {}, {}, ", date.year(), date.month(), date.day());
    clock(out, moment.time);
    tzinfo(out, moment.zone.as_deref());
}

fn clock(out: &mut String, time: Time) {
    put!(out, "{}, {}", time.hour(), time.minute());
    if time.second() > 0 || time.micro() > 0 {
        put!(out, ", {}", time.second());
    }
    if time.micro() > 0 {
        put!(out, ", {}", time.micro());
    }
}

fn tzinfo(out: &mut String, zone: Option<&Zone>) {
    if let Some(zone) = zone {
        out.push_str(", tzinfo=");
        self::zone(out, zone);
    }
    out.push(')');
}

fn zone(out: &mut String, zone: &Zone) {
    match zone {
        Zone::Fixed { offset: TimeDelta::ZERO, name: None } => out.push_str("datetime.timezone.utc"),
        Zone::Fixed { offset, name } => {
            out.push_str("datetime.timezone(");
            timedelta(out, *offset);
            if let Some(name) = name {
                out.push_str(", ");
                string(out, name);
            }
            out.push(')');
        }
        Zone::Named(name) => {
            put!(out, "zoneinfo.ZoneInfo(key='{name}')");
        }
    }
}

fn timedelta(out: &mut String, span: TimeDelta) {
    let named = ["days", "seconds", "microseconds"].into_iter().zip(span.parts());
    let parts: Vec<_> =
        named.filter(|(_, part)| *part != 0).map(|(name, part)| format!("{name}={part}")).collect();
    let text = if parts.is_empty() { "0".into() } else { parts.join(", ") };
    put!(out, "datetime.timedelta({text})");
}

fn complex(out: &mut String, real: f64, imaginary: f64) {
    let short = |number: f64| {
        let text = float_repr(number);
        text.strip_suffix(".0").map_or(text.clone(), String::from)
    };
    if real.to_bits() == 0 {
        put!(out, "{}j", short(imaginary));
    } else {
        let plus = if imaginary.is_nan() || imaginary.is_sign_positive() { "+" } else { "" };
        put!(out, "({}{plus}{}j)", short(real), short(imaginary));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Date;

    #[test]
    fn values_are_shown_as_python_shows_them() {
        let ints = |numbers: &[i64]| numbers.iter().map(|number| Value::Int(*number)).collect::<Vec<_>>();
        let noon = Time::new(12, 0, 0, 5).unwrap();
        let zone = Zone::fixed(TimeDelta::new(-1, 75_600, 0).unwrap(), Some("X".into())).unwrap();
        let date = Date::new(2024, 2, 29).unwrap();
        let aware = DateTime { date, time: noon, zone: Some(Box::new(Zone::UTC)) };
        for (value, text) in [
            (Value::Bool(true), "True"),
            (Value::str("it's"), "\"it's\""),
            (
                Value::str("'\"\n\u{7f}\u{a0}\u{200b}é\u{e000}\u{10ffff}"),
                r#"'\'"\n\x7f\xa0\u200bé\ue000\U0010ffff'"#,
            ),
            (Value::Bytes(b"\x00'\xff".to_vec()), r#"b"\x00'\xff""#),
            (Value::Tuple(ints(&[1])), "(1,)"),
            (Value::Tuple(Vec::new()), "()"),
            (Value::List(ints(&[1, 2])), "[1, 2]"),
            (Value::FrozenSet(ints(&[3])), "frozenset({3})"),
            (Value::FrozenSet(Vec::new()), "frozenset()"),
            (Value::dict([("a", Value::None)]), "{'a': None}"),
            (Value::Uuid([0; 16]), "UUID('00000000-0000-0000-0000-000000000000')"),
            (Value::Date(date), "datetime.date(2024, 2, 29)"),
            (
                Value::DateTime(aware),
                "datetime.datetime(2024, 2, 29, 12, 0, 0, 5, tzinfo=datetime.timezone.utc)",
            ),
            (Value::Time(Time::new(1, 2, 0, 0).unwrap(), None), "datetime.time(1, 2)"),
            (Value::TimeDelta(TimeDelta::ZERO), "datetime.timedelta(0)"),
            (
                Value::Zone(Box::new(zone)),
                "datetime.timezone(datetime.timedelta(days=-1, seconds=75600), 'X')",
            ),
            (
                Value::Zone(Box::new(Zone::Named("Europe/Moscow".into()))),
                "zoneinfo.ZoneInfo(key='Europe/Moscow')",
            ),
            (Value::Decimal("1.50".into()), "Decimal('1.50')"),
            (Value::Complex(0.0, 1.0), "1j"),
            (Value::Complex(-0.0, 1.5), "(-0+1.5j)"),
            (Value::Complex(1.0, f64::NAN), "(1+nanj)"),
            (Value::Range(Box::new([Value::Int(1), Value::Int(5), Value::Int(1)])), "range(1, 5)"),
            (Value::Range(Box::new([Value::Int(1), Value::Int(5), Value::Int(2)])), "range(1, 5, 2)"),
        ] {
            assert_eq!(repr(&value), text);
        }
    }
}
