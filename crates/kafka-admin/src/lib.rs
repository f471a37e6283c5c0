//! Administration of Kafka for many queues at once: topics, committed offsets, rights and lag.
//!
//! One [`Admin`] is one client of a cluster, for all queues that have the same addresses and login. What is asked for many topics
//! or groups goes out as one request for each broker concerned, and has a result for each of them: what one queue may not do does
//! not keep the others from an answer. Nothing here takes calls or answers them.

mod age;
mod client;
mod error;
mod events;
mod groups;
pub mod lag;
mod names;
mod offsets;
mod prepare;
mod raw;
mod reader;
mod rights;
mod sampler;
mod token;
mod topics;

pub use client::Admin;
pub use error::{Error, Result};
pub use groups::Seeded;
pub use names::{End, NewTopic, Operation, Partition, Resource, Right};
pub use offsets::Committed;
pub use prepare::{Prepared, Wanted, hand_back_rights, worker_rights};
pub use sampler::{Sample, Sampler, Watched};
pub use token::Token;
pub use topics::Topic;
