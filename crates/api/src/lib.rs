//! The manifest: what a user writes about a queue, and what it tells the runtime.
//!
//! Types and validation only; nothing here talks to a cluster or a broker.

mod manifest;
mod read;
mod time;

pub use crate::manifest::{
    ApiVersion, Broker, Function, Kafka, Kind, Metadata, PrpcQueue, Redis, Scaling, Spec, Worker, WorkerType,
};
pub use crate::read::InvalidManifest;
pub use crate::time::Timeout;
