//! Storing native replies once more, a little later.
//!
//! An original client deletes the reply's key after every look, also when it saw nothing, and so destroys a reply that
//! is stored in between. Its next look finds the copy. A copy that nobody needed expires.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prpc_contract::message::ReplyBody;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, cmd, pipe};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Argument;
use super::connection::Link;
use crate::types::{Counters, count};

const DELAY: Duration = Duration::from_millis(50);
const EXPIRY_SECS: u64 = 10;
const BATCH: usize = 512;
/// Replies can be large, so their number alone is no bound.
const MAX_BYTES: usize = 64 << 20;

/// The copies that wait to be sent.
pub(crate) struct LateCopies {
    copies: mpsc::Sender<Copy>,
    waiting: Arc<Waiting>,
    counters: Arc<Counters>,
    limit: usize,
}

struct Copy {
    due: Instant,
    key: String,
    body: ReplyBody,
}

#[derive(Default)]
struct Waiting {
    copies: AtomicUsize,
    bytes: AtomicUsize,
}

impl LateCopies {
    pub(super) fn start(link: Link, limit: usize, counters: Arc<Counters>) -> Self {
        let limit = limit.max(1);
        let (copies, received) = mpsc::channel(limit);
        let waiting = Arc::<Waiting>::default();
        tokio::spawn(send_when_due(link, received, Arc::clone(&waiting), Arc::clone(&counters)));
        Self { copies, waiting, counters, limit }
    }

    /// To be called when the reply has been stored.
    pub(super) fn schedule(&self, key: String, body: ReplyBody) {
        let size = body.len();
        if self.waiting.copies.load(Ordering::Relaxed) < self.limit
            && self.waiting.bytes.load(Ordering::Relaxed) + size <= MAX_BYTES
        {
            self.waiting.copies.fetch_add(1, Ordering::Relaxed);
            self.waiting.bytes.fetch_add(size, Ordering::Relaxed);
            if self.copies.try_send(Copy { due: Instant::now() + DELAY, key, body }).is_ok() {
                return;
            }
            self.waiting.done(1, size);
        }
        count(&self.counters.late_copies_skipped, 1);
    }
}

impl Waiting {
    fn done(&self, copies: usize, bytes: usize) {
        self.copies.fetch_sub(copies, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

async fn send_when_due(
    link: Link,
    mut received: mpsc::Receiver<Copy>,
    waiting: Arc<Waiting>,
    counters: Arc<Counters>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while received.recv_many(&mut batch, BATCH).await > 0 {
        // The ones before are a little later than due.
        if let Some(last) = batch.last() {
            tokio::time::sleep_until(last.due).await;
        }
        let (copies, bytes) = (batch.len(), batch.iter().map(|copy| copy.body.len()).sum());
        let outcome =
            if send(&link, &batch).await { &counters.late_copies } else { &counters.late_copies_skipped };
        count(outcome, copies as u64);
        waiting.done(copies, bytes);
        batch.clear();
    }
}

async fn send(link: &Link, batch: &[Copy]) -> bool {
    link.once(|connection| store_missing(connection, batch)).await.is_ok()
}

/// Original clients look once a second, so most replies are there still and need not be sent once more.
async fn store_missing(mut connection: MultiplexedConnection, batch: &[Copy]) -> RedisResult<()> {
    let mut exists = cmd("EXISTS");
    for copy in batch {
        exists.arg(&copy.key);
    }
    if exists.query_async::<usize>(&mut connection).await? == batch.len() {
        return Ok(());
    }
    let mut each = pipe();
    for copy in batch {
        each.exists(&copy.key);
    }
    let found = each.query_async::<Vec<bool>>(&mut connection).await?;
    let mut pipeline = pipe();
    for (copy, _) in batch.iter().zip(found).filter(|(_, found)| !found) {
        let mut set = Cmd::with_capacity(6, copy.key.len() + copy.body.len() + 16);
        set.arg("SET").arg(&copy.key).arg(Argument(&copy.body)).arg("NX").arg("EX").arg(EXPIRY_SECS);
        pipeline.add_command(set).ignore();
    }
    pipeline.exec_async(&mut connection).await
}
