//! The controller on an API server in this process: what wakes it, what it writes in which order, and what it does when
//! something fails. The clock of most tests stands still while anything can be done and leaps otherwise.

mod backlog;
mod cycles;
mod deletion;
mod faults;
mod kafka;
mod kafka_rights;
mod serving;
mod signals;
mod spec;

use clap::Parser as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::arguments::Arguments;
use crate::fake_api::{FakeApi, until, until_within};

const SHOP: &str = "shop";
const WORKER: &str = "orders-worker";
/// What Ready says while nobody listens at the address of the broker.
const UNREACHABLE: &str = "ConnectionFailed";
/// For what is tried again after long pauses.
const LONG: Duration = Duration::from_secs(600);

/// A controller that runs.
struct World {
    api: FakeApi,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl World {
    fn start(api: FakeApi) -> Self {
        Self::start_with(api, &[])
    }

    fn start_with(api: FakeApi, arguments: &[&str]) -> Self {
        let arguments = ["prpc-operator", "--runtime-image", "r:1"].iter().chain(arguments);
        let options = Arguments::parse_from(arguments).options;
        let (metrics, stop) = (Arc::new(Metrics::new()), CancellationToken::new());
        let (client, told, ending) = (api.client(), Arc::clone(&metrics), stop.clone());
        let running = tokio::spawn(async move { run(client, &options, told, ending).await });
        Self { api, metrics, stop, running }
    }

    /// On a server with the queue `shop/orders`, whose broker is not there.
    fn with_queue(change: &Value) -> Self {
        let api = FakeApi::default();
        put(&api, "orders", change);
        Self::start(api)
    }

    fn queue(&self) -> Option<Value> {
        self.api.get("prpcqueues", SHOP, "orders")
    }

    fn deployment(&self) -> Option<Value> {
        self.api.get("deployments", SHOP, WORKER)
    }

    async fn until_deployment(&self) {
        until("the Deployment", || self.deployment().is_some()).await;
    }

    fn replicas(&self) -> Option<i64> {
        self.deployment()?["spec"]["replicas"].as_i64()
    }

    async fn until_replicas(&self, wanted: i64) {
        until(&format!("{wanted} replicas"), || self.replicas() == Some(wanted)).await;
    }

    /// Status, reason and message of a condition.
    fn condition(&self, kind: &str) -> Option<[String; 3]> {
        let queue = self.queue()?;
        let found = queue["status"]["conditions"].as_array()?.iter().find(|found| found["type"] == kind)?;
        Some(["status", "reason", "message"].map(|part| found[part].as_str().unwrap_or_default().to_owned()))
    }

    fn is(&self, kind: &str, status: &str, reason: &str) -> bool {
        self.condition(kind).is_some_and(|found| found[..2] == [status, reason])
    }

    /// Waits for a reason of the condition Ready; returns its message.
    async fn until_reason(&self, reason: &str) -> String {
        until(reason, || self.condition("Ready").is_some_and(|found| found[1] == reason)).await;
        let [_, _, message] = self.condition("Ready").unwrap();
        message
    }

    fn passes(&self) -> u64 {
        let page = self.metrics.page();
        let line = page.lines().find_map(|line| line.strip_prefix("prpc_operator_reconciles_total "));
        line.unwrap().parse().unwrap()
    }

    /// Waits until so many passes have begun and ended.
    async fn until_passes(&self, count: u64) {
        let enough = self.passes() + count + 1;
        // Without any reason there is one in RESYNC.
        let limit = RESYNC * u32::try_from(count + 2).unwrap();
        until_within(limit, "passes", || self.passes() >= enough).await;
    }

    /// The first request whose line contains `line`.
    fn first(&self, line: &str) -> usize {
        let requests = self.api.requests();
        let first = requests.iter().position(|request| request.contains(line));
        first.unwrap_or_else(|| panic!("no {line} in {requests:#?}"))
    }

    async fn end(self) {
        self.stop.cancel();
        timeout(Duration::from_secs(30), self.running).await.expect("the end takes too long").unwrap();
    }
}

fn put(api: &FakeApi, name: &str, change: &Value) {
    put_in(api, SHOP, name, change);
}

fn put_in(api: &FakeApi, namespace: &str, name: &str, change: &Value) {
    let mut spec = json!({
        "broker": {"redis": {"url": "redis://127.0.0.1:1/0"}},
        "function": {"image": "shop/orders:1", "app": "orders.main:app"},
    });
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let queue = json!({"apiVersion": "prpc.dev/v1alpha1", "kind": "PrpcQueue", "spec": spec});
    api.put("prpcqueues", namespace, name, &queue);
}

/// A pod of the queue `orders` that takes calls.
fn pod() -> Value {
    pod_of("orders")
}

/// A pod of a queue that takes calls.
fn pod_of(queue: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"labels": {
            labels::NAME: labels::WORKER, labels::INSTANCE: queue, labels::MANAGED_BY: labels::OPERATOR,
        }},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    })
}
