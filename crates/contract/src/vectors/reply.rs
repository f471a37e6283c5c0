//! Responsibility: cases of replies: read as a client does, and written as a server does.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::case::Case;
use super::described;
use crate::json::{Limits, Tape};
use crate::message::{Family, MessageId, Outcome, ReplyTo, Request, decode, read_reply};
use crate::value::Value;
use crate::{payload, raw};

/// What the three members of an answer are before there is one.
const UNANSWERED: &str = r#""result": null, "exception_info": null, "date_done_message": null}"#;
/// Their first stands here, after `py/object` and five others.
const RESULT: usize = 6;

pub(super) fn check_native(case: &Case) -> Result<(), String> {
    let expected = case.message("value").ok_or("the case has no value")?;
    let body = case.bytes()?;
    let expanded = Bytes::from(case.text("expanded").to_owned());
    let full = if expanded.is_empty() { &body } else { &expanded };
    for document in [&body, full] {
        same(document, &expected)?;
    }
    let held = case.message("server_value").unwrap_or_else(|| expected.clone());
    let tape = Tape::read(full, &Limits::default()).map_err(|fault| fault.to_string())?;
    let head =
        tape.member_offset(RESULT).and_then(|end| full.get(..end)).ok_or("the reply has too few members")?;
    let request = Bytes::from([head, UNANSWERED.as_bytes()].concat());
    let call = decode(Family::Native, &request, &Limits::default(), UNIX_EPOCH)
        .map_err(|refusal| format!("its request: {}", refusal.fault))?;
    same(&answer(&call.reply_to, &held)?, &expected).map_err(|difference| format!("written: {difference}"))
}

fn same(document: &[u8], expected: &[(String, Value)]) -> Result<(), String> {
    let found = described::reply(Family::Native, document).map_err(|fault| fault.to_string())?;
    described::same(&found, expected)
}

/// False if a value of the case is outside the protocol.
pub(super) fn check_raw(case: &Case) -> Result<bool, String> {
    let Some(held) = case.message("value") else { return Ok(false) };
    let request = Bytes::from(raw::write_request(&request(&held)?)?);
    let call = decode(Family::Raw, &request, &Limits::default(), moment(&held, "date_create_message")?)
        .map_err(|refusal| format!("its request: {}", refusal.fault))?;
    let answer = answer(&call.reply_to, &held)?;
    let reply =
        read_reply(Family::Raw, &answer, &Limits::default()).map_err(|fault| format!("written: {fault}"))?;
    let expected = match case.text("expect") {
        "same" => case.bytes()?,
        "fixed" => Bytes::from(case.text("fixed_bytes").to_owned()),
        "error" if reply.outcome.is_err() => return Ok(true),
        "error" => return Err("the answer should be an error".into()),
        other => return Err(format!("the outcome {other:?} is not known")),
    };
    if plain(&answer)? != plain(&expected)? {
        let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        return Err(format!("the answer should be {}, not {}", shown(&expected), shown(&answer)));
    }
    Ok(true)
}

fn plain(text: &[u8]) -> Result<Value, String> {
    let tape = Tape::read(text, &Limits::default()).map_err(|fault| fault.to_string())?;
    payload::read(tape.root(), false).map_err(|fault| fault.to_string())
}

fn answer(reply_to: &ReplyTo, held: &[(String, Value)]) -> Result<Vec<u8>, String> {
    let outcome = match member(held, "exception_info")? {
        Value::Str(text) => Outcome::Error(text),
        _ => Outcome::Result(member(held, "result")?),
    };
    let mut answer = Vec::new();
    reply_to.write(outcome, moment(held, "date_done_message")?, &mut answer);
    Ok(answer)
}

fn request(held: &[(String, Value)]) -> Result<Request, String> {
    let (name, id) = (member(held, "func_name")?, member(held, "message_id")?);
    let (args, kwargs) = (member(held, "func_args")?, member(held, "func_kwargs")?);
    let (Value::Str(function), Value::Uuid(id), Value::List(args) | Value::Tuple(args), Value::Dict(kwargs)) =
        (name, id, args, kwargs)
    else {
        return Err("the value of the case is no message".into());
    };
    let named = |(key, value): &(Value, Value)| Some((key.as_str()?.to_owned(), value.clone()));
    Ok(Request {
        function: function.clone(),
        args: args.clone(),
        kwargs: kwargs
            .iter()
            .map(named)
            .collect::<Option<_>>()
            .ok_or("func_kwargs has keys other than texts")?,
        id: MessageId::from_uuid(uuid::Uuid::from_bytes(*id)),
        created: moment(held, "date_create_message")?,
    })
}

fn member<'a>(members: &'a [(String, Value)], name: &str) -> Result<&'a Value, String> {
    let found = members.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value).ok_or_else(|| format!("the value of the case has no {name}"))
}

fn moment(members: &[(String, Value)], name: &str) -> Result<SystemTime, String> {
    let micros = match member(members, name)? {
        Value::DateTime(value) => value.moment().map(|moment| moment.micros()),
        _ => None,
    };
    let micros = micros.ok_or_else(|| format!("{name} of the case is no time"))?;
    let size = Duration::from_micros(micros.unsigned_abs());
    let time = if micros < 0 { UNIX_EPOCH.checked_sub(size) } else { UNIX_EPOCH.checked_add(size) };
    time.ok_or_else(|| format!("{name} of the case is out of range"))
}
