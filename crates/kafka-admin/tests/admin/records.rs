//! Writes and takes records, as callers and workers do.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka_server::config;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Adds records to a partition.
pub(crate) fn produce(topic: &str, partition: i32, count: usize) {
    let producer: BaseProducer = config().create().unwrap();
    send(&producer, topic, partition, count);
    producer.flush(PATIENCE).unwrap();
}

/// Adds records in a transaction, which is open.
pub(crate) fn in_transaction(topic: &str, partition: i32, count: usize) -> BaseProducer {
    let mut config = config();
    let producer: BaseProducer = config.set("transactional.id", topic).create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    send(&producer, topic, partition, count);
    producer.flush(PATIENCE).unwrap();
    producer
}

fn send(producer: &BaseProducer, topic: &str, partition: i32, count: usize) {
    for number in 0..count {
        let body = number.to_string();
        let record = BaseRecord::<(), str>::to(topic).partition(partition).payload(&body);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
}

/// A consumer that is a member of the group, and has partitions.
pub(crate) fn member(group: &str, topic: &str) -> BaseConsumer {
    let mut config = config();
    config.set("group.id", group).set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let end = std::time::Instant::now() + PATIENCE;
    while consumer.assignment().unwrap().count() == 0 {
        assert!(std::time::Instant::now() < end, "the group has no partitions for us");
        drop(consumer.poll(Duration::from_millis(50)));
    }
    consumer
}

/// Commits as a member does.
pub(crate) fn commit(consumer: &BaseConsumer, topic: &str, partition: i32, offset: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

/// Adds a record with a key; one without content removes those before it.
pub(crate) fn produce_keyed(topic: &str, key: &str, body: Option<&str>) {
    let producer: BaseProducer = config().create().unwrap();
    let record = BaseRecord::<str, str>::to(topic).partition(0).key(key);
    let record = match body {
        Some(body) => record.payload(body),
        None => record,
    };
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(PATIENCE).unwrap();
}

/// Removes records as retention does.
pub(crate) async fn delete_before(topic: &str, partition: i32, offset: i64) {
    let admin: AdminClient<DefaultClientContext> = config().create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
    let deleted = admin.delete_records(&list, &AdminOptions::new()).await.unwrap();
    deleted.elements()[0].error().unwrap();
}
