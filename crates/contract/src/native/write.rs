//! Responsibility: values and the beginning of a message as jsonpickle writes them, without references (section 4).

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use super::tags::tag;
use crate::json::write::{self as json, display};
use crate::message::{ClassPath, MessageId};
use crate::value::{Date, DateTime, Moment, Time, TimeDelta, Value, Zone, wire_members};

/// Values nested in values; the original's client fails a little above.
const DEEPEST: usize = 200;
/// Values in one value.
const MOST_VALUES: usize = 1_000_000;
/// Digits of an int; Python refuses more.
const MOST_DIGITS: usize = 4300;

/// Appends a result.
///
/// # Errors
/// A text that names what cannot be sent. `out` then ends with a piece of the value.
pub fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    Writer::new(DEEPEST).value(value, 0, out)
}

/// Appends an aware datetime in UTC.
pub(crate) fn write_moment(moment: Moment, out: &mut Vec<u8>) {
    datetime(&moment.to_utc(), out);
}

/// The members before the arguments and after them, up to `result`.
pub(super) struct Head<'a> {
    pub(super) class: ClassPath,
    pub(super) function: &'a str,
    pub(super) id: MessageId,
    /// A datetime.
    pub(super) created: &'a Value,
}

type Part<'a> = &'a dyn Fn(&mut Writer, &mut Vec<u8>) -> Result<(), String>;

