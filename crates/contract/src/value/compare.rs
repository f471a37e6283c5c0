//! Responsibility: exact equality of values.

use super::{Value, unique::exact_key};

fn same_float(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

fn same_set(a: &[Value], b: &[Value]) -> bool {
    let keys = |set: &[Value]| {
        let mut keys: Vec<_> = set.iter().map(exact_key).collect();
        keys.sort_unstable();
        keys
    };
    a.len() == b.len() && keys(a) == keys(b)
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::BigInt(a), Self::BigInt(b)) | (Self::Decimal(a), Self::Decimal(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => same_float(*a, *b),
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => a == b,
            (Self::Set(a), Self::Set(b)) | (Self::FrozenSet(a), Self::FrozenSet(b)) => same_set(a, b),
            (Self::Dict(a), Self::Dict(b)) => a == b,
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::DateTime(a), Self::DateTime(b)) => a == b,
            (Self::Date(a), Self::Date(b)) => a == b,
            (Self::Time(a, x), Self::Time(b, y)) => a == b && x == y,
            (Self::TimeDelta(a), Self::TimeDelta(b)) => a == b,
            (Self::Zone(a), Self::Zone(b)) => a == b,
            (Self::Complex(a, x), Self::Complex(b, y)) => same_float(*a, *b) && same_float(*x, *y),
            (Self::Range(a), Self::Range(b)) => a == b,
            _ => false,
        }
    }
}
