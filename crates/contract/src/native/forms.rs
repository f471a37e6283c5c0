//! Responsibility: the `py/object` and `py/reduce` forms that are accepted, and the values they stand for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::read::{Reader, distinct, exactly, form};
use crate::fault::{Fault, Reason};
use crate::json::Cursor;
use crate::value::{Date, DateTime, Time, TimeDelta, Value, Zone, is_decimal};

/// `{"py/object": …}` with the other members that its class has.
pub(super) fn object(reader: &mut Reader<'_>, at: Cursor<'_, '_>, depth: usize) -> Result<Value, Fault> {
    let class = at.get("py/object").and_then(|class| class.as_str());
    match class {
        Some("uuid.UUID") => uuid(at).map(|uuid| Value::Uuid(uuid.into_bytes())),
        Some("builtins.complex") => complex(reader, at, depth),
        Some(class @ ("datetime.datetime" | "datetime.date" | "datetime.time")) => {
            moment(reader, at, class, depth)
        }
        _ => Err(refused("py/object", class)),
    }
}

/// The literal form of a UUID.
pub(super) fn uuid(at: Cursor<'_, '_>) -> Result<Uuid, Fault> {
    let [class, hex] = exactly(at, ["py/object", "hex"])?;
    if class.as_str() != Some("uuid.UUID") {
        return Err(form("not a UUID"));
    }
    let digits = hex.as_str().filter(|digits| digits.len() == 32);
    digits.and_then(|digits| Uuid::try_parse(digits).ok()).ok_or_else(|| form("hex is not 32 hex digits"))
}

