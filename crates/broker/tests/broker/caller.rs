//! The client's side, with a worker that echoes.

use std::time::{Duration, Instant};

use prpc_broker::{Broker, Caller, CallerConfig, Consumer, Error, Family, Holder, Url};
use redis::AsyncCommands;

use crate::contract::{Place, answer, room};
use crate::deadline::ends;
use crate::redis_place::RedisPlace;

async fn caller(place: &RedisPlace) -> Caller {
    let config = CallerConfig::new(place.config.url.clone(), place.config.names.clone());
    Caller::connect(config).await.unwrap()
}

/// Answers everything, for as long as the test runs.
async fn start_worker(place: &RedisPlace) {
    let broker = place.patient_broker();
    broker.prepare().await.unwrap();
    let mut consumer = broker.consumer("worker").await.unwrap();
    tokio::spawn(async move {
        loop {
            let batch = consumer.take(room(64)).await.unwrap().into_iter().map(answer).collect();
            consumer.holder().settle(batch).await.unwrap();
        }
    });
}

async fn call(caller: &Caller, family: Family, id: &str) -> Duration {
    caller.send(family, id, id.to_owned().into()).await.unwrap();
    let start = Instant::now();
    assert_eq!(ends(caller.wait(family, id, None)).await.unwrap(), id);
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_arrives_without_waiting_for_the_next_look() {
    let place = RedisPlace::start();
    let caller = caller(&place).await;
    start_worker(&place).await;
    let mut times = Vec::new();
    for number in 0..50 {
        times.push(call(&caller, Family::ALL[number % 2], &number.to_string()).await);
    }
    times.sort_unstable();
    assert!(times[25] < Duration::from_millis(500), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_wait_over_one_connection_and_leave_nothing() {
    let place = RedisPlace::start();
    let caller = caller(&place).await;
    start_worker(&place).await;
    let calls = (0..500).map(|number| {
        let caller = caller.clone();
        async move { call(&caller, Family::Native, &number.to_string()).await }
    });
    futures::future::join_all(calls).await;
    let mut redis = place.connection().await;
    let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut redis).await.unwrap();
    assert_eq!(clients.lines().filter(|line| line.contains("resp=3")).count(), 1, "{clients}");
    caller.flush().await;
    assert!(redis.keys::<_, Vec<String>>("prpc_feedback_*").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_reply_a_wait_ends_in_time_and_can_be_repeated() {
    let place = RedisPlace::start();
    let caller = caller(&place).await;
    let limit = Some(Duration::from_millis(50));
    assert_eq!(caller.wait(Family::Raw, "a", limit).await, Err(Error::Timeout));
    caller.send(Family::Raw, "a", "a".into()).await.unwrap();
    start_worker(&place).await;
    assert_eq!(ends(caller.wait(Family::Raw, "a", None)).await.unwrap(), "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_tell_is_asked() {
    let place = RedisPlace::start();
    let mut redis = place.connection().await;
    redis::cmd("ACL")
        .arg(&["SETUSER", "silent", "on", "nopass", "~*", "+@all", "-client|tracking"])
        .exec_async(&mut redis)
        .await
        .unwrap();
    let url = Url::new(format!("redis://silent:any@127.0.0.1:{}", place.server.port()));
    let caller = Caller::connect(CallerConfig::new(url, place.config.names.clone())).await.unwrap();
    start_worker(&place).await;
    for number in 0..20 {
        call(&caller, Family::Native, &number.to_string()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_outlives_its_server() {
    let mut place = RedisPlace::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let caller = caller(&place).await;
    caller.send(Family::Native, "a", "a".into()).await.unwrap();
    let waiting = tokio::spawn({
        let caller = caller.clone();
        async move { caller.wait(Family::Native, "a", None).await }
    });
    place.server.kill();
    place.server.restart();
    start_worker(&place).await;
    assert_eq!(ends(waiting).await.unwrap().unwrap(), "a");
    call(&caller, Family::Raw, "b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_requests_of_a_caller_are_marked() {
    let place = RedisPlace::start();
    caller(&place).await.send(Family::Native, "a", "a".into()).await.unwrap();
    let broker = place.broker();
    broker.prepare().await.unwrap();
    let taken = crate::contract::take(&mut broker.consumer("first").await.unwrap(), 1).await;
    assert!(taken[0].receipt.marked);
}
