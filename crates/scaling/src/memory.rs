//! What is worth keeping when somebody else takes over: small, readable, and of no harm if it is gone or foreign.

use std::time::Duration;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What was learnt about a queue. Rates are written as text, because Kubernetes' interfaces have no fractions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Anything")]
pub struct Memory {
    /// Calls that came in each second.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "text")]
    pub arrival_rate: Option<f64>,
    /// Calls that a replica answered each second.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "text")]
    pub rate_per_replica: Option<f64>,
    /// From the decision for more replicas until they took calls.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "seconds")]
    pub cold_start_seconds: Option<Duration>,
    /// The last change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scale: Option<Scaled>,
}

/// Rates that differ by less are the same for whoever takes over.
const NEAR: f64 = 0.25;

impl Memory {
    /// Whether it is hardly worth the effort to keep this instead of `other`.
    #[must_use]
    pub fn resembles(&self, other: &Self) -> bool {
        let seconds = |memory: &Self| memory.cold_start_seconds.map(|span| span.as_secs_f64());
        self.last_scale == other.last_scale
            && near(self.arrival_rate, other.arrival_rate)
            && near(self.rate_per_replica, other.rate_per_replica)
            && near(seconds(self), seconds(other))
    }
}

fn near(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        // What is next to nothing is nothing.
        (Some(one), Some(other)) => (one - other).abs() <= NEAR * one.abs().max(other.abs()).max(0.1),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// A change of the number of replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaled {
    /// When.
    pub time: Timestamp,
    /// From so many.
    pub from: u32,
    /// To so many.
    pub to: u32,
}

/// As exactly as people want it.
pub(crate) fn rounded(number: f64) -> f64 {
    let digits = if number >= 10.0 { 10.0 } else { 1000.0 };
    (number * digits).round() / digits
}

fn text<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&rounded(number.unwrap_or_default()))
}

fn seconds<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    text(&span.map(|span| span.as_secs_f64()), serializer)
}

/// What may be there instead.
#[derive(Deserialize)]
#[serde(untagged)]
enum Anything {
    Known(Known),
    Foreign(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Known {
    #[serde(deserialize_with = "tolerant")]
    arrival_rate: Option<Number>,
    #[serde(deserialize_with = "tolerant")]
    rate_per_replica: Option<Number>,
    #[serde(deserialize_with = "tolerant")]
    cold_start_seconds: Option<Number>,
    #[serde(deserialize_with = "tolerant")]
    last_scale: Option<Scaled>,
}

/// A number at least zero, as text.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Number(f64);

impl TryFrom<String> for Number {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
        number.map(Self).ok_or("a number at least zero is expected")
    }
}

/// What cannot be read is as good as absent.
fn tolerant<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<T> {
        Good(T),
        Foreign(IgnoredAny),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Good(value) => Some(value),
        Either::Foreign(IgnoredAny) => None,
    })
}

impl From<Anything> for Memory {
    fn from(anything: Anything) -> Self {
        let Anything::Known(known) = anything else { return Self::default() };
        let number = |number: Option<Number>| number.map(|Number(number)| number);
        Self {
            arrival_rate: number(known.arrival_rate),
            rate_per_replica: number(known.rate_per_replica).filter(|rate| *rate > 0.0),
            cold_start_seconds: number(known.cold_start_seconds)
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            last_scale: known.last_scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json, to_value};

    #[test]
    fn what_was_written_is_read_again() {
        let memory = Memory {
            arrival_rate: Some(41.5),
            rate_per_replica: Some(19.5),
            cold_start_seconds: Some(Duration::from_secs(7)),
            last_scale: Some(Scaled { time: Timestamp::UNIX_EPOCH, from: 1, to: 5 }),
        };
        let written = to_value(memory).unwrap();
        let expected = json!({
            "arrivalRate": "41.5", "ratePerReplica": "19.5", "coldStartSeconds": "7",
            "lastScale": {"time": "1970-01-01T00:00:00Z", "from": 1, "to": 5},
        });
        assert_eq!(written, expected);
        assert_eq!(from_value::<Memory>(written).unwrap(), memory);
        assert_eq!(to_value(Memory::default()).unwrap(), json!({}));
    }

    #[test]
    fn what_is_absent_or_foreign_is_passed_over_and_the_rest_is_read() {
        let nothing = Memory::default();
        let rate = Memory { arrival_rate: Some(3.0), ..nothing };
        for (found, expected) in [
            (json!({}), nothing),
            (Value::Null, nothing),
            (json!("seven"), nothing),
            (json!([1, 2]), nothing),
            (json!({"arrivalRate": "3"}), rate),
            (json!({"arrivalRate": "3", "ratePerReplica": 5, "more": {"a": 1}}), rate),
            (json!({"arrivalRate": "3", "ratePerReplica": "0", "coldStartSeconds": "long"}), rate),
            (json!({"arrivalRate": "3", "coldStartSeconds": "1e99", "lastScale": {"time": 5}}), rate),
            (json!({"arrivalRate": "NaN", "ratePerReplica": "-1", "coldStartSeconds": null}), nothing),
        ] {
            assert_eq!(from_value::<Memory>(found.clone()).unwrap(), expected, "{found}");
        }
    }

    #[test]
    fn what_hardly_differs_need_not_be_kept_anew() {
        let rate = |rate| Memory { arrival_rate: Some(rate), ..Memory::default() };
        for (one, other, same) in [
            (rate(40.0), rate(45.0), true),
            (rate(40.0), rate(60.0), false),
            (rate(0.001), rate(0.0), true),
            (rate(0.0), Memory::default(), false),
            (Memory::default(), Memory::default(), true),
            (
                Memory {
                    last_scale: Some(Scaled { time: Timestamp::UNIX_EPOCH, from: 1, to: 5 }),
                    ..rate(1.0)
                },
                rate(1.0),
                false,
            ),
        ] {
            assert_eq!(one.resembles(&other), same, "{one:?} {other:?}");
            assert_eq!(other.resembles(&one), same);
        }
    }
}
