//! The resource and its spec.

use kube::{CustomResource, KubeSchema};
use prpc_contract::settings::{KafkaSettings, Settings};
use serde::{Deserialize, Serialize};

use crate::span::Span;
use crate::spec::{
    Broker, DeletionPolicy, Delivery, DisruptionBudget, Function, NetworkPolicy, Observability, PodTemplate,
    Rollout, Scaling, Worker,
};
use crate::status::PrpcQueueStatus;

/// What is wanted of a queue and its workers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "prpc.dev", version = "v1alpha1", kind = "PrpcQueue", plural = "prpcqueues", singular = "prpcqueue",
    shortname = "pq", category = "prpc", namespaced, status = "PrpcQueueStatus", derive = "PartialEq",
    doc = "A queue of calls, the Python functions that answer them, and how many pods run these.",
    scale(spec_replicas_path = ".spec.replicas", status_replicas_path = ".status.replicas", label_selector_path = ".status.selector"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Status", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Broker", type_ = "string", json_path = ".status.broker"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".status.replicas"),
    printcolumn(name = "Backlog", type_ = "integer", json_path = ".status.backlog.outstanding", description = "Calls that wait or are in work"),
    printcolumn(name = "Oldest", type_ = "integer", json_path = ".status.backlog.oldestMessageAgeSeconds", description = "Age of the oldest call in seconds"),
    printcolumn(name = "Dead", type_ = "integer", json_path = ".status.backlog.deadLetters", description = "Calls that were given up"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Queue", type_ = "string", json_path = ".status.queueName", priority = 1),
    printcolumn(name = "Desired", type_ = "integer", json_path = ".status.desiredReplicas", priority = 1),
    printcolumn(name = "Decision", type_ = "string", json_path = ".status.scaling.lastDecision", description = "The last change of the number of pods, and why", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = 1),
    validation = ("size(self.metadata.name) <= 52", "metadata.name must have at most 52 characters, because pods are named after it"),
    validation = Rule::new("(has(self.spec.queueName) ? self.spec.queueName : self.metadata.name) == (has(oldSelf.spec.queueName) ? oldSelf.spec.queueName : oldSelf.metadata.name)")
        .message("queueName cannot be changed: create another PrpcQueue and let this one drain").field_path(".spec.queueName"),
    validation = Rule::new("self.spec.deletionPolicy != 'Purge' || (has(self.spec.confirmPurge) && self.spec.confirmPurge == self.metadata.name)")
        .message("Purge deletes queued calls and dead letters: confirm it with confirmPurge: <name of this PrpcQueue>").field_path(".spec.deletionPolicy"),
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = ("has(self.broker.redis) == has(oldSelf.broker.redis)", "the kind of broker cannot be changed, because the queued calls would stay behind: create another PrpcQueue"),
    validation = ("!has(self.broker.kafka) || !has(self.queueName) || self.queueName.matches('^[A-Za-z0-9._-]+$')", "on Kafka a queueName has letters, digits, dots, underscores and hyphens only, because topics are named after it"),
    validation = ("self.replicas <= self.scaling.maxReplicas", "replicas must not be greater than scaling.maxReplicas"),
    validation = ("!has(self.rollout.drainTimeout) || !has(self.worker.timeout) || duration(self.rollout.drainTimeout) >= duration(self.worker.timeout)", "rollout.drainTimeout must not be shorter than worker.timeout, or calls that run are cut"),
)]
pub struct PrpcQueueSpec {
    /// Name of the queue on the broker; the name of the object if not set. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^\S+$"))]
    #[x_kube(validation = ("!self.startsWith('raw_') && !self.startsWith('feedback_')", "queueName must not begin with raw_ or feedback_, which belong to the names of other queues"))]
    pub queue_name: Option<String>,
    /// Where the queue is: exactly one of `redis` and `kafka`.
    pub broker: Broker,
    /// The program whose functions are called.
    pub function: Function,
    /// How calls are run.
    #[serde(default)]
    pub worker: Worker,
    /// What happens to calls between taking and answering.
    #[serde(default)]
    pub delivery: Delivery,
    /// How many pods there are.
    #[serde(default)]
    pub scaling: Scaling,
    /// Number of pods while `scaling.mode` is `External` or `Recommend`; ignored otherwise.
    // Without a default a HorizontalPodAutoscaler finds no number to begin with, and gives up.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: i32,
    /// How pods are replaced and ended.
    #[serde(default)]
    pub rollout: Rollout,
    /// While true there are no pods; calls wait on the broker.
    #[serde(default)]
    pub paused: bool,
    /// What becomes of the queue on the broker when this object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// The object's name, to confirm the deletion policy `Purge`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub confirm_purge: Option<String>,
    /// How many pods a drained node may take at a time.
    #[serde(default)]
    pub disruption_budget: DisruptionBudget,
    /// What may be said about the pods.
    #[serde(default)]
    pub pod_template: PodTemplate,
    /// Who may connect to the pods.
    #[serde(default)]
    pub network_policy: NetworkPolicy,
    /// How the queue is watched.
    #[serde(default)]
    pub observability: Observability,
}

const fn one() -> i32 {
    1
}

impl PrpcQueueSpec {
    /// The queue's name on the broker, for the object `name`.
    #[must_use]
    pub fn queue_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.queue_name.as_deref().unwrap_or(name)
    }

    /// What a runtime that serves this queue is told; the manifest's silence stays open. No address if it is in a Secret.
    #[must_use]
    pub fn settings(&self, name: &str) -> Settings {
        let (broker, url, kafka) = match &self.broker {
            Broker::Redis(redis) => ("redis", redis.url.clone(), KafkaSettings::default()),
            Broker::Kafka(kafka) => {
                let servers = Some(kafka.bootstrap_servers.join(","));
                ("kafka", servers, kafka.settings(self.scaling.max_replicas))
            }
        };
        let recycling = self.worker.recycling.unwrap_or_default();
        // The schema refuses what is below the type's range.
        let count = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
        let span = |span: Option<Span>| span.map(Span::duration);
        Settings {
            app: Some(self.function.app.clone()),
            broker: Some(broker.to_owned()),
            broker_url: url,
            queue: Some(self.queue_name(name).to_owned()),
            group: self.delivery.consumer_group.clone(),
            worker: self.worker.kind.map(|kind| kind.as_str().to_owned()),
            concurrency: count(self.worker.concurrency),
            timeout: span(self.worker.timeout),
            answer_expiry: span(self.delivery.result_ttl),
            heartbeat: span(self.delivery.heartbeat_interval),
            recovery: span(self.delivery.visibility_timeout),
            max_attempts: count(self.delivery.max_attempts),
            max_calls_per_child: count(recycling.max_calls),
            max_memory_per_child: count(recycling.max_memory_mib),
            max_age: span(recycling.max_age),
            kafka,
            ..Settings::default()
        }
    }
}
