//! What the spec and its Secret decide.

use super::*;

impl World {
    fn secrets(&self) -> Option<String> {
        let annotations = &self.deployment()?["spec"]["template"]["metadata"]["annotations"];
        annotations[labels::SECRETS].as_str().map(str::to_owned)
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_missing_is_named_and_found_when_it_is_there() {
    let broker = json!({"broker": {"redis": {"urlSecretRef": {"name": "redis", "key": "url"}}}});
    let world = World::with_queue(&broker);
    let message = world.until_reason("SecretMissing").await;
    assert!(message.contains("Secret shop/redis does not exist"), "{message}");
    assert!(world.is("BrokerReachable", "Unknown", "SecretMissing"));
    assert_eq!(world.secrets(), None);

    world.api.put("secrets", SHOP, "redis", &json!({"data": {"uri": "cmVkaXM6Ly8xMjcuMC4wLjE6MS8w"}}));
    until("the key", || world.condition("Ready").unwrap()[2].contains("has no usable key 'url'")).await;

    // redis://127.0.0.1:1/0
    world.api.put("secrets", SHOP, "redis", &json!({"data": {"url": "cmVkaXM6Ly8xMjcuMC4wLjE6MS8w"}}));
    world.until_reason(UNREACHABLE).await;
    let first = world.secrets().unwrap();
    assert_eq!(first.len(), 8);

    // redis://127.0.0.1:1/1
    world.api.put("secrets", SHOP, "redis", &json!({"data": {"url": "cmVkaXM6Ly8xMjcuMC4wLjE6MS8x"}}));
    until("the pods are made anew", || world.secrets().is_some_and(|second| second != first)).await;
    assert!(!world.queue().unwrap().to_string().contains("redis://"));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_may_not_be_read_is_told() {
    let broker = json!({"broker": {"redis": {"urlSecretRef": {"name": "redis", "key": "url"}}}});
    let api = FakeApi::default();
    put(&api, "orders", &broker);
    api.fail(usize::MAX, "GET secrets/", 403);
    let world = World::start(api);
    let message = world.until_reason("SecretMissing").await;
    assert!(message.contains("may not read Secret shop/redis"), "{message}");
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_spec_decides_where_nobody_else_does() {
    let world = World::with_queue(&json!({"scaling": {"mode": "External", "maxReplicas": 5}, "replicas": 3}));
    world.until_replicas(3).await;
    until("External", || world.is("ScalingActive", "False", "External")).await;
    world.api.put("prpcqueues", SHOP, "orders", &json!({"spec": {"replicas": 5}}));
    world.until_replicas(5).await;
    world.api.put("prpcqueues", SHOP, "orders", &json!({"spec": {"paused": true}}));
    world.until_replicas(0).await;
    world.until_reason("Paused").await;
    world.api.put("prpcqueues", SHOP, "orders", &json!({"spec": {"paused": false}}));
    world.until_replicas(5).await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_goes_on_after_a_pause_has_its_least_pods_even_without_its_broker() {
    let world = World::with_queue(&json!({"scaling": {"minReplicas": 2}}));
    world.until_replicas(2).await;
    put(&world.api, "orders", &json!({"scaling": {"minReplicas": 2}, "paused": true}));
    world.until_replicas(0).await;
    world.until_reason("Paused").await;
    put(&world.api, "orders", &json!({"scaling": {"minReplicas": 2}, "paused": false}));
    world.until_replicas(2).await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn bounds_hold_without_a_broker() {
    let world = World::with_queue(&json!({"scaling": {"minReplicas": 4, "maxReplicas": 9}}));
    world.until_replicas(4).await;
    put(&world.api, "orders", &json!({"scaling": {"minReplicas": 1, "maxReplicas": 2}}));
    world.until_replicas(2).await;
    put(&world.api, "orders", &json!({"scaling": {"minReplicas": 6, "maxReplicas": 9}}));
    world.until_replicas(6).await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_besides_pods_is_made_and_removed_even_if_a_write_fails_meanwhile() {
    let wanted = |mode: &str, monitor: bool| json!({"networkPolicy": {"mode": mode}, "observability": {"podMonitor": monitor}});
    let world = World::with_queue(&wanted("Managed", true));
    let made = |plural| world.api.get(plural, SHOP, WORKER).is_some();
    for faults in [0, 2] {
        until("both", || made("networkpolicies") && made("podmonitors")).await;
        world.until_reason(UNREACHABLE).await;
        world.api.fail(faults, "PATCH poddisruptionbudgets/", 500);
        put(&world.api, "orders", &wanted("None", false));
        until("neither", || !made("networkpolicies") && !made("podmonitors")).await;
        world.until_reason(UNREACHABLE).await;
        put(&world.api, "orders", &wanted("Managed", true));
    }
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_made_before_a_write_failed_goes_when_the_spec_is_what_it_was() {
    let wanted = |mode: &str, monitor: bool| json!({"networkPolicy": {"mode": mode}, "observability": {"podMonitor": monitor}});
    let world = World::with_queue(&wanted("None", false));
    world.until_reason(UNREACHABLE).await;
    world.api.fail(usize::MAX, "PATCH podmonitors/", 500);
    put(&world.api, "orders", &wanted("Managed", true));
    world.until_reason("WriteFailed").await;
    let made = || world.api.get("networkpolicies", SHOP, WORKER).is_some();
    assert!(made());
    put(&world.api, "orders", &wanted("None", false));
    until("the policy is gone", || !made()).await;
    world.end().await;
}
