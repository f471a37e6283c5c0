//! Writes the children with server-side apply, and removes what is not wanted any more.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::runtime::reflector::ObjectRef;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Context;
use super::build::{Children, Surroundings};
use super::error::Error;
use super::queue::Queue;
use crate::scaling::QueueRef;

/// Who owns the fields of the children.
const MANAGER: &str = "prpc-operator";

/// Writes what is to exist, unless it is known to be there; returns the Deployment as it is now.
pub(super) async fn apply(
    context: &Context,
    reference: &QueueRef,
    queue: &Queue,
    children: &Children,
) -> Result<Deployment, Error> {
    // First what callers wait for.
    let live = deployment(context, reference, queue, &children.deployment).await?;
    if !context.written.has_surroundings(reference, &children.surroundings) {
        context.written.doubt_surroundings(reference);
        surroundings(&context.client, queue, &children.surroundings).await?;
        context.written.keep_surroundings(reference, &children.surroundings);
    }
    Ok(live)
}

async fn deployment(
    context: &Context,
    reference: &QueueRef,
    queue: &Queue,
    wanted: &Deployment,
) -> Result<Deployment, Error> {
    let name = ObjectRef::new(&queue.children_name()).within(&queue.namespace);
    if let Some(live) = context.deployments.get(&name)
        && context.written.has_deployment(reference, wanted, &live)
    {
        return Ok(Arc::unwrap_or_clone(live));
    }
    let deployments = Api::namespaced(context.client.clone(), &queue.namespace);
    let live = write(&deployments, "Deployment", queue, wanted).await?;
    context.written.keep_deployment(reference, wanted, &live);
    Ok(live)
}

async fn surroundings(client: &Client, queue: &Queue, wanted: &Surroundings) -> Result<(), Error> {
    let namespace = &queue.namespace;
    let budgets = Api::<PodDisruptionBudget>::namespaced(client.clone(), namespace);
    write(&budgets, "PodDisruptionBudget", queue, &wanted.disruption_budget).await?;
    let policies = Api::<NetworkPolicy>::namespaced(client.clone(), namespace);
    match &wanted.network_policy {
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
    match &wanted.pod_monitor {
        Some(monitor) => drop(write(&monitors, "PodMonitor", queue, monitor).await?),
        None if queue.is_new() => remove(&monitors, "PodMonitor", queue).await?,
        None => {}
    }
    Ok(())
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
