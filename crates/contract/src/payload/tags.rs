//! Responsibility: objects that are tags.

use super::{LongTexts, form, items, plain, value};
use crate::fault::Fault;
use crate::iso;
use crate::json::{Cursor, Node};
use crate::value::{DateTime, TimeDelta, Value, Zone, float_repr_parse, is_decimal, is_hashable, unique};

/// Digits of an int; Python refuses more.
const MOST_DIGITS: usize = 4300;

/// An object that may be a tag.
pub(super) fn object(at: Cursor<'_, '_>, texts: &LongTexts<'_>) -> Result<Value, Fault> {
    match at.members().and_then(|mut members| members.next()) {
        Some((name, content)) if name.starts_with('$') => match name {
            "$tuple" => items(content, Some(texts)).map(Value::Tuple),
            "$set" => elements(content, texts).map(Value::Set),
            "$frozenset" => elements(content, texts).map(Value::FrozenSet),
            "$dict" => dict(content, texts),
            "$range" => range(content, texts),
            "$text" => long_text(content, texts),
            _ => match leaf(name, content, at) {
                Some(value) => value.ok_or_else(|| form(format!("{name} with content that it cannot have"))),
                None => plain(at, Some(texts)),
            },
        },
        _ => plain(at, Some(texts)),
    }
}

fn elements(at: Cursor<'_, '_>, texts: &LongTexts<'_>) -> Result<Vec<Value>, Fault> {
    let items = items(at, Some(texts))?;
    match items.iter().find(|item| !is_hashable(item)) {
        Some(item) => Err(form(format!("a {} cannot be in a set", item.type_name()))),
        None => Ok(unique(items)),
    }
}

fn dict(at: Cursor<'_, '_>, texts: &LongTexts<'_>) -> Result<Value, Fault> {
    let pairs = at.items().ok_or_else(|| form("$dict without an array"))?;
    let mut members = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let mut parts = pair.items().into_iter().flatten();
        let (Some(key), Some(content), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(form("$dict with something other than pairs"));
        };
        let key = value(key, Some(texts))?;
        if !is_hashable(&key) {
            return Err(form(format!("a {} cannot be a key", key.type_name())));
        }
        members.push((key, value(content, Some(texts))?));
    }
    Ok(Value::Dict(members))
}

fn range(at: Cursor<'_, '_>, texts: &LongTexts<'_>) -> Result<Value, Fault> {
    let parts: Option<[Value; 3]> = items(at, Some(texts))?.try_into().ok();
    match parts {
        Some(parts) if parts.iter().all(Value::is_int) && parts[2] != Value::Int(0) => {
            Ok(Value::Range(Box::new(parts)))
        }
        _ => Err(form("$range without start, stop and a step that is not 0")),
    }
}

fn long_text(at: Cursor<'_, '_>, texts: &LongTexts<'_>) -> Result<Value, Fault> {
    let number = |part: Option<Cursor<'_, '_>>| match part?.node() {
        Node::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let mut parts = at.items().into_iter().flatten();
    let (position, length, more) = (number(parts.next()), number(parts.next()), parts.next());
    let text = position
        .zip(length)
        .filter(|_| more.is_none())
        .and_then(|(position, length)| texts(position, length));
    text.map(Value::Str).ok_or_else(|| form("$text of a text that is not there"))
}

/// A tag whose content holds no values. None: there is no such tag; `Some(None)`: its content is not right.
#[expect(clippy::option_option, reason = "the two cases are different answers")]
fn leaf(name: &str, content: Cursor<'_, '_>, tag: Cursor<'_, '_>) -> Option<Option<Value>> {
    Some(match name {
        "$int" => content.as_str().and_then(int),
        "$float" => content.as_str().and_then(float_repr_parse).map(Value::Float),
        "$complex" => complex(content),
        "$decimal" => {
            content.as_str().filter(|text| is_decimal(text)).map(|text| Value::Decimal(text.into()))
        }
        "$bytes" => content.as_str().and_then(bytes).map(Value::Bytes),
        "$uuid" => content
            .as_str()
            .and_then(|text| Some(Value::Uuid(uuid::Uuid::try_parse(text).ok()?.into_bytes()))),
        "$datetime" => datetime(content, tag),
        "$date" => content.as_str().and_then(iso::read_date).map(Value::Date),
        "$time" => content.as_str().and_then(|text| Some(Value::Time(iso::read_time(text)?, tz(tag)?))),
        "$timedelta" => span(content).map(Value::TimeDelta),
        "$timezone" | "$zone" => zone(tag).map(|zone| Value::Zone(Box::new(zone))),
        _ => return None,
    })
}

fn int(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let canonical =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0') || text == "0";
    (canonical && (1..=MOST_DIGITS).contains(&digits.len())).then(|| Value::int(text))
}

fn complex(at: Cursor<'_, '_>) -> Option<Value> {
    let mut parts = at.items()?.map(|part| part.as_str().and_then(float_repr_parse));
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Some(real)), Some(Some(imaginary)), None) => Some(Value::Complex(real, imaginary)),
        _ => None,
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

fn datetime(content: Cursor<'_, '_>, tag: Cursor<'_, '_>) -> Option<Value> {
    let (date, time) = content.as_str()?.split_once('T')?;
    let (date, time) = (iso::read_date(date)?, iso::read_time(time)?);
    Some(Value::DateTime(DateTime { date, time, zone: tz(tag)? }))
}

/// The member `tz` of a tag.
#[expect(clippy::option_option, reason = "None is a fault, Some(None) no zone")]
fn tz(tag: Cursor<'_, '_>) -> Option<Option<Box<Zone>>> {
    match tag.get("tz") {
        None => Some(None),
        Some(at) if *at.node() == Node::Null => Some(None),
        Some(at) => zone(at).map(|zone| Some(Box::new(zone))),
    }
}

fn zone(at: Cursor<'_, '_>) -> Option<Zone> {
    match at.members()?.next()? {
        ("$zone", name) => Zone::named(name.as_str()?),
        ("$timezone", offset) => {
            let name = match at.get("name") {
                Some(name) if *name.node() != Node::Null => Some(name.as_str()?.to_owned()),
                _ => None,
            };
            Zone::fixed(span(offset)?, name)
        }
        _ => None,
    }
}

fn span(at: Cursor<'_, '_>) -> Option<TimeDelta> {
    let mut parts = at.items()?.map(|part| match part.node() {
        Node::Int(number) => Some(*number),
        _ => None,
    });
    let (days, seconds, micros) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() { None } else { TimeDelta::new(days, seconds, micros) }
}
