//! What all clients of librdkafka have in common: the configuration, and what is made of their events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use serde::Deserialize;

use super::{KafkaConfig, Shared, token};
use crate::error::{Error, Result};
use crate::url::Url;

/// How long anything may take that is asked of the brokers once.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The configuration that every client begins with.
pub(super) fn base(config: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", config.url.secret())
        .set("client.software.name", "prpc")
        .set("client.software.version", env!("CARGO_PKG_VERSION"))
        .set("allow.auto.create.topics", "false")
        .set("socket.keepalive.enable", "true")
        .set("socket.nagle.disable", "true")
        .set("reconnect.backoff.max.ms", "2000")
        .set("statistics.interval.ms", "5000")
        .set_log_level(RDKafkaLogLevel::Warning);
    config.security.apply(&mut client);
    client
}

/// A consumer that joins no group, for reading topics as a whole.
pub(super) fn reader(shared: &Shared, offset_reset: &str) -> Result<BaseConsumer<Context>> {
    let consumer: BaseConsumer<Context> = base(&shared.config)
        // Needed to be given partitions by hand.
        .set("group.id", &shared.config.group)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", offset_reset)
        .create_with_context(Context::new(&shared.config, Arc::clone(&shared.health)))
        .map_err(|error| self::error(&error))?;
    // A token is only fetched while somebody polls, and nothing is answered without one.
    let _ = consumer.poll(Duration::from_millis(1));
    Ok(consumer)
}

/// Whether the brokers can be reached, as last logged, so that a change is logged once.
pub(crate) struct Health {
    broker: String,
    down: AtomicBool,
}

impl Health {
    pub(super) fn new(url: &Url) -> Self {
        Self { broker: url.to_string(), down: AtomicBool::default() }
    }

    pub(super) fn is_up(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
    }

    pub(super) fn up(&self) {
        if self.down.load(Ordering::Relaxed) && self.down.swap(false, Ordering::Relaxed) {
            tracing::info!(broker = self.broker, "connected to the broker again");
        }
    }

    fn down(&self, reason: &str) {
        if !self.down.swap(true, Ordering::Relaxed) {
            tracing::warn!(broker = self.broker, reason, "lost the broker, connecting again");
        }
    }
}

/// What is read of librdkafka's statistics, which are long.
#[derive(Deserialize)]
pub(super) struct Seen {
    brokers: HashMap<String, BrokerSeen>,
    #[serde(default)]
    pub(super) topics: HashMap<String, TopicSeen>,
    pub(super) cgrp: Option<GroupSeen>,
}

#[derive(Deserialize)]
struct BrokerSeen {
    state: String,
}

#[derive(Deserialize)]
pub(super) struct TopicSeen {
    pub(super) partitions: HashMap<String, PartitionSeen>,
}

#[derive(Deserialize)]
pub(super) struct PartitionSeen {
    pub(super) partition: i32,
    pub(super) committed_offset: i64,
}

/// How a client stands in its group.
#[derive(Deserialize)]
pub(super) struct GroupSeen {
    pub(super) join_state: String,
}

/// What is made of a client's events.
#[derive(Clone)]
pub(super) struct Context {
    health: Arc<Health>,
    token: Option<Arc<std::path::Path>>,
}

impl Context {
    pub(super) fn new(config: &KafkaConfig, health: Arc<Health>) -> Self {
        Self { health, token: config.security.token_file().map(|path| path.as_path().into()) }
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// Reads the statistics, and notes whether a broker can be reached.
    pub(super) fn look(&self, statistics: &[u8]) -> Option<Seen> {
        let seen: Seen = serde_json::from_slice(statistics).ok()?;
        if seen.brokers.values().any(|broker| broker.state == "UP") {
            self.health.up();
        }
        Some(seen)
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What matters comes as an error too; these are many while a broker is away.
        tracing::debug!(?level, facility, message, "librdkafka");
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let _ = self.look(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.health.down(reason),
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => {
                self.health.down(&format!("the login was refused: {reason}"));
            }
            _ => tracing::debug!(%error, reason, "librdkafka"),
        }
    }

    fn generate_oauth_token(
        &self,
        _config: Option<&str>,
    ) -> std::result::Result<OAuthToken, Box<dyn std::error::Error>> {
        let path = self.token.as_ref().ok_or("no token file is set")?;
        let token = token::read(path);
        token
            .map(|token| token.for_librdkafka())
            .inspect_err(|error| tracing::error!(%error, "cannot log in to the broker"))
    }
}

impl ConsumerContext for Context {}

/// What an error of Kafka means for whoever asked.
pub(super) fn error(error: &KafkaError) -> Error {
    use RDKafkaErrorCode as Code;
    let text = error.to_string();
    match error.rdkafka_error_code() {
        Some(
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownGroup,
        ) => Error::NotPrepared(text),
        Some(
            Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::PolicyViolation
            | Code::InvalidReplicationFactor
            | Code::InvalidPartitions
            | Code::InvalidTopic
            | Code::InvalidConfig
            | Code::UnsupportedVersion
            | Code::InvalidGroupId
            | Code::MessageSizeTooLarge,
        ) => Error::Refused(text),
        Some(Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend | Code::QueueFull) => {
            Error::Full(text)
        }
        _ => match error {
            KafkaError::ClientCreation(text) => Error::Security(text.clone()),
            KafkaError::ClientConfig(_, what, key, _) => Error::Security(format!("{key}: {what}")),
            _ => Error::Connection(text),
        },
    }
}
