//! Values in frames between the runtime and a host: JSON, with `$` tags for what JSON lacks.
//!
//! Responsibility: the same forms as `prpc/values.py` on the other side of the socket. Numbers are plain literals
//! whatever their size, a member whose name begins with `$` is written inside a `$dict`.

mod tags;

use crate::fault::{Fault, Reason};
use crate::iso::{Clock, Day};
use crate::json::write::{self as json, display};
use crate::json::{Cursor, Node};
use crate::value::{Value, Zone, float_repr};

/// Appends the text of a value, without blanks. True if it holds a tag.
pub fn write(value: &Value, out: &mut Vec<u8>) -> bool {
    match value {
        Value::None => json::null(out),
        Value::Bool(truth) => json::bool(out, *truth),
        Value::Int(number) => json::int(out, *number),
        Value::BigInt(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Float(number) => json::float(out, *number),
        Value::Str(text) => json::string(out, text),
        Value::List(items) => return sequence(items, out),
        Value::Dict(members) => return dict(members, out),
        other => {
            tagged(other, out);
            return true;
        }
    }
    false
}

fn tagged(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Tuple(items) => tag("$tuple", items, out),
        Value::Set(items) => tag("$set", items, out),
        Value::FrozenSet(items) => tag("$frozenset", items, out),
        Value::Range(parts) => tag("$range", &parts[..], out),
        leaf => self::leaf(leaf, out),
    }
}

fn leaf(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Bytes(bytes) => {
            out.extend_from_slice(br#"{"$bytes":""#);
            for byte in bytes {
                out.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
            }
            out.extend_from_slice(br#""}"#);
        }
        Value::Uuid(bytes) => {
            display(out, format_args!(r#"{{"$uuid":"{}"}}"#, uuid::Uuid::from_bytes(*bytes).as_hyphenated()));
        }
        Value::DateTime(value) => {
            display(out, format_args!(r#"{{"$datetime":"{}T{}","tz":"#, Day(value.date), Clock(value.time)));
            zone(value.zone.as_deref(), out);
            out.push(b'}');
        }
        Value::Date(date) => display(out, format_args!(r#"{{"$date":"{}"}}"#, Day(*date))),
        Value::Time(time, zone) => {
            display(out, format_args!(r#"{{"$time":"{}","tz":"#, Clock(*time)));
            self::zone(zone.as_deref(), out);
            out.push(b'}');
        }
        Value::TimeDelta(span) => {
            let [days, seconds, micros] = span.parts();
            display(out, format_args!(r#"{{"$timedelta":[{days},{seconds},{micros}]}}"#));
        }
        Value::Zone(zone) => self::zone(Some(zone), out),
        Value::Decimal(text) => display(out, format_args!(r#"{{"$decimal":"{text}"}}"#)),
        Value::Complex(real, imaginary) => {
            let (real, imaginary) = (float_repr(*real), float_repr(*imaginary));
            display(out, format_args!(r#"{{"$complex":["{real}","{imaginary}"]}}"#));
        }
        plain => {
            write(plain, out);
        }
    }
}

fn zone(zone: Option<&Zone>, out: &mut Vec<u8>) {
    match zone {
        None => json::null(out),
        Some(Zone::Named(name)) => display(out, format_args!(r#"{{"$zone":"{name}"}}"#)),
        Some(Zone::Fixed { offset, name }) => {
            let [days, seconds, micros] = offset.parts();
            display(out, format_args!(r#"{{"$timezone":[{days},{seconds},{micros}],"name":"#));
            match name {
                Some(name) => json::string(out, name),
                None => json::null(out),
            }
            out.push(b'}');
        }
    }
}

fn tag(name: &str, items: &[Value], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{""#);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(br#"":"#);
    sequence(items, out);
    out.push(b'}');
}

fn sequence(items: &[Value], out: &mut Vec<u8>) -> bool {
    let mut tagged = false;
    out.push(b'[');
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        tagged |= write(item, out);
    }
    out.push(b']');
    tagged
}

fn dict(members: &[(Value, Value)], out: &mut Vec<u8>) -> bool {
    if !members.iter().all(|(key, _)| key.as_str().is_some_and(|name| !name.starts_with('$'))) {
        pairs(members, out);
        return true;
    }
    let mut tagged = false;
    out.push(b'{');
    for (n, (key, value)) in members.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write(key, out);
        out.push(b':');
        tagged |= write(value, out);
    }
    out.push(b'}');
    tagged
}

fn pairs(members: &[(Value, Value)], out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"$dict":["#);
    for (n, (key, value)) in members.iter().enumerate() {
        out.extend_from_slice(if n > 0 { b",[" } else { b"[" });
        write(key, out);
        out.push(b',');
        write(value, out);
        out.push(b']');
    }
    out.extend_from_slice(b"]}");
}

/// The value that a text stands for. `tagged` false: no object is a tag. An object whose first member has the name
/// of no tag is a dict.
///
/// # Errors
/// `form`: a tag with content of another kind. The depth of the recursion is that of the tape.
pub fn read(at: Cursor<'_, '_>, tagged: bool) -> Result<Value, Fault> {
    value(at, tagged.then_some(&|_, _| None))
}

/// Gives the long text at a position, of so many bytes; None if there is none.
pub type LongTexts<'a> = dyn Fn(u64, u64) -> Option<String> + 'a;

/// Like [`read`], of a payload with tags, which may be for long texts that travelled beside it.
///
/// # Errors
/// As `read`; and `form`: no such text.
pub fn read_with(at: Cursor<'_, '_>, texts: &LongTexts<'_>) -> Result<Value, Fault> {
    value(at, Some(texts))
}

/// Without `texts` no object is a tag.
fn value(at: Cursor<'_, '_>, texts: Option<&LongTexts<'_>>) -> Result<Value, Fault> {
    Ok(match at.node() {
        Node::Null => Value::None,
        Node::Bool(truth) => Value::Bool(*truth),
        Node::Int(number) => Value::Int(*number),
        Node::BigInt(digits) => Value::BigInt((*digits).into()),
        Node::Float(number) => Value::Float(*number),
        Node::Str(text) => Value::str(text.as_ref()),
        Node::Array { .. } => return items(at, texts).map(Value::List),
        Node::Object { .. } => {
            return texts.map_or_else(|| plain(at, None), |texts| tags::object(at, texts));
        }
    })
}

fn items(at: Cursor<'_, '_>, texts: Option<&LongTexts<'_>>) -> Result<Vec<Value>, Fault> {
    let items = at.items().ok_or_else(|| form("an array was expected"))?;
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        values.push(value(item, texts)?);
    }
    Ok(values)
}

fn plain(at: Cursor<'_, '_>, texts: Option<&LongTexts<'_>>) -> Result<Value, Fault> {
    let members = at.members().ok_or_else(|| form("an object was expected"))?;
    let mut values = Vec::with_capacity(members.len());
    for (name, member) in members {
        values.push((Value::str(name), value(member, texts)?));
    }
    Ok(Value::Dict(values))
}

fn form(detail: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Reason::Form, detail)
}
