//! Message brokers of PRPC: taking requests, storing replies, and keeping what was taken safe.
//!
//! The one rule every broker follows: *a request leaves the broker only in the same atomic step as, or strictly
//! after, its reply (or its dead-letter record) has been accepted by the broker.* Everything else may fail at any
//! moment.
//!
//! [`Broker`] is a handle on one queue. [`Broker::consumer`] opens a [`Consumer`], which takes requests; its
//! [`Holder`] looks after the ones taken: it answers, extends, hands back, and takes over what other workers left.
//! This crate does not look inside a message: bodies are bytes.

mod any;
pub mod error;
pub mod kafka;
pub mod redis;
mod types;
pub mod url;

use std::future::Future;
use std::num::NonZeroUsize;

pub use crate::any::{AnyBroker, AnyCaller, AnyConsumer, AnyHolder, BrokerConfig};
pub use crate::error::{Error, Result};
pub use crate::kafka::{KafkaBroker, KafkaCaller, KafkaConfig, KafkaConsumer};
pub use crate::redis::caller::{Caller, CallerConfig};
pub use crate::redis::{RedisBroker, RedisConfig};
pub use crate::types::{
    Backlog, Counters, CountersSnapshot, DeadLetter, Delivery, Receipt, Reply, Settled, Settlement,
};
pub use crate::url::Url;
pub use prpc_contract::message::Family;
pub use prpc_contract::names::{QueueName, QueueNames};

/// One queue on one broker. A cheap handle: clone it freely.
pub trait Broker: Clone + Send + Sync + 'static {
    /// What takes requests from this broker.
    type Consumer: Consumer;

    /// Creates what the queue needs on the broker. May be called again at any time.
    fn prepare(&self) -> impl Future<Output = Result<()>> + Send;

    /// Opens a consumer. `name` must be unique while the consumer or one of its holders lives; what an earlier one of
    /// the same name has left may be taken first.
    fn consumer(&self, name: &str) -> impl Future<Output = Result<Self::Consumer>> + Send;

    /// How much work there is.
    fn measure(&self) -> impl Future<Output = Result<Backlog>> + Send;

    /// Removes the queue with its requests and dead letters. Replies that were stored stay until they expire.
    fn purge(&self) -> impl Future<Output = Result<()>> + Send;

    /// Dead letters, newest first, at most `limit`, older than `before` if given.
    fn dead_letters(
        &self,
        before: Option<&str>,
        limit: NonZeroUsize,
    ) -> impl Future<Output = Result<Vec<DeadLetter>>> + Send;

    /// One dead letter, if it exists.
    fn dead_letter(&self, id: &str) -> impl Future<Output = Result<Option<DeadLetter>>> + Send;

    /// Sends a dead letter to its queue again and removes its record, as one step.
    fn retry_dead_letter(&self, id: &str) -> impl Future<Output = Result<()>> + Send;

    /// Removes a dead letter; `false` if there was none.
    fn drop_dead_letter(&self, id: &str) -> impl Future<Output = Result<bool>> + Send;

    /// The most bytes that a reply may have; `None` if the broker takes any.
    fn largest_reply(&self) -> Option<usize> {
        None
    }

    /// What has been counted by this handle, its clones and its consumers.
    fn counters(&self) -> &Counters;

    /// Whether the broker could be reached when it was last needed.
    fn is_connected(&self) -> bool;
}

/// Takes requests. Dropping it ends the reading; what it holds stays with its name until it is reclaimed.
pub trait Consumer: Send + 'static {
    /// What looks after the requests taken.
    type Holder: Holder;

    /// Waits a few seconds for requests, and returns at most `room` of them; none when the wait is over or was
    /// interrupted. Dropping the future loses nothing: the next call returns what was read.
    fn take(&mut self, room: NonZeroUsize) -> impl Future<Output = Result<Vec<Delivery>>> + Send;

    /// A handle on the requests this consumer has taken.
    fn holder(&self) -> Self::Holder;
}

/// Looks after the requests of one consumer. A cheap handle: clone it freely.
pub trait Holder: Clone + Send + Sync + 'static {
    /// Makes a [`Consumer::take`] in progress return soon; without one it does nothing.
    fn interrupt(&self) -> impl Future<Output = Result<()>> + Send;

    /// Finishes requests. Tries until the broker has accepted everything, so it can take as long as the broker is
    /// away or full; it may be called again with the same settlements.
    fn settle(&self, batch: Vec<Settlement>) -> impl Future<Output = Result<Settled>> + Send;

    /// Tells the broker that these requests are still being worked on; returns those that are no longer ours, without what was
    /// settled meanwhile.
    fn extend(&self, receipts: &[Receipt]) -> impl Future<Output = Result<Vec<Receipt>>> + Send;

    /// Gives up the consumer's place among the others once it was dropped and its requests are settled. To be called last: it returns
    /// when the broker knows what was settled, or cannot be told.
    fn leave(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Waits until another consumer is to have what this one has taken and not started: it should be settled as handed back.
    fn wanted_back(&self) -> impl Future<Output = ()> + Send;

    /// Takes over at most `room` requests that nobody looks after any more. To be called regularly.
    fn reclaim(&self, room: NonZeroUsize) -> impl Future<Output = Result<Vec<Delivery>>> + Send;
}
