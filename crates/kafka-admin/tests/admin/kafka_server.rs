//! The Kafka of these tests: users log in, and may do what they are allowed.

use std::sync::OnceLock;

use prpc_kafka_admin::{Operation, Resource};
use prpc_testbed::{KafkaServer, KafkaUser, Operation as Rule, Resource as Thing, Sasl};
use rdkafka::ClientConfig;

/// One for all, which ends with this process.
pub(crate) fn server() -> &'static KafkaServer {
    static SERVER: OnceLock<KafkaServer> = OnceLock::new();
    SERVER.get_or_init(|| KafkaServer::setup().sasl(Sasl::Plain).authorized().start())
}

/// Of a user who may do anything.
pub(crate) fn config() -> ClientConfig {
    server().client(KafkaUser::ADMIN).into_iter().collect()
}

/// Of a user who may do what a test has allowed.
pub(crate) fn worker() -> ClientConfig {
    server().client(KafkaUser::WORKER).into_iter().collect()
}

/// Allows the worker operations on a resource.
pub(crate) fn allow(operations: &[Operation], resource: &Resource) {
    let thing = match resource {
        Resource::Topic(name) => Thing::Topic(name),
        Resource::Group(name) => Thing::Group(name),
        Resource::Cluster => Thing::Cluster,
    };
    for operation in operations {
        let rule = match operation {
            Operation::Read => Rule::Read,
            Operation::Write => Rule::Write,
            Operation::Create => Rule::Create,
            Operation::Delete => Rule::Delete,
            Operation::Alter => Rule::Alter,
            Operation::Describe => Rule::Describe,
            Operation::Other => unreachable!("no test allows it"),
        };
        server().allow(KafkaUser::WORKER, rule, thing);
    }
}
