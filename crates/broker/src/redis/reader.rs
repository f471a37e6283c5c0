//! The one task that reads a queue: it owns the blocking connection, and its reads are never cancelled.
//!
//! A read that is given up goes on at the server, which then delivers requests to nobody. So the reads run in a task
//! of their own, and only the whole connection is ever dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::BackoffBuilder;
use prpc_contract::message::Family;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, Value, cmd};
use tokio::sync::{mpsc, watch};

use super::connection::{Health, Patience, backoff};
use super::entries::first_deliveries;
use super::held::Held;
use super::splice::Values;
use super::{Shared, reclaim};
use crate::error::{Error, Result};
use crate::types::Delivery;

const BLOCK: Duration = Duration::from_secs(5);
/// A read may take longer than it asked to block: the server looks at its blocked clients when it has time.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// The most of one stream in one answer, which is read as a whole.
const MOST: usize = 512;

/// Asks for at most this many requests.
pub(super) struct Ask {
    pub(super) room: usize,
    /// The number of interruptions when it was asked.
    pub(super) interruptions: u64,
}

/// What a read brought.
pub(super) struct Read {
    pub(super) at: Instant,
    pub(super) outcome: Result<Vec<Delivery>>,
}

/// What others need to know to interrupt a read.
#[derive(Default)]
pub(super) struct Signals {
    interruptions: watch::Sender<u64>,
    phase: watch::Sender<Phase>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    /// A read is under way on the connection with the server's number `client`.
    Reading { client: i64, read: u64 },
}

impl Signals {
    pub(super) fn interruptions(&self) -> u64 {
        *self.interruptions.borrow()
    }

    /// Ends the read in progress, if there is one.
    pub(super) async fn interrupt(&self, shared: &Shared) -> Result<()> {
        let mut phase = self.phase.subscribe();
        // The reader looks at the count after it has set its phase, so one of the two sees the other.
        self.interruptions.send_modify(|count| *count += 1);
        let now = *phase.borrow_and_update();
        let Phase::Reading { client, .. } = now else { return Ok(()) };
        let mut unblock = cmd("CLIENT");
        unblock.arg("UNBLOCK").arg(client).arg("TIMEOUT");
        let unblock = &unblock;
        loop {
            let unblocked = shared
                .link
                .once(|mut connection| async move { unblock.query_async::<bool>(&mut connection).await })
                .await?;
            // The command may have overtaken the read.
            let wait = Duration::from_millis(5);
            if unblocked || tokio::time::timeout(wait, phase.wait_for(|phase| *phase != now)).await.is_ok() {
                return Ok(());
            }
        }
    }
}

