//! What is made for a queue, and when.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_a_queue_asks_for_is_made_before_it_is_reported() {
    let world = World::with_queue(&json!({}));
    world.until_reason(UNREACHABLE).await;
    let budget = world.first("PATCH poddisruptionbudgets/orders-worker");
    let deployment = world.first("PATCH deployments/orders-worker");
    let status = world.first("PATCH prpcqueues/orders/status");
    assert!(deployment < budget && budget < status, "{deployment}, {budget}, {status}");
    for kind in ["Ready", "Progressing", "BrokerReachable", "ScalingActive", "ScalingLimited"] {
        assert!(world.condition(kind).is_some(), "{kind}");
    }
    let owner = &world.deployment().unwrap()["metadata"]["ownerReferences"][0];
    assert_eq!(owner["uid"], world.queue().unwrap()["metadata"]["uid"]);
    assert_eq!(owner["controller"], true);
    world.api.set_deployment_status(SHOP, WORKER, 1);
    world.until_reason("Serving").await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_changes_while_there_is_nothing_to_change() {
    let world = World::with_queue(&json!({}));
    world.until_reason(UNREACHABLE).await;
    world.api.set_deployment_status(SHOP, WORKER, 1);
    world.until_reason("Serving").await;
    world.until_passes(1).await;
    let (version, sent) = (world.api.version(), world.api.requests().len());
    world.until_passes(2).await;
    assert_eq!(world.api.version(), version);
    let sent = world.api.requests().split_off(sent);
    assert!(!sent.iter().any(|line| line.contains("PATCH") || line.contains("events")), "{sent:#?}");

    // What is not watched is put right after some minutes all the same.
    world.api.delete("poddisruptionbudgets", SHOP, WORKER);
    let budget = || world.api.get("poddisruptionbudgets", SHOP, WORKER).is_some();
    until_within(2 * LONG + RESYNC, "the budget", budget).await;
    assert_eq!(world.api.times("PATCH deployments/").len(), 1);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn another_number_of_pods_writes_their_deployment_only() {
    let world = World::with_queue(&json!({}));
    world.until_reason(UNREACHABLE).await;
    put(&world.api, "orders", &json!({"scaling": {"minReplicas": 3}}));
    world.until_replicas(3).await;
    world.until_passes(2).await;
    assert_eq!(world.api.times("PATCH deployments/").len(), 2);
    assert_eq!(world.api.times("PATCH poddisruptionbudgets/").len(), 1);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_read_hurts_only_itself_and_is_served_when_it_is_corrected() {
    let api = FakeApi::default();
    put(&api, "broken", &json!({"scaling": {"maxReplicas": "many"}}));
    put(&api, "orders", &json!({}));
    let world = World::start(api);
    world.until_deployment().await;
    let counted = r#"errors_total{reason="InvalidSpec"} 1"#;
    until("the failure is counted", || world.metrics.page().contains(counted)).await;
    world.until_reason(UNREACHABLE).await;
    assert_eq!(world.api.get("deployments", SHOP, "broken-worker"), None);
    put(&world.api, "broken", &json!({"scaling": {"maxReplicas": 7}}));
    until("its Deployment", || world.api.get("deployments", SHOP, "broken-worker").is_some()).await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_a_deployment_wakes_the_operator() {
    /// Sooner than any pass that needs no reason.
    const SOON: Duration = Duration::from_secs(1);
    let world = World::with_queue(&json!({"scaling": {"minReplicas": 2}}));
    let serving = async || {
        world.api.set_deployment_status(SHOP, WORKER, 2);
        world.until_reason("Serving").await;
        until("all are there", || world.is("Progressing", "False", "Complete")).await;
        world.deployment().unwrap()["metadata"]["uid"].clone()
    };
    world.until_replicas(2).await;
    world.until_reason(UNREACHABLE).await;
    serving().await;
    world.api.put("deployments", SHOP, WORKER, &json!({"spec": {"replicas": 9}}));
    until_within(SOON, "two again", || world.replicas() == Some(2)).await;

    let first = serving().await;
    world.api.delete("deployments", SHOP, WORKER);
    let another = || world.deployment().is_some_and(|live| live["metadata"]["uid"] != first);
    until_within(SOON, "another", another).await;

    serving().await;
    world.api.set_deployment_status(SHOP, WORKER, 0);
    until_within(SOON, "it is told", || world.is("Ready", "False", UNREACHABLE)).await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn pods_that_come_one_after_the_other_are_reported_on_once_a_second() {
    const REPORT: &str = "PATCH prpcqueues/orders/status";
    let world = World::with_queue(&json!({"scaling": {"minReplicas": 20, "maxReplicas": 20}}));
    world.until_replicas(20).await;
    world.until_reason(UNREACHABLE).await;
    let before = world.api.times(REPORT).len() - 1;
    for ready in 1..=20 {
        let passes = world.passes();
        world.api.set_deployment_status(SHOP, WORKER, ready);
        until("a pass", || world.passes() > passes).await;
    }
    until("all are there", || world.is("Progressing", "False", "Complete")).await;
    let times = world.api.times(REPORT).split_off(before);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(1)), "{times:?}");
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_somebody_else_is_not_touched() {
    let api = FakeApi::default();
    api.put("deployments", SHOP, WORKER, &json!({"spec": {"replicas": 7}}));
    put(&api, "orders", &json!({}));
    let world = World::start(api);
    let message = world.until_reason("NameTaken").await;
    assert!(
        message.contains("Deployment shop/orders-worker exists and belongs to somebody else"),
        "{message}"
    );
    assert_eq!(world.deployment().unwrap()["spec"], json!({"replicas": 7}));
    assert_eq!(world.api.get("poddisruptionbudgets", SHOP, WORKER), None);
    world.api.delete("deployments", SHOP, WORKER);
    world.until_reason(UNREACHABLE).await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_deleted_goes_with_what_was_made_for_it_and_can_be_made_again() {
    let world = World::with_queue(&json!({"deletionPolicy": "Retain"}));
    world.until_reason(UNREACHABLE).await;
    world.api.delete("prpcqueues", SHOP, "orders");
    assert_eq!(world.deployment(), None);
    let numbers = r#"queue="orders""#;
    until("its numbers are gone", || !world.metrics.page().contains(numbers)).await;
    assert_eq!(world.deployment(), None);
    put(&world.api, "orders", &json!({}));
    world.until_reason(UNREACHABLE).await;
    assert!(world.deployment().is_some());
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn only_the_namespaces_of_the_operator_are_served() {
    let api = FakeApi::default();
    for namespace in ["a", "b", "c"] {
        put_in(&api, namespace, "orders", &json!({}));
    }
    let world = World::start_with(api, &["--namespaces", "a,c"]);
    let made = |namespace: &str| world.api.get("deployments", namespace, WORKER).is_some();
    until("both", || made("a") && made("c")).await;
    world.until_passes(4).await;
    assert!(!made("b"));
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_is_made_for_a_change_and_for_nothing_else() {
    let world = World::with_queue(&json!({}));
    world.until_reason(UNREACHABLE).await;
    world.api.set_deployment_status(SHOP, WORKER, 1);
    world.until_reason("Serving").await;
    for text in ["a", "b", "c"] {
        let change = json!({"spec": {"podTemplate": {"annotations": {"x": text}}}});
        world.api.put("prpcqueues", SHOP, "orders", &change);
        until("it is applied", || {
            world.deployment().unwrap()["spec"]["template"]["metadata"]["annotations"]["x"] == text
        })
        .await;
    }
    world.until_passes(1).await;
    let events = world.api.events();
    assert_eq!(events.iter().filter(|reason| *reason == "Serving").count(), 1, "{events:?}");
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_starts_keeps_the_number_of_pods_and_tells_nothing_again() {
    let scaling = |max: u32| json!({"scaling": {"minReplicas": 0, "maxReplicas": max}});
    for ready in [0, 6] {
        let world = World::with_queue(&scaling(9));
        world.until_reason(UNREACHABLE).await;
        let api = world.api.clone();
        world.end().await;
        api.put("deployments", SHOP, WORKER, &json!({"spec": {"replicas": 6}}));
        api.set_deployment_status(SHOP, WORKER, ready);

        let world = World::start(api.clone());
        until("all are told", || world.queue().unwrap()["status"]["readyReplicas"] == ready).await;
        world.until_passes(1).await;
        let events = api.events();
        world.end().await;

        let world = World::start(api);
        world.until_passes(2).await;
        assert_eq!(world.replicas(), Some(6));
        assert_eq!(world.api.events(), events);
        put(&world.api, "orders", &scaling(8));
        world.until_passes(2).await;
        assert_eq!(world.replicas(), Some(6));
        world.end().await;
    }
}
