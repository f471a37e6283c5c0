//! Finishing requests: one transaction per batch, tried until the server has accepted it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::BackoffBuilder;
use prpc_contract::message::{Family, ReplyBody};
use redis::{Cmd, Pipeline, cmd};

use super::connection::{Patience, backoff};
use super::dead;
use super::holder::RedisHolder;
use super::{Argument, Shared, attempts_field, splice};
use crate::error::{Error, Result};
use crate::types::{Receipt, Reply, Settled, Settlement, count};

const HAND_BACK: &str = include_str!("scripts/hand_back.lua");
/// What one transaction may hold: it must be answered within the response timeout.
const CHUNK: usize = 512;
const CHUNK_BYTES: usize = 2 << 20;

/// Settles everything. Each part is repeated until accepted, so a part may be done twice.
pub(super) async fn settle(holder: &RedisHolder, batch: &[Settlement]) -> Result<Settled> {
    let mut settled = Settled::default();
    let mut rest = batch;
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(chunk_length(rest));
        settled.duplicates += settle_chunk(holder, chunk).await?;
        rest = later;
    }
    Ok(settled)
}

fn chunk_length(batch: &[Settlement]) -> usize {
    let mut bytes = 0;
    let fitting = batch.iter().take(CHUNK).take_while(|settlement| {
        bytes += size(settlement);
        bytes <= CHUNK_BYTES
    });
    fitting.count().max(1)
}

fn size(settlement: &Settlement) -> usize {
    match settlement {
        Settlement::Answer { reply, .. } => reply.body.len(),
        Settlement::DeadLetter { body, reply, .. } => {
            body.len() + reply.as_ref().map_or(0, |reply| reply.body.len())
        }
        Settlement::HandBack { .. } => 0,
    }
}

async fn settle_chunk(holder: &RedisHolder, chunk: &[Settlement]) -> Result<u64> {
    let shared = &*holder.shared;
    let Transaction { pipeline, copies, pushes, spliced } = transaction(holder, chunk);
    let (pipeline, pushes) = (&pipeline, &pushes);
    let mut pauses = backoff(Patience::Endless).build();
    let mut first_try = true;
    let found = loop {
        let outcome = shared
            .link
            .once(|mut connection| async move {
                let pushing = shared.pushes.send(pushes, connection.clone(), shared.connector.shown());
                // In this order, and in one packet.
                tokio::join!(pipeline.query_async::<Vec<u64>>(&mut connection), pushing).0
            })
            .await;
        match outcome {
            Ok(found) => break found.iter().sum::<u64>(),
            Err(error) if error.is_transient() => {
                count(&shared.counters.settle_retries, 1);
                shared.fullness.note(&error, shared);
                // A refused transaction has done nothing; after a broken connection nobody knows.
                first_try &= matches!(error, Error::Full(_));
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(5))).await;
    };
    drop(spliced);
    shared.fullness.over(shared);
    holder.held.remove(chunk.iter().map(Settlement::receipt));
    if let Some(late) = &shared.late {
        copies.into_iter().for_each(|(key, body)| late.schedule(key, body));
    }
    let duplicates = if first_try { (chunk.len() as u64).saturating_sub(found) } else { 0 };
    count(&shared.counters.duplicates, duplicates);
    Ok(duplicates)
}

/// Every answer of the pipeline that is not ignored is a number of requests that it finished.
struct Transaction {
    pipeline: Pipeline,
    /// Keys and bodies of the replies that need a late copy.
    copies: Vec<(String, ReplyBody)>,
    /// What is published after it.
    pushes: Pipeline,
    /// Its long replies, which must be there until it is answered.
    spliced: Vec<splice::Argument>,
}

