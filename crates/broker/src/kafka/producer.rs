//! Writing records, and knowing that the brokers have them.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _};

use super::KafkaConfig;
use super::client::{self, Context, Health};
use crate::error::Result;

/// The broker may take less; the largest message that we read is 16 MiB.
const LARGEST_MESSAGE: &str = "67108864";

type Inner = FutureProducer<Context>;

/// Writes records in batches. Made anew after an error that librdkafka does not survive.
pub(super) struct Producer {
    inner: RwLock<Inner>,
    config: ClientConfig,
    context: Context,
}

/// What is to be written.
pub(super) struct Outgoing {
    pub(super) topic: String,
    pub(super) partition: Option<i32>,
    /// Decides the partition, if that is open too.
    pub(super) key: Option<String>,
    /// `None` removes what the topic has under this key.
    pub(super) body: Option<Bytes>,
    pub(super) headers: Option<OwnedHeaders>,
    /// Milliseconds; now, if open.
    pub(super) timestamp: Option<i64>,
}

impl Producer {
    pub(super) fn new(config: &KafkaConfig, health: Arc<Health>) -> Result<Self> {
        let mut client = client::base(config);
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "1")
            // Calls that are handed back are to be shared out.
            .set("sticky.partitioning.linger.ms", "0")
            .set("compression.type", "lz4")
            // How long a topic that is not there is waited for before that is told.
            .set("topic.metadata.propagation.max.ms", "5000")
            .set("message.max.bytes", LARGEST_MESSAGE)
            .set("delivery.timeout.ms", "120000");
        let context = Context::new(config, health);
        let inner = Self::create(&client, &context)?;
        Ok(Self { inner: RwLock::new(inner), config: client, context })
    }

    fn create(config: &ClientConfig, context: &Context) -> Result<Inner> {
        config.create_with_context(context.clone()).map_err(|error| client::error(&error))
    }

    /// Writes all, in any order; one outcome for each.
    pub(super) async fn write(&self, records: &[Outgoing]) -> Vec<Result<(), KafkaError>> {
        let producer = self.inner.read().unwrap_or_else(PoisonError::into_inner).clone();
        let started: Vec<_> = records.iter().map(|record| start(&producer, record)).collect();
        let mut outcomes = Vec::with_capacity(records.len());
        for delivery in started {
            outcomes.push(match delivery {
                Ok(delivery) => match delivery.await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err((error, _))) => Err(error),
                    Err(_) => Err(KafkaError::Canceled),
                },
                Err(error) => Err(error),
            });
        }
        if outcomes.iter().any(Result::is_ok) {
            self.context.health().up();
        }
        if let Some((code, text)) = producer.client().fatal_error() {
            self.replace(&text);
            let real = |error: KafkaError| match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::PurgeQueue) => {
                    KafkaError::MessageProduction(code)
                }
                _ => error,
            };
            outcomes = outcomes.into_iter().map(|outcome| outcome.map_err(real)).collect();
        }
        outcomes
    }

    /// In place of one that librdkafka does not use any more; several may see that at a time.
    fn replace(&self, why: &str) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if inner.client().fatal_error().is_none() {
            return;
        }
        tracing::warn!(why, "the producer came to an end and is made anew");
        match Self::create(&self.config, &self.context) {
            Ok(new) => *inner = new,
            Err(error) => tracing::error!(%error, "no new producer can be made; trying again"),
        }
    }
}

fn start(producer: &Inner, outgoing: &Outgoing) -> Result<DeliveryFuture, KafkaError> {
    let mut record = FutureRecord::<String, [u8]>::to(&outgoing.topic);
    if let Some(key) = &outgoing.key {
        record = record.key(key);
    }
    if let Some(body) = &outgoing.body {
        record = record.payload(&**body);
    }
    (record.partition, record.timestamp) = (outgoing.partition, outgoing.timestamp);
    record.headers.clone_from(&outgoing.headers);
    producer.send_result(record).map_err(|(error, _)| error)
}

/// Whether writing the same again can help.
pub(super) fn is_transient(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    !matches!(
        error.rdkafka_error_code(),
        Some(
            Code::MessageSizeTooLarge
                | Code::InvalidMessageSize
                | Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::InvalidTopic
                | Code::InvalidRecord
                | Code::PolicyViolation
                | Code::InvalidArgument
        )
    )
}
