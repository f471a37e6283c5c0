//! Administration against a real Apache Kafka.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

mod coordinator;
mod kafka_server;
mod logins;
mod offsets;
mod records;
mod refusals;
mod sampling;
mod topics;

use kafka_server::config;
use prpc_kafka_admin::{Admin, NewTopic, Partition};

/// A group that every user may see.
const GROUP: &str = "seen_by_all";

/// As a user who may do anything.
fn admin() -> Admin {
    Admin::new(&config(), None, GROUP).unwrap()
}

fn topic(name: &str, partitions: u32) -> NewTopic {
    NewTopic { name: name.to_owned(), partitions, replication: Some(1), config: Vec::new() }
}

fn partition(topic: &str, number: u32) -> Partition {
    Partition { topic: topic.to_owned(), number }
}

fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).into()
}

/// A topic that is there.
async fn created(admin: &Admin, name: &str, partitions: u32) {
    let created = admin.create_topics(&[topic(name, partitions)]).await.unwrap();
    assert_eq!(created[name], Ok(true));
    until(&format!("{name} is known"), async || {
        admin.topics(&names([name])).await.unwrap()[name].as_ref().is_ok_and(Option::is_some)
    })
    .await;
}

/// Waits for a condition, which is looked at again and again.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let looks = async {
        while !condition().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), looks)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}
