//! The end of a queue.

use super::*;
use jiff::{SignedDuration, Timestamp};

impl World {
    fn finalizers(&self) -> Value {
        self.queue().unwrap()["metadata"]["finalizers"].clone()
    }

    async fn until_gone(&self) {
        until("the queue is gone", || self.queue().is_none()).await;
    }

    /// As if the queue had been deleted a while ago.
    fn delete_queue(&self, ago: Duration) {
        self.api.delete("prpcqueues", SHOP, "orders");
        let at = Timestamp::now() - SignedDuration::try_from(ago).unwrap();
        let deleted = json!({"metadata": {"deletionTimestamp": at.to_string()}});
        self.api.put("prpcqueues", SHOP, "orders", &deleted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_is_there_only_for_policies_that_need_one() {
    let world = World::with_queue(&json!({}));
    world.until_deployment().await;
    assert_eq!(world.finalizers(), Value::Null);
    for policy in ["Drain", "Purge"] {
        put(&world.api, "orders", &json!({"deletionPolicy": policy}));
        until("the finalizer", || world.finalizers() == json!([labels::FINALIZER])).await;
        put(&world.api, "orders", &json!({"deletionPolicy": "Retain"}));
        until("no finalizer", || world.finalizers() == json!([])).await;
    }
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_finalizers_of_others_are_left_alone() {
    let api = FakeApi::default();
    put(&api, "orders", &json!({"deletionPolicy": "Drain"}));
    api.put("prpcqueues", SHOP, "orders", &json!({"metadata": {"finalizers": ["other/one"]}}));
    let world = World::start(api);
    until("both", || world.finalizers() == json!(["other/one", labels::FINALIZER])).await;
    put(&world.api, "orders", &json!({"deletionPolicy": "Retain"}));
    until("the other's", || world.finalizers() == json!(["other/one"])).await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_to_be_drained_waits_for_its_broker_but_not_for_ever() {
    let world = World::with_queue(&json!({"deletionPolicy": "Drain"}));
    world.until_reason(UNREACHABLE).await;
    world.delete_queue(Duration::from_secs(500));
    world.until_reason("BrokerUnreachable").await;
    world.until_passes(2).await;
    assert_eq!(world.finalizers(), json!([labels::FINALIZER]));
    assert!(world.deployment().is_some());
    world.delete_queue(Duration::from_secs(601));
    world.until_gone().await;
    assert!(world.api.events().contains(&"BrokerObjectsRetained".to_owned()));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_to_be_purged_loses_its_pods_first_and_waits_a_minute_for_its_broker() {
    let world = World::with_queue(&json!({"deletionPolicy": "Purge"}));
    world.until_reason(UNREACHABLE).await;
    world.api.put("pods", SHOP, "orders-worker-1", &pod());
    world.delete_queue(Duration::ZERO);
    until("no Deployment", || world.deployment().is_none()).await;
    world.until_passes(2).await;
    assert!(world.queue().is_some());
    world.api.delete("pods", SHOP, "orders-worker-1");
    world.until_reason("BrokerUnreachable").await;
    world.delete_queue(Duration::from_secs(61));
    world.until_gone().await;
    assert!(world.api.events().contains(&"BrokerObjectsRetained".to_owned()));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_goes_with_its_namespace_at_once() {
    for policy in ["Drain", "Purge"] {
        let world = World::with_queue(&json!({"deletionPolicy": policy}));
        world.until_reason(UNREACHABLE).await;
        world.api.put("namespaces", "", SHOP, &json!({"metadata": {"finalizers": ["kubernetes"]}}));
        world.api.delete("namespaces", "", SHOP);
        world.api.delete("prpcqueues", SHOP, "orders");
        world.until_gone().await;
        assert!(world.api.events().contains(&"BrokerObjectsRetained".to_owned()));
        assert_eq!(world.api.times("GET namespaces/shop").len(), 1);
        world.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_changed_to_retain_lets_a_deleted_queue_go() {
    let world = World::with_queue(&json!({"deletionPolicy": "Drain"}));
    world.until_reason(UNREACHABLE).await;
    world.api.delete("prpcqueues", SHOP, "orders");
    world.until_reason("BrokerUnreachable").await;
    put(&world.api, "orders", &json!({"deletionPolicy": "Retain"}));
    world.until_gone().await;
    assert!(!world.api.events().contains(&"BrokerObjectsRetained".to_owned()));
    world.end().await;
}
