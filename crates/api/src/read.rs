//! From text to a manifest that holds together, or to what is wrong with it and where.

use prpc_contract::names::QueueName;
use serde::Deserialize as _;

use crate::manifest::Manifest;
use crate::spec::Broker;

/// Why a text is not a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct InvalidManifest {
    /// What is wrong.
    pub what: String,
    /// The path of the field, such as `spec.worker.timeout`; empty for the document as a whole.
    pub path: String,
    /// Line in the text, from 1, if known.
    pub line: Option<u64>,
}

impl InvalidManifest {
    fn at(path: &str, what: impl Into<String>) -> Self {
        Self { what: what.into(), path: path.to_owned(), line: None }
    }
}

impl Manifest {
    /// Reads one YAML document.
    ///
    /// # Errors
    /// The first thing that is wrong: its path in the document, and its line where the text itself is at fault.
    pub fn from_yaml(text: &str) -> Result<Self, InvalidManifest> {
        let mut path = String::new();
        let read = serde_saphyr::with_deserializer_from_str(text, |deserializer| {
            let mut track = serde_path_to_error::Track::new();
            let read = Self::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track));
            if read.is_err() {
                path = track.path().to_string();
            }
            read
        });
        let queue = read.map_err(|error| InvalidManifest {
            line: error.location().map(|location| location.line()),
            what: reason(&error),
            path: path.trim_matches('.').to_owned(),
        })?;
        queue.check()?;
        Ok(queue)
    }

    /// What the types alone cannot refuse.
    fn check(&self) -> Result<(), InvalidManifest> {
        let name_path = if self.spec.queue_name.is_some() { "spec.queueName" } else { "metadata.name" };
        self.queue_name()
            .parse::<QueueName>()
            .map_err(|error| InvalidManifest::at(name_path, error.to_string()))?;
        self.check_broker()?;
        if self.spec.function.app.trim().is_empty() {
            return Err(InvalidManifest::at(
                "spec.function.app",
                "write module:attribute, such as app:app, or the path of a script",
            ));
        }
        if self.spec.worker.concurrency.is_some_and(|concurrency| concurrency < 1) {
            return Err(InvalidManifest::at("spec.worker.concurrency", "must be at least 1"));
        }
        let scaling = &self.spec.scaling;
        if scaling.min_replicas < 0 || scaling.max_replicas < scaling.min_replicas.max(1) {
            return Err(InvalidManifest::at(
                "spec.scaling.maxReplicas",
                format!("must be at least 1 and at least minReplicas ({})", scaling.min_replicas),
            ));
        }
        let policy = scaling.policy(None);
        policy.map(|_| ()).map_err(|error| InvalidManifest::at(&error.path, error.what))
    }

    fn check_broker(&self) -> Result<(), InvalidManifest> {
        match &self.spec.broker {
            Broker::Redis(redis) => match (&redis.url, &redis.url_secret_ref) {
                (Some(url), None) if !is_redis_url(url) => Err(InvalidManifest::at(
                    "spec.broker.redis.url",
                    "not an address of a Redis server: write redis://host:6379/0 or rediss://host:6379/0",
                )),
                (Some(_), None) | (None, Some(_)) => Ok(()),
                _ => Err(InvalidManifest::at("spec.broker.redis", "set exactly one of url and urlSecretRef")),
            },
            Broker::Kafka(kafka) => kafka
                .check()
                .map_err(|(place, what)| InvalidManifest::at(&format!("spec.broker.kafka.{place}"), what)),
        }
    }
}

fn is_redis_url(url: &str) -> bool {
    ["redis://", "rediss://"]
        .iter()
        .any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}

