//! What brokers promise, tried on real ones.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

mod caller;
mod contract;
mod deadline;
mod redis_access;
mod redis_details;
mod redis_faults;
mod redis_place;
mod redis_push;
mod redis_server;
