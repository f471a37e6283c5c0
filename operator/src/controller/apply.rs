//! Writes the children with server-side apply, and removes what is not wanted any more.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::Context;
use super::build::Children;
use super::error::Error;
use super::queue::Queue;
use crate::scaling::QueueRef;

/// Who owns the fields of the children.
const MANAGER: &str = "prpc-operator";

/// Everything is written again after so long, because what is not watched may have been changed.
const AGAIN: Duration = Duration::from_secs(600);

/// What was written for each queue. Without it every look after a queue would be two writes.
#[derive(Default)]
pub(super) struct Written(Mutex<HashMap<QueueRef, Record>>);

#[derive(PartialEq, Eq)]
struct Prints {
    wanted: u64,
    /// Of the Deployment, as the API server had it then.
    live: u64,
}

struct Record {
    prints: Prints,
    at: Instant,
}

impl Written {
    fn holds(&self, queue: &QueueRef, prints: &Prints) -> bool {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.get(queue).is_some_and(|record| record.prints == *prints && record.at.elapsed() < AGAIN)
    }

    fn keep(&self, queue: &QueueRef, prints: Prints) {
        let record = Record { prints, at: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(queue.clone(), record);
    }

    /// The queue is gone.
    pub(super) fn forget(&self, queue: &QueueRef) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(queue);
    }
}

/// Tells two values apart. What is not to be compared is left out before.
fn print(value: &impl Serialize) -> u64 {
    let mut hasher = DefaultHasher::new();
    // These have no maps with keys that JSON cannot have, which is all that can fail.
    serde_json::to_string(value).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

/// Of what the operator decides in a Deployment; its status changes all the time.
fn print_of(live: &Deployment) -> u64 {
    print(&(&live.metadata.labels, &live.metadata.owner_references, &live.spec))
}

/// Writes what is to exist, unless it is known to be there; returns the Deployment as it is now.
pub(super) async fn apply(
    context: &Context,
    reference: &QueueRef,
    queue: &Queue,
    children: Children,
) -> Result<Deployment, Error> {
    let wanted = print(&children);
    let name = ObjectRef::new(&queue.children_name()).within(&queue.namespace);
    if let Some(live) = context.deployments.get(&name)
        && context.written.holds(reference, &Prints { wanted, live: print_of(&live) })
    {
        return Ok(Arc::unwrap_or_clone(live));
    }
    let live = write_all(&context.client, queue, children).await?;
    context.written.keep(reference, Prints { wanted, live: print_of(&live) });
    Ok(live)
}

async fn write_all(client: &Client, queue: &Queue, children: Children) -> Result<Deployment, Error> {
    let namespace = &queue.namespace;
    // First what callers wait for.
    let deployment =
        write(&Api::namespaced(client.clone(), namespace), "Deployment", queue, &children.deployment).await?;
    write(
        &Api::namespaced(client.clone(), namespace),
        "PodDisruptionBudget",
        queue,
        &children.disruption_budget,
    )
    .await?;
    let policies = Api::<NetworkPolicy>::namespaced(client.clone(), namespace);
    match &children.network_policy {
        Some(policy) => drop(write(&policies, "NetworkPolicy", queue, policy).await?),
        None if queue.is_new() => remove(&policies, "NetworkPolicy", queue).await?,
        None => {}
    }
    let monitor = ApiResource {
        group: "monitoring.coreos.com".into(),
        version: "v1".into(),
        api_version: "monitoring.coreos.com/v1".into(),
        kind: "PodMonitor".into(),
        plural: "podmonitors".into(),
    };
    let monitors = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &monitor);
    match &children.pod_monitor {
        Some(monitor) => drop(write(&monitors, "PodMonitor", queue, monitor).await?),
        None if queue.is_new() => remove(&monitors, "PodMonitor", queue).await?,
        None => {}
    }
    Ok(deployment)
}

async fn write<K>(api: &Api<K>, kind: &str, queue: &Queue, child: &K) -> Result<K, Error>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let parameters = PatchParams {
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply(MANAGER).force()
    };
    let name = queue.children_name();
    api.patch(&name, &parameters, &Patch::Apply(child))
        .await
        .map_err(|source| Error::Write { what: format!("{kind} {}/{name}", queue.namespace), source })
}

/// Removes a child, and nothing of the same name that belongs to somebody else.
async fn remove<K>(api: &Api<K>, kind: &str, queue: &Queue) -> Result<(), Error>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let name = queue.children_name();
    let gone = |source: kube::Error| match source {
        // Not there, the kind is not installed, or the role has no right to it because it is never used.
        kube::Error::Api(status) if status.is_not_found() || status.is_forbidden() => Ok(()),
        source => Err(Error::Write { what: format!("{kind} {}/{name}", queue.namespace), source }),
    };
    match api.get_metadata(&name).await {
        Ok(live) if live.owner_references().iter().any(|owner| owner.uid == queue.owner.uid) => {}
        Ok(_) => return Ok(()),
        Err(source) => return gone(source),
    }
    api.delete(&name, &DeleteParams::background()).await.map(drop).or_else(gone)
}

/// The Deployment of a queue is removed.
pub(super) async fn remove_deployment(client: &Client, queue: &Queue) -> Result<(), Error> {
    remove(&Api::<Deployment>::namespaced(client.clone(), &queue.namespace), "Deployment", queue).await
}
