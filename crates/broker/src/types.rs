//! The values that pass between a broker and the runtime.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use prpc_contract::message::{Family, ReplyBody};

/// Identifies a request that was taken; needed to settle it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// The form of the request.
    pub family: Family,
    /// The broker's own id of the request.
    pub id: String,
    /// How many times the request has been started, this time included.
    pub attempts: u32,
    /// Whether the request came from a client of ours, which reads its reply without destroying it.
    pub marked: bool,
    /// What only its broker understands.
    pub(crate) route: Route,
}

/// What a broker needs to know of a request to settle it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Route {
    /// On Redis: the channel on which its client listens for the reply, besides reading it.
    Redis { push: Option<Box<str>> },
    /// On Kafka: where the request stands, and where its client reads.
    Kafka(crate::kafka::Record),
}

/// A request that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Needed to settle it.
    pub receipt: Receipt,
    /// The message; empty if the request had none.
    pub body: Bytes,
}

/// A reply to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The id the client chose for its call.
    pub message_id: String,
    /// The encoded reply.
    pub body: ReplyBody,
}

/// The end of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Store the reply and finish the request.
    Answer {
        /// The request.
        receipt: Receipt,
        /// Its reply.
        reply: Reply,
    },
    /// Record the request as undeliverable and finish it.
    DeadLetter {
        /// The request.
        receipt: Receipt,
        /// Why.
        reason: String,
        /// Its message.
        body: Bytes,
        /// An error reply, if there is somebody to tell.
        reply: Option<Reply>,
    },
    /// Give the request up, so that another worker gets it at its next reclaim.
    HandBack {
        /// The request.
        receipt: Receipt,
        /// Whether it was started; only then the attempt counts.
        started: bool,
        /// Its message: some brokers can only be given it anew.
        body: Bytes,
    },
}

impl Settlement {
    /// The request this is about.
    #[must_use]
    pub const fn receipt(&self) -> &Receipt {
        match self {
            Self::Answer { receipt, .. }
            | Self::DeadLetter { receipt, .. }
            | Self::HandBack { receipt, .. } => receipt,
        }
    }
}

/// What became of a batch of settlements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Requests that had been finished by someone else before; their replies were stored again. Zero if the
    /// outcome of an earlier try is not known.
    pub duplicates: u64,
}

/// How much work there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Requests no worker has taken.
    pub undelivered: u64,
    /// Requests that were taken and not settled.
    pub in_flight: u64,
    /// The age of the oldest of them all.
    pub oldest_age: Option<Duration>,
    /// Requests that were given up.
    pub dead_letters: u64,
    /// Requests that ever came, if the broker counts them. A counter that falls has begun anew.
    pub arrived: Option<u64>,
}

/// The record of a request that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The id of this record.
    pub id: String,
    /// When it was made: milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The form of the request.
    pub family: Family,
    /// The broker's id of the request.
    pub entry: String,
    /// Why it was given up.
    pub reason: String,
    /// How many times it was started.
    pub attempts: u32,
    /// The full size of its message in bytes; `body` may be only the beginning.
    pub size: u64,
    /// Its message.
    pub body: Bytes,
    /// Whether it came from a client of ours.
    pub marked: bool,
}

impl DeadLetter {
    /// Whether the record holds only the beginning of the message; it cannot be retried then.
    #[must_use]
    pub const fn truncated(&self) -> bool {
        (self.body.len() as u64) < self.size
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts of what happened, for metrics. All only grow.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub(crate) $name: AtomicU64,)* }

        /// The values of [`Counters`] at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CountersSnapshot { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            /// Reads all counters.
            #[must_use]
            pub fn snapshot(&self) -> CountersSnapshot {
                CountersSnapshot { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Connections made after the first one of each link.
    reconnects,
    /// Tries to settle that failed and were repeated.
    settle_retries,
    /// Of these, the ones refused because the broker is full.
    refused_full,
    /// Requests that someone else had finished before.
    duplicates,
    /// Requests that turned out to be someone else's.
    lost,
    /// Requests taken over.
    reclaimed,
    /// Late copies of replies sent.
    late_copies,
    /// Late copies not sent because too many were outstanding or the broker was away.
    late_copies_skipped,
}

pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
