//! Responsibility: the closed set of Python values a message can carry (section 4).

mod compare;
mod decimal;
mod float;
mod repr;
mod time;
mod unique;

use std::borrow::Cow;
use std::collections::HashMap;

pub use decimal::is_decimal;
pub use float::{float_repr, float_repr_parse};
pub use repr::repr;
pub use time::{Date, DateTime, Moment, Time, TimeDelta, Zone, is_zone_name};
pub use unique::{is_hashable, unique};

/// A Python value. Equality is exact: `1`, `1.0` and `true` differ, NaN equals NaN, dicts keep their order, sets have none.
#[derive(Debug, Clone)]
pub enum Value {
    /// `None`
    None,
    /// `bool`
    Bool(bool),
    /// `int` of machine size
    Int(i64),
    /// any other `int`, in canonical decimal text
    BigInt(Box<str>),
    /// `float`
    Float(f64),
    /// `str`
    Str(String),
    /// `list`
    List(Vec<Value>),
    /// `tuple`
    Tuple(Vec<Value>),
    /// `set`
    Set(Vec<Value>),
    /// `frozenset`
    FrozenSet(Vec<Value>),
    /// `dict`, in order of insertion
    Dict(Vec<(Value, Value)>),
    /// `bytes`
    Bytes(Vec<u8>),
    /// `uuid.UUID`
    Uuid([u8; 16]),
    /// `datetime.datetime`
    DateTime(DateTime),
    /// `datetime.date`
    Date(Date),
    /// `datetime.time`
    Time(Time, Option<Box<Zone>>),
    /// `datetime.timedelta`
    TimeDelta(TimeDelta),
    /// `datetime.timezone` or `zoneinfo.ZoneInfo`
    Zone(Box<Zone>),
    /// `decimal.Decimal`, its `str()`
    Decimal(Box<str>),
    /// `complex`
    Complex(f64, f64),
    /// `range`: start, stop, step, each an int
    Range(Box<[Value; 3]>),
}

impl Value {
    /// An int from canonical decimal text.
    pub fn int(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::BigInt(text.into()), Self::Int)
    }

    /// A str.
    pub fn str(text: impl Into<String>) -> Self {
        Self::Str(text.into())
    }

    /// A dict with string keys.
    pub fn dict<K: Into<String>>(members: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Dict(members.into_iter().map(|(key, value)| (Self::str(key), value)).collect())
    }

    /// The text of a str.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The member of a dict with this string key.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Dict(members) => {
                members.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// True for an int of any size.
    pub fn is_int(&self) -> bool {
        matches!(self, Self::Int(_) | Self::BigInt(_))
    }

    /// Python's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::Dict(_) => "dict",
            Self::Bytes(_) => "bytes",
            Self::Uuid(_) => "UUID",
            Self::DateTime(_) => "datetime",
            Self::Date(_) => "date",
            Self::Time(..) => "time",
            Self::TimeDelta(_) => "timedelta",
            Self::Zone(zone) => match **zone {
                Zone::Fixed { .. } => "timezone",
                Zone::Named(_) => "ZoneInfo",
            },
            Self::Decimal(_) => "Decimal",
            Self::Complex(..) => "complex",
            Self::Range(_) => "range",
        }
    }
}

/// The text a dict key becomes on the wire.
pub fn key_text(key: &Value) -> Cow<'_, str> {
    match key {
        Value::Str(text) => Cow::Borrowed(text),
        Value::None => Cow::Borrowed("null"),
        other => Cow::Owned(repr(other)),
    }
}

/// Members as they stand on the wire: of keys with equal text the last value takes the place of the first.
pub fn wire_members(members: &[(Value, Value)]) -> Vec<(Cow<'_, str>, &Value)> {
    if members.iter().all(|(key, _)| matches!(key, Value::Str(_))) {
        return members.iter().map(|(key, value)| (key_text(key), value)).collect();
    }
    let mut places = HashMap::with_capacity(members.len());
    let mut out: Vec<(Cow<'_, str>, &Value)> = Vec::with_capacity(members.len());
    for (key, value) in members {
        let text = key_text(key);
        match places.get(&text) {
            Some(place) => {
                let member: &mut (Cow<'_, str>, &Value) = &mut out[*place];
                member.1 = value;
            }
            None => {
                places.insert(text.clone(), out.len());
                out.push((text, value));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_their_repr_and_of_equal_ones_the_last_value_takes_the_first_place() {
        let members = [
            (Value::Int(1), Value::str("int")),
            (Value::None, Value::str("none")),
            (Value::str("1"), Value::str("str")),
            (Value::Tuple(vec![Value::Int(1), Value::str("x")]), Value::str("tuple")),
        ];
        let wire: Vec<_> = wire_members(&members)
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value.clone()))
            .collect();
        let expected = [("1", "str"), ("null", "none"), ("(1, 'x')", "tuple")];
        assert_eq!(wire, expected.map(|(name, text)| (name.to_owned(), Value::str(text))));
    }

    #[test]
    fn equality_is_exact_except_for_the_order_of_sets() {
        assert_ne!(Value::Int(1), Value::Float(1.0));
        assert_ne!(Value::Float(0.0), Value::Float(-0.0));
        assert_eq!(Value::Float(f64::NAN), Value::Float(f64::NAN));
        let set = |items: &[i64]| Value::Set(items.iter().map(|item| Value::Int(*item)).collect());
        assert_eq!(set(&[1, 2]), set(&[2, 1]));
        assert_ne!(
            Value::Set(vec![Value::Tuple(vec![Value::Int(1)])]),
            Value::Set(vec![Value::Tuple(vec![Value::Float(1.0)])])
        );
    }
}
