//! Reads stream entries out of the server's answers, moving the bytes.

use bytes::Bytes;
use prpc_contract::message::Family;
use prpc_contract::names::QueueNames;
use redis::Value;

use super::push;
use crate::types::{Delivery, Receipt, Route};

/// The field that holds the message.
pub(super) const MESSAGE: &str = "message";
/// The field that only clients of ours send.
pub(super) const CLIENT: &str = "client";
/// What they send in it.
pub(super) const CLIENT_MARK: &str = "prpc/1";

/// The requests in an answer to `XREADGROUP`, all of them started for the first time. `to_body` makes a body of a value.
pub(super) fn first_deliveries(
    answer: Value,
    names: &QueueNames,
    to_body: impl Fn(Vec<u8>) -> Bytes,
) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for (key, entries) in pairs(answer) {
        let Some(family) = text(key).and_then(|key| names.family_of(&key)) else { continue };
        let entries = items(entries);
        deliveries.reserve(entries.len());
        deliveries.extend(entries.into_iter().filter_map(|entry| {
            let (id, fields) = two(entry)?;
            delivery(family, 1, id, fields, &to_body)
        }));
    }
    deliveries
}

/// One request. `None` if the answer is not what the protocol says.
pub(super) fn delivery(
    family: Family,
    attempts: u32,
    id: Value,
    fields: Value,
    to_body: impl Fn(Vec<u8>) -> Bytes,
) -> Option<Delivery> {
    let mut receipt =
        Receipt { family, id: text(id)?, attempts, marked: false, route: Route::Redis { push: None } };
    let mut body = Bytes::new();
    for (name, value) in fields_of(fields) {
        match (name.as_slice(), value) {
            (b"message", Value::BulkString(value)) => body = to_body(value),
            (b"client", _) => receipt.marked = true,
            (b"push", Value::BulkString(channel)) => {
                receipt.route = Route::Redis { push: push::channel(channel) }
            }
            _ => {}
        }
    }
    Some(Delivery { receipt, body })
}

/// Names and values of an entry's fields.
pub(super) fn fields_of(fields: Value) -> impl Iterator<Item = (Vec<u8>, Value)> {
    pairs_flat(fields).filter_map(|(name, value)| match name {
        Value::BulkString(name) => Some((name, value)),
        _ => None,
    })
}

fn pairs_flat(value: Value) -> impl Iterator<Item = (Value, Value)> {
    let mut items = items(value).into_iter();
    std::iter::from_fn(move || Some((items.next()?, items.next()?)))
}

/// A list of pairs (RESP2) or a map (RESP3).
fn pairs(value: Value) -> Vec<(Value, Value)> {
    match value {
        Value::Map(pairs) => pairs,
        other => items(other).into_iter().filter_map(two).collect(),
    }
}

/// The elements of a list; nothing for anything else.
pub(super) fn items(value: Value) -> Vec<Value> {
    if let Value::Array(items) = value { items } else { Vec::new() }
}

/// The two elements of a pair.
pub(super) fn two(value: Value) -> Option<(Value, Value)> {
    let mut items = items(value).into_iter();
    Some((items.next()?, items.next()?))
}

/// A text.
pub(super) fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn entry(id: &str, fields: &[&str]) -> Value {
        Value::Array(vec![bulk(id), Value::Array(fields.iter().map(|text| bulk(text)).collect())])
    }

    #[test]
    fn both_forms_of_an_answer_are_read() {
        let names = QueueNames::new(&"q".parse().unwrap());
        let native =
            || Value::Array(vec![entry("1-0", &["message", "a"]), entry("2-0", &["client", "prpc/1"])]);
        let raw = || Value::Array(vec![entry("3-0", &["other", "x", "message", "b"])]);
        let resp2 = Value::Array(vec![
            Value::Array(vec![bulk("prpc_q"), native()]),
            Value::Array(vec![bulk("prpc_raw_q"), raw()]),
        ]);
        let resp3 = Value::Map(vec![(bulk("prpc_q"), native()), (bulk("prpc_raw_q"), raw())]);

        for answer in [resp2, resp3] {
            let seen: Vec<_> = first_deliveries(answer, &names, Bytes::from)
                .into_iter()
                .map(|d| (d.receipt.family, d.receipt.id, d.receipt.attempts, d.receipt.marked, d.body))
                .collect();
            assert_eq!(
                seen,
                [
                    (Family::Native, "1-0".into(), 1, false, "a".into()),
                    (Family::Native, "2-0".into(), 1, true, "".into()),
                    (Family::Raw, "3-0".into(), 1, false, "b".into()),
                ]
            );
        }
        assert!(first_deliveries(Value::Nil, &names, Bytes::from).is_empty());
    }
}
