//! Dead letters: a stream of records, each with the beginning of its message.

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use bytes::Bytes;
use prpc_contract::message::Family;
use redis::{Cmd, Script, Value, cmd};

use super::Shared;
use super::attempts_field;
use super::connection::Patience;
use super::entries::{CLIENT, CLIENT_MARK, fields_of, text, two};
use super::held::parse_id;
use crate::error::{Error, Result};
use crate::types::{DeadLetter, Receipt};

const RECORD: &str = include_str!("scripts/dead_letter.lua");
static RETRY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/retry.lua")));

/// The command that finishes a request and records it; it can be part of a transaction and be repeated.
pub(super) fn record(shared: &Shared, receipt: &Receipt, reason: &str, body: &Bytes) -> Cmd {
    let (config, names) = (&shared.config, &shared.config.names);
    let kept = body.slice(..body.len().min(config.dead_letter_body_limit));
    let mut record = cmd("EVAL");
    record.arg(RECORD).arg(3);
    record.arg(names.requests(receipt.family)).arg(&names.attempts).arg(&names.dead);
    record.arg(&config.group).arg(&receipt.id).arg(attempts_field(receipt)).arg(config.dead_letter_limit);
    record.arg("family").arg(receipt.family.as_str()).arg("entry").arg(&receipt.id);
    record.arg("reason").arg(reason).arg("attempts").arg(receipt.attempts);
    record.arg("size").arg(body.len()).arg("body").arg(&*kept);
    if receipt.marked {
        record.arg(CLIENT).arg(CLIENT_MARK);
    }
    record
}

/// Newest first.
pub(super) async fn list(
    shared: &Shared,
    before: Option<&str>,
    limit: NonZeroUsize,
) -> Result<Vec<DeadLetter>> {
    let newest = match before {
        None => "+".to_owned(),
        Some(id) => match parse_id(id) {
            Some(_) => format!("({id}"),
            None => return Err(Error::NotFound),
        },
    };
    let mut range = cmd("XREVRANGE");
    range.arg(&shared.config.names.dead).arg(newest).arg("-").arg("COUNT").arg(limit.get());
    query(shared, &range).await
}

pub(super) async fn get(shared: &Shared, id: &str) -> Result<Option<DeadLetter>> {
    if parse_id(id).is_none() {
        return Ok(None);
    }
    let mut range = cmd("XRANGE");
    range.arg(&shared.config.names.dead).arg(id).arg(id);
    Ok(query(shared, &range).await?.pop())
}

/// If the connection breaks in between, the answer may be "not found" although it was sent.
pub(super) async fn retry(shared: &Shared, id: &str) -> Result<()> {
    if parse_id(id).is_none() {
        return Err(Error::NotFound);
    }
    let names = &shared.config.names;
    let mut call = RETRY.prepare_invoke();
    call.key(&names.dead).key(names.requests(Family::Native)).key(names.requests(Family::Raw)).arg(id);
    let call = &call;
    let outcome: String = shared
        .link
        .run(Patience::Brief, |mut connection| async move { call.invoke_async(&mut connection).await })
        .await?;
    match outcome.as_str() {
        "ok" => Ok(()),
        "truncated" => Err(Error::Truncated),
        _ => Err(Error::NotFound),
    }
}

pub(super) async fn remove(shared: &Shared, id: &str) -> Result<bool> {
    if parse_id(id).is_none() {
        return Ok(false);
    }
    let mut del = cmd("XDEL");
    del.arg(&shared.config.names.dead).arg(id);
    let del = &del;
    shared
        .link
        .run(Patience::Brief, |mut connection| async move { del.query_async(&mut connection).await })
        .await
}

async fn query(shared: &Shared, range: &Cmd) -> Result<Vec<DeadLetter>> {
    let entries: Vec<Value> = shared
        .link
        .run(Patience::Brief, |mut connection| async move { range.query_async(&mut connection).await })
        .await?;
    Ok(entries.into_iter().filter_map(dead_letter).collect())
}

fn dead_letter(entry: Value) -> Option<DeadLetter> {
    let (id, fields) = two(entry)?;
    let id = text(id)?;
    let (at_ms, _) = parse_id(&id)?;
    let mut letter = DeadLetter {
        id,
        at_ms,
        family: Family::Native,
        entry: String::new(),
        reason: String::new(),
        attempts: 0,
        size: 0,
        body: Bytes::new(),
        marked: false,
    };
    for (name, value) in fields_of(fields) {
        let Value::BulkString(value) = value else { continue };
        if name == b"body" {
            letter.body = value.into();
            continue;
        }
        let value = String::from_utf8_lossy(&value);
        match name.as_slice() {
            b"family" if value == Family::Raw.as_str() => letter.family = Family::Raw,
            b"entry" => letter.entry = value.into_owned(),
            b"reason" => letter.reason = value.into_owned(),
            b"attempts" => letter.attempts = value.parse().unwrap_or_default(),
            b"size" => letter.size = value.parse().unwrap_or_default(),
            b"client" => letter.marked = true,
            _ => {}
        }
    }
    Some(letter)
}