fn complex(reader: &mut Reader<'_>, at: Cursor<'_, '_>, depth: usize) -> Result<Value, Fault> {
    let [_, args] = exactly(at, ["py/object", "py/newargs"])?;
    let [args] = exactly(args, ["py/tuple"])?;
    match reader.items(args, depth + 1)?.as_slice() {
        [real, imaginary] => match (number(real), number(imaginary)) {
            (Some(real), Some(imaginary)) => Ok(Value::Complex(real, imaginary)),
            _ => Err(form("a complex consists of numbers")),
        },
        _ => Err(form("a complex has two parts")),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Int(number) => Some(*number as f64),
        Value::BigInt(digits) => digits.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// `{"py/object": T, "__reduce__": [{"py/type": T}, [payload, zone?]]}`
fn moment(reader: &mut Reader<'_>, at: Cursor<'_, '_>, class: &str, depth: usize) -> Result<Value, Fault> {
    let [_, reduced] = exactly(at, ["py/object", "__reduce__"])?;
    let wrong = || form(format!("not the parts of a {class}"));
    let [head, parts] = elements(reduced).ok_or_else(wrong)?;
    if exactly(head, ["py/type"])?[0].as_str() != Some(class) {
        return Err(wrong());
    }
    let mut parts = parts.items().ok_or_else(wrong)?;
    let mut payload = [0; 12];
    let text = parts.next().and_then(|payload| payload.as_str()).ok_or_else(wrong)?;
    let length = STANDARD.decode_slice(text, &mut payload).map_err(|_| wrong())?;
    let payload = &payload[..length];
    let zone = match parts.next() {
        Some(_) if class == "datetime.date" => return Err(wrong()),
        Some(zone) => match reader.node(zone, depth + 1)? {
            Value::Zone(zone) => Some(zone),
            other => return Err(form(format!("a {} is not a zone", other.type_name()))),
        },
        None => None,
    };
    if parts.next().is_some() {
        return Err(wrong());
    }
    let value = match (class, payload.len()) {
        ("datetime.datetime", 10) => {
            datetime(payload).map(|(date, time)| Value::DateTime(DateTime { date, time, zone }))
        }
        ("datetime.date", 4) => date(payload).map(Value::Date),
        ("datetime.time", 6) => time(payload).map(|time| Value::Time(time, zone)),
        _ => None,
    };
    value.ok_or_else(|| form(format!("the bytes are no {class}")))
}

/// The ten bytes of a `datetime`, which its zone does not change.
pub(super) fn datetime(bytes: &[u8]) -> Option<(Date, Time)> {
    let (day, rest) = bytes.split_at_checked(4)?;
    date(day).zip(time(rest))
}

fn date(bytes: &[u8]) -> Option<Date> {
    let &[high, low, month, day] = bytes else { return None };
    Date::new(u16::from_be_bytes([high, low]), month, day)
}

fn time(bytes: &[u8]) -> Option<Time> {
    let &[hour, minute, second, high, middle, low] = bytes else { return None };
    Time::new(hour, minute, second, u32::from_be_bytes([0, high, middle, low]))
}

/// `{"py/reduce": [head, {"py/tuple": args}]}`
pub(super) fn reduce(reader: &mut Reader<'_>, at: Cursor<'_, '_>, depth: usize) -> Result<Value, Fault> {
    let parts = at.get("py/reduce").and_then(|parts| parts.items());
    let mut parts = parts.ok_or_else(|| form("py/reduce is an array"))?;
    let head = parts.next().ok_or_else(|| form("py/reduce names what to make"))?;
    let build = builder(head)?;
    exactly(at, ["py/reduce"])?;
    let (Some(args), None) = (parts.next(), parts.next()) else {
        return Err(form("py/reduce has two elements"));
    };
    let [args] = exactly(args, ["py/tuple"])?;
    // Only a frozenset has more than a few arguments.
    build(reader.inside_set(|reader| reader.items(args, depth + 1))?)
}

type Build = fn(Vec<Value>) -> Result<Value, Fault>;

fn builder(head: Cursor<'_, '_>) -> Result<Build, Fault> {
    let mut members = head.members().into_iter().flatten();
    let (Some((kind, name)), None) = (members.next(), members.next()) else {
        return Err(refused("py/reduce", None));
    };
    Ok(match (kind, name.as_str()) {
        ("py/type", Some("datetime.timedelta")) => timedelta,
        ("py/type", Some("datetime.timezone")) => timezone,
        ("py/type", Some("decimal.Decimal")) => decimal,
        ("py/type", Some("builtins.frozenset")) => frozenset,
        ("py/type", Some("builtins.range")) => range,
        ("py/function", Some("zoneinfo.ZoneInfo._unpickle")) => zoneinfo,
        (_, name) => return Err(refused("py/reduce", name)),
    })
}

fn timedelta(args: Vec<Value>) -> Result<Value, Fault> {
    let span = match args.as_slice() {
        [Value::Int(days), Value::Int(seconds), Value::Int(micros)] => {
            TimeDelta::new(*days, *seconds, *micros)
        }
        _ => None,
    };
    span.map(Value::TimeDelta).ok_or_else(|| form("not a normalised timedelta"))
}

fn timezone(args: Vec<Value>) -> Result<Value, Fault> {
    let mut args = args.into_iter();
    let zone = match (args.next(), args.next(), args.next()) {
        (Some(Value::TimeDelta(offset)), None, None) => Zone::fixed(offset, None),
        (Some(Value::TimeDelta(offset)), Some(Value::Str(name)), None) => Zone::fixed(offset, Some(name)),
        _ => None,
    };
    zone.map(|zone| Value::Zone(Box::new(zone))).ok_or_else(|| form("not a timezone"))
}

fn zoneinfo(args: Vec<Value>) -> Result<Value, Fault> {
    let zone = match args.as_slice() {
        [Value::Str(name), Value::Int(1)] => Zone::named(name),
        _ => None,
    };
    zone.map(|zone| Value::Zone(Box::new(zone))).ok_or_else(|| form("not the name of a zone"))
}

fn decimal(args: Vec<Value>) -> Result<Value, Fault> {
    match args.as_slice() {
        [Value::Str(text)] if is_decimal(text) => Ok(Value::Decimal(text.as_str().into())),
        _ => Err(form("not a Decimal as Python prints it")),
    }
}

fn frozenset(args: Vec<Value>) -> Result<Value, Fault> {
    let mut args = args.into_iter();
    match (args.next(), args.next()) {
        (Some(Value::List(items)), None) => distinct(items).map(Value::FrozenSet),
        _ => Err(form("a frozenset is made of one array")),
    }
}

fn range(args: Vec<Value>) -> Result<Value, Fault> {
    match <[Value; 3]>::try_from(args) {
        Ok(parts) if parts.iter().all(Value::is_int) && parts[2] != Value::Int(0) => {
            Ok(Value::Range(Box::new(parts)))
        }
        _ => Err(form("a range has three ints and a step that is not 0")),
    }
}

/// `{"py/b64": …}`, in the one canonical form of Base64.
pub(super) fn bytes(at: Cursor<'_, '_>) -> Result<Value, Fault> {
    let [text] = exactly(at, ["py/b64"])?;
    let text = text.as_str().ok_or_else(|| form("base64 text was expected"))?;
    STANDARD.decode(text).map(Value::Bytes).map_err(|fault| form(format!("not canonical base64: {fault}")))
}

fn elements<'t, 'a>(at: Cursor<'t, 'a>) -> Option<[Cursor<'t, 'a>; 2]> {
    let mut items = at.items()?;
    let found = [items.next()?, items.next()?];
    items.next().is_none().then_some(found)
}

pub(super) fn refused(tag: &str, name: Option<&str>) -> Fault {
    let shown: String = name.unwrap_or("without a name").chars().take(80).collect();
    Fault::new(Reason::Tag, format!("{tag} {shown} is not accepted"))
}
