//! What only the records themselves tell: whether there are any between two offsets, and how many dead letters are left.
//!
//! Reading needs a client of its own for a moment, so it is done rarely, in the background, and remembered. Until then offsets
//! alone must do.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::client::passive;
use crate::error::{Error, Result};
use crate::events::{Events, Trouble};
use crate::names::Partition;
use crate::token::Token;

/// So long one stretch may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Reads in the background, one stretch after the other.
pub(crate) struct Reader {
    config: ClientConfig,
    token: Option<Token>,
    found: Arc<Mutex<Found>>,
    /// What is to be read next.
    wanted: Vec<Stretch>,
}

#[derive(Default)]
struct Found {
    busy: bool,
    /// For stretches without news: whether there is no record in them.
    hollow: HashMap<Partition, (i64, i64, bool)>,
    dead: HashMap<String, DeadLetters>,
}

/// Records from an offset on, up to another.
struct Stretch {
    of: Partition,
    from: i64,
    to: i64,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    AnyRecord,
    DeadLetters,
}

/// The dead letters of a topic where a record without content removes the one of the same key.
#[derive(Default)]
struct DeadLetters {
    read_to: i64,
    /// Digests of keys, and where each is.
    alive: HashMap<u64, i64>,
    /// Reading failed: what there is can only be guessed.
    unreadable: bool,
}

impl Reader {
    pub(crate) fn new(config: &ClientConfig, token: Option<Token>, group: &str) -> Self {
        let mut config = passive(config, group);
        config
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed");
        Self { config, token, found: Arc::default(), wanted: Vec::new() }
    }

    /// Whether there is no record in a stretch, such as one with nothing but the marker of a transaction; `false` until it was read.
    pub(crate) fn is_hollow(&mut self, of: &Partition, from: i64, to: i64) -> bool {
        match lock(&self.found).hollow.get(of) {
            Some((read_from, read_to, hollow)) if (*read_from, *read_to) == (from, to) => return *hollow,
            _ => {}
        }
        self.wanted.push(Stretch { of: of.clone(), from, to, what: What::AnyRecord });
        false
    }

    /// How many dead letters are in a topic with these ends. New ones count when they were read.
    pub(crate) fn dead_letters(&mut self, topic: &str, low: i64, high: i64) -> u64 {
        let mut found = lock(&self.found);
        let known = found.dead.entry(topic.to_owned()).or_default();
        if known.read_to > high {
            *known = DeadLetters::default();
        }
        known.alive.retain(|_, at| *at >= low);
        if known.unreadable {
            return high.saturating_sub(low).max(0).unsigned_abs();
        }
        if known.read_to < high && low < high {
            let of = Partition { topic: topic.to_owned(), number: 0 };
            self.wanted.push(Stretch { of, from: known.read_to.max(low), to: high, what: What::DeadLetters });
        }
        known.alive.len() as u64
    }

    /// Begins to read what was asked for, unless an earlier reading is still going on.
    pub(crate) fn start(&mut self) {
        let wanted = std::mem::take(&mut self.wanted);
        if wanted.is_empty() || std::mem::replace(&mut lock(&self.found).busy, true) {
            return;
        }
        let (config, token, found) = (self.config.clone(), self.token.clone(), Arc::clone(&self.found));
        tokio::task::spawn_blocking(move || {
            match config
                .create_with_context::<_, BaseConsumer<Events>>(Events::new(token, Trouble::default()))
            {
                Ok(consumer) => wanted.iter().for_each(|stretch| look(&consumer, stretch, &found)),
                Err(error) => tracing::warn!(error = %Error::from(error), "records cannot be read"),
            }
            lock(&found).busy = false;
        });
    }

    /// A topic is not asked about any more.
    pub(crate) fn forget(&mut self, topic: &str) {
        let mut found = lock(&self.found);
        found.dead.remove(topic);
        found.hollow.retain(|partition, _| partition.topic != topic);
    }
}

/// Reads one stretch, and keeps what was seen.
fn look(consumer: &BaseConsumer<Events>, stretch: &Stretch, found: &Mutex<Found>) {
    let topic = &stretch.of.topic;
    match stretch.what {
        What::AnyRecord => {
            let mut any = false;
            let read = read(consumer, stretch, |_| {
                any = true;
                false
            });
            if let Err(error) = read {
                tracing::debug!(%error, partition = %stretch.of, "it is not known whether there are records");
                return;
            }
            lock(found).hollow.insert(stretch.of.clone(), (stretch.from, stretch.to, !any));
        }
        What::DeadLetters => {
            let mut news = Vec::new();
            let read = read(consumer, stretch, |record| {
                let mut digest = DefaultHasher::new();
                record.key().hash(&mut digest);
                news.push((digest.finish(), record.offset(), record.payload().is_some()));
                true
            });
            let mut found = lock(found);
            let known = found.dead.entry(topic.clone()).or_default();
            for (key, at, is_there) in news {
                known.read_to = at + 1;
                if is_there {
                    known.alive.insert(key, at)
                } else {
                    known.alive.remove(&key)
                };
            }
            match read {
                Ok(()) => (known.read_to, known.unreadable) = (stretch.to, false),
                Err(Error::Unreachable(text)) => {
                    tracing::debug!(topic, text, "dead letters are not counted yet")
                }
                Err(error) => {
                    tracing::warn!(topic, %error, "dead letters cannot be counted exactly");
                    known.unreadable = true;
                }
            }
        }
    }
}

/// Shows the records of a stretch until `visit` has seen enough.
fn read(
    consumer: &BaseConsumer<Events>,
    stretch: &Stretch,
    mut visit: impl FnMut(&BorrowedMessage<'_>) -> bool,
) -> Result<()> {
    let mut list = TopicPartitionList::new();
    let number = i32::try_from(stretch.of.number).unwrap_or(i32::MAX);
    list.add_partition_offset(&stretch.of.topic, number, Offset::Offset(stretch.from))?;
    consumer.assign(&list)?;
    let end = Instant::now() + LIMIT;
    loop {
        match consumer.poll(end.saturating_duration_since(Instant::now())) {
            Some(Ok(record)) => {
                let last = record.offset() + 1 >= stretch.to;
                let enough = record.offset() < stretch.to && !visit(&record);
                if last || enough {
                    return Ok(());
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
        if Instant::now() >= end {
            return Err(Error::Unreachable(format!("{} was not read in time", stretch.of)));
        }
    }
}

fn lock(found: &Mutex<Found>) -> MutexGuard<'_, Found> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}
