//! From what was seen to conditions: pure, so that every row of the guide's table is a row of a test.

use prpc_api::spec::ScalingMode;
use prpc_scaling::Limit;

use super::pods::{Count, Problem};
use super::queue::Queue;
use super::resolve::Access;
use crate::failure::Failure;
use crate::scaling::{BrokerState, Seen};

/// True, False or Unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    True,
    False,
    Unknown,
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition without its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) kind: &'static str,
    pub(super) status: Status,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// All conditions of a queue.
pub(super) fn conditions(
    queue: &Queue,
    seen: &Seen,
    count: Count,
    problem: Option<&Problem>,
) -> [Finding; 5] {
    [
        ready(queue, seen, count, problem),
        progressing(count, problem),
        broker_reachable(queue, seen),
        scaling_active(queue, seen),
        scaling_limited(queue, seen),
    ]
}

fn finding(kind: &'static str, status: Status, reason: &'static str, message: impl Into<String>) -> Finding {
    Finding { kind, status, reason, message: message.into() }
}

/// True: calls are answered, or the queue sleeps and wakes with the next call.
fn ready(queue: &Queue, seen: &Seen, count: Count, problem: Option<&Problem>) -> Finding {
    let ready = |status, reason, message: String| finding("Ready", status, reason, message);
    if queue.spec.paused {
        return ready(
            Status::False,
            "Paused",
            "spec.paused is true: calls wait on the broker. Set it to false to go on.".into(),
        );
    }
    if count.ready > 0 {
        return ready(
            Status::True,
            "Serving",
            format!("{} of {} pods take calls", count.ready, count.wanted),
        );
    }
    if let Access::Missing(what) = &queue.access {
        return ready(Status::False, "SecretMissing", what.clone());
    }
    if let BrokerState::Failed(Failure { reason, message }) = &seen.broker {
        return ready(Status::False, reason, message.clone());
    }
    if let Some(Problem { reason, message }) = problem {
        return ready(Status::False, reason, message.clone());
    }
    match seen.broker {
        BrokerState::Reachable if count.wanted == 0 => {
            ready(Status::True, "ScaledToZero", "there is nothing to do; the next call starts a pod".into())
        }
        _ if count.wanted == 0 => {
            ready(Status::Unknown, "Starting", "the broker has not been asked yet".into())
        }
        _ => ready(Status::False, "Starting", format!("0 of {} pods take calls yet", count.wanted)),
    }
}

fn progressing(count: Count, problem: Option<&Problem>) -> Finding {
    let progressing = |status, reason, message: String| finding("Progressing", status, reason, message);
    if count.is_complete() {
        return progressing(
            Status::False,
            "Complete",
            format!("all {} pods are as the spec says", count.wanted),
        );
    }
    if let Some(problem) = problem {
        return progressing(Status::False, problem.reason, problem.message.clone());
    }
    if count.updated < count.wanted.min(count.there) {
        let message = format!("{} of {} pods are as the spec says", count.updated, count.wanted);
        return progressing(Status::True, "RollingOut", message);
    }
    progressing(
        Status::True,
        "Scaling",
        format!("{} pods, {} wanted, {} ready", count.there, count.wanted, count.ready),
    )
}

fn broker_reachable(queue: &Queue, seen: &Seen) -> Finding {
    let reachable = |status, reason, message: String| finding("BrokerReachable", status, reason, message);
    match (&queue.access, &seen.broker) {
        (Access::Missing(what), _) => reachable(Status::Unknown, "SecretMissing", what.clone()),
        (_, BrokerState::Reachable) => match &seen.note {
            Some(Failure { reason, message }) => reachable(Status::True, reason, message.clone()),
            None => reachable(Status::True, "Connected", "the backlog is known".into()),
        },
        (_, BrokerState::Failed(Failure { reason, message })) => {
            reachable(Status::False, reason, message.clone())
        }
        (_, BrokerState::Unasked) => {
            reachable(Status::Unknown, "NotAsked", "the broker has not been asked yet".into())
        }
    }
}