pub(super) struct Reader {
    shared: Arc<Shared>,
    name: Arc<str>,
    held: Arc<Held>,
    signals: Arc<Signals>,
    connection: Option<(i64, MultiplexedConnection)>,
    /// Long messages of the answer being read.
    values: Arc<Values>,
    health: Health,
    /// Whether the consumer's name may have requests that never got here.
    leftovers: bool,
    reads: u64,
    /// Which stream comes first when there is room for one request only.
    turn: Family,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, name: Arc<str>, held: Arc<Held>, signals: Arc<Signals>) -> Self {
        let (connection, values, health) = (None, Values::new(), Health::default());
        let (leftovers, reads, turn) = (true, 0, Family::Native);
        Self { shared, name, held, signals, connection, values, health, leftovers, reads, turn }
    }

    /// Reads as asked until nobody listens any more.
    pub(super) async fn run(mut self, mut asks: mpsc::Receiver<Ask>, reads: mpsc::Sender<Read>) {
        while let Some(ask) = asks.recv().await {
            let outcome = tokio::select! {
                outcome = self.read(&ask) => outcome,
                // Ends the connection too, so that the server delivers nothing to it.
                () = reads.closed() => return,
            };
            self.signals.phase.send_replace(Phase::Idle);
            if let Ok(deliveries) = &outcome {
                self.held.add(deliveries);
            }
            if reads.send(Read { at: Instant::now(), outcome }).await.is_err() {
                return;
            }
        }
    }

    async fn read(&mut self, ask: &Ask) -> Result<Vec<Delivery>> {
        let mut interruptions = self.signals.interruptions.subscribe();
        let mut pauses = backoff(Patience::Endless).build();
        loop {
            let error = match self.try_read(ask, &mut interruptions).await {
                Err(error) => error,
                read => return read,
            };
            if error.breaks_connection() {
                self.connection = None;
                self.leftovers = true;
                self.health.down("reader", self.shared.connector.shown(), &error);
            }
            match error {
                Error::NotPrepared(_) => {
                    tracing::info!("the queue's stream or consumer group is missing: creating it");
                    self.shared
                        .prepare(Patience::Brief)
                        .await
                        .or_else(|error| if error.is_transient() { Ok(()) } else { Err(error) })?;
                }
                error if error.is_transient() => {}
                error => return Err(error),
            }
            let pause = pauses.next().unwrap_or(BLOCK);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = interruptions.wait_for(|count| *count != ask.interruptions) => return Ok(Vec::new()),
            }
        }
    }

    async fn try_read(
        &mut self,
        ask: &Ask,
        interruptions: &mut watch::Receiver<u64>,
    ) -> Result<Vec<Delivery>> {
        let (client, mut connection) = match &self.connection {
            Some(open) => open.clone(),
            None => tokio::select! {
                opened = self.open() => self.connection.insert(opened?).clone(),
                _ = interruptions.wait_for(|count| *count != ask.interruptions) => return Ok(Vec::new()),
            },
        };
        if self.leftovers {
            let deliveries = reclaim::leftovers(&self.shared, &self.name, &self.held, ask.room).await?;
            self.leftovers = !deliveries.is_empty();
            if self.leftovers {
                return Ok(deliveries);
            }
        }
        self.reads += 1;
        self.signals.phase.send_replace(Phase::Reading { client, read: self.reads });
        if self.signals.interruptions() != ask.interruptions {
            return Ok(Vec::new());
        }
        let names = &self.shared.config.names;
        if ask.room == 1 {
            let stream = names.requests(self.turn);
            self.turn = if self.turn == Family::Native { Family::Raw } else { Family::Native };
            let answer = self.command(1, None, &[stream]).query_async::<Value>(&mut connection).await?;
            let deliveries = self.deliveries(answer);
            if !deliveries.is_empty() {
                return Ok(deliveries);
            }
        }
        // The count is per stream.
        let count = (ask.room / Family::ALL.len()).clamp(1, MOST);
        let streams = Family::ALL.map(|family| names.requests(family));
        let read = self.command(count, Some(BLOCK), &streams);
        let answer = read.query_async::<Value>(&mut connection).await?;
        Ok(self.deliveries(answer))
    }

    fn deliveries(&self, answer: Value) -> Vec<Delivery> {
        let deliveries = first_deliveries(answer, &self.shared.config.names, |value| self.values.take(value));
        // A read that was given up may have left some.
        self.values.clear();
        deliveries
    }

    async fn open(&self) -> Result<(i64, MultiplexedConnection)> {
        let mut connection = self.shared.connector.open_for(&self.values, RESPONSE_TIMEOUT).await?;
        let client = cmd("CLIENT").arg("ID").query_async::<i64>(&mut connection).await?;
        self.health.up("reader", self.shared.connector.shown(), &self.shared.counters);
        Ok((client, connection))
    }

    fn command(&self, count: usize, block: Option<Duration>, streams: &[&str]) -> Cmd {
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&self.shared.config.group).arg(&*self.name).arg("COUNT").arg(count);
        if let Some(block) = block {
            read.arg("BLOCK").arg(block.as_millis() as u64);
        }
        read.arg("STREAMS").arg(streams);
        for _ in streams {
            read.arg(">");
        }
        read
    }
}
