//! Which pods go when there are to be fewer: those that have the least to do.
//!
//! A ReplicaSet removes pods by their deletion cost, the lowest first. Without it it would remove the youngest.

use std::collections::HashMap;

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use prpc_contract::labels::DELETION_COST;
use prpc_scaling::Told;
use serde_json::json;

use super::Context;
use super::queue::Queue;
use crate::scaling::QueueRef;
use crate::workers::{self, Worker};

/// The cost of a pod that is to go, and of one that is not.
const GO: i32 = -1;
const STAY: i32 = 0;
/// Writes at a time.
const AT_A_TIME: usize = 8;

/// Marks them before there are to be `desired`. What cannot be marked does not hold anything up.
pub(super) async fn mark(context: &Context, reference: &QueueRef, queue: &Queue, desired: u32) {
    let Some(pods) = context.workers.of(reference) else { return };
    let superfluous = pods.len().saturating_sub(desired as usize);
    // All go, or a change replaces them anyway.
    if superfluous == 0 || desired == 0 || workers::is_replacing(&pods) {
        return;
    }
    let marks = marks(&pods, &workers::ask(&pods).await, superfluous);
    let api = Api::<Pod>::namespaced(context.client.clone(), &queue.namespace);
    stream::iter(marks)
        .for_each_concurrent(AT_A_TIME, async |(name, cost)| {
            let change = json!({"metadata": {"annotations": {DELETION_COST: cost.to_string()}}});
            if let Err(error) = api.patch_metadata(name, &PatchParams::default(), &Patch::Merge(change)).await {
                tracing::debug!(queue = queue.name, pod = name, %error, "the cost of a pod cannot be written");
            }
        })
        .await;
}

/// The costs that must change so that so many go.
fn marks<'a>(pods: &'a [Worker], told: &HashMap<String, Told>, superfluous: usize) -> Vec<(&'a str, i32)> {
    // Of one that is ready and tells nothing it is not known how busy it is.
    let busy =
        |pod: &Worker| told.get(&pod.name).map_or(if pod.ready { u32::MAX } else { 0 }, |told| told.busy);
    let mut ranked: Vec<_> = pods.iter().collect();
    // Those that were to go before stay the ones.
    ranked.sort_by_key(|pod| (pod.ready, busy(pod), pod.deletion_cost));
    let costs = ranked.iter().enumerate().map(|(at, pod)| (*pod, if at < superfluous { GO } else { STAY }));
    costs
        .filter(|(pod, cost)| pod.deletion_cost != *cost)
        .map(|(pod, cost)| (pod.name.as_str(), cost))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(busy: &[(&str, u32)]) -> HashMap<String, Told> {
        busy.iter()
            .map(|(name, busy)| ((*name).to_owned(), Told { busy: *busy, ..Told::default() }))
            .collect()
    }

    #[test]
    fn the_least_busy_go_and_marks_of_before_are_taken_back() {
        let pod = |name, cost| Worker::with(name, true, cost);
        let told = told(&[("a", 3), ("b", 0), ("c", 2), ("d", 1)]);
        let pods = [pod("a", -1), pod("b", 0), pod("c", 0), pod("d", 0), pod("silent", 0)];
        assert_eq!(marks(&pods, &told, 2), [("b", GO), ("d", GO), ("a", STAY)]);
        let pods = [pod("a", 0), pod("b", -1), pod("c", 0), pod("d", -1), pod("silent", 0)];
        assert_eq!(marks(&pods, &told, 2), [], "nothing to write");
    }

    #[test]
    fn who_is_not_ready_goes_first() {
        let pods = [Worker::with("a", true, 0), Worker::with("b", false, 0)];
        assert_eq!(marks(&pods, &told(&[("a", 0)]), 1), [("b", GO)]);
    }
}
