//! What brokers promise, tried on real ones.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

mod caller;
mod contract;
mod deadline;
mod kafka_access;
mod kafka_details;
mod kafka_faults;
mod kafka_place;
mod redis_access;
mod redis_details;
mod redis_faults;
mod redis_place;
mod redis_push;