fn transaction(holder: &RedisHolder, chunk: &[Settlement]) -> Transaction {
    let shared = &*holder.shared;
    let pipeline = Pipeline::with_capacity(chunk.len() + 6);
    let mut transaction =
        Transaction { pipeline, copies: Vec::new(), pushes: Pipeline::new(), spliced: Vec::new() };
    transaction.pipeline.atomic();
    for settlement in chunk {
        match settlement {
            Settlement::Answer { receipt, reply } => transaction.store(shared, receipt, reply),
            Settlement::DeadLetter { receipt, reason, body, reply } => {
                if let Some(reply) = reply {
                    transaction.store(shared, receipt, reply);
                }
                transaction.pipeline.add_command(dead::record(shared, receipt, reason, body));
            }
            Settlement::HandBack { .. } => {}
        }
    }
    for family in Family::ALL {
        finish(shared, &mut transaction.pipeline, family, chunk);
        hand_back(holder, &mut transaction.pipeline, family, chunk);
    }
    transaction
}

impl Transaction {
    fn store(&mut self, shared: &Shared, receipt: &Receipt, reply: &Reply) {
        let key = shared.config.names.reply(receipt.family, &reply.message_id);
        let spliced = shared.connector.spliced(&reply.body);
        let length = if spliced.is_some() { splice::MARK } else { reply.body.len() };
        let mut set = Cmd::with_capacity(5, key.len() + length + 16);
        set.arg("SET").arg(&key);
        match &spliced {
            Some(argument) => set.arg(argument),
            None => set.arg(Argument(&reply.body)),
        };
        self.spliced.extend(spliced);
        set.arg("EX").arg(shared.config.reply_ttl.as_secs().max(1));
        self.pipeline.add_command(set).ignore();
        shared.pushes.add(&mut self.pushes, receipt, &key, &reply.body);
        if shared.late.is_some() && receipt.family == Family::Native && !receipt.marked {
            self.copies.push((key, reply.body.clone()));
        }
    }
}

fn finish(shared: &Shared, pipeline: &mut Pipeline, family: Family, chunk: &[Settlement]) {
    let (config, names) = (&shared.config, &shared.config.names);
    let answered: Vec<&Receipt> = chunk
        .iter()
        .filter(|settlement| matches!(settlement, Settlement::Answer { .. }))
        .map(Settlement::receipt)
        .filter(|receipt| receipt.family == family)
        .collect();
    if answered.is_empty() {
        return;
    }
    let (mut ack, mut del) = (cmd("XACK"), cmd("XDEL"));
    ack.arg(names.requests(family)).arg(&config.group);
    del.arg(names.requests(family));
    for receipt in &answered {
        ack.arg(&receipt.id);
        del.arg(&receipt.id);
    }
    pipeline.add_command(ack).add_command(del).ignore();
    let counted: Vec<String> = answered
        .iter()
        .filter(|receipt| receipt.attempts > 1)
        .map(|receipt| attempts_field(receipt))
        .collect();
    if !counted.is_empty() {
        pipeline.cmd("HDEL").arg(&names.attempts).arg(counted).ignore();
    }
}

fn hand_back(holder: &RedisHolder, pipeline: &mut Pipeline, family: Family, chunk: &[Settlement]) {
    let (config, names) = (&holder.shared.config, &holder.shared.config.names);
    let mut script = cmd("EVAL");
    script.arg(HAND_BACK).arg(3);
    script.arg(names.requests(family)).arg(&names.attempts).arg(&names.reclaim_lock);
    script.arg(&config.group).arg(&*holder.name).arg(family.as_str());
    let mut any = false;
    for settlement in chunk {
        if let Settlement::HandBack { receipt, started, body: _ } = settlement
            && receipt.family == family
        {
            // Whoever takes it over adds one, and the number it starts with is one more again.
            script.arg(&receipt.id).arg(i64::from(receipt.attempts) - 2 + i64::from(*started));
            any = true;
        }
    }
    if any {
        pipeline.add_command(script);
    }
}

/// Whether the server refuses to write, as last logged, so that a change is logged once.
#[derive(Default)]
pub(super) struct Fullness(AtomicBool);

impl Fullness {
    fn note(&self, error: &Error, shared: &Shared) {
        if !matches!(error, Error::Full(_)) {
            return;
        }
        count(&shared.counters.refused_full, 1);
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::warn!(broker = shared.connector.shown(), %error, "the broker takes no replies, trying again until it does");
        }
    }

    fn over(&self, shared: &Shared) {
        if self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Relaxed) {
            tracing::info!(broker = shared.connector.shown(), "the broker takes replies again");
        }
    }
}