impl Head<'_> {
    /// Appends the document up to `result`; `args` and `kwargs` write theirs.
    pub(super) fn write(&self, out: &mut Vec<u8>, args: Part<'_>, kwargs: Part<'_>) -> Result<(), String> {
        self.write_within(&mut Writer::new(DEEPEST), out, args, kwargs)
    }

    /// The document up to `result` for arguments that were read from a request.
    pub(super) fn write_echo(&self, args: &Value, kwargs: &Value) -> Vec<u8> {
        let mut out = Vec::with_capacity(640);
        // What was read can be written, whatever its depth; if it could not, the reply would go without arguments.
        let written = self.write_within(
            &mut Writer::new(usize::MAX),
            &mut out,
            &|writer, out| writer.value(args, 0, out),
            &|writer, out| writer.value(kwargs, 0, out),
        );
        if written.is_err() {
            out.clear();
            let nothing = |writer: &mut Writer, out: &mut Vec<u8>| writer.members(&[], 0, out);
            let no_args = |writer: &mut Writer, out: &mut Vec<u8>| writer.tuple(&[], 0, out);
            let empty = self.write_within(&mut Writer::new(1), &mut out, &no_args, &nothing);
            debug_assert_eq!(empty, Ok(()));
        }
        out
    }

    fn write_within(
        &self,
        writer: &mut Writer,
        out: &mut Vec<u8>,
        args: Part<'_>,
        kwargs: Part<'_>,
    ) -> Result<(), String> {
        out.extend_from_slice(br#"{"py/object": ""#);
        out.extend_from_slice(self.class.as_str().as_bytes());
        out.extend_from_slice(br#"", "func_name": "#);
        json::string(out, self.function);
        out.extend_from_slice(br#", "func_args": "#);
        args(writer, out)?;
        out.extend_from_slice(br#", "func_kwargs": "#);
        kwargs(writer, out)?;
        out.extend_from_slice(br#", "message_id": "#);
        uuid(self.id.as_uuid(), out);
        out.extend_from_slice(br#", "date_create_message": "#);
        writer.value(self.created, 0, out)?;
        out.extend_from_slice(b", ");
        Ok(())
    }
}

/// Writes values within limits.
pub(super) struct Writer {
    deepest: usize,
    values: usize,
}

impl Writer {
    fn new(deepest: usize) -> Self {
        Self { deepest, values: 0 }
    }

    fn value(&mut self, value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), String> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(format!("cannot send more than {MOST_VALUES} values"));
        }
        match value {
            Value::None => json::null(out),
            Value::Bool(truth) => json::bool(out, *truth),
            Value::Int(number) => json::int(out, *number),
            Value::BigInt(digits) => big_int(digits, out)?,
            Value::Float(number) => json::float(out, *number),
            Value::Str(text) => json::string(out, text),
            Value::List(items) => self.items(items, depth, out)?,
            Value::Tuple(items) => self.tuple(items, depth, out)?,
            Value::Set(items) => {
                out.extend_from_slice(br#"{"py/set": "#);
                self.items(items, depth, out)?;
                out.push(b'}');
            }
            Value::FrozenSet(items) => {
                reduce("py/type", "builtins.frozenset", out);
                self.items(items, depth, out)?;
                out.extend_from_slice(b"]}]}");
            }
            Value::Dict(members) => {
                self.object(
                    wire_members(members).iter().map(|(name, value)| (name.as_ref(), *value)),
                    depth,
                    out,
                )?;
            }
            Value::Bytes(bytes) => {
                display(out, format_args!(r#"{{"py/b64": "{}"}}"#, Base64Display::new(bytes, &STANDARD)));
            }
            Value::Uuid(bytes) => uuid(&uuid::Uuid::from_bytes(*bytes), out),
            Value::DateTime(moment) => datetime(moment, out),
            Value::Date(date) => moment("datetime.date", &date_bytes(*date), None, out),
            Value::Time(time, zone) => moment("datetime.time", &time_bytes(*time), zone.as_deref(), out),
            Value::TimeDelta(span) => timedelta(*span, out),
            Value::Zone(zone) => self::zone(zone, out),
            Value::Decimal(text) => {
                reduce("py/type", "decimal.Decimal", out);
                json::string(out, text);
                out.extend_from_slice(b"]}]}");
            }
            Value::Complex(real, imaginary) => {
                out.extend_from_slice(br#"{"py/object": "builtins.complex", "py/newargs": {"py/tuple": ["#);
                json::float(out, *real);
                out.extend_from_slice(b", ");
                json::float(out, *imaginary);
                out.extend_from_slice(b"]}}");
            }
            Value::Range(parts) => {
                reduce("py/type", "builtins.range", out);
                for (n, part) in parts.iter().enumerate() {
                    if n > 0 {
                        out.extend_from_slice(b", ");
                    }
                    self.value(part, depth, out)?;
                }
                out.extend_from_slice(b"]}]}");
            }
        }
        Ok(())
    }

    fn enter(&self, depth: usize) -> Result<(), String> {
        if depth >= self.deepest {
            return Err(format!("cannot send a value nested deeper than {} values", self.deepest));
        }
        Ok(())
    }

    fn items(&mut self, items: &[Value], depth: usize, out: &mut Vec<u8>) -> Result<(), String> {
        self.enter(depth)?;
        json::list(out, *b"[]", items, |out, item| self.value(item, depth + 1, out))
    }

    pub(super) fn tuple(&mut self, items: &[Value], depth: usize, out: &mut Vec<u8>) -> Result<(), String> {
        out.extend_from_slice(br#"{"py/tuple": "#);
        self.items(items, depth, out)?;
        out.push(b'}');
        Ok(())
    }

    /// A dict with string keys.
    pub(super) fn members(
        &mut self,
        members: &[(String, Value)],
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        self.object(members.iter().map(|(name, value)| (name.as_str(), value)), depth, out)
    }

    fn object<'v>(
        &mut self,
        members: impl Iterator<Item = (&'v str, &'v Value)>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        self.enter(depth)?;
        json::list(out, *b"{}", members, |out, (name, value)| {
            if tag(name).is_some() {
                return Err(format!("cannot send a dict with the reserved key '{name}'"));
            }
            json::name(out, name);
            self.value(value, depth + 1, out)
        })
    }
}

fn big_int(digits: &str, out: &mut Vec<u8>) -> Result<(), String> {
    if digits.trim_start_matches('-').len() > MOST_DIGITS {
        return Err(format!("cannot send an int of more than {MOST_DIGITS} digits"));
    }
    out.extend_from_slice(digits.as_bytes());
    Ok(())
}

fn uuid(uuid: &uuid::Uuid, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"py/object": "uuid.UUID", "hex": ""#);
    let mut digits = [0; uuid::fmt::Simple::LENGTH];
    out.extend_from_slice(uuid.as_simple().encode_lower(&mut digits).as_bytes());
    out.extend_from_slice(br#""}"#);
}

fn datetime(value: &DateTime, out: &mut Vec<u8>) {
    let mut bytes = [0; 10];
    bytes[..4].copy_from_slice(&date_bytes(value.date));
    bytes[4..].copy_from_slice(&time_bytes(value.time));
    moment("datetime.datetime", &bytes, value.zone.as_deref(), out);
}

fn date_bytes(date: Date) -> [u8; 4] {
    let [high, low] = date.year().to_be_bytes();
    [high, low, date.month(), date.day()]
}

fn time_bytes(time: Time) -> [u8; 6] {
    let [_, high, middle, low] = time.micro().to_be_bytes();
    [time.hour(), time.minute(), time.second(), high, middle, low]
}

fn moment(class: &str, bytes: &[u8], zone: Option<&Zone>, out: &mut Vec<u8>) {
    for part in [r#"{"py/object": ""#, class, r#"", "__reduce__": [{"py/type": ""#, class, r#""}, [""#] {
        out.extend_from_slice(part.as_bytes());
    }
    display(out, format_args!("{}\"", Base64Display::new(bytes, &STANDARD)));
    if let Some(zone) = zone {
        out.extend_from_slice(b", ");
        self::zone(zone, out);
    }
    out.extend_from_slice(b"]]}");
}

fn timedelta(span: TimeDelta, out: &mut Vec<u8>) {
    reduce("py/type", "datetime.timedelta", out);
    let [days, seconds, micros] = span.parts();
    display(out, format_args!("{days}, {seconds}, {micros}]}}]}}"));
}

fn zone(zone: &Zone, out: &mut Vec<u8>) {
    match zone {
        Zone::Fixed { offset, name } => {
            reduce("py/type", "datetime.timezone", out);
            timedelta(*offset, out);
            if let Some(name) = name {
                out.extend_from_slice(b", ");
                json::string(out, name);
            }
        }
        Zone::Named(name) => {
            reduce("py/function", "zoneinfo.ZoneInfo._unpickle", out);
            json::string(out, name);
            out.extend_from_slice(b", 1");
        }
    }
    out.extend_from_slice(b"]}]}");
}

/// The beginning of a `py/reduce` form, up to its first argument.
fn reduce(kind: &str, name: &str, out: &mut Vec<u8>) {
    for part in [r#"{"py/reduce": [{""#, kind, r#"": ""#, name, r#""}, {"py/tuple": ["#] {
        out.extend_from_slice(part.as_bytes());
    }
}
