//! Redis: streams with a consumer group, replies as strings that expire.
//!
//! A worker has two connections: one that only reads and blocks, and one shared by everything else. The server must be
//! Redis 6.2 or newer, or Valkey.

mod argument;
mod bell;
pub mod caller;
mod connection;
mod consumer;
mod dead;
mod entries;
mod heartbeat;
mod held;
mod holder;
mod late_copy;
mod measure;
mod push;
mod reader;
mod reclaim;
mod settle;
mod splice;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prpc_contract::message::Family;
use prpc_contract::names::QueueNames;
use redis::{ProtocolVersion, RedisError, cmd};

use self::argument::Argument;
use self::bell::Bell;
pub use self::connection::install_tls_provider;
use self::connection::{Connector, Link, Patience};
pub use self::consumer::RedisConsumer;
pub use self::holder::RedisHolder;
use self::late_copy::LateCopies;
use self::push::Pushes;
use self::settle::Fullness;
use crate::error::{Error, Result};
use crate::types::{Backlog, Counters, DeadLetter, Receipt};
use crate::url::Url;

/// Settings of a queue on Redis.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// The server: `redis://` or `rediss://`, with user and password if needed.
    pub url: Url,
    /// For `rediss://`: the certificates to trust instead of the system's, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The names of the queue.
    pub names: QueueNames,
    /// The consumer group.
    pub group: String,
    /// How long a reply is kept.
    pub reply_ttl: Duration,
    /// How long a request may go without a sign of life before others take it over.
    pub recover_after: Duration,
    /// At most one worker of a queue looks for such requests in this time.
    pub reclaim_interval: Duration,
    /// Whether native replies are stored once more a little later, for original clients.
    pub late_copies: bool,
    /// How many such copies may be waiting.
    pub late_copy_limit: usize,
    /// About how many dead letters are kept.
    pub dead_letter_limit: usize,
    /// How many bytes of a message a dead letter holds.
    pub dead_letter_body_limit: usize,
}

impl RedisConfig {
    /// The defaults.
    #[must_use]
    pub fn new(url: Url, names: QueueNames) -> Self {
        Self {
            url,
            ca_file: None,
            names,
            group: "prpc_group_consumers".into(),
            reply_ttl: Duration::from_secs(21_600),
            recover_after: Duration::from_secs(45),
            reclaim_interval: Duration::from_secs(15),
            late_copies: true,
            late_copy_limit: 8192,
            dead_letter_limit: 10_000,
            dead_letter_body_limit: 1 << 20,
        }
    }
}

/// One queue on a Redis server.
#[derive(Clone)]
pub struct RedisBroker(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: RedisConfig,
    pub(crate) connector: Connector,
    pub(crate) link: Link,
    pub(crate) counters: Arc<Counters>,
    pub(crate) late: Option<LateCopies>,
    bell: Bell,
    fullness: Fullness,
    pushes: Pushes,
}

impl RedisBroker {
    /// A handle on the queue. Connects when it is first used. Needs a Tokio runtime.
    pub fn new(config: RedisConfig) -> Result<Self> {
        let connector = Connector::new(&config.url, config.ca_file.as_deref(), ProtocolVersion::RESP2)?;
        let counters = Arc::new(Counters::default());
        let link = Link::new("shared", connector.clone(), Arc::clone(&counters));
        let late = config
            .late_copies
            .then(|| LateCopies::start(link.clone(), config.late_copy_limit, Arc::clone(&counters)));
        let (bell, fullness, pushes) = (Bell::default(), Fullness::default(), Pushes::default());
        Ok(Self(Arc::new(Shared { config, connector, link, counters, late, bell, fullness, pushes })))
    }

    /// A handle on another queue of the same server, for looking at it: over the same connection, without late copies.
    #[must_use]
    pub fn beside(&self, names: QueueNames, group: String) -> Self {
        let Shared { config, connector, link, counters, bell, .. } = &*self.0;
        Self(Arc::new(Shared {
            config: RedisConfig { names, group, late_copies: false, ..config.clone() },
            connector: connector.clone(),
            link: link.clone(),
            counters: Arc::clone(counters),
            late: None,
            bell: bell.clone(),
            fullness: Fullness::default(),
            pushes: Pushes::default(),
        }))
    }

    /// Returns when there is a request in the queue; with all others of the same server who wait like this over one more
    /// connection. While the server cannot be asked, it does not return.
    pub async fn first_request(&self) {
        self.0.bell.wait(&self.0.config.names, &self.0.connector).await;
    }
}

impl Shared {
    /// Creates streams and groups, at the beginning, so that nothing sent before is missed.
    pub(crate) async fn prepare(&self, patience: Patience) -> Result<()> {
        for family in Family::ALL {
            let mut create = cmd("XGROUP");
            create
                .arg("CREATE")
                .arg(self.config.names.requests(family))
                .arg(&self.config.group)
                .arg("0")
                .arg("MKSTREAM");
            let create = &create;
            self.link
                .run(patience, |mut connection| async move {
                    match create.query_async::<()>(&mut connection).await {
                        Err(error) if is_busy_group(&error) => Ok(()),
                        other => other,
                    }
                })
                .await?;
        }
        Ok(())
    }
}

/// Where the attempts of a request are: the streams may give two of them the same id.
fn attempts_field(receipt: &Receipt) -> String {
    format!("{}:{}", receipt.family, receipt.id)
}

fn is_busy_group(error: &RedisError) -> bool {
    error.code() == Some("BUSYGROUP")
}

impl crate::Broker for RedisBroker {
    type Consumer = RedisConsumer;

    async fn prepare(&self) -> Result<()> {
        self.0.prepare(Patience::Brief).await
    }

    async fn consumer(&self, name: &str) -> Result<RedisConsumer> {
        if name.is_empty() {
            return Err(Error::Refused("a consumer needs a name".into()));
        }
        Ok(RedisConsumer::start(Arc::clone(&self.0), name))
    }

    async fn measure(&self) -> Result<Backlog> {
        measure::measure(&self.0).await
    }

    async fn purge(&self) -> Result<()> {
        let names = &self.0.config.names;
        let mut unlink = cmd("UNLINK");
        unlink.arg(&[&names.native, &names.raw, &names.dead, &names.attempts, &names.reclaim_lock]);
        let unlink = &unlink;
        self.0
            .link
            .run(
                Patience::Brief,
                |mut connection| async move { unlink.query_async::<()>(&mut connection).await },
            )
            .await
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

    fn counters(&self) -> &Counters {
        &self.0.counters
    }

    fn is_connected(&self) -> bool {
        self.0.link.is_up()
    }
}
