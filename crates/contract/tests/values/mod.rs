//! Any value that the protocol can carry.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]
#![allow(dead_code, reason = "each test program uses a part")]

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use prpc_contract::value::{Date, DateTime, Time, TimeDelta, Value, Zone, unique};

fn zone() -> impl Strategy<Value = Zone> {
    let fixed = (-1..1_i64, 0..86_400_i64, 0..1_000_000_i64, option::of(".{0,5}"));
    prop_oneof![
        Just(Zone::UTC),
        fixed.prop_filter_map("24 hours or more", |(days, seconds, micros, name)| {
            Zone::fixed(TimeDelta::new(days, seconds, micros)?, name)
        }),
        "[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}".prop_map(|name| Zone::named(&name).unwrap()),
    ]
}

fn date() -> impl Strategy<Value = Date> {
    (1..=9999_u16, 1..=12_u8, 1..=31_u8)
        .prop_filter_map("no such day", |(year, month, day)| Date::new(year, month, day))
}

fn time() -> impl Strategy<Value = Time> {
    (0..24_u8, 0..60_u8, 0..60_u8, 0..1_000_000_u32)
        .prop_map(|(hour, minute, second, micro)| Time::new(hour, minute, second, micro).unwrap())
}

fn int() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::Int), "-?[1-9][0-9]{0,60}".prop_map(|text| Value::int(&text))]
}

fn hashable() -> impl Strategy<Value = Value> {
    let aware = || option::of(zone().prop_map(Box::new));
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        int(),
        any::<f64>().prop_map(Value::Float),
        ".{0,20}".prop_map(Value::Str),
        vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        (date(), time(), aware()).prop_map(|(date, time, zone)| Value::DateTime(DateTime {
            date,
            time,
            zone
        })),
        date().prop_map(Value::Date),
        (time(), aware()).prop_map(|(time, zone)| Value::Time(time, zone)),
        (-999_999_999..1_000_000_000_i64, 0..86_400_i64, 0..1_000_000_i64).prop_map(
            |(days, seconds, micros)| { Value::TimeDelta(TimeDelta::new(days, seconds, micros).unwrap()) }
        ),
        zone().prop_map(|zone| Value::Zone(Box::new(zone))),
        prop_oneof![
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?",
            "-?[1-9]E\\+[1-9][0-9]{0,3}",
            "-?Infinity",
            "NaN"
        ]
        .prop_map(|text| Value::Decimal(text.into())),
        (any::<f64>(), any::<f64>()).prop_map(|(real, imaginary)| Value::Complex(real, imaginary)),
        (int(), int(), int())
            .prop_filter("step 0", |(.., step)| *step != Value::Int(0))
            .prop_map(|(start, stop, step)| Value::Range(Box::new([start, stop, step]))),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Tuple),
            vec(inner, 0..5).prop_map(|items| Value::FrozenSet(unique(items))),
        ]
    })
}

/// A value of any kind; names of members may look like tags, keys may be other than texts.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    nested("(\\$tuple|\\$.{0,3}|py/tuple|.{0,10})", |inner| {
        vec((hashable(), inner), 0..4).prop_map(Value::Dict).boxed()
    })
}

/// A value that native messages carry: keys are texts, and no tags of theirs.
pub(crate) fn native_value() -> impl Strategy<Value = Value> {
    nested("(py/x|.{0,10})", |inner| vec(inner, 0..6).prop_map(Value::List).boxed())
}

fn nested(
    names: &'static str,
    more: fn(BoxedStrategy<Value>) -> BoxedStrategy<Value>,
) -> impl Strategy<Value = Value> {
    hashable().prop_recursive(4, 60, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            vec(inner.clone(), 0..6).prop_map(Value::Tuple),
            btree_map(names, inner.clone(), 0..6).prop_map(Value::dict),
            vec(hashable(), 0..6).prop_map(|items| Value::Set(unique(items))),
            more(inner),
        ]
    })
}

/// A value that plain JSON holds without loss.
pub(crate) fn plain_value() -> impl Strategy<Value = Value> {
    let float = any::<f64>().prop_filter("not JSON", |number| number.is_finite());
    let leaf = prop_oneof![
        Just(Value::None),
        any::<bool>().prop_map(Value::Bool),
        int(),
        float.prop_map(Value::Float),
        ".{0,20}".prop_map(Value::Str),
    ];
    leaf.prop_recursive(4, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            btree_map("(\\$tuple|py/tuple|.{0,10})", inner, 0..6).prop_map(Value::dict),
        ]
    })
}
