//! Real servers for tests: each in a folder of its own, on the loopback interface only, ended with its owner.
//!
//! For tests alone, so whatever does not work here panics, with what the server said.

mod certificates;
mod kafka;
mod port;
mod process;
mod redis_server;

pub use certificates::{Certificates, Certified};
pub use kafka::{KafkaServer, KafkaSetup, KafkaUser, Operation, Resource, Sasl, Tls};
pub use port::free_port;
pub use redis_server::RedisServer;
