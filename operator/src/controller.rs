//! Brings the cluster to what each queue asks for: resolve, validate, build, apply, report.

mod apply;
mod backoff;
mod build;
mod conditions;
mod deletion;
mod error;
mod functions;
mod pace;
mod pods;
mod queue;
mod report;
mod resolve;
mod victims;
mod written;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, future};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{Predicate as _, WatchStreamExt as _, predicates, reflector, watcher};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use prpc_api::PrpcQueue;
use prpc_contract::labels;
use prpc_scaling::Memory;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::arguments::Options;
use crate::metrics::Metrics;
use crate::scaling::{BrokerState, QueueRef, Scalers};
use crate::workers::Workers;
use backoff::Backoff;
use error::{Error, Remedy};
use pace::Pace;
use queue::Queue;
use written::Written;

type Guarded = DeserializeGuard<PrpcQueue>;

/// A pass over a queue that is as it should be is repeated after so long, because a Secret may have changed unseen.
const RESYNC: Duration = Duration::from_secs(30);
/// While pods are not ready, why not is looked up so often: the reasons do not wake the controller.
const UNSETTLED: Duration = Duration::from_secs(3);
/// A pass that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);
/// A failure that cannot be told by then is told after the next attempt.
const REPORT_LIMIT: Duration = Duration::from_secs(5);
/// Passes at a time.
const CONCURRENCY: u16 = 8;

/// What every pass needs.
struct Context {
    client: Client,
    options: Options,
    scalers: Scalers,
    workers: Workers,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    backoff: Backoff,
    deployments: Store<Deployment>,
    written: Written,
    pace: Pace,
}

