//! What happens to calls between taking and answering.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// What happens to calls between taking and answering. What is left open is decided by the program's constructor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = (
    "!has(self.visibilityTimeout) || duration(self.visibilityTimeout) >= (has(self.heartbeatInterval) ? duration(self.heartbeatInterval) + duration(self.heartbeatInterval) : duration('30s'))",
    "visibilityTimeout must be at least twice heartbeatInterval (15s unless set), or calls in work are run twice"
))]
pub struct Delivery {
    /// How often a call is started without an outcome before it becomes a dead letter; 3 if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_attempts: Option<i32>,
    /// How often a call in work is shown to be alive; 15s if nothing says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_interval: Option<Span>,
    /// After how long without that another pod takes it over; 45s if nothing says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_timeout: Option<Span>,
    /// How long a stored answer lives; 6h if nothing says otherwise.
    #[serde(rename = "resultTTL", default, skip_serializing_if = "Option::is_none")]
    pub result_ttl: Option<Span>,
    /// Consumer group of the pods; `prpc_group_consumers` if nothing says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    pub consumer_group: Option<String>,
}
