//! With a real Redis: the backlog decides.

use prpc_contract::names::QueueNames;
use prpc_testbed::RedisServer;
use redis::aio::MultiplexedConnection;

use super::*;

/// A queue on a Redis server of its own.
pub(super) struct Redis(pub(super) RedisServer);

impl Redis {
    pub(super) fn start() -> Self {
        Self(RedisServer::start(&[]))
    }

    pub(super) fn queue(&self, change: &Value) -> Value {
        let mut spec = change.clone();
        spec["broker"] = json!({"redis": {"url": format!("{}/0", self.0.url())}});
        spec
    }

    pub(super) async fn connection(&self) -> MultiplexedConnection {
        self.0.connection().await
    }

    pub(super) async fn add(&self, entries: usize) {
        let mut pipe = redis::pipe();
        for _ in 0..entries {
            pipe.cmd("XADD").arg(stream()).arg("*").arg("d").arg("x");
        }
        pipe.exec_async(&mut self.connection().await).await.unwrap();
    }

    async fn has_stream(&self) -> bool {
        redis::cmd("EXISTS").arg(stream()).query_async(&mut self.connection().await).await.unwrap()
    }
}

fn stream() -> String {
    QueueNames::new(&"orders".parse().unwrap()).native
}

fn scaling() -> Value {
    json!({"scaling": {"minReplicas": 0, "maxReplicas": 9, "backlogPerReplica": 10, "pollIntervalSeconds": 1}})
}

#[tokio::test]
async fn the_backlog_decides_and_without_a_broker_nothing_changes() {
    let mut redis = Redis::start();
    let world = World::with_queue(&redis.queue(&scaling()));
    world.until_reason("ScaledToZero").await;
    assert_eq!(world.replicas(), Some(0));

    // All is as it should be: without a reason nothing would be done for half a minute.
    world.api.set_deployment_status(SHOP, WORKER, 0);
    until("nothing is left to do", || world.is("Progressing", "False", "Complete")).await;
    redis.add(50).await;
    world.until_replicas(5).await;
    until("the backlog", || world.is("ScalingActive", "True", "BacklogKnown")).await;
    until("the numbers", || world.queue().unwrap()["status"]["backlog"]["undelivered"] == 50).await;
    until("the event", || world.api.events().contains(&"WokenFromZero".to_owned())).await;

    redis.0.kill();
    until("it is told", || world.is("BrokerReachable", "False", UNREACHABLE)).await;
    until("it is held", || world.is("ScalingActive", "False", "BacklogUnknown")).await;
    assert_eq!(world.replicas(), Some(5));
    world.end().await;
}

#[tokio::test]
async fn an_operator_that_starts_leaves_a_sleeping_queue_asleep_and_tells_nothing_again() {
    let redis = Redis::start();
    let world = World::with_queue(&redis.queue(&scaling()));
    world.until_reason("ScaledToZero").await;
    let (api, queue) = (world.api.clone(), world.queue());
    world.end().await;
    let events = api.events();

    let world = World::start(api);
    until("a look", || world.metrics.page().contains("broker_up{")).await;
    world.until_passes(1).await;
    assert_eq!(world.api.events(), events);
    assert_eq!(world.queue().unwrap()["status"]["conditions"], queue.unwrap()["status"]["conditions"]);
    world.end().await;
}

#[tokio::test]
async fn a_queue_that_is_to_be_drained_goes_when_it_is_empty() {
    let redis = Redis::start();
    redis.add(3).await;
    let mut spec = redis.queue(&scaling());
    spec["deletionPolicy"] = json!("Drain");
    let world = World::with_queue(&spec);
    world.until_replicas(1).await;
    world.api.delete("prpcqueues", SHOP, "orders");
    world.until_passes(1).await;
    assert_eq!(world.replicas(), Some(1));
    let () = redis::cmd("XTRIM")
        .arg(&[&stream(), "MAXLEN", "0"])
        .query_async(&mut redis.connection().await)
        .await
        .unwrap();
    until("the queue is gone", || world.queue().is_none()).await;
    assert_eq!(world.deployment(), None);
    assert!(!world.api.events().contains(&"BrokerObjectsRetained".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn a_queue_that_is_to_be_purged_leaves_nothing_on_the_broker() {
    let redis = Redis::start();
    redis.add(3).await;
    let mut spec = redis.queue(&scaling());
    spec["deletionPolicy"] = json!("Purge");
    let world = World::with_queue(&spec);
    world.until_replicas(1).await;
    world.api.put("pods", SHOP, "orders-worker-1", &pod());
    world.api.delete("prpcqueues", SHOP, "orders");
    until("no Deployment", || world.deployment().is_none()).await;
    world.until_passes(1).await;
    assert!(redis.has_stream().await, "a pod would make it again");
    world.api.delete("pods", SHOP, "orders-worker-1");
    until("the queue is gone", || world.queue().is_none()).await;
    assert!(!redis.has_stream().await);
    assert!(world.api.events().contains(&"BrokerObjectsPurged".to_owned()));
    world.end().await;
}
