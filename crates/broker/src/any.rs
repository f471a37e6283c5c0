//! A queue on whichever broker the settings name.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use prpc_contract::message::Family;
use prpc_contract::names::QueueNames;
use prpc_contract::settings::KafkaSettings;

use crate::kafka::{KafkaBroker, KafkaCaller, KafkaConfig, KafkaConsumer, KafkaHolder};
use crate::redis::caller::{Caller, CallerConfig};
use crate::redis::{RedisBroker, RedisConfig, RedisConsumer, RedisHolder};
use crate::types::{Backlog, Counters, DeadLetter, Delivery, Receipt, Settled, Settlement};
use crate::{Broker, Consumer, Holder, Result, Url};

/// Settings of a queue.
#[derive(Clone, Debug)]
pub enum BrokerConfig {
    /// On Redis.
    Redis(RedisConfig),
    /// On Kafka.
    Kafka(KafkaConfig),
}

impl BrokerConfig {
    /// The queue at an address: on Redis if the address has a scheme, as `redis://host:6379/0` does, else on Kafka.
    ///
    /// # Errors
    /// Encryption or login of Kafka that cannot be used.
    pub fn at(url: Url, names: QueueNames, group: Option<String>, kafka: &KafkaSettings) -> Result<Self> {
        if url.secret().contains("://") {
            let mut config = RedisConfig::new(url, names);
            config.group = group.unwrap_or(config.group);
            return Ok(Self::Redis(config));
        }
        let mut config = KafkaConfig::new(url, names).with_settings(kafka)?;
        config.group = group.unwrap_or(config.group);
        Ok(Self::Kafka(config))
    }

    /// The address.
    #[must_use]
    pub const fn url(&self) -> &Url {
        match self {
            Self::Redis(config) => &config.url,
            Self::Kafka(config) => &config.url,
        }
    }
}

/// One queue on either broker.
#[derive(Clone)]
pub enum AnyBroker {
    /// On Redis.
    Redis(RedisBroker),
    /// On Kafka.
    Kafka(KafkaBroker),
}

/// Takes requests from either broker.
pub enum AnyConsumer {
    /// From Redis.
    Redis(RedisConsumer),
    /// From Kafka.
    Kafka(KafkaConsumer),
}

/// Looks after the requests of a consumer on either broker.
#[derive(Clone)]
pub enum AnyHolder {
    /// On Redis.
    Redis(RedisHolder),
    /// On Kafka.
    Kafka(KafkaHolder),
}

/// The same call on whichever it is.
macro_rules! on {
    ($either:ident, $self:ident, $it:ident => $call:expr) => {
        match $self {
            $either::Redis($it) => $call,
            $either::Kafka($it) => $call,
        }
    };
}

impl AnyBroker {
    /// A handle on the queue. Connects when it is first used. Needs a Tokio runtime.
    ///
    /// # Errors
    /// The address, encryption or login cannot be used.
    pub fn new(config: BrokerConfig) -> Result<Self> {
        Ok(match config {
            BrokerConfig::Redis(config) => Self::Redis(RedisBroker::new(config)?),
            BrokerConfig::Kafka(config) => Self::Kafka(KafkaBroker::new(config)?),
        })
    }
}

impl Broker for AnyBroker {
    type Consumer = AnyConsumer;

    async fn prepare(&self) -> Result<()> {
        on!(Self, self, broker => broker.prepare().await)
    }

    async fn consumer(&self, name: &str) -> Result<AnyConsumer> {
        Ok(match self {
            Self::Redis(broker) => AnyConsumer::Redis(broker.consumer(name).await?),
            Self::Kafka(broker) => AnyConsumer::Kafka(broker.consumer(name).await?),
        })
    }

    async fn measure(&self) -> Result<Backlog> {
        on!(Self, self, broker => broker.measure().await)
    }

    async fn purge(&self) -> Result<()> {
        on!(Self, self, broker => broker.purge().await)
    }

