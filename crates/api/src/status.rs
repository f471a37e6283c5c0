//! What the operator reports about a queue.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use prpc_scaling::Memory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator has seen and done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrpcQueueStatus {
    /// The generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Progressing, BrokerReachable, ScalingActive and ScalingLimited.
    #[serde(default)]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Name of the queue on the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_name: Option<String>,
    /// Kind of the broker: redis or kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<String>,
    /// Pods there are.
    #[serde(default)]
    pub replicas: i32,
    /// Pods that take calls.
    #[serde(default)]
    pub ready_replicas: i32,
    /// Pods that the last decision asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<i32>,
    /// Label selector of the pods, for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The work there was at the last look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backlog: Option<BacklogStatus>,
    /// What the scaling did last, and what it has learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingStatus>,
    /// The program's functions, as a pod reported them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub functions: Vec<FunctionStatus>,
}

/// The work there was at the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BacklogStatus {
    /// Calls that wait or are in work.
    pub outstanding: i64,
    /// Calls that no pod has taken.
    pub undelivered: i64,
    /// Calls that were taken and not answered.
    pub in_flight: i64,
    /// Age of the oldest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_message_age_seconds: Option<i64>,
    /// Calls that were given up.
    pub dead_letters: i64,
}

/// What the scaling did last, and what it has learnt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingStatus {
    /// When the number of pods was changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_scale_time: Option<Time>,
    /// From how many to how many, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_decision: Option<String>,
    /// What an operator that takes over begins with.
    #[serde(default)]
    #[schemars(with = "LearntStatus")]
    pub learnt: Memory,
}

/// What was learnt of a queue. The schema of [`Memory`].
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is a schema")]
struct LearntStatus {
    /// Calls that come in each second.
    arrival_rate: Option<String>,
    /// Calls that a pod answers each second.
    rate_per_replica: Option<String>,
    /// From the decision for more pods until they take calls.
    cold_start_seconds: Option<String>,
    /// The last change of the number of pods.
    last_scale: Option<ScaledStatus>,
}

/// A change of the number of pods.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is a schema")]
struct ScaledStatus {
    /// When.
    time: Time,
    /// From so many.
    from: u32,
    /// To so many.
    to: u32,
}

/// A function of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunctionStatus {
    /// What callers call it.
    pub name: String,
    /// How it is run: thread, process or async.
    pub worker: String,
}
