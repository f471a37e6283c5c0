//! Every setting of a runtime, decided: what the settings leave open comes from the program, then from defaults.

use std::net::SocketAddr;
use std::time::Duration;

use prpc_broker::{BrokerConfig, KafkaConfig, RedisConfig, Url};
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
    pub broker: BrokerConfig,
}

/// Settings that cannot be used, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

impl From<prpc_broker::Error> for Unusable {
    /// What is wrong with the broker's address, certificates or login.
    fn from(error: prpc_broker::Error) -> Self {
        match error {
            prpc_broker::Error::Url(_) => {
                Self(format!("{error}: correct PRPC_URL_BROKER, or what AppServer is given"))
            }
            other => Self(other.to_string()),
        }
    }
}

impl Config {
    /// Decides from `settings`, which are complete but for defaults.
    ///
    /// # Errors
    /// What cannot be used, and what to change.
    pub fn decide(settings: &Settings) -> Result<Self, Unusable> {
        let url = settings.broker_url.as_deref().ok_or_else(|| {
            Unusable(
                "no broker address: set PRPC_URL_BROKER (redis://host:6379/0, or host:9092 for kafka) or pass it \
                 to AppServer"
                    .into(),
            )
        })?;
        let url: Url = url.parse()?;
        let queue: QueueName = match settings.queue.as_deref() {
            Some(name) => name
                .parse()
                .map_err(|error: prpc_contract::names::InvalidQueueName| Unusable(error.to_string()))?,
            None => QueueName::default(),
        };
        let heartbeat = settings.heartbeat.unwrap_or(HEARTBEAT);
        let broker = match settings.broker.as_deref() {
            None | Some("redis") => BrokerConfig::Redis(redis(url, &queue, settings, heartbeat)?),
            Some("kafka") => BrokerConfig::Kafka(kafka(url, &queue, settings)?),
            Some(other) => {
                return Err(Unusable(format!("the broker {other:?} is unknown: use redis or kafka")));
            }
        };
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
            broker,
        })
    }
}

fn redis(
    url: Url,
    queue: &QueueName,
    settings: &Settings,
    heartbeat: Duration,
) -> Result<RedisConfig, Unusable> {
    let mut redis = RedisConfig::new(url, QueueNames::new(queue));
    if let Some(group) = &settings.group {
        redis.group.clone_from(group);
    }
    if let Some(expiry) = settings.answer_expiry {
        redis.reply_ttl = expiry;
    }
    if let Some(recovery) = settings.recovery {
        redis.recover_after = recovery;
    }
    if redis.recover_after <= heartbeat {
        return Err(Unusable(format!(
            "calls would be taken over after {:?} but are shown to be alive every {heartbeat:?} only: \
             make PRPC_REDIS_RECOVER_INTERVAL_SEC larger than PRPC_REDIS_HEARTBEAT_INTERVAL_SEC",
            redis.recover_after
        )));
    }
    redis.reclaim_interval = redis.reclaim_interval.min(redis.recover_after / 3);
    Ok(redis)
}

fn kafka(url: Url, queue: &QueueName, settings: &Settings) -> Result<KafkaConfig, Unusable> {
    let mut kafka = KafkaConfig::new(url, QueueNames::new(queue)).with_settings(&settings.kafka)?;
    if let Some(group) = &settings.group {
        kafka.group.clone_from(group);
    }
    // What is handed over must be finished, and what is finished committed, before the pod is killed.
    kafka.hand_over = kafka.hand_over.min(settings.grace.unwrap_or(GRACE));
    Ok(kafka)
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
        let BrokerConfig::Redis(redis) = &config.broker else { panic!("{:?}", config.broker) };
        assert_eq!(redis.group, "prpc_group_consumers");
        assert_eq!((config.worker, config.concurrency, config.timeout), (WorkerType::Thread, 4, None));
        assert_eq!(config.heartbeat, Duration::from_secs(15));
        assert_eq!(redis.recover_after, Duration::from_secs(45));
        assert_eq!(redis.reply_ttl, Duration::from_secs(21_600));
    }

    #[test]
    fn kafka_has_the_originals_partitions_unless_somebody_says_others() {
        let kafka = |partitions| {
            let kafka =
                prpc_contract::settings::KafkaSettings { queue_partitions: partitions, ..Default::default() };
            let address = Some("kafka:9092".into());
            let settings =
                Settings { broker: Some("kafka".into()), broker_url: address, kafka, ..settings() };
            match Config::decide(&settings).unwrap().broker {
                BrokerConfig::Kafka(config) => (config.partitions.get(), config.feedback_partitions.get()),
                other @ BrokerConfig::Redis(_) => panic!("{other:?}"),
            }
        };
        assert_eq!(kafka(None), (4, 4));
        assert_eq!(kafka(Some(12)), (12, 4));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_variable_to_change() {
        for (case, settings, word) in [
            ("no address", Settings { broker_url: None, ..settings() }, "PRPC_URL_BROKER"),
            ("no such broker", Settings { broker: Some("rabbit".into()), ..settings() }, "redis or kafka"),
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
