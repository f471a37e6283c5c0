//! Responsibility: elements of sets: which values can be one, and which are the same element.

use std::collections::HashSet;

use super::{DateTime, Value, Zone, decimal};

/// True if Python can hash the value.
pub fn is_hashable(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Dict(_) | Value::Set(_) => false,
        Value::Tuple(items) => items.iter().all(is_hashable),
        Value::Decimal(text) => !text.contains("sNaN"),
        _ => true,
    }
}

/// Drops elements that Python finds equal to an earlier one: `1`, `1.0` and `True` are one element.
pub fn unique(items: Vec<Value>) -> Vec<Value> {
    if items.len() < 2 {
        return items;
    }
    let mut seen = HashSet::with_capacity(items.len());
    items.into_iter().filter(|item| loose_key(item).is_none_or(|key| seen.insert(key))).collect()
}

/// A text that equals another value's only if the two are exactly equal, for comparing sets.
pub(super) fn exact_key(value: &Value) -> String {
    match value {
        Value::FrozenSet(items) | Value::Set(items) => format!("{{{}}}", sorted(items.iter().map(exact_key))),
        Value::Tuple(items) => {
            format!("({})", items.iter().map(exact_key).fold(String::new(), |all, key| all + &key + ","))
        }
        other => format!("{}:{}", other.type_name(), super::repr(other)),
    }
}

fn sorted(keys: impl Iterator<Item = String>) -> String {
    let mut keys: Vec<_> = keys.collect();
    keys.sort_unstable();
    keys.join(",")
}

/// A text that two values share if Python finds them equal; none for NaN, which equals nothing.
fn loose_key(value: &Value) -> Option<String> {
    Some(match value {
        Value::Bool(truth) => i64::from(*truth).to_string(),
        Value::Int(number) => number.to_string(),
        Value::BigInt(number) => number.to_string(),
        Value::Float(number) => float_key(*number)?,
        Value::Complex(real, imaginary) if *imaginary == 0.0 => float_key(*real)?,
        Value::Complex(real, imaginary) => {
            format!("complex:{},{}", float_key(*real)?, float_key(*imaginary)?)
        }
        Value::Decimal(text) => decimal_key(text)?,
        Value::Tuple(items) => {
            let keys: Vec<_> = items.iter().map(loose_key).collect::<Option<_>>()?;
            format!("({})", keys.iter().fold(String::new(), |all, key| format!("{all}{}:{key}", key.len())))
        }
        Value::FrozenSet(items) => {
            let keys: Vec<_> = items.iter().map(loose_key).collect::<Option<_>>()?;
            format!("{{{}}}", sorted(keys.into_iter().map(|key| format!("{}:{key}", key.len()))))
        }
        Value::DateTime(moment) => datetime_key(moment),
        other => exact_key(other),
    })
}

fn float_key(number: f64) -> Option<String> {
    if number.is_nan() {
        return None;
    }
    // `{}` writes an integral float with all its digits, as the equal int is written.
    Some(if number == 0.0 { "0".into() } else { format!("{number}") })
}

fn decimal_key(text: &str) -> Option<String> {
    let (sign, body) = text.strip_prefix('-').map_or(("", text), |body| ("-", body));
    if body.contains("NaN") {
        return None;
    }
    if body == "Infinity" {
        return Some(format!("{sign}inf"));
    }
    let (digits, exponent) = decimal::parts(body)?;
    let short = digits.trim_end_matches('0');
    let exponent = exponent + (digits.len() - short.len()) as i64;
    if short.is_empty() {
        return Some("0".into());
    }
    if (0..400).contains(&exponent) {
        return Some(format!("{sign}{short}{}", "0".repeat(exponent as usize)));
    }
    if exponent < 0 && is_float(text, short, exponent) {
        return float_key(text.parse().ok()?);
    }
    Some(format!("Decimal:{sign}{short}E{exponent}"))
}

