//! What a queue needs on Kafka before there is a worker: its topics, and a place where its group begins.

use std::time::{Duration, Instant};

use prpc_contract::names::QueueNames;

use crate::client::Admin;
use crate::error::{Error, Result};
use crate::groups::Seeded;
use crate::names::{End, NewTopic, Operation, Partition, Resource, Right};
use crate::topics::Topic;

/// How long what was made may take to be known to all brokers.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// A dead letter stays until it is dropped or sent again, or until there is a gigabyte of them.
const DEAD_LETTERS: [(&str, &str); 3] =
    [("cleanup.policy", "compact,delete"), ("retention.ms", "-1"), ("retention.bytes", "1073741824")];

/// What is to be there for a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its names.
    pub names: QueueNames,
    /// The group of its workers.
    pub group: String,
    /// Partitions of the topics with requests, at least.
    pub partitions: u32,
    /// Partitions of the topics with replies, at least.
    pub feedback_partitions: u32,
    /// How many brokers hold each topic that is made; as the cluster says if `None`.
    pub replication: Option<u32>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Topics that were not there.
    pub created: Vec<String>,
    /// Topics that have more partitions now.
    pub grown: Vec<String>,
    /// Why a topic has fewer partitions than it should.
    pub short: Option<Error>,
    /// Whether the group has a place to begin at; workers find one themselves where it has none.
    pub seeded: Seeded,
}

impl Wanted {
    fn topics(&self) -> [NewTopic; 5] {
        let topic = |name: &String, partitions| NewTopic {
            name: name.clone(),
            partitions,
            replication: self.replication,
            config: Vec::new(),
        };
        let names = &self.names;
        let config = DEAD_LETTERS.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        [
            topic(&names.native, self.partitions),
            topic(&names.raw, self.partitions),
            topic(&names.feedback_native, self.feedback_partitions),
            topic(&names.feedback_raw, self.feedback_partitions),
            NewTopic { config, ..topic(&names.dead, 1) },
        ]
    }
}

/// What the user of workers should be allowed besides: to hand calls back that a worker has taken and will not finish. Without it
/// they, and some after them, are started again by another.
#[must_use]
pub fn hand_back_rights(names: &QueueNames) -> [Right; 2] {
    [&names.native, &names.raw]
        .map(|name| Right { operation: Operation::Write, resource: Resource::Topic(name.clone()) })
}

/// What the user of workers must be allowed. Whoever may read or write may also describe.
#[must_use]
pub fn worker_rights(names: &QueueNames, group: &str) -> Vec<Right> {
    let right = |operation, resource| Right { operation, resource };
    let topic = |operation, name: &String| right(operation, Resource::Topic(name.clone()));
    vec![
        topic(Operation::Read, &names.native),
        topic(Operation::Read, &names.raw),
        topic(Operation::Write, &names.feedback_native),
        topic(Operation::Write, &names.feedback_raw),
        topic(Operation::Write, &names.dead),
        right(Operation::Read, Resource::Group(group.to_owned())),
    ]
}

/// Tries until it works, for a while: what was made is not known to all brokers at once, and a group's coordinator may have to load.
async fn patiently<T, F: Future<Output = Result<T>>>(attempt: impl Fn() -> F) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(Error::Unreachable(text)) if Instant::now() < end => {
                tracing::debug!(text, "not yet");
                tokio::time::sleep(LOOK).await;
            }
            outcome => return outcome,
        }
    }
}

impl Admin {
    /// Makes what is missing of a queue, and nothing smaller. What is there needs no right to make it.
    ///
    /// # Errors
    /// What cannot be made, and why.
    pub async fn prepare(&self, queue: &Wanted) -> Result<Prepared> {
        let wanted = queue.topics();
        let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
        let mut there = self.topics(&names).await?;
        let (mut missing, mut small) = (Vec::new(), Vec::new());
        for topic in &wanted {
            match there.remove(&topic.name).transpose()?.flatten() {
                None => missing.push(topic.clone()),
                Some(found) if found.partitions < topic.partitions => {
                    small.push((topic.name.clone(), topic.partitions));
                }
                Some(_) => {}
            }
        }
        let (mut created, mut grown, mut short) = (Vec::new(), Vec::new(), None);
        for (name, outcome) in self.create_topics(&missing).await? {
            if outcome? {
                created.push(name);
            }
        }
        for (name, outcome) in self.grow(&small).await? {
            match outcome {
                Ok(true) => grown.push(name),
                Ok(false) => {}
                Err(error) => short = Some(error),
            }
        }
        let is_new = |topic: &NewTopic| created.contains(&topic.name) || grown.contains(&topic.name);
        let changed: Vec<_> = wanted.into_iter().filter(is_new).collect();
        patiently(|| self.known(&changed)).await?;
        created.sort_unstable();
        grown.sort_unstable();
        let seeded = patiently(|| self.seed_missing(queue)).await?;
        Ok(Prepared { created, grown, short, seeded })
    }

    /// Gives the group a place to begin at wherever it has none: the first record.
    async fn seed_missing(&self, queue: &Wanted) -> Result<Seeded> {
        let names = [queue.names.native.clone(), queue.names.raw.clone()];
        let topics = self.topics(&names).await?;
        let found = names.iter().filter_map(|name| Some((name, topics.get(name)?.as_ref().ok()?.as_ref()?)));
        let all: Vec<Partition> = found.flat_map(|(name, topic): (_, &Topic)| topic.each(name)).collect();
        let committed = self.committed(&[(queue.group.clone(), all.clone())]).await;
        let committed = committed.into_iter().next().transpose()?.unwrap_or_default();
        let mut open = Vec::new();
        for partition in all {
            if committed.get(&partition).cloned().transpose()?.flatten().is_none() {
                open.push(partition);
            }
        }
        let earliest = self.offsets(&open, End::Earliest).await?;
        let mut seeds = Vec::new();
        for (partition, offset) in earliest {
            seeds.push((partition, offset?));
        }
        self.seed(&queue.group, &seeds).await
    }

    /// Whether the brokers know the topics as they are to be.
    async fn known(&self, topics: &[NewTopic]) -> Result<()> {
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        let there = self.topics(&names).await?;
        for topic in topics {
            match there.get(&topic.name) {
                Some(Ok(Some(found)))
                    if found.partitions >= topic.partitions && found.without_leader.is_empty() => {}
                _ => {
                    return Err(Error::Unreachable(format!(
                        "topic {} is made, and not served yet",
                        topic.name
                    )));
                }
            }
        }
        Ok(())
    }

    /// Removes the topics of a queue with all that is in them, and its group, unless that has other topics or members.
    ///
    /// # Errors
    /// What cannot be removed, and why.
    pub async fn purge(&self, names: &QueueNames, group: &str) -> Result<()> {
        let all = [&names.native, &names.raw, &names.feedback_native, &names.feedback_raw, &names.dead];
        let topics = all.map(String::clone);
        for outcome in self.delete_topics(&topics).await?.into_values() {
            outcome?;
        }
        let others = self.all_committed(group).await?;
        if others.keys().all(|partition| topics.contains(&partition.topic)) && self.members(group).await? == 0
        {
            match self.delete_group(group).await {
                // Brokers forget a group of which nothing is left by themselves.
                Ok(_) | Err(Error::Denied(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
