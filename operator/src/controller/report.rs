//! Tells what was done: status, events, numbers. Only what changed is written.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::api::{Patch, PatchParams};
use kube::runtime::events::{Event, EventType};
use kube::{Api, Resource as _, ResourceExt as _};
use prpc_api::PrpcQueue;
use prpc_api::status::{BacklogStatus, PrpcQueueStatus, ScalingStatus};
use prpc_broker::Backlog;
use serde_json::json;

use super::Context;
use super::build::selector_text;
use super::conditions::{Finding, Status, conditions};
use super::error::Error;
use super::functions;
use super::pods::{Count, Problem};
use super::queue::Queue;
use crate::metrics::QueueLabels;
use crate::scaling::Seen;

/// Who owns the fields of the status.
const MANAGER: &str = "prpc-operator-status";
/// The longest message of a condition that is not cut.
const LONGEST: usize = 1024;

/// Reports a pass that went through; returns whether all pods are as they should be: then nothing is expected to change unseen.
pub(super) async fn succeeded(
    context: &Context,
    resource: &PrpcQueue,
    queue: &Queue,
    seen: &Seen,
    live: &Deployment,
    problem: &Option<Problem>,
) -> Result<bool, Error> {
    let count = Count::of(live);
    let old = resource.status.clone().unwrap_or_default();
    let findings = conditions(queue, seen, count, problem.as_ref());
    let ready = findings.iter().any(|finding| finding.kind == "Ready" && finding.status == Status::True);
    let labels = QueueLabels { namespace: queue.namespace.clone(), queue: queue.name.clone() };
    context.metrics.counted(&labels, count.there, seen.desired, ready);

    // Pods of an earlier image may have others: they are asked when a change is complete.
    let was_complete = old
        .conditions
        .iter()
        .any(|condition| condition.type_ == "Progressing" && condition.reason == "Complete");
    let functions = if count.is_complete() && count.ready > 0 && (!was_complete || old.functions.is_empty()) {
        functions::ask(&context.client, queue).await
    } else {
        old.functions.clone()
    };
    let status = PrpcQueueStatus {
        observed_generation: Some(queue.generation),
        conditions: dated(&old.conditions, &findings, queue.generation),
        queue_name: Some(queue.queue_name().to_owned()),
        broker: Some(queue.broker_kind().to_owned()),
        replicas: count.there,
        ready_replicas: count.ready,
        desired_replicas: i32::try_from(seen.desired).ok(),
        selector: Some(selector_text(queue)),
        backlog: seen.backlog.as_ref().map(backlog).or(old.backlog),
        scaling: Some(scaling(seen, old.scaling.clone().unwrap_or_default())),
        functions,
    };
    if status != old {
        write(context, resource, &status).await?;
    }
    events(context, resource, &old, &status).await;
    Ok(count.is_complete())
}

/// Reports a pass that failed. A failure to report is only logged: the pass is repeated anyway.
pub(super) async fn failed(context: &Context, resource: &PrpcQueue, error: &Error) {
    let old = resource.status.clone().unwrap_or_default();
    let generation = resource.meta().generation.unwrap_or_default();
    let finding =
        Finding { kind: "Ready", status: Status::False, reason: error.reason(), message: error.to_string() };
    let mut status = PrpcQueueStatus { observed_generation: Some(generation), ..old.clone() };
    let ready = dated(&old.conditions, &[finding], generation);
    status.conditions.retain(|condition| condition.type_ != "Ready");
    status.conditions.splice(0..0, ready);
    if status == old {
        return;
    }
    if let Err(error) = write(context, resource, &status).await {
        tracing::warn!(queue = resource.name_any(), %error, "the status cannot be written");
    }
    events(context, resource, &old, &status).await;
}

/// Conditions with their times: one that says the same as before keeps its time.
fn dated(old: &[Condition], findings: &[Finding], generation: i64) -> Vec<Condition> {
    let now = Time(Timestamp::now());
    let date = |finding: &Finding| {
        let same = |old: &&Condition| old.type_ == finding.kind && old.status == finding.status.as_str();
        Condition {
            type_: finding.kind.to_owned(),
            status: finding.status.as_str().to_owned(),
            reason: finding.reason.to_owned(),
            message: finding.message.chars().take(LONGEST).collect(),
            observed_generation: Some(generation),
            last_transition_time: old
                .iter()
                .find(same)
                .map_or_else(|| now.clone(), |old| old.last_transition_time.clone()),
        }
    };
    findings.iter().map(date).collect()
}