    async fn dead_letters(&self, before: Option<&str>, limit: NonZeroUsize) -> Result<Vec<DeadLetter>> {
        on!(Self, self, broker => broker.dead_letters(before, limit).await)
    }

    async fn dead_letter(&self, id: &str) -> Result<Option<DeadLetter>> {
        on!(Self, self, broker => broker.dead_letter(id).await)
    }

    async fn retry_dead_letter(&self, id: &str) -> Result<()> {
        on!(Self, self, broker => broker.retry_dead_letter(id).await)
    }

    async fn drop_dead_letter(&self, id: &str) -> Result<bool> {
        on!(Self, self, broker => broker.drop_dead_letter(id).await)
    }

    fn largest_reply(&self) -> Option<usize> {
        on!(Self, self, broker => broker.largest_reply())
    }

    fn counters(&self) -> &Counters {
        on!(Self, self, broker => broker.counters())
    }

    fn is_connected(&self) -> bool {
        on!(Self, self, broker => broker.is_connected())
    }
}

impl Consumer for AnyConsumer {
    type Holder = AnyHolder;

    async fn take(&mut self, room: NonZeroUsize) -> Result<Vec<Delivery>> {
        on!(Self, self, consumer => consumer.take(room).await)
    }

    fn holder(&self) -> AnyHolder {
        match self {
            Self::Redis(consumer) => AnyHolder::Redis(consumer.holder()),
            Self::Kafka(consumer) => AnyHolder::Kafka(consumer.holder()),
        }
    }
}

impl Holder for AnyHolder {
    async fn interrupt(&self) -> Result<()> {
        on!(Self, self, holder => holder.interrupt().await)
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Settled> {
        on!(Self, self, holder => holder.settle(batch).await)
    }

    async fn extend(&self, receipts: &[Receipt]) -> Result<Vec<Receipt>> {
        on!(Self, self, holder => holder.extend(receipts).await)
    }

    async fn wanted_back(&self) {
        on!(Self, self, holder => holder.wanted_back().await)
    }

    async fn leave(&self) {
        on!(Self, self, holder => holder.leave().await)
    }

    async fn reclaim(&self, room: NonZeroUsize) -> Result<Vec<Delivery>> {
        on!(Self, self, holder => holder.reclaim(room).await)
    }
}

/// Sends requests to one queue on either broker and waits for replies.
#[derive(Clone)]
pub enum AnyCaller {
    /// On Redis.
    Redis(Caller),
    /// On Kafka.
    Kafka(KafkaCaller),
}

impl AnyCaller {
    /// Connects to the broker.
    ///
    /// # Errors
    /// The settings cannot be used; the broker is away or refuses.
    pub async fn connect(config: BrokerConfig) -> Result<Self> {
        Ok(match config {
            BrokerConfig::Redis(config) => {
                let RedisConfig { url, ca_file, names, .. } = config;
                Self::Redis(Caller::connect(CallerConfig { url, ca_file, names }).await?)
            }
            BrokerConfig::Kafka(config) => Self::Kafka(KafkaCaller::connect(config).await?),
        })
    }

    /// Sends the request `id`, which is the id inside `body` too.
    ///
    /// # Errors
    /// The broker is away, full or refuses.
    pub async fn send(&self, family: Family, id: &str, body: Bytes) -> Result<()> {
        on!(Self, self, caller => caller.send(family, id, body).await)
    }

    /// Waits for the reply to a request that was sent, for ever without a `timeout`. The reply can be read once.
    ///
    /// # Errors
    /// [`Error::Timeout`](crate::Error::Timeout), or the broker refuses.
    pub async fn wait(&self, family: Family, id: &str, timeout: Option<Duration>) -> Result<Bytes> {
        match self {
            Self::Redis(caller) => caller.wait(family, id, timeout).await,
            Self::Kafka(caller) => caller.wait(id, timeout).await,
        }
    }

    /// Waits until nothing is left behind on the broker that was read.
    pub async fn flush(&self) {
        if let Self::Redis(caller) = self {
            caller.flush().await;
        }
    }
}
