//! The work there is in all queues of a cluster: a few requests, however many queues there are.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use prpc_contract::names::QueueNames;
use rdkafka::ClientConfig;

use crate::age::Ends;
use crate::client::Admin;
use crate::error::{Error, Result};
use crate::lag::{Lag, Offsets, lag, position};
use crate::names::{End, Partition};
use crate::offsets::Committed;
use crate::reader::Reader;
use crate::token::Token;
use crate::topics::Topic;

/// Where nothing has moved for so long, it is looked whether there are any records at all.
const STILL: Duration = Duration::from_secs(20);

/// A queue that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// Its names on the broker.
    pub names: QueueNames,
    /// The group of its workers.
    pub group: String,
}

impl Watched {
    fn requests(&self) -> [&String; 2] {
        [&self.names.native, &self.names.raw]
    }
}

/// The work there is in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Calls that are to be answered. Kafka does not tell which of them have been taken.
    pub waiting: u64,
    /// Records that ever came: only grows, until a topic is made again.
    pub arrived: u64,
    /// Records that the group is done with.
    pub done: u64,
    /// Calls that retention has removed before they were answered.
    pub lost: u64,
    /// Whether a group is past the end of a partition, because the topic was made again or brokers have lost records.
    pub cut: bool,
    /// How long the oldest call has been known.
    pub oldest_age: Option<Duration>,
    /// Calls that were given up.
    pub dead_letters: u64,
    /// More workers than that share no work.
    pub partitions: u32,
    /// Where the group is to go on in partitions for which nothing is committed.
    pub unseeded: Vec<(Partition, i64)>,
}

/// Looks at queues, and remembers what it saw.
pub struct Sampler {
    admin: Admin,
    reader: Reader,
    known: HashMap<(String, Partition), Known>,
}

/// What was seen of a group in a partition.
struct Known {
    topic: [i64; 2],
    committed: Option<i64>,
    high: i64,
    since: Instant,
    ends: Ends,
}

/// What the brokers say of everything that a look is about.
struct Seen {
    topics: HashMap<String, Result<Option<Topic>>>,
    committed: HashMap<String, Result<Committed>>,
    latest: HashMap<Partition, Result<i64>>,
    earliest: HashMap<Partition, Result<i64>>,
}

impl Sampler {
    /// A sampler with a client of its own; see [`Admin::new`].
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn new(config: &ClientConfig, token: Option<Token>, group: &str) -> Result<Self> {
        let admin = Admin::new(config, token.clone(), group)?;
        Ok(Self { admin, reader: Reader::new(config, token, group), known: HashMap::new() })
    }

    /// Its client.
    #[must_use]
    pub const fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Looks at queues, all at once. The answers have the order of the queues.
    ///
    /// # Errors
    /// For a queue, what of it cannot be seen: a topic that is missing, or a right.
    pub async fn sample(&mut self, queues: &[Watched], now: Instant) -> Vec<Result<Sample>> {
        let seen = match self.look(queues).await {
            Ok(seen) => seen,
            Err(error) => return queues.iter().map(|_| Err(error.clone())).collect(),
        };
        let samples = queues.iter().map(|queue| self.queue(queue, &seen, now)).collect();
        self.reader.start();
        samples
    }

    /// A queue is not looked at any more.
    pub fn forget(&mut self, queue: &Watched) {
        let requests = queue.requests();
        self.known
            .retain(|(group, partition), _| *group != queue.group || !requests.contains(&&partition.topic));
        for topic in requests.into_iter().chain([&queue.names.dead]) {
            self.reader.forget(topic);
        }
    }

    /// What is committed comes before the ends, so that no group seems to be past one; beginnings come last, and only where they
    /// matter.
    async fn look(&self, queues: &[Watched]) -> Result<Seen> {
        let names = queues.iter().flat_map(|queue| queue.requests().into_iter().chain([&queue.names.dead]));
        let mut names: Vec<_> = names.cloned().collect();
        names.sort_unstable();
        names.dedup();
        let topics = self.admin.topics(&names).await?;
        let there = |name: &String| match topics.get(name) {
            Some(Ok(Some(topic))) if topic.without_leader.is_empty() => topic.each(name).collect(),
            _ => Vec::new(),
        };
        let mut groups: BTreeMap<&String, Vec<Partition>> = BTreeMap::new();
        for queue in queues {
            let partitions = queue.requests().into_iter().flat_map(there);
            groups.entry(&queue.group).or_default().extend(partitions);
        }
        let groups: Vec<_> = groups.into_iter().map(|(group, of)| (group.clone(), of)).collect();
        let committed = self.admin.committed(&groups).await;
        let committed: HashMap<_, _> = groups.into_iter().map(|(group, _)| group).zip(committed).collect();

        let all: Vec<_> = names.iter().flat_map(there).collect();
        let latest = self.admin.offsets(&all, End::Latest).await?;
        let mut readers: HashMap<&String, Vec<&String>> = HashMap::new();
        for queue in queues {
            for topic in queue.requests() {
                readers.entry(topic).or_default().push(&queue.group);
            }
        }
        let is_at = |group: &String, partition: &Partition, high: i64| {
            let offset = committed.get(group).and_then(|group| group.as_ref().ok()?.get(partition));
            offset == Some(&Ok(Some(high)))
        };
        let at_end = |partition: &Partition, high: i64| {
            let groups = readers.get(&partition.topic);
            groups.is_some_and(|groups| groups.iter().all(|group| is_at(group, partition, high)))
        };
        let matters = all.into_iter().filter(|partition| match latest.get(partition) {
            Some(Ok(high)) => *high > 0 && !at_end(partition, *high),
            _ => false,
        });
        let earliest = self.admin.offsets(&matters.collect::<Vec<_>>(), End::Earliest).await?;
        Ok(Seen { topics, committed, latest, earliest })
    }

