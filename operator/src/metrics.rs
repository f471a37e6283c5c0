//! Numbers for OpenMetrics. Labels are the namespace and name of a queue, and reasons; never texts.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use prpc_scaling::Decision;

use crate::brokers::Measured;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct QueueLabels {
    pub(crate) namespace: String,
    pub(crate) queue: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BacklogLabels {
    namespace: String,
    queue: String,
    state: CallState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum CallState {
    #[expect(non_camel_case_types, reason = "the value of the label")]
    undelivered,
    #[expect(non_camel_case_types, reason = "the value of the label")]
    in_flight,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

const WAKE_UP_BUCKETS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
const DRAIN_BUCKETS: [f64; 9] = [1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];

type Queues<G> = Family<QueueLabels, G>;

/// All of them.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    reconciles: Counter,
    errors: Family<ReasonLabels, Counter>,
    backlog: Family<BacklogLabels, Gauge>,
    oldest: Queues<Gauge<f64, AtomicU64>>,
    dead: Queues<Gauge>,
    lost: Queues<Gauge>,
    partitions: Queues<Gauge>,
    broker_up: Queues<Gauge>,
    ready: Queues<Gauge>,
    replicas: Queues<Gauge>,
    desired: Queues<Gauge>,
    arrivals: Queues<Gauge<f64, AtomicU64>>,
    answers: Queues<Gauge<f64, AtomicU64>>,
    scale_events: Family<ReasonLabels, Counter>,
    wake_up: Histogram,
    drain: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            reconciles: Counter::default(),
            errors: Family::default(),
            backlog: Family::default(),
            oldest: Family::default(),
            dead: Family::default(),
            lost: Family::default(),
            partitions: Family::default(),
            broker_up: Family::default(),
            ready: Family::default(),
            replicas: Family::default(),
            desired: Family::default(),
            arrivals: Family::default(),
            answers: Family::default(),
            scale_events: Family::default(),
            wake_up: Histogram::new(WAKE_UP_BUCKETS),
            drain: Histogram::new(DRAIN_BUCKETS),
        };
        let registry = &mut metrics.registry;
        let operator = registry.sub_registry_with_prefix("prpc_operator");
        operator.register("reconciles", "Times that a queue was looked after", metrics.reconciles.clone());
        operator.register("reconcile_errors", "Of these, failures by reason", metrics.errors.clone());
        operator.register("scale_events", "Changes of the number of pods", metrics.scale_events.clone());
        operator.register_with_unit(
            "wake_up",
            "From the first call to a queue without pods until the number of pods was written",
            Unit::Seconds,
            metrics.wake_up.clone(),
        );
        operator.register_with_unit(
            "drain",
            "From telling a pod to end until it was gone",
            Unit::Seconds,
            metrics.drain.clone(),
        );
        let queue = registry.sub_registry_with_prefix("prpc_queue");
        queue.register("backlog", "Calls that are to be answered", metrics.backlog.clone());
        queue.register_with_unit(
            "oldest_age",
            "Age of the oldest call",
            Unit::Seconds,
            metrics.oldest.clone(),
        );
        queue.register("dead_letters", "Calls that were given up", metrics.dead.clone());
        queue.register(
            "lost_calls",
            "Calls that retention of Kafka removed before they were answered",
            metrics.lost.clone(),
        );
        queue.register("partitions", "Pods that Kafka has partitions for", metrics.partitions.clone());
        queue.register("broker_up", "Whether the broker could be asked", metrics.broker_up.clone());
        queue.register("ready", "Whether the condition Ready is true", metrics.ready.clone());
        queue.register("replicas", "Pods there are", metrics.replicas.clone());
        queue.register("desired_replicas", "Pods there should be", metrics.desired.clone());
        queue.register("arrivals_per_second", "Calls that come in, lately", metrics.arrivals.clone());
        queue.register("answers_per_second", "Calls that a pod can answer", metrics.answers.clone());
        metrics
    }

    pub(crate) fn page(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut page, &self.registry);
        page
    }

    pub(crate) fn reconciled(&self) {
        self.reconciles.inc();
    }

    pub(crate) fn failed(&self, reason: &'static str) {
        self.errors.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(crate) fn scaled(&self, up: bool) {
        self.scale_events.get_or_create(&ReasonLabels { reason: if up { "up" } else { "down" } }).inc();
    }

    /// A queue that had no pods is to have some; `waited` is the time since its first call.
    pub(crate) fn woke(&self, waited: Duration) {
        self.wake_up.observe(waited.as_secs_f64());
    }

    /// A pod has ended, so long after it was told to.
    pub(crate) fn drained(&self, took: Duration) {
        self.drain.observe(took.as_secs_f64());
    }

    /// What a decision is based on.
    pub(crate) fn decided(&self, queue: &QueueLabels, decision: &Decision) {
        if let Some(rates) = decision.rates {
            self.arrivals.get_or_create(queue).set(rates.arrivals);
            self.answers.get_or_create(queue).set(rates.per_replica);
        }
    }

    /// What a look at the broker brought; `None` if it could not be asked.
    pub(crate) fn looked(&self, queue: &QueueLabels, measured: Option<&Measured>) {
        self.broker_up.get_or_create(queue).set(measured.is_some().into());
        let Some(Measured { backlog, sample, lost, .. }) = measured else { return };
        if let Some(partitions) = sample.partitions {
            self.partitions.get_or_create(queue).set(partitions.get().into());
            self.lost.get_or_create(queue).set(i64::try_from(*lost).unwrap_or(i64::MAX));
        }
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for (state, calls) in
            [(CallState::undelivered, backlog.undelivered), (CallState::in_flight, backlog.in_flight)]
        {
            self.backlog.get_or_create(&Self::with(queue, state)).set(number(calls));
        }
        self.oldest.get_or_create(queue).set(backlog.oldest_age.unwrap_or_default().as_secs_f64());
        self.dead.get_or_create(queue).set(number(backlog.dead_letters));
    }

    pub(crate) fn counted(&self, queue: &QueueLabels, replicas: i32, desired: u32, ready: bool) {
        self.replicas.get_or_create(queue).set(replicas.into());
        self.desired.get_or_create(queue).set(desired.into());
        self.ready.get_or_create(queue).set(ready.into());
    }

    /// A queue is gone.
    pub(crate) fn forget(&self, queue: &QueueLabels) {
        for gauge in [
            &self.dead, &self.lost, &self.partitions, &self.broker_up, &self.ready, &self.replicas,
            &self.desired,
        ] {
            gauge.remove(queue);
        }
        for gauge in [&self.oldest, &self.arrivals, &self.answers] {
            gauge.remove(queue);
        }
        for state in [CallState::undelivered, CallState::in_flight] {
            self.backlog.remove(&Self::with(queue, state));
        }
    }

    fn with(queue: &QueueLabels, state: CallState) -> BacklogLabels {
        BacklogLabels { namespace: queue.namespace.clone(), queue: queue.queue.clone(), state }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use prpc_broker::Backlog;
    use prpc_scaling::Sample;

    use super::*;

    #[test]
    fn a_queue_that_is_gone_leaves_no_numbers_behind() {
        let metrics = Metrics::new();
        let queue = QueueLabels { namespace: "shop".into(), queue: "orders".into() };
        let backlog = Backlog { undelivered: 7, ..Backlog::default() };
        let sample = Sample { partitions: NonZeroU32::new(12), ..Sample::default() };
        metrics.looked(&queue, Some(&Measured { backlog, sample, lost: 0, note: None }));
        metrics.counted(&queue, 1, 2, true);
        let page = metrics.page();
        assert!(
            page.contains(r#"prpc_queue_backlog{namespace="shop",queue="orders",state="undelivered"} 7"#),
            "{page}"
        );
        assert!(page.contains("# UNIT prpc_queue_oldest_age_seconds seconds"), "{page}");
        metrics.forget(&queue);
        assert!(!metrics.page().contains("orders"));
    }
}