/// True if a float equals the decimal exactly. `digits` have no trailing zero, `exponent` is negative.
fn is_float(text: &str, digits: &str, exponent: i64) -> bool {
    if let Ok(coefficient) = digits.parse::<u128>() {
        // c / 10^k is q / 2^k if 5^k divides c, and a float if the odd part of q has at most 53 bits.
        let fives = u32::try_from(-exponent).ok().and_then(|power| 5_u128.checked_pow(power));
        return fives.filter(|fives| coefficient % fives == 0).is_some_and(|fives| {
            let rest = coefficient / fives;
            rest >> rest.trailing_zeros() < 1 << 53
        });
    }
    // A float has at most 1074 digits after the point; written in full it shows whether the two are equal.
    let full = text.parse().map(|number: f64| format!("{number:.1074}")).unwrap_or_default();
    decimal::parts(full.trim_start_matches('-')).is_some_and(|(all, scale)| {
        let trimmed = all.trim_end_matches('0');
        trimmed == digits && scale + (all.len() - trimmed.len()) as i64 == exponent
    })
}

fn datetime_key(moment: &DateTime) -> String {
    match (moment.zone.as_deref(), moment.moment()) {
        (Some(Zone::Fixed { .. }), Some(at)) => format!("moment:{}", at.micros()),
        _ => exact_key(&Value::DateTime(moment.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Date, Time, TimeDelta};

    fn decimal(text: &str) -> Value {
        Value::Decimal(text.into())
    }

    fn one_element(a: &Value, b: &Value) -> bool {
        unique(vec![a.clone(), b.clone()]).len() == 1
    }

    #[test]
    fn numbers_that_python_finds_equal_are_one_element_and_the_first_stays() {
        let one =
            [Value::Int(1), Value::Float(1.0), Value::Bool(true), decimal("1.00"), Value::Complex(1.0, -0.0)];
        for number in &one[1..] {
            assert_eq!(unique(vec![one[0].clone(), number.clone()]), [Value::Int(1)]);
        }
        let big = Value::int("10000000000000000000000");
        let equal = [
            (Value::Float(0.0), Value::Float(-0.0)),
            (Value::Float(1e22), big.clone()),
            (big, decimal("1E+22")),
            (Value::Float(0.5), decimal("0.50")),
            (Value::Float(0.1), decimal("0.1000000000000000055511151231257827021181583404541015625")),
            (Value::Tuple(vec![Value::Int(1)]), Value::Tuple(vec![Value::Bool(true)])),
        ];
        for (a, b) in equal {
            assert!(one_element(&a, &b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn values_that_differ_stay_apart() {
        let differ = [
            (Value::Float(0.1), decimal("0.1")),
            (Value::Float(f64::NAN), Value::Float(f64::NAN)),
            (Value::Int(9_007_199_254_740_993), Value::Float(9_007_199_254_740_992.0)),
            (Value::Int(1), Value::str("1")),
            (Value::str("a"), Value::Bytes(b"a".to_vec())),
            (Value::Tuple(vec![Value::Int(1)]), Value::FrozenSet(vec![Value::Int(1)])),
        ];
        for (a, b) in differ {
            assert!(!one_element(&a, &b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn the_same_moment_in_two_zones_is_one_element() {
        let moment = |hour, offset: Option<i64>| {
            let zone = offset
                .map(|seconds| Box::new(Zone::fixed(TimeDelta::new(0, seconds, 0).unwrap(), None).unwrap()));
            let (date, time) = (Date::new(2024, 2, 29).unwrap(), Time::new(hour, 0, 0, 0).unwrap());
            Value::DateTime(DateTime { date, time, zone })
        };
        assert!(one_element(&moment(12, Some(0)), &moment(15, Some(3 * 3600))));
        assert!(!one_element(&moment(12, Some(0)), &moment(12, None)));
    }

    #[test]
    fn what_python_cannot_hash_is_no_element() {
        for value in [
            Value::List(Vec::new()),
            Value::Dict(Vec::new()),
            Value::Tuple(vec![Value::Set(Vec::new())]),
            decimal("sNaN"),
        ] {
            assert!(!is_hashable(&value), "{value:?}");
        }
    }
}
