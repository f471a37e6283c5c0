//! What the runtime is told: by the command line or the environment first, then by the program's constructor, then by defaults.
//!
//! The environment comes in as a function. The type is complete in both directions, so that what writes a pod's
//! environment and what reads it cannot drift apart.

mod kafka;
mod variables;

use std::net::SocketAddr;
use std::time::Duration;

pub use self::kafka::KafkaSettings;
use self::variables::{VARIABLES, shown};

/// What one source says; `None` leaves it open for the next source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `module:attribute` or the path of a script.
    pub app: Option<String>,
    /// `redis` or `kafka`.
    pub broker: Option<String>,
    /// Address of the broker. May hold a password: never log it.
    pub broker_url: Option<String>,
    /// Queue name, without prefix.
    pub queue: Option<String>,
    /// Consumer group.
    pub group: Option<String>,
    /// Name of this consumer; a fresh one per start if open.
    pub instance: Option<String>,
    /// Worker type of functions that name none: `thread`, `process` or `async`.
    pub worker: Option<String>,
    /// Calls at a time in the pod.
    pub concurrency: Option<u32>,
    /// Time limit of a call.
    pub timeout: Option<Duration>,
    /// How long a stored answer lives.
    pub answer_expiry: Option<Duration>,
    /// How often a running call is shown to be alive.
    pub heartbeat: Option<Duration>,
    /// Idle time after which a call of a silent consumer is taken over. Must exceed `heartbeat`.
    pub recovery: Option<Duration>,
    /// Starts of a call without outcome before it is given up.
    pub max_attempts: Option<u32>,
    /// Calls after which a worker host is replaced.
    pub max_calls_per_child: Option<u32>,
    /// Resident memory, in MiB, above which a worker host is replaced.
    pub max_memory_per_child: Option<u32>,
    /// Age at which a worker host is replaced.
    pub max_age: Option<Duration>,
    /// How long started calls may go on after SIGTERM.
    pub grace: Option<Duration>,
    /// Where `/live`, `/ready`, `/startup`, `/metrics` and `/status` are served; nowhere if open.
    pub pages: Option<SocketAddr>,
    /// What only Kafka needs.
    pub kafka: KafkaSettings,
}

/// A variable whose text is not what it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name}={text:?} is not {expected}: correct it or unset it")]
pub struct Invalid {
    name: &'static str,
    text: String,
    expected: &'static str,
}

impl Settings {
    /// Reads the variables through `lookup`; an empty one counts as unset.
    ///
    /// # Errors
    /// The first variable that cannot be understood.
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut settings = Self::default();
        for (name, _, read) in VARIABLES {
            if let Some(text) = lookup(name).filter(|text| !text.is_empty()) {
                read(&mut settings, &text).map_err(|expected| Invalid {
                    name,
                    text: shown(name, &text),
                    expected,
                })?;
            }
        }
        Ok(settings)
    }

    /// The variables that say the same as these settings.
    #[must_use]
    pub fn to_env(&self) -> Vec<(&'static str, String)> {
        VARIABLES.iter().filter_map(|(name, write, _)| Some((*name, write(self)?))).collect()
    }

    /// What `self` leaves open is taken from `other`.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        let mut merged = self.clone();
        for (_, write, read) in VARIABLES {
            if write(&self).is_none()
                && let Some(text) = write(other)
            {
                // `other` holds the value, so its own text is always readable.
                let read_back = read(&mut merged, &text);
                debug_assert!(read_back.is_ok(), "{read_back:?}");
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn read(variables: &[(&'static str, String)]) -> Result<Settings, Invalid> {
        let map: HashMap<_, _> = variables.iter().cloned().collect();
        Settings::from_env(|name| map.get(name).cloned())
    }

    fn settings() -> impl Strategy<Value = Settings> {
        let text = || proptest::option::of("[a-z:/.]{1,12}");
        let time = || {
            proptest::option::of(
                (0..1_000_000_u64, 1..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n)),
            )
        };
        let count = || proptest::option::of(1..u32::MAX);
        let names = (text(), text(), text(), text(), text());
        let times = (time(), time(), time(), time(), time());
        (names, times, count(), count()).prop_map(
            |(
                (app, broker_url, queue, group, instance),
                (timeout, answer_expiry, heartbeat, recovery, grace),
                concurrency,
                max_attempts,
            )| {
                let worker = queue.as_ref().map(|_| "async".to_owned());
                let broker = broker_url.as_ref().map(|_| "redis".to_owned());
                let kafka = KafkaSettings {
                    queue_partitions: concurrency,
                    feedback_partitions: max_attempts,
                    replication_factor: concurrency,
                    security_protocol: queue.as_ref().map(|_| "SASL_SSL".to_owned()),
                    sasl_mechanism: group.as_ref().map(|_| "SCRAM-SHA-512".to_owned()),
                    sasl_username: app.clone(),
                    sasl_password: group.clone(),
                    sasl_token_file: queue.clone(),
                    ssl_ca: instance.clone(),
                    ssl_certificate: app.clone(),
                    ssl_key: queue.clone(),
                };
                Settings {
                    app,
                    broker,
                    broker_url,
                    queue,
                    group,
                    instance,
                    worker,
                    concurrency,
                    timeout,
                    answer_expiry,
                    heartbeat,
                    recovery,
                    max_attempts,
                    max_calls_per_child: max_attempts,
                    max_memory_per_child: concurrency,
                    max_age: recovery,
                    grace,
                    pages: concurrency.map(|port| SocketAddr::from(([127, 0, 0, 1], port as u16))),
                    kafka,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(settings in settings()) {
            prop_assert_eq!(read(&settings.to_env()), Ok(settings));
        }

        #[test]
        fn the_first_source_wins_and_the_second_fills_what_is_open(first in settings(), second in settings()) {
            let merged = first.clone().or(&second);
            prop_assert_eq!(&merged.app, &first.app.or(second.app));
            prop_assert_eq!(merged.timeout, first.timeout.or(second.timeout));
            prop_assert_eq!(merged.concurrency, first.concurrency.or(second.concurrency));
        }
    }

    #[test]
    fn a_variable_that_cannot_be_understood_is_named_with_what_it_should_be() {
        for (name, text) in [
            ("PRPC_TYPE_BROKER", "rabbit"),
            ("PRPC_CONCURRENCY", "0"),
            ("PRPC_CONCURRENCY", "four"),
            ("PRPC_TIMEOUT_SEC", "-1"),
            ("PRPC_TIMEOUT_SEC", "1e3"),
            ("PRPC_TIMEOUT_SEC", "0"),
        ] {
            let error = read(&[(name, text.to_owned())]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(text), "{error}");
        }
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(read(&[("PRPC_CONCURRENCY", String::new())]), Ok(Settings::default()));
    }
}
