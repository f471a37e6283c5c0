//! A manifest as a file holds it, for use without a cluster.

use std::collections::BTreeMap;

use prpc_contract::settings::Settings;
use serde::{Deserialize, Serialize};

use crate::queue::PrpcQueueSpec;

/// A queue, its function and how many workers it may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// The version of this shape.
    pub api_version: ApiVersion,
    /// What the document describes.
    pub kind: Kind,
    /// Its name.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: PrpcQueueSpec,
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

impl Manifest {
    /// The queue's name on the broker.
    #[must_use]
    pub fn queue_name(&self) -> &str {
        self.spec.queue_name(&self.metadata.name)
    }

    /// What a runtime that serves this queue is told; the manifest's silence stays open.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.spec.settings(&self.metadata.name)
    }
}
