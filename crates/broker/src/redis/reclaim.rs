//! Taking over requests that nobody looks after any more.

use std::sync::LazyLock;

use bytes::Bytes;
use prpc_contract::message::Family;
use redis::{Cmd, Script, Value, cmd};

use super::Shared;
use super::connection::Patience;
use super::entries::{delivery, items};
use super::held::Held;
use super::holder::RedisHolder;
use crate::error::{Error, Result};
use crate::types::{Delivery, count};

static TAKE_OVER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/take_over.lua")));
/// Takes over at most so many per stream and call: each comes with its body, all in one answer.
const CHUNK: usize = 100;
/// A consumer has no more at a time than it can work on.
const OWN: usize = 10_000;

/// Takes over at most `room` requests, if no other worker of the queue has looked within the interval.
pub(super) async fn reclaim(holder: &RedisHolder, room: usize) -> Result<Vec<Delivery>> {
    if !lock(holder).await? {
        return Ok(Vec::new());
    }
    let (shared, held) = (&*holder.shared, &*holder.held);
    let _claiming = held.claiming().await;
    let mut taken = Vec::new();
    let mut more = false;
    for family in Family::ALL {
        let limit = CHUNK.min(room - taken.len());
        if limit == 0 {
            more = true;
            break;
        }
        let idle_ms = shared.config.recover_after.as_millis() as u64;
        let mut idle = pending(shared, family);
        idle.arg("IDLE").arg(idle_ms).arg("-").arg("+").arg(limit);
        let idle = match ids(shared, &idle).await {
            // The reader makes the group again.
            Err(Error::NotPrepared(_)) => continue,
            other => other?,
        };
        more |= idle.len() == limit;
        let foreign: Vec<_> = idle.into_iter().filter(|id| !held.has(family, id)).collect();
        taken.extend(take_over(shared, &holder.name, held, family, idle_ms, &foreign).await?);
    }
    if more {
        unlock(holder).await?;
    }
    count(&shared.counters.reclaimed, taken.len() as u64);
    Ok(taken)
}

/// Takes at most `room` of what the consumer's name has without the consumer knowing it: what was on its way when the
/// connection broke, and what the process had before it was started again. Nothing if there is no more.
pub(super) async fn leftovers(
    shared: &Shared,
    name: &str,
    held: &Held,
    room: usize,
) -> Result<Vec<Delivery>> {
    let _claiming = held.claiming().await;
    for family in Family::ALL {
        let mut own = pending(shared, family);
        own.arg("-").arg("+").arg(OWN).arg(name);
        let mut own = ids(shared, &own).await?;
        own.retain(|id| !held.has(family, id));
        own.truncate(room.min(CHUNK));
        let taken = take_over(shared, name, held, family, 0, &own).await?;
        if !taken.is_empty() {
            count(&shared.counters.reclaimed, taken.len() as u64);
            return Ok(taken);
        }
    }
    Ok(Vec::new())
}

async fn lock(holder: &RedisHolder) -> Result<bool> {
    let config = &holder.shared.config;
    let mut set = cmd("SET");
    set.arg(&config.names.reclaim_lock).arg(&*holder.name).arg("NX").arg("PX");
    set.arg(config.reclaim_interval.as_millis().max(1) as u64);
    let set = &set;
    holder
        .shared
        .link
        .run(Patience::Brief, |mut connection| async move { set.query_async::<bool>(&mut connection).await })
        .await
}

/// There is more than fits: whoever has room next need not wait for the interval.
async fn unlock(holder: &RedisHolder) -> Result<()> {
    let mut del = cmd("DEL");
    del.arg(&holder.shared.config.names.reclaim_lock);
    let del = &del;
    holder
        .shared
        .link
        .run(Patience::Brief, |mut connection| async move { del.query_async::<()>(&mut connection).await })
        .await
}

fn pending(shared: &Shared, family: Family) -> Cmd {
    let mut pending = cmd("XPENDING");
    pending.arg(shared.config.names.requests(family)).arg(&shared.config.group);
    pending
}

async fn ids(shared: &Shared, pending: &Cmd) -> Result<Vec<String>> {
    let rows: Vec<(String, String, u64, u64)> = shared
        .link
        .run(Patience::Brief, |mut connection| async move { pending.query_async(&mut connection).await })
        .await?;
    Ok(rows.into_iter().map(|(id, ..)| id).collect())
}

async fn take_over(
    shared: &Shared,
    name: &str,
    held: &Held,
    family: Family,
    idle_ms: u64,
    ids: &[String],
) -> Result<Vec<Delivery>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let config = &shared.config;
    let mut call = TAKE_OVER.prepare_invoke();
    call.key(config.names.requests(family)).key(&config.names.attempts);
    call.arg(&config.group).arg(name).arg(idle_ms).arg(family.as_str()).arg(ids);
    let call = &call;
    let rows: Vec<Value> = shared
        .link
        .run(Patience::Brief, |mut connection| async move { call.invoke_async(&mut connection).await })
        .await?;
    let taken: Vec<_> = rows.into_iter().filter_map(|row| taken_over(family, row)).collect();
    held.add(&taken);
    Ok(taken)
}

fn taken_over(family: Family, row: Value) -> Option<Delivery> {
    let mut row = items(row).into_iter();
    let Some(Value::Int(attempts)) = row.next() else { return None };
    delivery(family, u32::try_from(attempts).unwrap_or(u32::MAX), row.next()?, row.next()?, Bytes::from)
}
