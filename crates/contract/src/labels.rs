//! Responsibility: labels and annotations that the operator writes and others look for.

/// Kubernetes' label for what an object is.
pub const NAME: &str = "app.kubernetes.io/name";
/// Kubernetes' label for which of them it is: the queue.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Kubernetes' label for who looks after an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Kubernetes' label for what an object is a part of.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// Names the `PrpcQueue` of an object.
pub const QUEUE: &str = "prpc.dev/queue";

/// The value of [`NAME`] of workers.
pub const WORKER: &str = "prpc-worker";
/// The value of [`MANAGED_BY`].
pub const OPERATOR: &str = "prpc-operator";
/// The value of [`PART_OF`].
pub const PRPC: &str = "prpc";

/// Kubernetes' annotation of pods: a ReplicaSet removes those with the lowest first.
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// Annotation of pods: changes when a Secret does that they read at their start.
pub const SECRETS: &str = "prpc.dev/secrets";
/// Keeps a deleted queue until what its deletion policy asks for is done.
pub const FINALIZER: &str = "prpc.dev/queue";
/// Port of the pods' pages.
pub const PAGES_PORT: u16 = 9464;