/// What changes with every look is told again only when it matters.
fn scaling(seen: &Seen, old: ScalingStatus) -> ScalingStatus {
    let changed = seen.changed.clone();
    let (time, why) =
        changed.map_or((old.last_scale_time, old.last_decision), |(at, why)| (Some(Time(at)), Some(why)));
    let learnt = if seen.memory.resembles(&old.learnt) { old.learnt } else { seen.memory };
    ScalingStatus { last_scale_time: time, last_decision: why, learnt }
}

fn backlog(backlog: &Backlog) -> BacklogStatus {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    BacklogStatus {
        outstanding: number(backlog.undelivered.saturating_add(backlog.in_flight)),
        undelivered: number(backlog.undelivered),
        in_flight: number(backlog.in_flight),
        oldest_message_age_seconds: backlog.oldest_age.map(|age| number(age.as_secs())),
        dead_letters: number(backlog.dead_letters),
    }
}

async fn write(context: &Context, resource: &PrpcQueue, status: &PrpcQueueStatus) -> Result<(), Error> {
    let (name, namespace) = (resource.name_any(), resource.namespace().unwrap_or_default());
    let patch =
        json!({"apiVersion": PrpcQueue::api_version(&()), "kind": PrpcQueue::kind(&()), "status": status});
    let written = Api::<PrpcQueue>::namespaced(context.client.clone(), &namespace)
        .patch_status(&name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(patch))
        .await;
    match written {
        Ok(_) => Ok(()),
        // It was deleted meanwhile.
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(source) => Err(Error::Write { what: format!("the status of {namespace}/{name}"), source }),
    }
}

/// Events on transitions only: another reason of Ready, another number of pods.
async fn events(context: &Context, resource: &PrpcQueue, old: &PrpcQueueStatus, new: &PrpcQueueStatus) {
    let ready = |status: &PrpcQueueStatus| {
        let found = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        found.map(|found| (found.reason.clone(), found.status.clone(), found.message.clone()))
    };
    let before = ready(old).map(|(reason, ..)| reason);
    if let Some((reason, status, message)) = ready(new)
        && before.as_ref() != Some(&reason)
    {
        let kind = if status == "False" && reason != "Starting" && reason != "Paused" {
            EventType::Warning
        } else {
            EventType::Normal
        };
        publish(context, resource, kind, &reason, "Reconcile", &message).await;
    }
    // A broker that answers and has bad news.
    let news = |status: &PrpcQueueStatus| {
        let found =
            status.conditions.iter().find(|found| found.type_ == "BrokerReachable" && found.status == "True");
        found
            .filter(|found| found.reason != "Connected")
            .map(|found| (found.reason.clone(), found.message.clone()))
    };
    if let Some((reason, message)) = news(new)
        && news(old).is_none_or(|(before, _)| before != reason)
    {
        publish(context, resource, EventType::Warning, &reason, "Reconcile", &message).await;
    }
    if let (Some(was), Some(is)) = (old.desired_replicas, new.desired_replicas)
        && was != is
    {
        let reason = match (was, is) {
            (0, _) => "WokenFromZero",
            (_, 0) => "ScaledToZero",
            _ if is > was => "ScaledUp",
            _ => "ScaledDown",
        };
        let why =
            new.scaling.as_ref().and_then(|scaling| scaling.last_decision.as_deref()).unwrap_or_default();
        publish(context, resource, EventType::Normal, reason, "Scale", &format!("from {why}")).await;
    }
}

/// Publishes an event about a queue. One that cannot be published is only logged.
pub(super) async fn publish(
    context: &Context,
    resource: &PrpcQueue,
    type_: EventType,
    reason: &str,
    action: &str,
    note: &str,
) {
    let event = Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note.chars().take(LONGEST).collect()),
        action: action.to_owned(),
        secondary: None,
    };
    if let Err(error) = context.recorder.publish(&event, &resource.object_ref(&())).await {
        tracing::debug!(queue = resource.name_any(), reason, %error, "an event cannot be published");
    }
}
