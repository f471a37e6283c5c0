//! Kafka: topics with a consumer group, replies in a topic that all clients read.
//!
//! A worker is two members of the group, one for each topic of requests, whatever its concurrency; each lives on a thread (`thread.rs`). A
//! request is committed strictly after the brokers have accepted its reply, and only when all before it in its partition are
//! finished too. Needs Kafka 2.4 or newer (cooperative rebalancing).

mod admin;
mod assigned;
mod caller;
mod client;
mod consumer;
mod dead;
mod headers;
mod holder;
mod note;
mod partition;
mod position;
mod producer;
mod reading;
mod security;
mod settle;
mod thread;
mod token;
mod tracker;

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use prpc_contract::names::{DEFAULT_GROUP, QueueNames};
use prpc_contract::settings::KafkaSettings;

use self::admin::Administration;
pub use self::caller::KafkaCaller;
use self::client::Health;
pub use self::consumer::KafkaConsumer;
pub(crate) use self::headers::Record;
pub use self::holder::KafkaHolder;
use self::producer::Producer;
pub use self::security::Security;
use crate::error::{Error, Result};
use crate::types::{Backlog, Counters, DeadLetter};
use crate::url::Url;

/// Kafka's own default for `max.message.bytes`, for topics whose limit is not known.
const USUAL_LARGEST_MESSAGE: usize = 1_048_588;
/// What a record has besides its body: key, headers, and its batch.
const RECORD_OVERHEAD: usize = 512;

/// Settings of a queue on Kafka.
#[derive(Clone, Debug)]
pub struct KafkaConfig {
    /// Brokers to begin with: `host:port[,host:port…]`.
    pub url: Url,
    /// Encryption and login.
    pub security: Security,
    /// The names of the queue.
    pub names: QueueNames,
    /// The consumer group.
    pub group: String,
    /// Partitions that the topics of requests have at least: no more workers than that can share the work.
    pub partitions: NonZeroU32,
    /// Partitions that the topics of replies have at least.
    pub feedback_partitions: NonZeroU32,
    /// How many brokers hold each topic that is created.
    pub replication_factor: NonZeroU32,
    /// How long a worker finishes the requests of a partition that another is to have.
    pub hand_over: Duration,
    /// How many bytes of a message a dead letter holds.
    pub dead_letter_body_limit: usize,
}

impl KafkaConfig {
    /// The defaults: one partition for each of the original's four worker slots, one broker.
    #[must_use]
    pub fn new(url: Url, names: QueueNames) -> Self {
        const FOUR: NonZeroU32 = NonZeroU32::new(4).unwrap();
        Self {
            url,
            security: Security::default(),
            names,
            group: DEFAULT_GROUP.into(),
            partitions: FOUR,
            feedback_partitions: FOUR,
            replication_factor: NonZeroU32::MIN,
            hand_over: Duration::from_secs(20),
            dead_letter_body_limit: 1 << 19,
        }
    }

    /// Takes over what `settings` say.
    ///
    /// # Errors
    /// Encryption or login that cannot be used.
    pub fn with_settings(mut self, settings: &KafkaSettings) -> Result<Self> {
        self.security = Security::from_settings(settings)?;
        let set = |field: &mut NonZeroU32, number: Option<u32>| {
            if let Some(number) = number.and_then(NonZeroU32::new) {
                *field = number;
            }
        };
        set(&mut self.partitions, settings.queue_partitions);
        set(&mut self.feedback_partitions, settings.feedback_partitions);
        set(&mut self.replication_factor, settings.replication_factor);
        Ok(self)
    }
}

/// One queue on a Kafka cluster.
#[derive(Clone)]
pub struct KafkaBroker(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: KafkaConfig,
    pub(crate) counters: Arc<Counters>,
    pub(crate) health: Arc<Health>,
    producer: Producer,
    administration: Administration,
    /// What one record may have, as the feedback topics say.
    largest_message: AtomicUsize,
    /// Whether handing back was refused, which is told once.
    told_hand_back: AtomicBool,
}

impl KafkaBroker {
    /// A handle on the queue. Connects when it is first used. Needs a Tokio runtime.
    ///
    /// # Errors
    /// The address, encryption or login cannot be used.
    pub fn new(config: KafkaConfig) -> Result<Self> {
        check_address(&config.url)?;
        let health = Arc::new(Health::new(&config.url));
        let producer = Producer::new(&config, Arc::clone(&health))?;
        Ok(Self(Arc::new(Shared {
            config,
            counters: Arc::default(),
            health,
            producer,
            administration: Administration::default(),
            largest_message: AtomicUsize::new(USUAL_LARGEST_MESSAGE),
            told_hand_back: AtomicBool::default(),
        })))
    }
}

/// `host:port`, several separated by commas.
fn check_address(url: &Url) -> Result<()> {
    let fits = |server: &str| {
        let Some((host, port)) = server.rsplit_once(':') else { return false };
        !host.is_empty() && !host.contains("://") && port.parse::<u16>().is_ok()
    };
    if url.secret().split(',').all(|server| fits(server.trim())) {
        return Ok(());
    }
    Err(Error::Url("write host:port, several separated by commas, without a scheme".into()))
}

impl crate::Broker for KafkaBroker {
    type Consumer = KafkaConsumer;

    async fn prepare(&self) -> Result<()> {
        admin::prepare(&self.0).await
    }

    async fn consumer(&self, name: &str) -> Result<KafkaConsumer> {
        KafkaConsumer::start(Arc::clone(&self.0), name).await
    }

    async fn measure(&self) -> Result<Backlog> {
        admin::measure(&self.0).await
    }

    async fn purge(&self) -> Result<()> {
        admin::purge(&self.0).await
    }

    async fn dead_letters(&self, before: Option<&str>, limit: NonZeroUsize) -> Result<Vec<DeadLetter>> {
        dead::list(&self.0, before, limit).await
    }

    async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>> {
        dead::get(&self.0, id).await
    }

    async fn retry_dead_letter(&self, id: &str) -> Result<()> {
        dead::retry(&self.0, id).await
    }

    async fn drop_dead_letter(&self, id: &str) -> Result<bool> {
        dead::remove(&self.0, id).await
    }

    fn largest_reply(&self) -> Option<usize> {
        Some(self.0.largest_message.load(Ordering::Relaxed).saturating_sub(RECORD_OVERHEAD))
    }

    fn counters(&self) -> &Counters {
        &self.0.counters
    }

    fn is_connected(&self) -> bool {
        self.0.health.is_up()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_list_of_hosts_with_ports() {
        for good in ["kafka:9092", "a:1,b:2", "a:1, b:2", "[::1]:9092"] {
            assert_eq!(check_address(&Url::new(good)), Ok(()), "{good}");
        }
        for bad in ["", "kafka", "kafka:", ":9092", "kafka:x", "kafka://kafka:9092", "a:1,", "redis://a:1"] {
            assert!(matches!(check_address(&Url::new(bad)), Err(Error::Url(_))), "{bad}");
        }
    }
}
