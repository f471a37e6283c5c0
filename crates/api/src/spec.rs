//! The parts of a spec, one file each.

mod broker;
mod delivery;
mod function;
mod kafka;
mod operations;
mod pod_template;
mod pod_volumes;
mod quantity;
mod scaling;
mod worker;

pub use broker::{Broker, Redis, SecretKey, SecretRole};
pub use delivery::Delivery;
pub use function::{Function, LocalName, PullPolicy, RuntimeSource};
pub use kafka::{Kafka, KafkaMechanism, KafkaSasl, KafkaSecurity, KafkaTls, KafkaTopics};
pub use operations::{
    DeletionPolicy, DisruptionBudget, NetworkPolicy, NetworkPolicyMode, Observability, Rollout,
};
pub use pod_template::{
    ConfigMapKey, EnvFrom, EnvSource, EnvVar, PodSecurity, PodTemplate, Resources, Toleration,
    TopologySpreadConstraint, Unsatisfiable,
};
pub use pod_volumes::{
    ClaimVolume, ConfigMapVolume, EmptyVolume, SecretVolume, Volume, VolumeMount, VolumeSource,
};
pub use quantity::Quantity;
pub use scaling::{
    Behavior, Day, Fallback, FallbackPolicy, Fraction, InvalidScaling, Paused, PolicyType, ScaleDown,
    ScaleUp, Scaling, ScalingMode, ScalingPolicy, Schedule, SelectPolicy, Target, WhenInVain,
};
pub use worker::{Recycling, Worker, WorkerType};
