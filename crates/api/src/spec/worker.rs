//! How calls are run.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// How calls are run. What is left open is decided by the program's constructor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = (
    "!has(self.type) || self.type != 'process' || !has(self.concurrency) || self.concurrency <= 64",
    "a pod runs at most 64 processes: lower concurrency and raise scaling.maxReplicas"
))]
pub struct Worker {
    /// For functions that name no type of their own: `thread` for libraries that block, `process` for work that needs the
    /// processor or must be killed at its limit, `async` for coroutines.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<WorkerType>,
    /// Calls at a time in each pod; 4 if nothing says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10000))]
    pub concurrency: Option<i32>,
    /// Limit of one call, such as `30s`; none if nothing says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// When a Python process is replaced by a fresh one. Nobody waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recycling: Option<Recycling>,
}

/// Limits of a Python process; each is optional.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recycling {
    /// Calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_calls: Option<i32>,
    /// Resident memory in MiB.
    #[serde(rename = "maxMemoryMiB", default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_memory_mib: Option<i32>,
    /// Age, such as `12h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
}

/// What runs a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
