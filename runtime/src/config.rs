//! Every setting of a runtime, decided: what the settings leave open comes from the program, then from defaults.

use std::net::SocketAddr;
use std::time::Duration;

use prpc_broker::{RedisConfig, Url};
use prpc_contract::names::{QueueName, QueueNames};
use prpc_contract::settings::Settings;

use crate::dispatch::Recycling;
use crate::pool::WorkerType;

const CONCURRENCY: u32 = 4;
const MAX_ATTEMPTS: u32 = 3;
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Five seconds below what Kubernetes gives a pod, so that the answers are out before SIGKILL.
const GRACE: Duration = Duration::from_secs(25);

/// What the runtime does, with nothing left open.
#[derive(Debug, Clone)]
pub struct Config {
    /// The queue.
    pub queue: QueueName,
    /// Unique name of this consumer.
    pub instance: String,
    /// For functions that name no worker type.
    pub worker: WorkerType,
    /// Calls at a time.
    pub concurrency: u32,
    /// Limit of one call.
    pub timeout: Option<Duration>,
    /// How often calls in work are shown to be alive.
    pub heartbeat: Duration,
    /// Starts of one call without outcome.
    pub max_attempts: u32,
    /// When hosts are replaced before they do harm.
    pub recycling: Recycling,
    /// How long started calls may go on after SIGTERM.
    pub grace: Duration,
    /// Where the pages are served.
    pub pages: Option<SocketAddr>,
    /// The broker.
    pub redis: RedisConfig,
}

/// Settings that cannot be used, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

impl From<prpc_broker::Error> for Unusable {
    /// What is wrong with the broker's address or certificates.
    fn from(error: prpc_broker::Error) -> Self {
        Self(format!("{error}: correct PRPC_URL_BROKER, or what AppServer is given"))
    }
}

impl Config {
    /// Decides from `settings`, which are complete but for defaults.
    ///
    /// # Errors
    /// What cannot be used, and what to change.
    pub fn decide(settings: &Settings) -> Result<Self, Unusable> {
        match settings.broker.as_deref() {
            None | Some("redis") => {}
            Some(other) => {
                return Err(Unusable(format!("the broker {other:?} is not supported yet: use redis")));
            }
        }
        let url = settings.broker_url.as_deref().ok_or_else(|| {
            Unusable(
                "no broker address: set PRPC_URL_BROKER (redis://host:6379/0) or pass it to AppServer".into(),
            )
        })?;
        let url: Url = url.parse()?;
        let queue: QueueName = match settings.queue.as_deref() {
            Some(name) => name
                .parse()
                .map_err(|error: prpc_contract::names::InvalidQueueName| Unusable(error.to_string()))?,
            None => QueueName::default(),
        };
        let mut redis = RedisConfig::new(url, QueueNames::new(&queue));
        if let Some(group) = &settings.group {
            redis.group.clone_from(group);
        }
        if let Some(expiry) = settings.answer_expiry {
            redis.reply_ttl = expiry;
        }
        if let Some(recovery) = settings.recovery {
            redis.recover_after = recovery;
        }
        let heartbeat = settings.heartbeat.unwrap_or(HEARTBEAT);
        if redis.recover_after <= heartbeat {
            return Err(Unusable(format!(
                "calls would be taken over after {:?} but are shown to be alive every {heartbeat:?} only: \
                 make PRPC_REDIS_RECOVER_INTERVAL_SEC larger than PRPC_REDIS_HEARTBEAT_INTERVAL_SEC",
                redis.recover_after
            )));
        }
        redis.reclaim_interval = redis.reclaim_interval.min(redis.recover_after / 3);
        let worker = settings.worker.as_deref().unwrap_or("thread");
        Ok(Self {
            queue,
            instance: settings.instance.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            worker: WorkerType::from_name(worker)
                .ok_or_else(|| Unusable(format!("worker type {worker:?}: use thread, process or async")))?,
            concurrency: settings.concurrency.unwrap_or(CONCURRENCY),
            timeout: settings.timeout,
            heartbeat,
            max_attempts: settings.max_attempts.unwrap_or(MAX_ATTEMPTS),
            recycling: Recycling {
                max_calls: settings.max_calls_per_child,
                max_memory: settings.max_memory_per_child.map(|mib| u64::from(mib) << 20),
                max_age: settings.max_age,
            },
            grace: settings.grace.unwrap_or(GRACE),
            pages: settings.pages,
            redis,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { broker_url: Some("redis://localhost:6379/0".into()), ..Settings::default() }
    }

    #[test]
    fn what_nobody_says_has_the_originals_default() {
        let config = Config::decide(&settings()).unwrap();
        assert_eq!(config.queue.to_string(), "task_prpc");
        assert_eq!(config.redis.group, "prpc_group_consumers");
        assert_eq!((config.worker, config.concurrency, config.timeout), (WorkerType::Thread, 4, None));
        assert_eq!(config.heartbeat, Duration::from_secs(15));
        assert_eq!(config.redis.recover_after, Duration::from_secs(45));
        assert_eq!(config.redis.reply_ttl, Duration::from_secs(21_600));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_variable_to_change() {
        for (case, settings, word) in [
            ("no address", Settings { broker_url: None, ..settings() }, "PRPC_URL_BROKER"),
            ("kafka", Settings { broker: Some("kafka".into()), ..settings() }, "redis"),
            ("a queue that is another one's", Settings { queue: Some("raw_x".into()), ..settings() }, "raw_"),
            (
                "taken over before it is shown alive",
                Settings { recovery: Some(Duration::from_secs(10)), ..settings() },
                "PRPC_REDIS_RECOVER_INTERVAL_SEC",
            ),
        ] {
            let error = Config::decide(&settings).unwrap_err().to_string();
            assert!(error.contains(word), "{case}: {error}");
        }
    }
}
