//! What a look at a queue brings. Only the load is a must: whatever else is known makes decisions better.

use std::num::NonZeroU32;
use std::time::Duration;

/// The work there is in a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls that no replica has taken.
    pub undelivered: u64,
    /// Calls that were taken and not answered.
    pub in_flight: u64,
}

impl Load {
    /// All calls that are to be answered.
    #[must_use]
    pub const fn outstanding(self) -> u64 {
        self.undelivered.saturating_add(self.in_flight)
    }
}

/// What a look brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// The state of the queue.
    Seen(Sample),
    /// Nothing that can be trusted. A part of an answer is no answer either.
    Unknown(Failure),
}

impl From<Load> for Observed {
    fn from(load: Load) -> Self {
        Self::Seen(load.into())
    }
}

/// Why nothing was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The broker did not answer, or answered something that makes no sense. Passes by itself.
    Unreachable,
    /// It refuses: password, rights, certificate. Somebody has to do something, and no number of replicas helps.
    Refused,
    /// What is there is too old.
    Stale,
}

/// The state of a queue at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// The work there is.
    pub load: Load,
    /// How old this sample is.
    pub age: Duration,
    /// The age of the oldest call that is not answered.
    pub oldest: Option<Duration>,
    /// Calls that ever came to the queue: a counter that only grows. One that is smaller than before begins anew.
    pub arrived: Option<u64>,
    /// Calls that ever left it, answered or given up: a counter like `arrived`. Found from `arrived` and the load if not known.
    pub answered: Option<u64>,
    /// What the replicas told of their own work.
    pub work: Option<Work>,
    /// How the replicas are.
    pub replicas: Option<Replicas>,
    /// Parts of the queue that one replica each can take, such as Kafka's partitions: more replicas have nothing to do.
    pub partitions: Option<NonZeroU32>,
}

impl From<Load> for Sample {
    fn from(load: Load) -> Self {
        Self { load, ..Self::default() }
    }
}

/// What the replicas that could be asked told of their work, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// How many answered.
    pub replicas: NonZeroU32,
    /// Calls that they can run at a time.
    pub slots: u32,
    /// Calls that they run now.
    pub busy: u32,
    /// Calls that ended since the look before.
    pub ended: u64,
    /// How long these had run, added up.
    pub ran: Duration,
}

/// How the replicas are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicas {
    /// Those that take calls. With Kafka: that have their partitions.
    pub ready: u32,
    /// Those for which there is no room.
    pub unschedulable: u32,
    /// Whether they are being replaced by others of a new version.
    pub replacing: bool,
}
