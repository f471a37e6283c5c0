//! A queue of its own on the Kafka that all tests of this process share.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use prpc_broker::{Broker as _, Family, KafkaBroker, KafkaConfig, QueueNames, Url};
use prpc_testbed::KafkaServer;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::contract::{self, Place};
use crate::deadline::{DEADLINE, eventually};

const PARTITIONS: u32 = 3;

pub(crate) struct KafkaPlace {
    pub(crate) config: KafkaConfig,
    bootstrap: String,
    producer: FutureProducer,
}

impl KafkaPlace {
    pub(crate) async fn start() -> Self {
        Self::at(KafkaServer::shared().bootstrap()).await
    }

    pub(crate) async fn at(bootstrap: String) -> Self {
        static QUEUES: AtomicU64 = AtomicU64::new(0);
        let queue = format!("q{}-{}", std::process::id(), QUEUES.fetch_add(1, Ordering::Relaxed));
        let names = QueueNames::new(&queue.parse().unwrap());
        let mut config = KafkaConfig::new(Url::new(&bootstrap), names);
        // Queues of one group are balanced together.
        config.group = queue;
        config.partitions = NonZeroU32::new(PARTITIONS).unwrap();
        let producer = producer(&bootstrap);
        let place = Self { config, bootstrap, producer };
        place.broker().prepare().await.unwrap();
        place
    }

    pub(crate) fn topic(&self, family: Family) -> &str {
        self.config.names.requests(family)
    }

    /// Sends a request to a partition.
    pub(crate) async fn send_to(&self, partition: i32, body: &[u8]) {
        let record =
            FutureRecord::<[u8], [u8]>::to(self.topic(Family::Native)).partition(partition).payload(body);
        self.producer.send(record, DEADLINE).await.unwrap();
    }

    /// Knows of partitions that were added.
    pub(crate) fn look_again(&mut self) {
        self.producer = producer(&self.bootstrap);
    }

    /// Sends a request with headers.
    pub(crate) async fn send_with(&self, body: &[u8], headers: OwnedHeaders, timestamp: Option<i64>) {
        let mut record =
            FutureRecord::<[u8], [u8]>::to(self.topic(Family::Native)).payload(body).headers(headers);
        record.timestamp = timestamp;
        self.producer.send(record, DEADLINE).await.unwrap();
    }

    /// All that a topic holds, in the order of each partition.
    pub(crate) fn read(&self, topic: &str) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = self
            .client("reader")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).unwrap();
        let count = metadata.topics()[0].partitions().len();
        let mut list = TopicPartitionList::new();
        for partition in 0..count {
            list.add_partition_offset(topic, i32::try_from(partition).unwrap(), Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let (mut messages, mut ended) = (Vec::new(), 0);
        while ended < count {
            match consumer.poll(DEADLINE).expect("an answer in time") {
                Ok(message) => messages.push(message.detach()),
                Err(KafkaError::PartitionEOF(_)) => ended += 1,
                Err(error) => panic!("{error}"),
            }
        }
        messages
    }

    /// What the group has committed of native requests: offset and note.
    pub(crate) fn committed(&self) -> Vec<(Option<i64>, String)> {
        let consumer: BaseConsumer = self.client(&self.config.group).create().unwrap();
        let committed = consumer.committed_offsets(self.all(), DEADLINE).unwrap();
        committed
            .elements()
            .iter()
            .map(|part| {
                let offset = match part.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                };
                (offset, part.metadata().to_owned())
            })
            .collect()
    }

    /// Commits for the group, which has no members now.
    pub(crate) fn commit(&self, partition: i32, offset: i64, note: &str) {
        let consumer: BaseConsumer = self.client(&self.config.group).create().unwrap();
        let topic = self.topic(Family::Native);
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        list.find_partition(topic, partition).unwrap().set_metadata(note);
        consumer.commit(&list, rdkafka::consumer::CommitMode::Sync).unwrap();
    }

    /// A member of the group for raw requests that holds up the others until it is dropped: it does not poll.
    pub(crate) fn frozen_member(&self) -> BaseConsumer {
        let member: BaseConsumer = self
            .client(&self.config.group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .create()
            .unwrap();
        member.subscribe(&[self.topic(Family::Raw)]).unwrap();
        member
    }

    /// Looks at the group without being in it.
    pub(crate) fn observer(&self) -> Observer {
        Observer { client: self.client(&self.config.group).create().unwrap() }
    }

    /// Removes a topic, and waits until its partitions are gone: for a moment after the answer a message to them is still accepted,
    /// and goes with them.
    pub(crate) async fn remove_topic(&self, topic: &str) {
        let leader: BaseConsumer = self.client("admin").create().unwrap();
        let has_partition = || leader.fetch_watermarks(topic, 0, DEADLINE).is_ok();
        assert!(has_partition());
        let admin: AdminClient<DefaultClientContext> = self.client("admin").create().unwrap();
        admin.delete_topics(&[topic], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
        eventually("the topic is gone", || async { (!has_partition()).then_some(()) }).await;
    }

    fn all(&self) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition_range(self.topic(Family::Native), 0, i32::try_from(PARTITIONS).unwrap() - 1);
        list
    }

    fn client(&self, group: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", group)
            .set("enable.auto.commit", "false");
        config
    }
}

