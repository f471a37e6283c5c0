//! Several replicas and one Lease.

use clap::Parser as _;
use futures::future::join_all;
use serde_json::{Value, json};

use super::*;
use crate::arguments::Arguments;
use crate::fake_api::{FakeApi, until_within};

const LINE: &str = "leases/prpc";

fn options(identity: &str) -> Options {
    let arguments =
        ["prpc-operator", "--identity", identity, "--lease", "prpc", "--lease-namespace", "prpc-system"];
    Arguments::parse_from(arguments).options
}

async fn leader(api: &FakeApi, identity: &str) -> Leadership {
    let stop = CancellationToken::new();
    let leadership = Leadership::acquire(api.client(), &options(identity), &stop).await;
    leadership.unwrap().expect("nobody stops it")
}

fn lease(api: &FakeApi) -> Value {
    api.get("leases", "prpc-system", "prpc").unwrap()["spec"].clone()
}

fn write(api: &FakeApi, spec: &Value) {
    api.put("leases", "prpc-system", "prpc", &json!({"metadata": {"name": "prpc"}, "spec": spec}));
}

#[tokio::test(start_paused = true)]
async fn of_replicas_that_find_the_lease_free_at_once_one_leads() {
    let api = FakeApi::default();
    write(&api, &json!({"holderIdentity": null, "leaseTransitions": 7}));
    let replicas = ["first", "second", "third", "fourth"];
    let waiting = replicas.map(|identity| {
        let api = api.clone();
        // As long as they live: a Leadership that is dropped goes on renewing.
        async move { timeout(Duration::from_secs(100), leader(&api, identity)).await.ok() }
    });
    let leaders: Vec<_> = join_all(waiting).await.into_iter().flatten().collect();
    assert_eq!(leaders.len(), 1);
    assert_eq!(lease(&api)["leaseTransitions"], 8);
}

#[tokio::test(start_paused = true)]
async fn a_replica_alone_makes_the_lease() {
    let api = FakeApi::default();
    let _held = leader(&api, "first").await;
    assert_eq!(lease(&api)["holderIdentity"], "first");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_free_when_it_was_not_renewed_while_it_was_watched_whatever_the_clocks_say() {
    for renewed in ["2000-01-01T00:00:00.000000Z", "2100-01-01T00:00:00.000000Z"] {
        let api = FakeApi::default();
        write(&api, &json!({"holderIdentity": "dead", "leaseDurationSeconds": 15, "renewTime": renewed}));
        let began = Instant::now();
        let _held = leader(&api, "second").await;
        assert!((15..=18).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_starts_again_goes_on_with_its_own_lease() {
    let api = FakeApi::default();
    write(&api, &json!({"holderIdentity": "first", "leaseDurationSeconds": 15}));
    let began = Instant::now();
    let _held = leader(&api, "first").await;
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_releases_the_lease_is_followed_at_once() {
    let api = FakeApi::default();
    let first = leader(&api, "first").await;
    let second = tokio::spawn({
        let api = api.clone();
        async move { leader(&api, "second").await }
    });
    sleep(Duration::from_secs(100)).await;
    assert!(!second.is_finished(), "the first one renews it");
    first.release().await;
    let _second = timeout(BETWEEN_LOOKS * 2, second).await.unwrap().unwrap();
    assert_eq!(lease(&api)["holderIdentity"], "second");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_another_one_begins() {
    let api = FakeApi::default();
    let mut first = leader(&api, "first").await;
    let began = Instant::now();
    for fault in [500, 503] {
        api.fail(1000, &format!("PATCH {LINE}"), fault);
        timeout(DURATION - Duration::from_secs(1), first.lost()).await.unwrap();
        assert!(began.elapsed() > BETWEEN_RENEWALS, "it has tried");
        api.heal();
        first = leader(&api, "first").await;
    }
    api.delay(&format!("PATCH {LINE}"), Duration::from_secs(3600));
    timeout(DURATION - Duration::from_secs(1), first.lost()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_others_have_taken_stops() {
    let api = FakeApi::default();
    let mut first = leader(&api, "first").await;
    write(&api, &json!({"holderIdentity": "somebody"}));
    timeout(BETWEEN_RENEWALS * 2, first.lost()).await.unwrap();
    assert_eq!(lease(&api)["holderIdentity"], "somebody");
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_is_deleted_stops() {
    let api = FakeApi::default();
    let mut first = leader(&api, "first").await;
    api.delete("leases", "prpc-system", "prpc");
    timeout(BETWEEN_RENEWALS * 2, first.lost()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_whose_labels_are_changed_stays_held() {
    let api = FakeApi::default();
    let mut first = leader(&api, "first").await;
    api.put("leases", "prpc-system", "prpc", &json!({"metadata": {"labels": {"seen": "yes"}}}));
    let renewals = api.times(&format!("PATCH {LINE}")).len();
    let limit = BETWEEN_RENEWALS * 4;
    until_within(limit, "renewals", || api.times(&format!("PATCH {LINE}")).len() > renewals + 2).await;
    assert!(timeout(limit, first.lost()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_may_not_be_used_is_an_error() {
    let api = FakeApi::default();
    api.fail(1, &format!("GET {LINE}"), 403);
    let error =
        Leadership::acquire(api.client(), &options("first"), &CancellationToken::new()).await.err().unwrap();
    assert_eq!(error.to_string(), "cannot use the Lease prpc-system/prpc");
}
