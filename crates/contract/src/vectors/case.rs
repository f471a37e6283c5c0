//! Responsibility: the fields of a case.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::value::Value;

/// One case, read as a tagged description.
pub(super) struct Case(pub(super) Value);

impl Case {
    /// A field that holds a text; empty if it does not.
    pub(super) fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The message, in whichever form the case holds it.
    pub(super) fn bytes(&self) -> Result<Bytes, String> {
        if let Some(text) = self.0.get("bytes").and_then(Value::as_str) {
            return Ok(text.to_owned().into());
        }
        if let Some(encoded) = self.0.get("bytes_b64").and_then(Value::as_str) {
            return STANDARD.decode(encoded).map(Bytes::from).map_err(|error| format!("bytes_b64: {error}"));
        }
        let Some(Value::List(runs)) = self.0.get("bytes_rle") else {
            return Err("the case has no bytes".into());
        };
        let repeat = |run: &Value| match run {
            Value::List(run) => match &run[..] {
                [Value::Str(text), Value::Int(count)] => Some(text.repeat(usize::try_from(*count).ok()?)),
                _ => None,
            },
            _ => None,
        };
        let text: Option<String> = runs.iter().map(repeat).collect();
        text.map(Bytes::from).ok_or_else(|| "bytes_rle is no list of texts and counts".into())
    }

    /// The members of the message that a field describes; None if it describes something else.
    pub(super) fn message(&self, field: &str) -> Option<Vec<(String, Value)>> {
        let Some(Value::Dict(members)) = self.0.get(field)?.get("$message") else { return None };
        members.iter().map(|(name, value)| Some((name.as_str()?.to_owned(), unnested(value)))).collect()
    }
}

/// The value with every `$nest` written out.
fn unnested(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(unnested).collect()),
        Value::Tuple(items) => Value::Tuple(items.iter().map(unnested).collect()),
        Value::Dict(members) => match value.get("$nest").and_then(nest) {
            Some(nest) => nest,
            None => Value::Dict(members.iter().map(|(key, value)| (key.clone(), unnested(value))).collect()),
        },
        other => other.clone(),
    }
}

fn nest(nest: &Value) -> Option<Value> {
    let Value::Int(depth) = nest.get("depth")? else { return None };
    let level: fn(Value) -> Value = match nest.get("kind")?.as_str()? {
        "list" => |core| Value::List(vec![core]),
        "tuple" => |core| Value::Tuple(vec![core]),
        "dict" => |core| Value::dict([("a", core)]),
        _ => return None,
    };
    Some((0..*depth).fold(nest.get("core")?.clone(), |core, _| level(core)))
}
