//! What the runtime counts, under OpenMetrics names. Labels are bounded: a function is one of the program's or `_unknown`.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use prpc_broker::CountersSnapshot;

/// The label of calls of functions that the program does not have.
const UNKNOWN: &str = "_unknown";

/// How a call ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the names are the label's values")]
pub enum CallOutcome {
    /// The function returned.
    ok,
    /// It raised, or its process died.
    error,
    /// The limit passed.
    timeout,
    /// It was never run: the request cannot be read or names no function.
    rejected,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    function: String,
    outcome: CallOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FunctionLabel {
    function: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// The metrics of one function, looked up once.
#[derive(Debug, Clone)]
struct OfFunction {
    ok: Counter,
    error: Counter,
    timeout: Counter,
    duration: Histogram,
    wait: Histogram,
}

/// All metrics of this process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    functions: Vec<OfFunction>,
    rejected: Counter,
    received: Family<KindLabel, Counter>,
    redelivered: Family<ReasonLabel, Counter>,
    dead: Family<ReasonLabel, Counter>,
    restarts: Family<ReasonLabel, Counter>,
    /// Calls that run now.
    pub busy: Gauge,
    /// Calls that may run at a time.
    pub slots: Gauge,
    /// Whether the broker answers.
    pub connected: Gauge,
    broker: Mutex<BrokerCounters>,
}

#[derive(Debug, Default)]
struct BrokerCounters {
    seen: CountersSnapshot,
    reconnects: Counter,
    settle_retries: Counter,
    late_copies: Counter,
    late_copies_skipped: Counter,
    duplicates: Counter,
}

fn seconds_buckets() -> impl Iterator<Item = f64> {
    // 100 µs to 105 s
    exponential_buckets(0.0001, 4.0, 11)
}

impl Metrics {
    /// Metrics for the functions of a program.
    pub fn new<'a>(functions: impl IntoIterator<Item = &'a str>) -> Self {
        let mut registry = Registry::with_prefix("prpc");
        let calls = Family::<CallLabels, Counter>::default();
        let duration =
            Family::<FunctionLabel, Histogram>::new_with_constructor(|| Histogram::new(seconds_buckets()));
        let wait =
            Family::<FunctionLabel, Histogram>::new_with_constructor(|| Histogram::new(seconds_buckets()));
        let count = |function: &str, outcome| {
            calls.get_or_create_owned(&CallLabels { function: function.to_owned(), outcome })
        };
        let functions = functions
            .into_iter()
            .map(|name| {
                let label = FunctionLabel { function: name.to_owned() };
                OfFunction {
                    ok: count(name, CallOutcome::ok),
                    error: count(name, CallOutcome::error),
                    timeout: count(name, CallOutcome::timeout),
                    duration: duration.get_or_create_owned(&label),
                    wait: wait.get_or_create_owned(&label),
                }
            })
            .collect();
        let rejected = count(UNKNOWN, CallOutcome::rejected);
        let metrics = Self {
            functions,
            rejected,
            received: Family::default(),
            redelivered: Family::default(),
            dead: Family::default(),
            restarts: Family::default(),
            busy: Gauge::default(),
            slots: Gauge::default(),
            connected: Gauge::default(),
            broker: Mutex::default(),
            registry: Registry::default(),
        };
        registry.register("calls", "Finished calls", calls);
        registry.register("call_duration_seconds", "Time in the function", duration);
        registry.register(
            "call_wait_seconds",
            "Time from the broker's acceptance to the function's start",
            wait,
        );
        registry.register("messages_received", "Deliveries by the broker", metrics.received.clone());
        registry.register("redeliveries", "Calls that were started again", metrics.redelivered.clone());
        registry.register("dead_letters", "Messages set aside", metrics.dead.clone());
        registry.register("worker_restarts", "Worker hosts that were replaced", metrics.restarts.clone());
        registry.register("worker_busy", "Calls running now", metrics.busy.clone());
        registry.register("worker_slots", "Calls that may run at a time", metrics.slots.clone());
        registry.register("broker_connected", "1 while the broker answers", metrics.connected.clone());
        {
            let broker = metrics.broker.lock().unwrap_or_else(PoisonError::into_inner);
            registry.register("broker_reconnects", "Connections made again", broker.reconnects.clone());
            registry.register(
                "broker_settle_retries",
                "Batches of answers sent again",
                broker.settle_retries.clone(),
            );
            registry.register(
                "late_copies",
                "Replies stored again for original clients",
                broker.late_copies.clone(),
            );
            registry.register(
                "late_copies_skipped",
                "Such copies left out",
                broker.late_copies_skipped.clone(),
            );
            registry.register(
                "duplicate_answers",
                "Answers to calls answered before",
                broker.duplicates.clone(),
            );
        }
        let build = [("version", env!("CARGO_PKG_VERSION")), ("component", "runtime")];
        registry.register("build", "What runs here", Info::new(build.to_vec()));
        Self { registry, ..metrics }
    }