fn scaling_active(queue: &Queue, seen: &Seen) -> Finding {
    let active = |status, reason, message: String| finding("ScalingActive", status, reason, message);
    if queue.spec.paused {
        return active(Status::False, "Paused", "spec.paused is true".into());
    }
    match (queue.spec.scaling.mode, &seen.decision) {
        (ScalingMode::External, _) => active(
            Status::False,
            "External",
            "spec.replicas decides; write it with kubectl scale or a HorizontalPodAutoscaler".into(),
        ),
        (ScalingMode::Recommend, decision) => active(
            Status::False,
            "RecommendOnly",
            match decision {
                Some(decision) => format!("spec.replicas decides; Managed would: {decision}"),
                None => "spec.replicas decides".into(),
            },
        ),
        (ScalingMode::Managed, Some(decision))
            if decision.load.is_some() && seen.broker == BrokerState::Reachable =>
        {
            active(Status::True, "BacklogKnown", decision.to_string())
        }
        (ScalingMode::Managed, _) => active(
            Status::False,
            "BacklogUnknown",
            format!("held at {} until the broker can be asked", seen.desired),
        ),
    }
}

fn scaling_limited(queue: &Queue, seen: &Seen) -> Finding {
    let limited = |status, reason, message: String| finding("ScalingLimited", status, reason, message);
    let scaling = &queue.spec.scaling;
    let managed = scaling.mode == ScalingMode::Managed && !queue.spec.paused;
    match seen.decision.as_ref().filter(|_| managed).and_then(|decision| decision.limit.zip(Some(decision))) {
        Some((Limit::Max, decision)) => limited(
            Status::True,
            "TooFewReplicas",
            format!("the backlog asks for {}, maxReplicas is {}", decision.unbounded, scaling.max_replicas),
        ),
        Some((Limit::Partitions, decision)) => limited(
            Status::True,
            "PartitionCount",
            format!(
                "the backlog asks for {}, the partitions give work to {}",
                decision.unbounded, decision.bounded
            ),
        ),
        Some((Limit::Min, decision)) => limited(
            Status::True,
            "TooManyReplicas",
            format!("the backlog asks for {}, minReplicas is {}", decision.unbounded, scaling.min_replicas),
        ),
        Some((Limit::Alignment(_), _)) | None => {
            limited(Status::False, "DesiredWithinRange", "the desired number is within the bounds".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::queue::queue_at;
    use k8s_openapi::api::apps::v1::Deployment;
    use prpc_scaling::{Decision, Load, Memory, Reason};
    use serde_json::{Value, json};

    /// `wanted` pods, `there` of them there, `ready` of these ready; all of them new.
    fn count(wanted: i32, there: i32, ready: i32) -> Count {
        let live = json!({
            "metadata": {"generation": 1},
            "spec": {"replicas": wanted, "selector": {}, "template": {}},
            "status": {"observedGeneration": 1, "replicas": there, "updatedReplicas": there, "readyReplicas": ready}
        });
        Count::of(&serde_json::from_value::<Deployment>(live).unwrap())
    }

    fn queue(change: &Value) -> Queue {
        queue_at(change, Access::open())
    }

    fn seen(broker: BrokerState) -> Seen {
        Seen { broker, ..Seen::default() }
    }

    fn away() -> BrokerState {
        BrokerState::Failed(Failure { reason: "ConnectionFailed", message: "refused".into() })
    }

    fn found(
        queue: &Queue,
        seen: &Seen,
        count: Count,
        problem: Option<&Problem>,
        kind: &str,
    ) -> (Status, &'static str) {
        let all = conditions(queue, seen, count, problem);
        let finding = all.iter().find(|finding| finding.kind == kind).unwrap();
        assert!(!finding.message.is_empty());
        (finding.status, finding.reason)
    }

    #[test]
    fn ready_says_whether_calls_are_answered_and_why_not() {
        let import = Problem { reason: "AppImportFailed", message: "no module".into() };
        let usual = queue(&json!({}));
        let kafka = queue(&json!({"broker": {"kafka": {"bootstrapServers": ["k:9092"]}}}));
        let missing = queue_at(&json!({}), Access::Missing("no secret".into()));
        let paused = queue(&json!({"paused": true}));
        for (queue, broker, count, problem, status, reason) in [
            (&usual, BrokerState::Reachable, count(2, 2, 1), None, Status::True, "Serving"),
            // Pods that take calls have a broker, whatever the operator sees.
            (&usual, away(), count(2, 2, 2), None, Status::True, "Serving"),
            (&usual, away(), count(2, 2, 0), None, Status::False, "ConnectionFailed"),
            (&usual, away(), count(0, 0, 0), None, Status::False, "ConnectionFailed"),
            (&usual, BrokerState::Reachable, count(0, 0, 0), None, Status::True, "ScaledToZero"),
            (&usual, BrokerState::Unasked, count(0, 0, 0), None, Status::Unknown, "Starting"),
            (&usual, BrokerState::Reachable, count(1, 1, 0), None, Status::False, "Starting"),
            (&usual, BrokerState::Reachable, count(1, 1, 0), Some(&import), Status::False, "AppImportFailed"),
            (&missing, BrokerState::Unasked, count(1, 1, 0), None, Status::False, "SecretMissing"),
            (&paused, BrokerState::Reachable, count(0, 0, 0), None, Status::False, "Paused"),
            (&kafka, BrokerState::Reachable, count(1, 1, 1), None, Status::True, "Serving"),
            (&kafka, away(), count(0, 0, 0), None, Status::False, "ConnectionFailed"),
        ] {
            assert_eq!(found(queue, &seen(broker), count, problem, "Ready"), (status, reason));
        }
    }

    #[test]
    fn progressing_ends_when_all_pods_are_there_and_new() {
        let usual = queue(&json!({}));
        let seen = seen(BrokerState::Reachable);
        let rolling = Count { updated: 1, ..count(3, 3, 3) };
        for (count, status, reason) in [
            (count(3, 3, 3), Status::False, "Complete"),
            (count(3, 1, 1), Status::True, "Scaling"),
            (count(1, 3, 3), Status::True, "Scaling"),
            (rolling, Status::True, "RollingOut"),
        ] {
            assert_eq!(found(&usual, &seen, count, None, "Progressing"), (status, reason), "{count:?}");
        }
    }

    #[test]
    fn scaling_says_who_decides_and_what_limits_it() {
        let decision = |limit, load| Decision {
            replicas: 3,
            from: 3,
            recommended: 3,
            reason: Reason::Backlog,
            load,
            rates: None,
            unbounded: 9,
            bounded: 3,
            limit,
            schedule: None,
            in_vain: false,
            memory: Memory::default(),
        };
        let known = Some(Load { undelivered: 90, in_flight: 0 });
        let usual = queue(&json!({}));
        let external = queue(&json!({"scaling": {"mode": "External"}}));
        let recommend = queue(&json!({"scaling": {"mode": "Recommend"}}));
        for (queue, broker, decision, active, limited) in [
            (&usual, BrokerState::Reachable, decision(None, known), "BacklogKnown", "DesiredWithinRange"),
            (
                &usual,
                BrokerState::Reachable,
                decision(Some(Limit::Max), known),
                "BacklogKnown",
                "TooFewReplicas",
            ),
            (
                &usual,
                BrokerState::Reachable,
                decision(Some(Limit::Min), known),
                "BacklogKnown",
                "TooManyReplicas",
            ),
            (&usual, away(), decision(None, None), "BacklogUnknown", "DesiredWithinRange"),
            (
                &usual,
                BrokerState::Reachable,
                decision(Some(Limit::Partitions), known),
                "BacklogKnown",
                "PartitionCount",
            ),
            (
                &external,
                BrokerState::Reachable,
                decision(Some(Limit::Max), known),
                "External",
                "DesiredWithinRange",
            ),
            (
                &recommend,
                BrokerState::Reachable,
                decision(Some(Limit::Max), known),
                "RecommendOnly",
                "DesiredWithinRange",
            ),
        ] {
            let seen = Seen { decision: Some(decision), ..seen(broker) };
            assert_eq!(found(queue, &seen, count(3, 3, 3), None, "ScalingActive").1, active);
            assert_eq!(found(queue, &seen, count(3, 3, 3), None, "ScalingLimited").1, limited);
        }
    }
}
