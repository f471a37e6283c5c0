//! How much work there is.

use std::sync::LazyLock;
use std::time::Duration;

use prpc_contract::message::Family;
use redis::{Script, Value};

use super::Shared;
use super::connection::Patience;
use super::entries::text;
use super::held::parse_id;
use crate::error::Result;
use crate::types::Backlog;

/// One script, so that the numbers belong together.
static MEASURE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/measure.lua")));

/// Sums up both streams. What is settled is deleted, so everything in a stream is work, and what is not pending is
/// undelivered. The server's own `lag` is unknown most of the time when entries are deleted.
pub(super) async fn measure(shared: &Shared) -> Result<Backlog> {
    let mut call = MEASURE.prepare_invoke();
    call.key(&shared.config.names.dead);
    for family in Family::ALL {
        call.key(shared.config.names.requests(family));
    }
    call.arg(&shared.config.group);
    let call = &call;
    let report: Vec<Value> = shared
        .link
        .run(Patience::Brief, |mut connection| async move { call.invoke_async(&mut connection).await })
        .await?;
    Ok(sum_up(report))
}

fn sum_up(report: Vec<Value>) -> Backlog {
    let mut backlog = Backlog::default();
    let mut values = report.into_iter();
    let now_ms = number(values.next()) * 1000 + number(values.next()) / 1000;
    backlog.dead_letters = number(values.next());
    backlog.arrived = Some(0);
    let mut oldest_ms: Option<u64> = None;
    while let Some(length) = values.next() {
        let pending = number(values.next());
        backlog.in_flight += pending;
        backlog.undelivered += number(Some(length)).saturating_sub(pending);
        let added = values.next().and_then(count);
        backlog.arrived = backlog.arrived.zip(added).map(|(sum, added)| sum + added);
        if let Some((at_ms, _)) = values.next().and_then(text).as_deref().and_then(parse_id) {
            oldest_ms = Some(oldest_ms.map_or(at_ms, |oldest| oldest.min(at_ms)));
        }
    }
    backlog.oldest_age = oldest_ms.map(|at_ms| Duration::from_millis(now_ms.saturating_sub(at_ms)));
    backlog
}

fn number(value: Option<Value>) -> u64 {
    value.and_then(count).unwrap_or_default()
}

/// `None` if the server does not tell.
fn count(value: Value) -> Option<u64> {
    if let Value::Int(number) = value { number.try_into().ok() } else { None }
}
