//! What surrounds the workers: how many may be missing, who may connect, who reads their numbers.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::DynamicObject;
use kube::core::TypeMeta;
use prpc_contract::labels;
use serde_json::json;

use super::deployment::PAGES;
use super::{metadata, selector, selector_labels};
use crate::controller::queue::Queue;

/// Drained nodes take one pod at a time, unless the spec says otherwise.
pub(super) fn disruption_budget(queue: &Queue) -> PodDisruptionBudget {
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
pub(super) fn network_policy(queue: &Queue) -> NetworkPolicy {
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
pub(super) fn pod_monitor(queue: &Queue) -> DynamicObject {
    DynamicObject {
        types: Some(TypeMeta { api_version: "monitoring.coreos.com/v1".into(), kind: "PodMonitor".into() }),
        metadata: metadata(queue),
        data: json!({"spec": {
            "selector": {"matchLabels": selector_labels(queue)},
            "podMetricsEndpoints": [{"port": PAGES, "path": "/metrics"}],
        }}),
    }
}
