//! The shape of a `PrpcQueue`, field by field, and the settings that follow from it.

use std::collections::BTreeMap;

use prpc_contract::settings::Settings;
use serde::{Deserialize, Serialize};

use crate::time::Timeout;

/// A queue, its function and how many workers it may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrpcQueue {
    /// The version of this shape.
    pub api_version: ApiVersion,
    /// What the document describes.
    pub kind: Kind,
    /// Its name.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: Spec,
}

/// The versions that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiVersion {
    /// The first one.
    #[serde(rename = "prpc.dev/v1alpha1")]
    V1Alpha1,
}

/// The kinds that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A queue.
    PrpcQueue,
}

/// What Kubernetes knows about every object; only the name matters here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The object's name, and the queue's unless `spec.queueName` says otherwise.
    pub name: String,
    /// Where the object lives in a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// For the user's own use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// For the user's own use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What is wanted of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// The queue's name on the broker, without prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_name: Option<String>,
    /// Where the queue is.
    pub broker: Broker,
    /// What is run.
    pub function: Function,
    /// How it is run.
    #[serde(default)]
    pub worker: Worker,
    /// How many workers there may be.
    #[serde(default)]
    pub scaling: Scaling,
}

/// Exactly one broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Broker {
    /// Streams of a Redis server.
    Redis(Redis),
    /// Topics of a Kafka cluster.
    Kafka(Kafka),
}

/// A Redis server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redis {
    /// `redis://host:6379/0`, or `rediss://` for an encrypted connection.
    pub url: String,
}

/// A Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kafka {
    /// Addresses to begin with, each `host:port`.
    pub bootstrap_servers: Vec<String>,
}

/// The user's program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Function {
    /// The image that holds it; a cluster needs one, a single machine does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// `module:attribute` or the path of a script.
    pub app: String,
}

/// How calls are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
pub struct Worker {
    /// For functions that name no type of their own; left open, the program's constructor decides.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<WorkerType>,
    /// Calls at a time in each worker process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Time limit of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timeout>,
}

/// What runs a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WorkerType {
    /// A thread of a shared process.
    Thread,
    /// A process of its own, which can be killed.
    Process,
    /// A task of an event loop.
    Async,
}

impl WorkerType {
    /// The name in settings and manifests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Process => "process",
            Self::Async => "async",
        }
    }
}

/// The bounds of the number of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scaling {
    /// At least so many; 0 lets an idle queue sleep.
    pub min_replicas: u32,
    /// At most so many.
    pub max_replicas: u32,
}

impl Default for Scaling {
    fn default() -> Self {
        Self { min_replicas: 1, max_replicas: 10 }
    }
}

impl PrpcQueue {
    /// The queue's name on the broker.
    #[must_use]
    pub fn queue_name(&self) -> &str {
        self.spec.queue_name.as_deref().unwrap_or(&self.metadata.name)
    }

    /// What a runtime that serves this queue is told; the manifest's silence stays open.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let (broker, url) = match &self.spec.broker {
            Broker::Redis(redis) => ("redis", redis.url.clone()),
            Broker::Kafka(kafka) => ("kafka", kafka.bootstrap_servers.join(",")),
        };
        Settings {
            app: Some(self.spec.function.app.clone()),
            broker: Some(broker.to_owned()),
            broker_url: Some(url),
            queue: Some(self.queue_name().to_owned()),
            worker: self.spec.worker.kind.map(|kind| kind.as_str().to_owned()),
            concurrency: self.spec.worker.concurrency,
            timeout: self.spec.worker.timeout.map(Timeout::duration),
            ..Settings::default()
        }
    }
}
