//! What surrounds the workers: how many may be missing, who may connect, who reads their numbers.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::DynamicObject;
use kube::core::TypeMeta;
use prpc_api::spec::NetworkPolicyMode;
use prpc_contract::labels;
use serde::Serialize;
use serde_json::json;

use super::deployment::PAGES;
use super::{metadata, selector, selector_labels};
use crate::controller::queue::Queue;

/// The children of a queue beside its Deployment. What is `None` is removed.
#[derive(Serialize)]
pub(in crate::controller) struct Surroundings {
    pub(in crate::controller) disruption_budget: PodDisruptionBudget,
    pub(in crate::controller) network_policy: Option<NetworkPolicy>,
    pub(in crate::controller) pod_monitor: Option<DynamicObject>,
}

/// What is to surround the workers of a queue.
pub(in crate::controller) fn surroundings(queue: &Queue) -> Surroundings {
    let spec = &queue.spec;
    Surroundings {
        disruption_budget: disruption_budget(queue),
        network_policy: (spec.network_policy.mode == NetworkPolicyMode::Managed)
            .then(|| network_policy(queue)),
        pod_monitor: spec.observability.pod_monitor.then(|| pod_monitor(queue)),
    }
}

/// Drained nodes take one pod at a time, unless the spec says otherwise.
fn disruption_budget(queue: &Queue) -> PodDisruptionBudget {
    let wanted = queue.spec.disruption_budget.max_unavailable.clone();
    PodDisruptionBudget {
        metadata: metadata(queue),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(wanted.unwrap_or(IntOrString::Int(1))),
            selector: Some(selector(queue)),
            // A pod that is not ready holds no calls that a node could not be drained for.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".into()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    }
}

/// Only the port of the pages is open. The way out stays open: nobody knows whom the functions call.
fn network_policy(queue: &Queue) -> NetworkPolicy {
    let pages = NetworkPolicyPort {
        port: Some(IntOrString::Int(labels::PAGES_PORT.into())),
        protocol: Some("TCP".into()),
        ..NetworkPolicyPort::default()
    };
    NetworkPolicy {
        metadata: metadata(queue),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(queue)),
            policy_types: Some(vec!["Ingress".into()]),
            ingress: Some(vec![NetworkPolicyIngressRule { ports: Some(vec![pages]), ..Default::default() }]),
            ..NetworkPolicySpec::default()
        }),
    }
}

/// For the Prometheus operator.
fn pod_monitor(queue: &Queue) -> DynamicObject {
    DynamicObject {
        types: Some(TypeMeta { api_version: "monitoring.coreos.com/v1".into(), kind: "PodMonitor".into() }),
        metadata: metadata(queue),
        data: json!({"spec": {
            "selector": {"matchLabels": selector_labels(queue)},
            "podMetricsEndpoints": [{"port": PAGES, "path": "/metrics"}],
        }}),
    }
}
