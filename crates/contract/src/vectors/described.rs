//! Responsibility: what a message's bytes stand for, member by member.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use serde_json::{Value as Json, json};

use crate::fault::Fault;
use crate::json::{Cursor, Limits, Node, Tape};
use crate::message::{Family, Outcome, Refusal, Reply, decode, read_reply};
use crate::tagged;
use crate::value::Value;

/// Members of a message in their order.
pub(super) type Members = Vec<(&'static str, Value)>;

/// The members of a native request that are read; the others are ignored, whatever they hold.
const REQUEST_MEMBERS: usize = 6;

/// Any message; family and direction are told by the message itself.
pub(super) fn any(message: &[u8]) -> Result<Members, Fault> {
    let limits = Limits::default();
    let (family, done) = {
        let tape = Tape::read(message, &limits)?;
        let root = tape.root();
        let family = if root.get("py/object").is_some() { Family::Native } else { Family::Raw };
        (family, root.get("date_done_message").is_some_and(|done| *done.node() != Node::Null))
    };
    if done {
        reply(family, message)
    } else {
        request(family, &Bytes::copy_from_slice(message)).map_err(|refusal| refusal.fault)
    }
}

/// What a request stands for. The members that only a reply means are left out.
pub(super) fn request(family: Family, body: &Bytes) -> Result<Members, Refusal> {
    let limits = Limits::default();
    let call = decode(family, body, &limits, UNIX_EPOCH)?;
    if family == Family::Raw {
        let (args, kwargs) = call.arguments.values()?;
        return Ok(vec![
            ("func_name", Value::Str(call.function)),
            ("func_args", Value::List(args)),
            ("func_kwargs", Value::dict(kwargs)),
            ("message_id", Value::Uuid(call.reply_to.id().as_uuid().into_bytes())),
        ]);
    }
    // What a call does not keep, its reply repeats: whether the arguments are a list or a tuple, the time.
    let mut answer = Vec::new();
    call.reply_to.write(Outcome::Result(&Value::None), UNIX_EPOCH, &mut answer);
    let mut members = members(class(body, &limits)?, read_reply(family, &answer, &limits)?);
    members.truncate(REQUEST_MEMBERS);
    Ok(members)
}

/// What a reply stands for.
pub(super) fn reply(family: Family, body: &[u8]) -> Result<Members, Fault> {
    let limits = Limits::default();
    let class = if family == Family::Native { class(body, &limits)? } else { Value::None };
    Ok(members(class, read_reply(family, body, &limits)?))
}

fn class(body: &[u8], limits: &Limits) -> Result<Value, Fault> {
    let tape = Tape::read(body, limits)?;
    let path = tape.root().get("py/object");
    Ok(path.as_ref().and_then(Cursor::as_str).map_or(Value::None, Value::str))
}

fn members(class: Value, reply: Reply) -> Members {
    let (result, exception) = match reply.outcome {
        Ok(result) => (result, Value::None),
        Err(text) => (Value::None, Value::Str(text)),
    };
    vec![
        ("class", class),
        ("func_name", Value::Str(reply.function)),
        ("func_args", reply.args),
        ("func_kwargs", reply.kwargs),
        ("message_id", Value::Uuid(reply.id.as_uuid().into_bytes())),
        ("date_create_message", Value::DateTime(reply.created)),
        ("result", result),
        ("exception_info", exception),
        ("date_done_message", Value::DateTime(reply.done)),
    ]
}

/// The description of a whole message.
pub(super) fn to_json(members: &Members) -> Json {
    let members = members.iter().map(|(name, value)| ((*name).to_owned(), tagged::write(value)));
    json!({ "$message": members.collect::<serde_json::Map<_, _>>() })
}

/// Compares with what a case expects.
pub(super) fn same(found: &Members, expected: &[(String, Value)]) -> Result<(), String> {
    for (name, found) in found {
        let expected = expected.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        if expected != Some(found) {
            let expected = expected.map_or("absent".into(), |expected| tagged::write(expected).to_string());
            return Err(format!("{name} should be {expected}, not {}", tagged::write(found)));
        }
    }
    Ok(())
}
