//! Responsibility: every environment variable, with how it is written and read.

use std::time::Duration;

use super::Settings;

type Variable =
    (&'static str, fn(&Settings) -> Option<String>, fn(&mut Settings, &str) -> Result<(), &'static str>);

/// Every variable, with how it is written and read. The names of the original keep their meaning.
pub(super) const VARIABLES: &[Variable] = &[
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
    (
        "PRPC_KAFKA_QUEUE_TOPIC_NUMBER_PARTITIONS",
        |s| s.kafka.queue_partitions.map(|n| n.to_string()),
        |s, text| set_count(&mut s.kafka.queue_partitions, text),
    ),
    (
        "PRPC_KAFKA_FEEDBACK_TOPIC_NUMBER_PARTITIONS",
        |s| s.kafka.feedback_partitions.map(|n| n.to_string()),
        |s, text| set_count(&mut s.kafka.feedback_partitions, text),
    ),
    (
        "PRPC_KAFKA_REPLICATION_FACTOR",
        |s| s.kafka.replication_factor.map(|n| n.to_string()),
        |s, text| set_count(&mut s.kafka.replication_factor, text),
    ),
    (
        "PRPC_KAFKA_SECURITY_PROTOCOL",
        |s| s.kafka.security_protocol.clone(),
        |s, text| {
            set_choice(
                &mut s.kafka.security_protocol,
                text,
                &["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
                "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
            )
        },
    ),
    (
        "PRPC_KAFKA_SASL_MECHANISM",
        |s| s.kafka.sasl_mechanism.clone(),
        |s, text| {
            set_choice(
                &mut s.kafka.sasl_mechanism,
                text,
                &["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"],
                "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
            )
        },
    ),
    (
        "PRPC_KAFKA_SASL_USERNAME",
        |s| s.kafka.sasl_username.clone(),
        |s, text| set_text(&mut s.kafka.sasl_username, text),
    ),
    (
        "PRPC_KAFKA_SASL_PASSWORD",
        |s| s.kafka.sasl_password.clone(),
        |s, text| set_text(&mut s.kafka.sasl_password, text),
    ),
    (
        "PRPC_KAFKA_SASL_TOKEN_FILE",
        |s| s.kafka.sasl_token_file.clone(),
        |s, text| set_text(&mut s.kafka.sasl_token_file, text),
    ),
    ("PRPC_KAFKA_SSL_CA", |s| s.kafka.ssl_ca.clone(), |s, text| set_text(&mut s.kafka.ssl_ca, text)),
    (
        "PRPC_KAFKA_SSL_CERTIFICATE",
        |s| s.kafka.ssl_certificate.clone(),
        |s, text| set_text(&mut s.kafka.ssl_certificate, text),
    ),
    ("PRPC_KAFKA_SSL_KEY", |s| s.kafka.ssl_key.clone(), |s, text| set_text(&mut s.kafka.ssl_key, text)),
];

/// An address may hold a password, so its text is not shown.
pub(super) fn shown(name: &str, text: &str) -> String {
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
