//! The pods of all queues: how they are, and what they tell of their work.
//!
//! Watched and not listed again and again. Nothing depends on them: without them the scaling knows less.

use std::collections::HashMap;
use std::future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, PodStatus as ApiStatus};
use kube::runtime::reflector::Store;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, ResourceExt as _};
use prpc_contract::labels::{self, PAGES_PORT};
use prpc_contract::status::PodStatus;
use prpc_scaling::{Replicas, Told};
use prpc_service::page;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::scaling::QueueRef;

/// The API server's label for pods of one version of a Deployment.
const VERSION: &str = "pod-template-hash";
/// A pod that does not answer by then is not waited for.
const LIMIT: Duration = Duration::from_millis(500);
/// Pods that are asked at a time.
const AT_A_TIME: usize = 16;

/// All of them.
#[derive(Clone)]
pub(crate) struct Workers(Store<Pod>);

/// A pod that is not on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worker {
    pub(crate) name: String,
    pub(crate) ready: bool,
    /// How dear its end is to the ReplicaSet.
    pub(crate) deletion_cost: i32,
    unschedulable: bool,
    version: Option<String>,
    address: Option<IpAddr>,
}

impl Workers {
    /// Watches the pods behind `api` until `stop`.
    pub(crate) fn watch(api: Api<Pod>, metrics: Arc<Metrics>, stop: CancellationToken) -> Self {
        let (store, writer) = reflector::store();
        let ours = format!("{}={}", labels::MANAGED_BY, labels::OPERATOR);
        let changes = watcher(api, watcher::Config::default().any_semantic().labels(&ours))
            .default_backoff()
            .modify(keep_what_counts)
            .reflect(writer)
            .take_until(stop.cancelled_owned());
        tokio::spawn(changes.for_each(move |change| {
            match change {
                Ok(Event::Delete(pod)) => drop(drained(&pod).map(|span| metrics.drained(span))),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "pods cannot be watched: the scaling does not know how busy they are");
                }
            }
            future::ready(())
        }));
        Self(store)
    }

    /// Those of a queue, by name; `None` while nobody knows.
    pub(crate) fn of(&self, queue: &QueueRef) -> Option<Vec<Worker>> {
        self.0.wait_until_ready().now_or_never()?.ok()?;
        let mine = |pod: &&Arc<Pod>| {
            pod.metadata.namespace == queue.namespace
                && pod.labels().get(labels::INSTANCE) == Some(&queue.name)
                && pod.metadata.deletion_timestamp.is_none()
        };
        let mut workers: Vec<_> = self.0.state().iter().filter(mine).map(|pod| Worker::of(pod)).collect();
        workers.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Some(workers)
    }
}

impl Worker {
    fn of(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let is = |kind: &str, value: &str| {
            let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
            conditions.into_iter().any(|found| found.type_ == kind && found.status == value)
        };
        let cost = pod.annotations().get(labels::DELETION_COST).and_then(|cost| cost.parse().ok());
        Self {
            name: pod.name_any(),
            ready: is("Ready", "True"),
            deletion_cost: cost.unwrap_or_default(),
            unschedulable: is("PodScheduled", "False"),
            version: pod.labels().get(VERSION).cloned(),
            address: status.and_then(|status| status.pod_ip.as_ref()?.parse().ok()),
        }
    }

    async fn ask(&self) -> Option<(String, Told)> {
        let pages = SocketAddr::new(self.address.filter(|_| self.ready)?, PAGES_PORT);
        let (_, body) = tokio::time::timeout(LIMIT, page::get(pages, "/status")).await.ok()?.ok()?;
        let page: PodStatus = serde_json::from_slice(&body).ok()?;
        let told = Told {
            slots: page.slots,
            busy: u32::try_from(page.busy).unwrap_or(u32::MAX),
            ended: page.served,
            // Whoever answers may be somebody else.
            ran: Duration::try_from_secs_f64(page.busy_seconds).ok()?,
        };
        Some((self.name.clone(), told))
    }
}

#[cfg(test)]
impl Worker {
    /// One that cannot be asked.
    pub(crate) fn with(name: &str, ready: bool, deletion_cost: i32) -> Self {
        let (version, address) = (None, None);
        Self { name: name.into(), ready, deletion_cost, unschedulable: false, version, address }
    }
}

/// How long a pod that is gone took to end, from being told to.
fn drained(pod: &Pod) -> Option<Duration> {
    let last_moment = pod.metadata.deletion_timestamp.as_ref()?.0;
    let grace = SignedDuration::from_secs(pod.metadata.deletion_grace_period_seconds?);
    Timestamp::now().duration_since(last_moment.checked_sub(grace).ok()?).try_into().ok()
}

/// Whether they run different versions.
pub(crate) fn is_replacing(workers: &[Worker]) -> bool {
    workers.iter().zip(workers.iter().skip(1)).any(|(one, next)| one.version != next.version)
}

/// How they are, all together.
pub(crate) fn replicas(workers: &[Worker]) -> Replicas {
    let count = |is: fn(&Worker) -> bool| {
        u32::try_from(workers.iter().filter(|worker| is(worker)).count()).unwrap_or(u32::MAX)
    };
    Replicas {
        ready: count(|worker| worker.ready),
        unschedulable: count(|worker| worker.unschedulable),
        replacing: is_replacing(workers),
    }
}

/// What those tell that are ready and can be asked.
pub(crate) async fn ask(workers: &[Worker]) -> HashMap<String, Told> {
    stream::iter(workers)
        .map(Worker::ask)
        .buffer_unordered(AT_A_TIME)
        .filter_map(future::ready)
        .collect()
        .await
}

/// There may be thousands.
fn keep_what_counts(pod: &mut Pod) {
    pod.metadata.managed_fields = None;
    pod.metadata.owner_references = None;
    pod.metadata.annotations.iter_mut().for_each(|all| all.retain(|name, _| name == labels::DELETION_COST));
    pod.spec = None;
    let status = pod.status.take().unwrap_or_default();
    let conditions = status.conditions;
    pod.status = Some(ApiStatus { conditions, pod_ip: status.pod_ip, ..ApiStatus::default() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(version: &str, ready: &str, scheduled: &str) -> Worker {
        let mut pod = serde_json::from_value(json!({
            "metadata": {
                "name": "orders-1",
                "labels": {VERSION: version},
                "annotations": {labels::DELETION_COST: "-1", "other": "x"},
            },
            "spec": {"containers": []},
            "status": {"podIP": "10.0.0.7", "conditions": [
                {"type": "Ready", "status": ready}, {"type": "PodScheduled", "status": scheduled},
            ]},
        }))
        .unwrap();
        keep_what_counts(&mut pod);
        assert_eq!((pod.spec.as_ref(), pod.annotations().len()), (None, 1));
        Worker::of(&pod)
    }

    #[test]
    fn pods_are_counted_by_what_they_can_do() {
        let pods = [pod("a", "True", "True"), pod("a", "False", "True"), pod("a", "False", "False")];
        assert_eq!(replicas(&pods), Replicas { ready: 1, unschedulable: 1, replacing: false });
        assert_eq!((pods[0].deletion_cost, pods[0].address), (-1, Some([10, 0, 0, 7].into())));
        assert!(replicas(&[pod("a", "True", "True"), pod("b", "True", "True")]).replacing);
    }
}