/// Waits until queues can be listed.
pub(crate) async fn until_served(client: &Client, scopes: &[Option<String>]) {
    let mut said = false;
    loop {
        let lists = scopes.iter().map(|scope| async {
            api::<PrpcQueue>(client, scope.as_deref()).list_metadata(&ListParams::default().limit(1)).await
        });
        let Err(error) = future::try_join_all(lists).await else { return };
        if !said {
            tracing::warn!(%error, "PrpcQueue cannot be listed: install crds/prpcqueues.yaml and the operator's roles");
            said = true;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

/// Runs one controller for each scope until `stop` is cancelled and the passes in progress are done.
pub(crate) async fn run(client: Client, options: &Options, metrics: Arc<Metrics>, stop: CancellationToken) {
    let scopes = options.scopes();
    let controllers =
        scopes.iter().map(|scope| control(client.clone(), options, scope.as_deref(), &metrics, &stop));
    future::join_all(controllers).await;
}

fn control(
    client: Client,
    options: &Options,
    scope: Option<&str>,
    metrics: &Arc<Metrics>,
    stop: &CancellationToken,
) -> impl Future<Output = ()> {
    let (wake, woken) = mpsc::unbounded_channel::<QueueRef>();
    let reporter = Reporter { controller: "prpc-operator".into(), instance: Some(options.identity.clone()) };
    let (deployments, deployments_writer) = reflector::store();
    let workers = Workers::watch(api(&client, scope), Arc::clone(metrics), stop.clone());
    let context = Arc::new(Context {
        recorder: Recorder::new(client.clone(), reporter),
        scalers: Scalers::new(workers.clone(), wake, Arc::clone(metrics)),
        workers,
        metrics: Arc::clone(metrics),
        options: options.clone(),
        backoff: Backoff::default(),
        deployments,
        written: Written::default(),
        pace: Pace::default(),
        client: client.clone(),
    });
    let config = watcher::Config::default().any_semantic();
    let ours = config.clone().labels(&format!("{}={}", labels::MANAGED_BY, labels::OPERATOR));
    let (queues, writer) = reflector::store();
    let changes = watcher(api::<Guarded>(&client, scope), config)
        .default_backoff()
        .modify(|queue| queue.managed_fields_mut().clear())
        .reflect(writer)
        .applied_objects()
        .predicate_filter(predicates::generation.combine(predicates::finalizers), Default::default());
    let changed_deployments = watcher(api::<Deployment>(&client, scope), ours)
        .default_backoff()
        .modify(|deployment| deployment.managed_fields_mut().clear())
        .reflect(deployments_writer)
        .touched_objects();
    let ended = Arc::clone(&context);
    Controller::for_stream(changes, queues)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .owns_stream(changed_deployments)
        .reconcile_on(UnboundedReceiverStream::new(woken))
        .graceful_shutdown_on(stop.clone().cancelled_owned())
        .run(reconcile, next_attempt, context)
        .for_each(move |outcome| {
            match outcome {
                Ok((queue, _)) => ended.backoff.succeeded(&queue),
                // A queue that is gone when its turn comes is no failure.
                Err(kube::runtime::controller::Error::ObjectNotFound(queue)) => {
                    let queue =
                        ObjectRef::new(&queue.name).within(queue.namespace.as_deref().unwrap_or_default());
                    ended.scalers.forget(&queue);
                    ended.written.forget(&queue);
                    ended.pace.forget(&queue);
                    ended.backoff.succeeded(&queue);
                }
                Err(error) => tracing::debug!(%error, "pass"),
            }
            future::ready(())
        })
}

/// One pass over one queue. Only `resolve`, `apply` and `report` touch the outside.
async fn reconcile(guarded: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    let reference = QueueRef::from_obj(&*guarded);
    context.metrics.reconciled();
    let resource = match &guarded.0 {
        Ok(resource) => resource,
        Err(invalid) => return Err(Error::Unreadable(invalid.error.clone())),
    };
    let pass = async {
        if resource.meta().deletion_timestamp.is_some() {
            if let Some(action) = deletion::finish(&context, &reference, resource).await? {
                return Ok(action);
            }
        } else {
            deletion::claim(&context, resource).await?;
        }
        bring_about(&context, &reference, resource).await
    };
    match tokio::time::timeout(LIMIT, pass).await.unwrap_or(Err(Error::TooSlow)) {
        Ok(action) => Ok(action),
        // Everything in it goes, this queue too.
        Err(error) if error.is_end_of_namespace() => Ok(Action::await_change()),
        Err(error) => {
            let told = report::failed(&context, resource, &error);
            if tokio::time::timeout(REPORT_LIMIT, told).await.is_err() {
                tracing::warn!(queue = %reference, "the API server does not take a report");
            }
            Err(error)
        }
    }
}

async fn bring_about(context: &Context, reference: &QueueRef, resource: &PrpcQueue) -> Result<Action, Error> {
    let resolved = resolve::resolve(&context.client, resource).await?;
    let queue = Queue::validate(resource, resolved)?;
    let replicas = match context.scalers.desired(reference) {
        Some(replicas) => replicas,
        None => resolve::replicas(&context.client, &queue).await?,
    };
    let learnt = resource.status.as_ref().and_then(|status| status.scaling.as_ref());
    let learnt = learnt.map_or_else(Memory::default, |scaling| scaling.learnt);
    let seen = context.scalers.follow(reference, queue.wish(), replicas, &learnt);
    victims::mark(context, reference, &queue, seen.desired).await;
    let children = build::children(&queue, seen.desired, &context.options)?;
    let live = apply::apply(context, reference, &queue, &children).await?;
    context.scalers.written(reference);
    // What an earlier operator told of the broker holds until this one has asked, too.
    if seen.broker == BrokerState::Unasked && queue.place().is_some() && !queue.is_new() {
        return Ok(Action::requeue(UNSETTLED));
    }
    let occasion = (resource.meta().generation, seen.desired);
    if let Some(rest) = context.pace.wait(reference, occasion) {
        return Ok(Action::requeue(rest));
    }
    let pods = pods::look(&context.client, &queue, &live).await?;
    let settled = report::succeeded(context, resource, &queue, &seen, &live, &pods).await?;
    context.pace.reported(reference, occasion);
    Ok(Action::requeue(if settled { RESYNC } else { UNSETTLED }))
}

fn next_attempt(queue: Arc<Guarded>, error: &Error, context: Arc<Context>) -> Action {
    let reference = QueueRef::from_obj(&*queue);
    context.metrics.failed(error.reason());
    tracing::warn!(queue = %reference, reason = error.reason(), %error, "a queue cannot be brought about");
    match error.remedy() {
        Remedy::Retry => Action::requeue(context.backoff.failed(&reference)),
        Remedy::ChangeSpec => Action::await_change(),
    }
}

/// Everything in a namespace, or in all of them.
fn api<K>(client: &Client, scope: Option<&str>) -> Api<K>
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match scope {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

#[cfg(test)]
mod tests;
