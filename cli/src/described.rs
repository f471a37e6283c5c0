//! Python values as JSON text: what JSON cannot hold is tagged, as in `{"$tuple": [1]}`.

use prpc_contract::tagged;
use prpc_contract::value::Value;

/// The value as one line of JSON.
pub(crate) fn write(value: &Value) -> String {
    tagged::write(value).to_string()
}

/// The value that a JSON text stands for; `None` if it is no JSON or holds an unknown tag.
pub(crate) fn read(text: &str) -> Option<Value> {
    tagged::read(text).ok()
}
