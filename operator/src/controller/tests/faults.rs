//! What is done when the API server refuses, is slow or forgets, and how it ends.

use super::*;
use tokio::time::Instant;

const CODES: [u16; 5] = [409, 410, 429, 500, 503];

#[tokio::test(start_paused = true)]
async fn whatever_the_api_server_refuses_for_now_is_tried_again() {
    for line in [
        "LIST prpcqueues/",
        "WATCH prpcqueues/",
        "LIST deployments/",
        "WATCH deployments/",
        "GET deployments/",
        "PATCH poddisruptionbudgets/",
        "PATCH deployments/",
        "LIST pods/",
        "PATCH prpcqueues/orders/status",
        "POST events/",
    ] {
        for code in CODES {
            let api = FakeApi::default();
            put(&api, "orders", &json!({}));
            // Few events are made; one that is lost is not made again.
            api.fail(if line.starts_with("POST") { 1 } else { 3 }, line, code);
            let world = World::start(api);
            until(&format!("{code} at {line}"), || world.api.is_faultless()).await;
            world.until_reason(UNREACHABLE).await;
            world.api.set_deployment_status(SHOP, WORKER, 1);
            world.until_reason("Serving").await;
            world.end().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_refused_again_and_again_is_told_and_tried_less_and_less_often() {
    for code in [409, 410, 500] {
        let api = FakeApi::default();
        put(&api, "orders", &json!({}));
        api.fail(8, "PATCH deployments/", code);
        let world = World::start(api);
        let message = world.until_reason("WriteFailed").await;
        assert_eq!(message, format!("cannot write Deployment shop/orders-worker: fault {code}"));
        assert!(world.is("Ready", "False", "WriteFailed"));
        until_within(LONG, "all faults", || world.api.is_faultless()).await;
        let at = world.api.times("PATCH deployments/");
        // The first look at the broker is another reason for a pass; it cuts one pause short.
        let pauses: Vec<_> = at.windows(2).skip(1).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.windows(2).all(|pair| pair[1] >= pair[0] * 3 / 2), "{pauses:?}");
        assert!(*pauses.last().unwrap() > Duration::from_secs(20), "{pauses:?}");
        until_within(LONG, "the Deployment", || world.deployment().is_some()).await;
        world.until_reason(UNREACHABLE).await;
        world.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_refused_for_what_it_says_waits_for_another_spec() {
    let api = FakeApi::default();
    put(&api, "orders", &json!({}));
    api.fail(usize::MAX, "PATCH deployments/", 422);
    let world = World::start(api);
    world.until_reason("WriteFailed").await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(world.api.times("PATCH deployments/").len() <= 2);
    world.api.heal();
    put(&world.api, "orders", &json!({"scaling": {"maxReplicas": 3}}));
    world.until_reason(UNREACHABLE).await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_overloaded_is_told() {
    for code in [429, 503] {
        let api = FakeApi::default();
        put(&api, "orders", &json!({}));
        api.fail(usize::MAX, "PATCH deployments/", code);
        let world = World::start(api);
        // The client itself tries again for some seconds.
        let told = || world.is("Ready", "False", "WriteFailed");
        until_within(Duration::from_secs(10), "it is told", told).await;
        world.api.heal();
        until_within(LONG, "it is well", || world.is("Ready", "False", UNREACHABLE)).await;
        world.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_made_again_does_not_inherit_the_pauses_of_the_one_before() {
    let api = FakeApi::default();
    put(&api, "orders", &json!({}));
    api.fail(7, "PATCH deployments/", 500);
    let world = World::start(api);
    until_within(LONG, "long pauses", || world.api.is_faultless()).await;
    world.api.delete("prpcqueues", SHOP, "orders");
    tokio::time::sleep(Duration::from_secs(200)).await;
    world.api.fail(2, "PATCH deployments/", 500);
    let again = Instant::now();
    put(&world.api, "orders", &json!({}));
    until_within(LONG, "the Deployment", || world.deployment().is_some()).await;
    assert!(again.elapsed() < Duration::from_secs(3), "{:?}", again.elapsed());
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_answer_is_told() {
    let api = FakeApi::default();
    put(&api, "orders", &json!({}));
    api.delay("PATCH deployments/", Duration::from_secs(59));
    let world = World::start(api);
    until_within(LONG, "it is served", || world.is("Ready", "False", UNREACHABLE)).await;
    world.api.delay("PATCH deployments/", Duration::from_secs(900));
    put(&world.api, "orders", &json!({"worker": {"concurrency": 7}}));
    let slow = || world.is("Ready", "False", "ApiServerSlow");
    until_within(LONG, "it is told", slow).await;
    world.until_reason(UNREACHABLE).await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_whose_past_is_forgotten_goes_on_and_nothing_is_done_twice() {
    let world = World::with_queue(&json!({}));
    world.until_reason(UNREACHABLE).await;
    world.api.set_deployment_status(SHOP, WORKER, 1);
    world.until_reason("Serving").await;
    let events = world.api.events();
    let lists = world.api.times("LIST prpcqueues/").len();
    world.api.forget();
    until("another list", || world.api.times("LIST prpcqueues/").len() > lists).await;
    world.until_passes(1).await;
    assert_eq!(world.api.events(), events);
    put(&world.api, "orders", &json!({"paused": true}));
    world.until_reason("Paused").await;
    world.api.delete("deployments", SHOP, WORKER);
    world.until_deployment().await;
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_pass_in_progress_is_finished_at_the_end() {
    let api = FakeApi::default();
    put(&api, "orders", &json!({}));
    api.delay("PATCH deployments/", Duration::from_secs(1));
    let world = World::start(api.clone());
    until("the write", || !api.times("PATCH deployments/").is_empty()).await;
    assert_eq!(world.deployment(), None);
    world.end().await;
    assert!(api.get("deployments", SHOP, WORKER).is_some());
    assert!(!api.get("prpcqueues", SHOP, "orders").unwrap()["status"].is_null());
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_no_longer_than_a_pass_may_last() {
    for code in [500, 503] {
        let api = FakeApi::default();
        put(&api, "orders", &json!({}));
        api.fail(usize::MAX, "PATCH", code);
        let world = World::start(api.clone());
        until("refused writes", || api.times("PATCH").len() > 8).await;
        world.stop.cancel();
        timeout(Duration::from_secs(70), world.running).await.expect("it hangs").unwrap();
    }
}