    fn queue(&mut self, queue: &Watched, seen: &Seen, now: Instant) -> Result<Sample> {
        let mut sample = Sample {
            waiting: 0,
            arrived: 0,
            done: 0,
            lost: 0,
            cut: false,
            oldest_age: None,
            dead_letters: self.dead_letters(queue, seen)?,
            partitions: 0,
            unseeded: Vec::new(),
        };
        for name in queue.requests() {
            let topic = seen.topic(name)?.ok_or_else(|| Error::NoTopic(name.clone()))?;
            sample.partitions = sample.partitions.max(topic.partitions);
            for partition in topic.each(name) {
                let offsets = seen.offsets(&queue.group, &partition)?;
                self.partition(queue, topic, partition, offsets, now, &mut sample);
            }
        }
        Ok(sample)
    }

    fn partition(
        &mut self,
        queue: &Watched,
        topic: &Topic,
        partition: Partition,
        offsets: Offsets,
        now: Instant,
        sample: &mut Sample,
    ) {
        let Offsets { committed, low, high } = offsets;
        let new = || Known { topic: topic.id, committed: None, high: 0, since: now, ends: Ends::default() };
        let known = self.known.entry((queue.group.clone(), partition.clone())).or_insert_with(new);
        // What is known of a topic says nothing about another one of the same name.
        if known.topic != topic.id || high < known.high {
            *known = new();
        }
        // Brokers forget what a sleeping queue has committed; this does not.
        let at = committed.or(known.committed.map(|_| position(known.committed, low, high)));
        let Lag { mut waiting, lost, cut } = lag(Offsets { committed: at, ..offsets });
        if (known.committed, known.high) != (at, high) {
            (known.committed, known.high, known.since) = (at, high, now);
        }
        let age = known.ends.seen(now, at.unwrap_or(low), high);
        let still = now.duration_since(known.since) >= STILL;
        if waiting > 0 && still && self.reader.is_hollow(&partition, at.unwrap_or(low), high) {
            waiting = 0;
        }
        if waiting > 0 {
            sample.oldest_age = sample.oldest_age.max(age);
        }
        sample.waiting = sample.waiting.saturating_add(waiting);
        let count = |offset: i64| offset.max(0).unsigned_abs();
        sample.arrived = sample.arrived.saturating_add(count(high));
        sample.done = sample.done.saturating_add(count(at.unwrap_or(low).min(high)));
        sample.lost = sample.lost.saturating_add(lost);
        sample.cut |= cut;
        if committed.is_none() {
            sample.unseeded.push((partition, position(at, low, high)));
        }
    }

    /// A queue whose topic of dead letters is not there has none.
    fn dead_letters(&mut self, queue: &Watched, seen: &Seen) -> Result<u64> {
        let name = &queue.names.dead;
        if seen.topic(name)?.is_none() {
            return Ok(0);
        }
        let partition = Partition { topic: name.clone(), number: 0 };
        let high = seen.end(&seen.latest, &partition)?;
        let low = if high == 0 { 0 } else { seen.end(&seen.earliest, &partition)? };
        Ok(self.reader.dead_letters(name, low, high))
    }
}

impl Seen {
    /// A topic whose partitions can be asked about.
    fn topic(&self, name: &String) -> Result<Option<&Topic>> {
        match self.topics.get(name) {
            Some(Ok(Some(topic))) => match topic.without_leader.first() {
                Some(number) => {
                    let partition = Partition { topic: name.clone(), number: *number };
                    Err(Error::Unreachable(format!("no broker serves {partition} at present")))
                }
                None => Ok(Some(topic)),
            },
            Some(Ok(None)) | None => Ok(None),
            Some(Err(error)) => Err(error.clone()),
        }
    }

    fn end(&self, ends: &HashMap<Partition, Result<i64>>, of: &Partition) -> Result<i64> {
        ends.get(of)
            .cloned()
            .unwrap_or_else(|| Err(Error::Unreachable(format!("nothing was said about {of}"))))
    }

    fn offsets(&self, group: &str, of: &Partition) -> Result<Offsets> {
        let nothing = || Error::Unreachable(format!("nothing was said about {of}"));
        let committed = self.committed.get(group).ok_or_else(nothing)?.as_ref().map_err(Clone::clone)?;
        let committed = committed.get(of).cloned().ok_or_else(nothing)??;
        let high = self.end(&self.latest, of)?;
        // It was not asked for where it cannot matter.
        let low = match committed {
            _ if high == 0 => 0,
            Some(committed) if committed == high => high,
            _ => self.end(&self.earliest, of)?,
        };
        Ok(Offsets { committed, low, high })
    }
}
