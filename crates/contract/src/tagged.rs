//! Responsibility: the tagged description of values, JSON that any program can read without loss (appendix A).
//!
//! It differs from [`payload`](crate::payload) in its numbers: floats and large integers are texts behind a tag.

use serde_json::{Value as Json, json};

use crate::fault::Fault;
use crate::iso::{Clock, Day};
use crate::json::{Limits, Tape};
use crate::payload;
use crate::value::{Value, Zone, float_repr};

/// From here on, an integer is not exact in programs whose numbers are floats.
const LARGE: u64 = 1 << 53;

/// Reads a description. Plain literals are numbers of any kind.
///
/// # Errors
/// The text is not JSON, or a tag has content of another kind.
pub fn read(text: &str) -> Result<Value, Fault> {
    payload::read(Tape::read(text.as_bytes(), &Limits::default())?.root(), true)
}

/// The description of a value.
#[must_use]
pub fn write(value: &Value) -> Json {
    // Leaves apart, because the frames of this function add up when values are nested.
    match value {
        Value::List(items) => self::items(items),
        Value::Tuple(items) => tag("$tuple", self::items(items)),
        Value::Set(items) => tag("$set", self::items(items)),
        Value::FrozenSet(items) => tag("$frozenset", self::items(items)),
        Value::Range(parts) => tag("$range", self::items(&parts[..])),
        Value::Dict(members) => dict(members),
        leaf => self::leaf(leaf),
    }
}

fn leaf(value: &Value) -> Json {
    match value {
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) if number.unsigned_abs() < LARGE => json!(number),
        Value::Int(number) => json!({ "$int": number.to_string() }),
        Value::BigInt(digits) => json!({ "$int": digits }),
        Value::Float(number) => json!({ "$float": float_repr(*number) }),
        Value::Str(text) => json!(text),
        Value::Bytes(bytes) => {
            json!({ "$bytes": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() })
        }
        Value::Uuid(bytes) => json!({ "$uuid": uuid::Uuid::from_bytes(*bytes).to_string() }),
        Value::DateTime(value) => {
            let text = format!("{}T{}", Day(value.date), Clock(value.time));
            json!({ "$datetime": text, "tz": value.zone.as_deref().map(zone) })
        }
        Value::Date(date) => json!({ "$date": Day(*date).to_string() }),
        Value::Time(time, zone) => {
            json!({ "$time": Clock(*time).to_string(), "tz": zone.as_deref().map(self::zone) })
        }
        Value::TimeDelta(span) => json!({ "$timedelta": span.parts() }),
        Value::Zone(zone) => self::zone(zone),
        Value::Decimal(text) => json!({ "$decimal": text }),
        Value::Complex(real, imaginary) => json!({ "$complex": [float_repr(*real), float_repr(*imaginary)] }),
        _ => Json::Null,
    }
}

fn tag(name: &str, content: Json) -> Json {
    Json::Object([(name.to_owned(), content)].into_iter().collect())
}

fn items(items: &[Value]) -> Json {
    items.iter().map(write).collect()
}

fn dict(members: &[(Value, Value)]) -> Json {
    let plain = |(key, _): &(Value, Value)| key.as_str().is_some_and(|name| !name.starts_with('$'));
    if members.iter().all(plain) {
        let named =
            |(key, value): &(Value, Value)| (key.as_str().unwrap_or_default().to_owned(), write(value));
        return Json::Object(members.iter().map(named).collect());
    }
    let pair = |(key, value): &(Value, Value)| Json::Array(vec![write(key), write(value)]);
    tag("$dict", members.iter().map(pair).collect())
}

fn zone(zone: &Zone) -> Json {
    match zone {
        Zone::Fixed { offset, name } => json!({ "$timezone": offset.parts(), "name": name }),
        Zone::Named(name) => json!({ "$zone": name }),
    }
}
