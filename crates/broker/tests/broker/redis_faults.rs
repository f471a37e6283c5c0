//! A server that goes away, forgets, is full, or throws connections out.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prpc_broker::{Broker, Consumer, Error, Family, Holder, RedisBroker, Url};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;

use crate::contract::{Place, answer, assert_all_settled, room, take};
use crate::deadline::{ends, eventually};
use crate::redis_place::RedisPlace;

/// A worker that echoes until told to stop.
fn start_worker(
    broker: RedisBroker,
    name: &'static str,
    stop: Arc<AtomicBool>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut consumer = broker.consumer(name).await.unwrap();
        let holder = consumer.holder();
        while !stop.load(Ordering::Relaxed) {
            let taken = tokio::time::timeout(Duration::from_millis(50), consumer.take(room(16))).await;
            let mut batch = taken.unwrap_or(Ok(Vec::new())).unwrap();
            // What was in a broken connection is taken over later.
            batch.extend(holder.reclaim(room(16)).await.unwrap_or_default());
            holder.settle(batch.into_iter().map(answer).collect()).await.unwrap();
        }
    })
}

async fn command(redis: &mut MultiplexedConnection, text: &str) {
    let mut words = text.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    for word in words {
        command.arg(word);
    }
    command.exec_async(redis).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_under_load_loses_nothing() {
    const REQUESTS: usize = 3000;
    let mut place = RedisPlace::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let broker = place.broker();
    broker.prepare().await.unwrap();
    let stop = Arc::<AtomicBool>::default();
    let workers = ["first", "second"].map(|name| start_worker(broker.clone(), name, Arc::clone(&stop)));

    let mut sent = HashSet::new();
    let mut redis = place.connection().await;
    for number in 0..REQUESTS {
        if number % 1000 == 500 {
            place.server.kill();
            place.server.restart();
            redis = place.connection().await;
        }
        let fields = [("message", number.to_string())];
        let added: redis::RedisResult<String> =
            redis.xadd(place.requests(Family::Native), "*", &fields).await;
        if added.is_ok() {
            sent.insert(number.to_string());
        }
    }
    assert!(sent.len() > REQUESTS / 2);
    for id in &sent {
        eventually("the reply", || place.reply(Family::Native, id)).await;
    }
    let counters = broker.counters().snapshot();
    assert!(counters.reconnects >= 3, "{counters:?}");
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        ends(worker).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_was_removed_is_made_again() {
    let place = RedisPlace::start();
    let broker = place.broker();
    let mut consumer = broker.consumer("first").await.unwrap();
    let holder = consumer.holder();
    let group = format!("XGROUP DESTROY {} {}", place.requests(Family::Raw), place.config.group);
    let stream = format!("DEL {}", place.requests(Family::Native));
    for removal in ["PING", "FLUSHALL", &group, &stream, "FLUSHALL"] {
        let mut redis = place.connection().await;
        let ((), taken) = tokio::join!(
            async {
                command(&mut redis, removal).await;
                place.send(Family::Raw, removal.as_bytes(), false).await;
            },
            take(&mut consumer, 1)
        );
        assert_eq!(&*taken[0].body, removal.as_bytes());
        holder.settle(taken.into_iter().map(answer).collect()).await.unwrap();
        eventually("the reply", || place.reply(Family::Raw, removal)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_before_the_server_forgot_is_still_answered() {
    let place = RedisPlace::start();
    let broker = place.broker();
    broker.prepare().await.unwrap();
    place.send(Family::Native, b"a", false).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    let taken = take(&mut consumer, 1).await;
    command(&mut place.connection().await, "FLUSHALL").await;
    let receipts: Vec<_> = taken.iter().map(|delivery| delivery.receipt.clone()).collect();
    assert_eq!(consumer.holder().extend(&receipts).await.unwrap(), receipts);
    assert_eq!(consumer.holder().reclaim(room(1)).await.unwrap(), []);
    consumer.holder().settle(taken.into_iter().map(answer).collect()).await.unwrap();
    assert!(place.reply(Family::Native, "a").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_thrown_out_comes_back() {
    let place = RedisPlace::start();
    let broker = place.broker();
    broker.prepare().await.unwrap();
    let mut consumer = broker.consumer("first").await.unwrap();
    let redis = place.connection().await;
    for number in 0..5_u8 {
        let ((), taken) = tokio::join!(
            async {
                eventually("the reader blocks", async || {
                    let clients: String =
                        redis::cmd("CLIENT").arg("LIST").query_async(&mut redis.clone()).await.unwrap();
                    clients.contains("cmd=xreadgroup").then_some(())
                })
                .await;
                command(&mut redis.clone(), "CLIENT KILL TYPE normal SKIPME yes").await;
                place.send(Family::Native, &[number], false).await;
            },
            take(&mut consumer, 1)
        );
        assert_eq!(&*taken[0].body, [number]);
        consumer.holder().settle(taken.into_iter().map(answer).collect()).await.unwrap();
    }
    assert!(broker.counters().snapshot().reconnects >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_on_its_way_when_the_connection_broke_comes_at_once() {
    let place = RedisPlace::start();
    let broker = place.patient_broker();
    broker.prepare().await.unwrap();
    let mut consumer = broker.consumer("first").await.unwrap();
    place.send(Family::Native, b"known", false).await;
    let known = take(&mut consumer, 1).await;
    assert!(tokio::time::timeout(Duration::from_millis(20), consumer.take(room(1))).await.is_err());

    // Deliveries to the same name that it never sees.
    let mut redis = place.connection().await;
    for body in ["b", "c"] {
        let mut read = redis::cmd("XREADGROUP");
        read.arg(&["GROUP", &place.config.group, "first", "STREAMS", place.requests(Family::Raw), ">"]);
        redis::pipe()
            .atomic()
            .cmd("XADD")
            .arg(&[place.requests(Family::Raw), "*", "message", body])
            .add_command(read)
            .exec_async(&mut redis)
            .await
            .unwrap();
    }
    command(&mut redis, "CLIENT KILL TYPE normal SKIPME yes").await;
    let came = take(&mut consumer, 2).await;
    assert_eq!([&*came[0].body, &*came[1].body], [b"b", b"c"]);
    let batch = known.into_iter().chain(came).map(answer).collect();
    assert_eq!(consumer.holder().settle(batch).await.unwrap().duplicates, 0);
    assert_all_settled(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_started_again_under_its_name_goes_on_at_once() {
    let place = RedisPlace::start();
    let broker = place.patient_broker();
    broker.prepare().await.unwrap();
    for number in 0..5_u8 {
        place.send(Family::ALL[usize::from(number % 2)], &[number], false).await;
    }
    drop(take(&mut broker.consumer("first").await.unwrap(), 5).await);
    let again = place.patient_broker();
    let taken = take(&mut again.consumer("first").await.unwrap(), 5).await;
    assert!(taken.iter().all(|delivery| delivery.receipt.attempts == 2), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_gets_the_replies_when_it_has_room() {
    let place = RedisPlace::start_with(&["--maxmemory-policy", "noeviction"]);
    let broker = place.broker();
    broker.prepare().await.unwrap();
    for body in [b"a", b"b"] {
        place.send(Family::Native, body, false).await;
    }
    let mut consumer = broker.consumer("first").await.unwrap();
    let holder = consumer.holder();
    let batch = take(&mut consumer, 2).await.into_iter().map(answer).collect();
    let mut redis = place.connection().await;
    command(&mut redis, "CONFIG SET maxmemory 1").await;
    let settling = tokio::spawn(async move { holder.settle(batch).await });
    eventually("the server refuses a few times", async || {
        (broker.counters().snapshot().refused_full >= 2).then_some(())
    })
    .await;
    assert_eq!(broker.measure().await.unwrap().in_flight, 2, "nothing is finished without its reply");
    assert!(!settling.is_finished());

    command(&mut redis, "CONFIG SET maxmemory 0").await;
    ends(settling).await.unwrap().unwrap();
    assert!(place.reply(Family::Native, "a").await.is_some());
    assert_all_settled(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_demoted_is_not_given_up() {
    let place = RedisPlace::start();
    let broker = place.broker();
    broker.prepare().await.unwrap();
    place.send(Family::Native, b"a", false).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    let holder = consumer.holder();
    let batch = take(&mut consumer, 1).await.into_iter().map(answer).collect();
    let mut redis = place.connection().await;
    let reading = tokio::spawn(async move { take(&mut consumer, 1).await });
    command(&mut redis, "REPLICAOF 127.0.0.1 1").await;
    let settling = tokio::spawn(async move { holder.settle(batch).await });
    eventually("a try failed", async || (broker.counters().snapshot().settle_retries >= 2).then_some(()))
        .await;

    command(&mut redis, "REPLICAOF NO ONE").await;
    ends(settling).await.unwrap().unwrap();
    assert!(place.reply(Family::Native, "a").await.is_some());
    place.send(Family::Raw, b"b", false).await;
    assert_eq!(&*reading.await.unwrap()[0].body, b"b");
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_waits_for_a_server_that_is_away() {
    let mut place = RedisPlace::start_with(&["--appendonly", "yes", "--appendfsync", "always"]);
    let broker = place.broker();
    broker.prepare().await.unwrap();
    place.send(Family::Native, b"a", false).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    let holder = consumer.holder();
    let batch = take(&mut consumer, 1).await.into_iter().map(answer).collect();
    place.server.kill();
    let settling = tokio::spawn(async move { holder.settle(batch).await });
    eventually("a try failed", async || (broker.counters().snapshot().settle_retries >= 2).then_some(()))
        .await;
    assert!(matches!(broker.measure().await, Err(Error::Connection(_))));
    // An interrupt ends a take even when there is nobody to read from.
    let holder = consumer.holder();
    let (taken, _) = tokio::join!(ends(consumer.take(room(1))), holder.interrupt());
    assert_eq!(taken.unwrap(), []);

    place.server.restart();
    ends(settling).await.unwrap().unwrap();
    assert!(place.reply(Family::Native, "a").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_an_error_that_does_not_show_the_password() {
    let place = RedisPlace::start();
    let mut config = place.config.clone();
    config.url = Url::new("redis://user:s3cret@127.0.0.1:1");
    let broker = RedisBroker::new(config.clone()).unwrap();
    let error = broker.prepare().await.unwrap_err();
    assert!(matches!(&error, Error::Connection(text) if !text.contains("s3cret")), "{error}");
    assert!(!format!("{config:?}").contains("s3cret"));
    for odd in ["redis//user:s3cret@host", "http://user:s3cret@host", "redis://user:s3cret@host:port"] {
        config.url = Url::new(odd);
        let error = RedisBroker::new(config.clone()).err().unwrap();
        assert!(matches!(&error, Error::Url(text) if !text.contains("s3cret")), "{error}");
    }
}