    /// A call of a function ended.
    pub fn ended(&self, function: usize, outcome: CallOutcome, run: Option<Duration>) {
        let Some(of) = self.functions.get(function) else { return };
        match outcome {
            CallOutcome::ok => of.ok.inc(),
            CallOutcome::timeout => of.timeout.inc(),
            CallOutcome::error | CallOutcome::rejected => of.error.inc(),
        };
        if let Some(run) = run {
            of.duration.observe(run.as_secs_f64());
        }
    }

    /// A call of a function was given to a host so long after the broker had accepted it.
    pub fn waited(&self, function: usize, wait: Duration) {
        if let Some(of) = self.functions.get(function) {
            of.wait.observe(wait.as_secs_f64());
        }
    }

    /// A request that could not be run was answered.
    pub fn rejected(&self) {
        self.rejected.inc();
    }

    /// The broker delivered messages.
    pub fn received(&self, kind: &'static str, count: u64) {
        self.received.get_or_create(&KindLabel { kind }).inc_by(count);
    }

    /// A call was started again.
    pub fn redelivered(&self, reason: &'static str) {
        self.redelivered.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// A message was set aside.
    pub fn dead(&self, reason: &'static str) {
        self.dead.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// A host was replaced.
    pub fn restarted(&self, reason: &'static str) {
        self.restarts.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// The page `/metrics`.
    #[must_use]
    pub fn page(&self, broker: CountersSnapshot) -> String {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner).catch_up(broker);
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            text.clear();
            let _ = write!(text, "# the metrics cannot be written: {error}");
        }
        text
    }
}

impl BrokerCounters {
    fn catch_up(&mut self, now: CountersSnapshot) {
        for (counter, now, seen) in [
            (&self.reconnects, now.reconnects, self.seen.reconnects),
            (&self.settle_retries, now.settle_retries, self.seen.settle_retries),
            (&self.late_copies, now.late_copies, self.seen.late_copies),
            (&self.late_copies_skipped, now.late_copies_skipped, self.seen.late_copies_skipped),
            (&self.duplicates, now.duplicates, self.seen.duplicates),
        ] {
            counter.inc_by(now.saturating_sub(seen));
        }
        self.seen = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_documented_names() {
        let metrics = Metrics::new(["add"]);
        metrics.ended(0, CallOutcome::ok, Some(Duration::from_millis(2)));
        metrics.received("native", 3);
        metrics.dead("undecodable");
        let page = metrics.page(CountersSnapshot { reconnects: 2, ..CountersSnapshot::default() });
        for line in [
            r#"prpc_calls_total{function="add",outcome="ok"} 1"#,
            r#"prpc_call_duration_seconds_count{function="add"} 1"#,
            r#"prpc_messages_received_total{kind="native"} 3"#,
            r#"prpc_dead_letters_total{reason="undecodable"} 1"#,
            "prpc_broker_reconnects_total 2",
            "prpc_build_info{",
        ] {
            assert!(page.contains(line), "{line} is missing in\n{page}");
        }
    }
}
