//! The operator: every `PrpcQueue` becomes a Deployment of workers, whose size follows the queue's backlog.
//!
//! `controller` brings the cluster to what a queue asks for, `scaling` decides how many pods that is, `brokers` holds one
//! connection to each broker. Only the leader of the replicas does anything; the others wait.

#![allow(missing_docs, reason = "a program: only `run` and what it takes are used from outside")]

mod address;
mod arguments;
mod brokers;
mod client;
mod controller;
mod failure;
#[cfg(test)]
mod fake_api;
mod kafka;
mod leader;
mod metrics;
mod pages;
mod ping;
mod probe;
mod run;
mod scaling;
mod workers;

pub use arguments::{Arguments, Command, Options};
pub use ping::ping;
pub use probe::probe;
pub use run::run;
