//! Storing native replies once more, a little later.
//!
//! An original client deletes the reply's key after every look, also when it saw nothing, and so destroys a reply that
//! is stored in between. Its next look finds the copy. A copy that nobody needed expires.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, pipe};
use tokio::sync::mpsc;
use tokio::time::Instant;

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
    body: Bytes,
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
    pub(super) fn schedule(&self, key: String, body: Bytes) {
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
    let mut pipeline = pipe();
    for copy in batch {
        let mut set = Cmd::with_capacity(6, copy.key.len() + copy.body.len() + 16);
        set.arg("SET").arg(&copy.key).arg(&*copy.body).arg("NX").arg("EX").arg(EXPIRY_SECS);
        pipeline.add_command(set).ignore();
    }
    let pipeline = &pipeline;
    link.once(|mut connection| async move { pipeline.exec_async(&mut connection).await }).await.is_ok()
}