/// Sees how a group stands.
pub(crate) struct Observer {
    client: BaseConsumer,
}

impl Observer {
    /// Whether the group waits for members.
    pub(crate) fn sees_balancing(&self, group: &str) -> bool {
        self.state(group).iter().any(|state| state == "PreparingRebalance")
    }

    /// The state of the group, if there is one.
    pub(crate) fn state(&self, group: &str) -> Option<String> {
        let groups = self.client.fetch_group_list(Some(group), DEADLINE).unwrap();
        groups.groups().first().map(|group| group.state().to_owned())
    }
}

fn producer(bootstrap: &str) -> FutureProducer {
    ClientConfig::new().set("bootstrap.servers", bootstrap).set("linger.ms", "0").create().unwrap()
}

/// The headers of a client of ours that reads a partition.
pub(crate) fn reply_to(topic: &str, partition: i32) -> OwnedHeaders {
    OwnedHeaders::new()
        .insert(Header { key: "prpc-reply-topic", value: Some(topic) })
        .insert(Header { key: "prpc-reply-partition", value: Some(&partition.to_be_bytes()) })
}

/// A header of a message as text.
pub(crate) fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let found = headers.iter().find(|header| header.key == name)?;
    Some(String::from_utf8_lossy(found.value?).into_owned())
}

impl Place for KafkaPlace {
    type Broker = KafkaBroker;

    fn broker(&self) -> KafkaBroker {
        KafkaBroker::new(self.config.clone()).unwrap()
    }

    fn patient_broker(&self) -> KafkaBroker {
        self.broker()
    }

    async fn send(&self, family: Family, body: &[u8], marked: bool) {
        let mut record = FutureRecord::<[u8], [u8]>::to(self.topic(family)).payload(body);
        if marked {
            record = record.headers(reply_to(self.config.names.feedback(family), 0));
        }
        self.producer.send(record, DEADLINE).await.unwrap();
    }

    async fn reply(&self, family: Family, message_id: &str) -> Option<Bytes> {
        let messages = self.read(self.config.names.feedback(family));
        let found = messages.iter().rfind(|message| message.key() == Some(message_id.as_bytes()))?;
        Some(Bytes::copy_from_slice(found.payload()?))
    }
}

macro_rules! kafka_keeps {
    ($($promise:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            contract::$promise(&KafkaPlace::start().await).await;
        }
    )* };
}

kafka_keeps! {
    requests_are_taken_and_answered
    what_was_sent_before_the_queue_was_prepared_is_taken
    a_dropped_take_loses_nothing
    no_more_is_taken_than_there_is_room_for
    an_interrupt_ends_a_take_and_only_that
    settling_twice_does_no_harm
    a_dead_letter_can_be_read_retried_and_dropped
    a_dead_letter_can_come_with_a_reply
    every_request_goes_to_one_consumer
}