/// The first line of the library's report; the rest quotes the document, which may hold a password.
fn reason(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    text.lines().next().unwrap_or("not a YAML document").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::WorkerType;
    use std::time::Duration;

    const ORDERS: &str = "
apiVersion: prpc.dev/v1alpha1
kind: PrpcQueue
metadata:
  name: orders
spec:
  broker:
    redis: {url: redis://redis:6379/0}
  function:
    image: registry.example.com/shop/orders:1.4.2
    app: orders.main:app
  worker: {type: process, concurrency: 8, timeout: 1m30s}
  scaling: {minReplicas: 0, maxReplicas: 20}
";

    fn refused(from: &str, to: &str) -> InvalidManifest {
        assert!(ORDERS.contains(from), "{from}");
        Manifest::from_yaml(&ORDERS.replace(from, to)).unwrap_err()
    }

    #[test]
    fn a_manifest_says_everything_that_the_runtime_is_told() {
        let queue = Manifest::from_yaml(ORDERS).unwrap();
        assert_eq!(queue.spec.worker.kind, Some(WorkerType::Process));
        assert_eq!((queue.spec.scaling.min_replicas, queue.spec.scaling.max_replicas), (0, 20));
        let settings = queue.settings();
        assert_eq!(settings.app.as_deref(), Some("orders.main:app"));
        assert_eq!(settings.broker.as_deref(), Some("redis"));
        assert_eq!(settings.broker_url.as_deref(), Some("redis://redis:6379/0"));
        assert_eq!(settings.queue.as_deref(), Some("orders"));
        assert_eq!(settings.worker.as_deref(), Some("process"));
        assert_eq!((settings.concurrency, settings.timeout), (Some(8), Some(Duration::from_secs(90))));
        assert_eq!(settings.group, None);
    }

    #[test]
    fn what_a_manifest_leaves_open_stays_open_for_the_program() {
        let short = ORDERS.lines().filter(|line| !line.contains("worker:") && !line.contains("scaling:"));
        let queue = Manifest::from_yaml(&short.collect::<Vec<_>>().join("\n")).unwrap();
        let settings = queue.settings();
        assert_eq!((settings.worker, settings.concurrency, settings.timeout), (None, None, None));
        assert_eq!((queue.spec.scaling.min_replicas, queue.spec.scaling.max_replicas), (1, 10));
    }

    #[test]
    fn a_queue_name_wins_over_the_name_of_the_object() {
        let text = ORDERS.replace("spec:\n", "spec:\n  queueName: task_prpc\n");
        assert_eq!(Manifest::from_yaml(&text).unwrap().settings().queue.as_deref(), Some("task_prpc"));
    }

    #[test]
    fn kafka_servers_become_one_address() {
        let text = ORDERS
            .replace("redis: {url: redis://redis:6379/0}", "kafka: {bootstrapServers: [a:9092, b:9092]}");
        let settings = Manifest::from_yaml(&text).unwrap().settings();
        assert_eq!(
            (settings.broker.as_deref(), settings.broker_url.as_deref()),
            (Some("kafka"), Some("a:9092,b:9092"))
        );
    }

    #[test]
    fn what_is_wrong_is_reported_with_its_path() {
        for (from, to, path) in [
            ("concurrency: 8", "concurency: 8", "spec.worker.concurency"),
            ("concurrency: 8", "concurrency: many", "spec.worker.concurrency"),
            ("concurrency: 8", "concurrency: 0", "spec.worker.concurrency"),
            ("timeout: 1m30s", "timeout: soon", "spec.worker.timeout"),
            ("timeout: 1m30s", "timeout: 30", "spec.worker.timeout"),
            ("type: process", "type: fibre", "spec.worker.type"),
            ("redis://redis:6379/0", "localhost", "spec.broker.redis.url"),
            (
                "redis: {url: redis://redis:6379/0}",
                "kafka: {bootstrapServers: []}",
                "spec.broker.kafka.bootstrapServers",
            ),
            (
                "redis: {url: redis://redis:6379/0}",
                "kafka: {bootstrapServers: [k:1], security: {sasl: {mechanism: PLAIN}}}",
                "spec.broker.kafka.security.sasl",
            ),
            ("maxReplicas: 20", "maxReplicas: 0", "spec.scaling.maxReplicas"),
            (
                "maxReplicas: 20",
                "maxReplicas: 20, schedules: [{name: a, start: '08:00', end: '09:00', timeZone: Nowhere}]",
                "spec.scaling.schedules[0].timeZone",
            ),
            ("app: orders.main:app", "app: ''", "spec.function.app"),
            ("prpc.dev/v1alpha1", "prpc.dev/v2", "apiVersion"),
            ("kind: PrpcQueue", "kind: Deployment", "kind"),
        ] {
            let error = refused(from, to);
            assert_eq!(error.path, path, "{to}: {error:?}");
        }
    }

    #[test]
    fn a_misspelt_field_is_named_with_its_line() {
        let error = refused("  function:", "  funktion:");
        assert!(error.what.contains("funktion"), "{error:?}");
        assert_eq!(error.line, Some(9), "{error:?}");
    }

    #[test]
    fn a_password_in_the_document_is_not_repeated() {
        let error =
            refused("redis: {url: redis://redis:6379/0}", "redis: {url: [\"redis://:s3cret@redis\"]}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }

    #[test]
    fn a_text_that_is_no_yaml_is_refused_with_its_line() {
        let error = Manifest::from_yaml("apiVersion: prpc.dev/v1alpha1\nkind: {").unwrap_err();
        assert_eq!(error.line.map(|line| line >= 2), Some(true), "{error:?}");
    }
}
