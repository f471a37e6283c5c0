//! What the runtime is told: by the command line or the environment first, then by the program's constructor, then by defaults.
//!
//! The environment comes in as a function. The type is complete in both directions, so that what writes a pod's
//! environment and what reads it cannot drift apart.

use std::net::SocketAddr;
use std::time::Duration;

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
}

/// A variable whose text is not what it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name}={text:?} is not {expected}: correct it or unset it")]
pub struct Invalid {
    name: &'static str,
    text: String,
    expected: &'static str,
}

type Variable =
    (&'static str, fn(&Settings) -> Option<String>, fn(&mut Settings, &str) -> Result<(), &'static str>);

/// Every variable, with how it is written and read. The names of the original keep their meaning.
const VARIABLES: &[Variable] = &[
    ("PRPC_APP", |s| s.app.clone(), |s, text| set_text(&mut s.app, text)),
    (
        "PRPC_TYPE_BROKER",
        |s| s.broker.clone(),
        |s, text| set_choice(&mut s.broker, text, &["redis", "kafka"], "redis or kafka"),
    ),
    ("PRPC_URL_BROKER", |s| s.broker_url.clone(), |s, text| set_text(&mut s.broker_url, text)),
    ("PRPC_QUEUE_NAME", |s| s.queue.clone(), |s, text| set_text(&mut s.queue, text)),
    ("PRPC_GROUP_NAME", |s| s.group.clone(), |s, text| set_text(&mut s.group, text)),
    ("PRPC_INSTANCE_NAME", |s| s.instance.clone(), |s, text| set_text(&mut s.instance, text)),
    (
        "PRPC_WORKER_TYPE",
        |s| s.worker.clone(),
        |s, text| {
            set_choice(&mut s.worker, text, &["thread", "process", "async"], "thread, process or async")
        },
    ),
    (
        "PRPC_CONCURRENCY",
        |s| s.concurrency.map(|n| n.to_string()),
        |s, text| set_count(&mut s.concurrency, text),
    ),
    ("PRPC_TIMEOUT_SEC", |s| s.timeout.map(seconds), |s, text| set_seconds(&mut s.timeout, text)),
    (
        "PRPC_REDIS_EXPIRE_MESSAGE_FEEDBACK_SEC",
        |s| s.answer_expiry.map(seconds),
        |s, text| set_seconds(&mut s.answer_expiry, text),
    ),
    (
        "PRPC_REDIS_HEARTBEAT_INTERVAL_SEC",
        |s| s.heartbeat.map(seconds),
        |s, text| set_seconds(&mut s.heartbeat, text),
    ),
    (
        "PRPC_REDIS_RECOVER_INTERVAL_SEC",
        |s| s.recovery.map(seconds),
        |s, text| set_seconds(&mut s.recovery, text),
    ),
    (
        "PRPC_MAX_ATTEMPTS",
        |s| s.max_attempts.map(|n| n.to_string()),
        |s, text| set_count(&mut s.max_attempts, text),
    ),
    (
        "PRPC_MAX_CALLS_PER_CHILD",
        |s| s.max_calls_per_child.map(|n| n.to_string()),
        |s, text| set_count(&mut s.max_calls_per_child, text),
    ),
    (
        "PRPC_MAX_MEMORY_PER_CHILD_MIB",
        |s| s.max_memory_per_child.map(|n| n.to_string()),
        |s, text| set_count(&mut s.max_memory_per_child, text),
    ),
    ("PRPC_MAX_AGE_SEC", |s| s.max_age.map(seconds), |s, text| set_seconds(&mut s.max_age, text)),
    ("PRPC_GRACE_PERIOD_SEC", |s| s.grace.map(seconds), |s, text| set_seconds(&mut s.grace, text)),
    (
        "PRPC_PAGES_ADDRESS",
        |s| s.pages.map(|address| address.to_string()),
        |s, text| {
            s.pages = Some(text.parse().map_err(|_| "an address with port, such as 0.0.0.0:9464")?);
            Ok(())
        },
    ),
];

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

/// An address may hold a password, so its text is not shown.
fn shown(name: &str, text: &str) -> String {
    if name == "PRPC_URL_BROKER" { "…".to_owned() } else { text.to_owned() }
}

/// Seconds with as many decimals as the value needs, at most nine.
fn seconds(duration: Duration) -> String {
    let text = format!("{}.{:09}", duration.as_secs(), duration.subsec_nanos());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for every reader of the table")]
fn set_text(field: &mut Option<String>, text: &str) -> Result<(), &'static str> {
    *field = Some(text.to_owned());
    Ok(())
}

fn set_choice(
    field: &mut Option<String>,
    text: &str,
    choices: &[&str],
    expected: &'static str,
) -> Result<(), &'static str> {
    if !choices.contains(&text) {
        return Err(expected);
    }
    *field = Some(text.to_owned());
    Ok(())
}

fn set_count(field: &mut Option<u32>, text: &str) -> Result<(), &'static str> {
    let count = text.parse().ok().filter(|count| *count > 0);
    *field = Some(count.ok_or("a whole number from 1")?);
    Ok(())
}

fn set_seconds(field: &mut Option<Duration>, text: &str) -> Result<(), &'static str> {
    const EXPECTED: &str = "a number of seconds above 0";
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return Err(EXPECTED);
    }
    let whole: u64 = whole.parse().map_err(|_| EXPECTED)?;
    let nanos: u32 = format!("{fraction:0<9}").parse().map_err(|_| EXPECTED)?;
    let duration = Duration::new(whole, nanos);
    *field = Some(Some(duration).filter(|duration| !duration.is_zero()).ok_or(EXPECTED)?);
    Ok(())
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
