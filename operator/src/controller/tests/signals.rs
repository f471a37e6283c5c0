//! What the scaling is told beside the backlog: first calls, pods and their work. With a real Redis, and pods that only have pages.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::routing::get;
use axum::{Json, Router};
use prpc_contract::labels::PAGES_PORT;
use tokio::net::TcpListener;

use super::backlog::Redis;
use super::*;

/// A pod at an address of this machine.
struct Page {
    name: &'static str,
    address: IpAddr,
    served: Arc<AtomicU64>,
    /// How often somebody asked.
    asked: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

impl Page {
    /// Serves its page, and is told to the API server as ready. It has answered calls of 0.1 s each.
    async fn serve(api: &FakeApi, name: &'static str, address: [u8; 4], busy: u64) -> Self {
        let (address, served) = (IpAddr::from(address), Arc::new(AtomicU64::default()));
        let listener = TcpListener::bind((address, PAGES_PORT)).await.unwrap();
        let asked = Arc::<AtomicU64>::default();
        let (counter, questions) = (Arc::clone(&served), Arc::clone(&asked));
        let status = move || async move {
            questions.fetch_add(1, Ordering::Relaxed);
            let served = counter.load(Ordering::Relaxed);
            Json(json!({
                "instance": name, "queue": "orders", "slots": 4, "busy": busy, "served": served,
                "busySeconds": served as f64 / 10.0, "functions": [], "draining": false, "version": "1",
            }))
        };
        let pages = Router::new().route("/status", get(status));
        let server = tokio::spawn(async move { axum::serve(listener, pages).await.unwrap() });
        let page = Self { name, address, served, asked, server };
        page.show(api);
        page
    }

    fn show(&self, api: &FakeApi) {
        let mut pod = pod();
        pod["status"]["podIP"] = json!(self.address);
        api.put("pods", SHOP, self.name, &pod);
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn bounds(min: u32, max: u32, poll: u32) -> Value {
    json!({"scaling": {"minReplicas": min, "maxReplicas": max, "backlogPerReplica": 10, "pollIntervalSeconds": poll}})
}

#[tokio::test]
async fn the_first_call_wakes_a_queue_long_before_the_next_look() {
    let redis = Redis::start();
    let world = World::with_queue(&redis.queue(&bounds(0, 9, 60)));
    world.until_reason("ScaledToZero").await;
    redis.add(1).await;
    world.until_replicas(1).await;
    until("it is timed", || world.metrics.page().contains("prpc_operator_wake_up_seconds_count 1")).await;
    world.end().await;
}

#[tokio::test]
async fn the_pods_tell_what_they_can_do_and_it_is_kept_for_the_next_operator() {
    let redis = Redis::start();
    let world = World::with_queue(&redis.queue(&bounds(1, 9, 1)));
    let page = Page::serve(&world.api, "orders-1", [127, 9, 0, 1], 2).await;
    let rate = |world: &World| {
        page.served.fetch_add(5, Ordering::Relaxed);
        world.queue().and_then(|queue| {
            Some(queue["status"]["scaling"]["learnt"]["ratePerReplica"].as_str()?.to_owned())
        })
    };
    let labels = r#"{namespace="shop",queue="orders"}"#;
    until_within(RESYNC * 2, "the rate", || rate(&world).as_deref() == Some("40")).await;
    let told = world.metrics.page();
    let told =
        told.lines().find_map(|line| line.strip_prefix(&format!("prpc_queue_answers_per_second{labels} ")));
    assert_eq!(told.unwrap().parse::<f64>().unwrap().round(), 40.0);
    let api = world.api.clone();
    world.end().await;

    let world = World::start(api);
    until("a look", || world.metrics.page().contains("broker_up{")).await;
    world.until_passes(1).await;
    assert_eq!(rate(&world).as_deref(), Some("40"));
    world.end().await;
}

#[tokio::test]
async fn when_there_are_to_be_fewer_the_least_busy_are_marked_first() {
    let redis = Redis::start();
    let world = World::with_queue(&redis.queue(&bounds(3, 3, 1)));
    world.until_replicas(3).await;
    let pods = [("orders-1", 3), ("orders-2", 0), ("orders-3", 2)];
    let mut pages = Vec::new();
    for (at, (name, busy)) in pods.into_iter().enumerate() {
        pages.push(Page::serve(&world.api, name, [127, 9, 1, at as u8], busy).await);
    }
    until("the pods are known", || pages.iter().all(|page| page.asked.load(Ordering::Relaxed) > 0)).await;
    put(&world.api, "orders", &redis.queue(&bounds(1, 1, 1)));
    world.until_replicas(1).await;
    let cost = |name: &str| {
        let pod = world.api.get("pods", SHOP, name).unwrap();
        pod["metadata"]["annotations"][labels::DELETION_COST].as_str().map(str::to_owned)
    };
    assert_eq!(["orders-1", "orders-2", "orders-3"].map(cost), [None, Some("-1".into()), Some("-1".into())]);
    world.end().await;
}
