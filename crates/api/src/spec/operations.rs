//! Updates, removal, and what surrounds the pods.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// How pods are replaced and ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rollout {
    /// How many pods may be missing during an update: a number or a percentage; 0 if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// How many pods there may be more during an update: a number or a percentage; 25% if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<IntOrString>,
    /// How long a pod that is told to end may go on with the calls it has started; what is left is handed back. The worker's
    /// timeout and 5s if not set, at least 25s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_timeout: Option<Span>,
}

/// What becomes of the calls on the broker when the queue is deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They stay.
    #[default]
    Retain,
    /// The pods go on until nothing is left, at most ten minutes; then as `Retain`.
    Drain,
    /// They are deleted, with the dead letters; stored answers expire by themselves. Needs `confirmPurge` with the object's name.
    Purge,
}

/// How many pods a drained node may take at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DisruptionBudget {
    /// A number or a percentage; 1 if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
}

/// Who may connect to the pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPolicy {
    /// `Managed`: only the port of the pages is open. `None`: no policy is made.
    #[serde(default)]
    pub mode: NetworkPolicyMode,
}

/// Whether a NetworkPolicy is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkPolicyMode {
    /// One is made.
    Managed,
    /// None is made.
    #[default]
    None,
}

/// How the queue is watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observability {
    /// Whether a PodMonitor of the Prometheus operator is made.
    #[serde(default)]
    pub pod_monitor: bool,
}
