//! The end of a queue: what its deletion policy asks for on the broker. Everything in the cluster goes by owner references.
//!
//! A finalizer is there only for policies that need one, and never blocks a namespace that is being deleted.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use kube::{Api, Resource as _, ResourceExt as _};
use prpc_api::PrpcQueue;
use prpc_api::spec::DeletionPolicy;
use prpc_contract::labels::FINALIZER;
use serde_json::json;

use super::build::selector_text;
use super::error::Error;
use super::queue::Queue;
use super::report::publish;
use super::{Context, apply, resolve};
use crate::scaling::QueueRef;

/// A queue that is not empty by then goes as it is.
const LONGEST_DRAIN: Duration = Duration::from_secs(600);
/// A broker that cannot be reached for so long after the pods are gone keeps what it has.
const LONGEST_PURGE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(1);

/// Puts the finalizer on a queue whose policy needs it, and takes it off one whose policy does not.
pub(super) async fn claim(context: &Context, resource: &PrpcQueue) -> Result<(), Error> {
    let needed = resource.spec.deletion_policy != DeletionPolicy::Retain;
    if needed == has(resource) { Ok(()) } else { set(context, resource, needed).await }
}

/// One step towards the end. `None`: the queue goes on as usual until the next look.
pub(super) async fn finish(
    context: &Context,
    reference: &QueueRef,
    resource: &PrpcQueue,
) -> Result<Option<Action>, Error> {
    if !has(resource) {
        context.scalers.forget(reference);
        return Ok(Some(Action::await_change()));
    }
    let deleted =
        resource.meta().deletion_timestamp.as_ref().map(|time| time.0).unwrap_or_else(Timestamp::now);
    let since = Duration::try_from(Timestamp::now().duration_since(deleted)).unwrap_or_default();
    let given_up = match resource.spec.deletion_policy {
        _ if namespace_ends(context, resource).await? => Some("the namespace is being deleted".to_owned()),
        DeletionPolicy::Drain if since < LONGEST_DRAIN => {
            match drained(context, reference, resource).await? {
                true => None,
                false => return Ok(None),
            }
        }
        DeletionPolicy::Drain => {
            Some(format!("there still were calls after {} minutes", LONGEST_DRAIN.as_secs() / 60))
        }
        DeletionPolicy::Purge => match purge(context, resource).await {
            Ok(true) => None,
            Ok(false) => return Ok(Some(Action::requeue(LOOK))),
            Err(error) if since < LONGEST_PURGE => return Err(error),
            Err(error) => Some(error.to_string()),
        },
        DeletionPolicy::Retain => None,
    };
    if let Some(why) = given_up {
        let note = format!("calls may be left on the broker: {why}");
        publish(context, resource, EventType::Warning, "BrokerObjectsRetained", "Delete", &note).await;
    }
    set(context, resource, false).await?;
    context.scalers.forget(reference);
    Ok(Some(Action::await_change()))
}

fn has(resource: &PrpcQueue) -> bool {
    resource.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

async fn set(context: &Context, resource: &PrpcQueue, wanted: bool) -> Result<(), Error> {
    let (name, namespace) = (resource.name_any(), resource.namespace().unwrap_or_default());
    let mut finalizers: Vec<_> =
        resource.finalizers().iter().filter(|other| *other != FINALIZER).cloned().collect();
    if wanted {
        finalizers.push(FINALIZER.to_owned());
    }
    // The version makes it fail if somebody else has changed the list meanwhile.
    let patch =
        json!({"metadata": {"finalizers": finalizers, "resourceVersion": resource.resource_version()}});
    let written = Api::<PrpcQueue>::namespaced(context.client.clone(), &namespace)
        .patch(&name, &PatchParams::default(), &Patch::Merge(patch))
        .await;
    match written {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(source) => Err(Error::Write { what: format!("the finalizer of {namespace}/{name}"), source }),
    }
}

async fn namespace_ends(context: &Context, resource: &PrpcQueue) -> Result<bool, Error> {
    let name = resource.namespace().unwrap_or_default();
    match Api::<Namespace>::all(context.client.clone()).get_metadata(&name).await {
        Ok(namespace) => Ok(namespace.metadata.deletion_timestamp.is_some()),
        // Without the right to see it (an operator for some namespaces only) nothing is known.
        Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_not_found() => Ok(false),
        Err(source) => Err(Error::Read { what: format!("Namespace {name}"), source }),
    }
}

/// Whether no call is left. The loop that scales has seen it; pods go on as usual meanwhile.
async fn drained(context: &Context, reference: &QueueRef, resource: &PrpcQueue) -> Result<bool, Error> {
    let access = resolve::resolve(&context.client, resource).await?;
    let queue = Queue::validate(resource, access)?;
    let Some(place) = queue.place().filter(|_| context.scalers.desired(reference).is_some()) else {
        return Ok(false);
    };
    let backlog = context.scalers.broker(&place)?.measure().await?.backlog;
    Ok(backlog.undelivered == 0 && backlog.in_flight == 0)
}

/// Removes the pods, then what is on the broker: a pod would make the queue again. Whether it is done.
async fn purge(context: &Context, resource: &PrpcQueue) -> Result<bool, Error> {
    let access = resolve::resolve(&context.client, resource).await?;
    let queue = Queue::validate(resource, access)?;
    context.scalers.forget(&QueueRef::new(&queue.name).within(&queue.namespace));
    apply::remove_deployment(&context.client, &queue).await?;
    let pods = Api::<Pod>::namespaced(context.client.clone(), &queue.namespace);
    let left = pods
        .list_metadata(&ListParams::default().labels(&selector_text(&queue)).limit(1))
        .await
        .map_err(|source| Error::Read { what: "the pods".into(), source })?;
    if !left.items.is_empty() {
        return Ok(false);
    }
    let Some(place) = queue.place() else {
        return Err(Error::Invalid("the address of the broker is not known".into()));
    };
    context.scalers.broker(&place)?.purge().await?;
    publish(
        context,
        resource,
        EventType::Normal,
        "BrokerObjectsPurged",
        "Delete",
        "the queue is removed from the broker",
    )
    .await;
    Ok(true)
}
