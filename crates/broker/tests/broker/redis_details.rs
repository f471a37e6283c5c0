//! What other programs see on the Redis server.

use std::time::Duration;

use bytes::Bytes;
use prpc_broker::{
    Broker, Consumer, Delivery, Family, Holder, QueueNames, RedisBroker, RedisConfig, Reply, Settlement, Url,
};
use redis::AsyncCommands;

use crate::contract::{Place, answer, assert_all_settled, reclaim, room, take};
use crate::deadline::eventually;
use crate::redis_place::RedisPlace;

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_without_a_message_has_an_empty_body() {
    let place = RedisPlace::start();
    let broker = place.broker();
    broker.prepare().await.unwrap();
    place.add(Family::Raw, &[("other", b"x")]).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    let delivery = take(&mut consumer, 1).await.remove(0);
    assert!(delivery.body.is_empty());

    let holder = consumer.holder();
    let (reason, body) = ("no message".into(), delivery.body);
    let settlement = Settlement::DeadLetter { receipt: delivery.receipt, reason, body, reply: None };
    holder.settle(vec![settlement]).await.unwrap();
    let letter = broker.dead_letters(None, room(1)).await.unwrap().remove(0);
    assert_eq!((letter.size, letter.truncated()), (0, false));
    broker.retry_dead_letter(&letter.id).await.unwrap();
    assert!(take(&mut consumer, 1).await[0].body.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_reply_stays_and_that_expires() {
    let place = RedisPlace::start();
    let broker = place.broker();
    broker.prepare().await.unwrap();
    place.send(Family::Native, b"a", true).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    take(&mut consumer, 1).await;
    let other = broker.consumer("second").await.unwrap().holder();
    let taken = reclaim(&other, 1).await;
    other.settle(taken.into_iter().map(answer).collect()).await.unwrap();

    let mut redis = place.connection().await;
    let names = &place.config.names;
    let (length, attempts): (u64, bool) =
        (redis.xlen(&names.native).await.unwrap(), redis.exists(&names.attempts).await.unwrap());
    assert_eq!((length, attempts), (0, false));
    let seconds: u64 = redis.ttl(names.reply(Family::Native, "a")).await.unwrap();
    assert!((21_500..=21_600).contains(&seconds), "{seconds}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_replies_of_all_lengths_arrive_whole() {
    let place = RedisPlace::start();
    let socket = Url::new(format!("unix://{}", place.server.socket()));
    for url in [place.config.url.clone(), socket] {
        let broker = RedisBroker::new(RedisConfig { url, ..place.config.clone() }).unwrap();
        broker.prepare().await.unwrap();
        let bodies = [0, 1, 16_383, 16_384, 70_000, 3_000_000, 5, 1_000_000, 200_000, 16_385];
        let bodies = bodies.map(|length| Bytes::from_iter((0..length).map(|number| (number % 251) as u8)));
        for body in &bodies {
            place.send(Family::Native, body, true).await;
        }
        let mut consumer = broker.consumer("first").await.unwrap();
        let taken = take(&mut consumer, bodies.len()).await;
        assert!(taken.iter().map(|delivery| &delivery.body).eq(&bodies));

        let settled = taken.into_iter().enumerate().map(|(number, Delivery { receipt, body })| {
            Settlement::Answer { receipt, reply: Reply { message_id: number.to_string(), body: body.into() } }
        });
        consumer.holder().settle(settled.collect()).await.unwrap();
        for (number, body) in bodies.iter().enumerate() {
            assert!(
                place.reply(Family::Native, &number.to_string()).await.as_ref() == Some(body),
                "{number}"
            );
        }
        assert_all_settled(&broker).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_handed_back_before_its_start_leaves_no_attempts() {
    let place = RedisPlace::start();
    let broker = place.patient_broker();
    broker.prepare().await.unwrap();
    place.send(Family::Native, b"a", true).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    let receipt = take(&mut consumer, 1).await.remove(0).receipt;
    let other = broker.consumer("second").await.unwrap().holder();
    consumer
        .holder()
        .settle(vec![Settlement::HandBack { receipt, started: false, body: Bytes::new() }])
        .await
        .unwrap();
    let taken = reclaim(&other, 1).await;
    other.settle(taken.into_iter().map(answer).collect()).await.unwrap();
    let left: bool = place.connection().await.exists(&place.config.names.attempts).await.unwrap();
    assert!(!left);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_deleted_by_others_does_not_stay_pending() {
    let place = RedisPlace::start();
    let broker = place.broker();
    broker.prepare().await.unwrap();
    let id = place.add(Family::Native, &[("message", b"a")]).await;
    take(&mut broker.consumer("first").await.unwrap(), 1).await;
    let _: u64 = place.connection().await.xdel(place.requests(Family::Native), &[id]).await.unwrap();
    assert_eq!(broker.measure().await.unwrap().in_flight, 1);
    let other = broker.consumer("second").await.unwrap().holder();
    eventually("nothing is pending", async || {
        assert_eq!(other.reclaim(room(1)).await.unwrap(), []);
        (broker.measure().await.unwrap().in_flight == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_worker_looks_within_the_interval() {
    let place = RedisPlace::start();
    let mut config = place.config.clone();
    config.reclaim_interval = Duration::from_secs(60);
    let broker = prpc_broker::RedisBroker::new(config).unwrap();
    broker.prepare().await.unwrap();
    let other = broker.consumer("second").await.unwrap().holder();
    other.reclaim(room(1)).await.unwrap();
    place.send(Family::Native, b"a", false).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    let receipt = take(&mut consumer, 1).await.remove(0).receipt;
    tokio::time::sleep(place.config.recover_after * 2).await;
    assert_eq!(other.reclaim(room(1)).await.unwrap(), []);
    // What is handed back is worth another look.
    consumer
        .holder()
        .settle(vec![Settlement::HandBack { receipt, started: true, body: Bytes::new() }])
        .await
        .unwrap();
    assert_eq!(other.reclaim(room(1)).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_destroyed_by_an_original_client_comes_back() {
    let place = RedisPlace::start();
    let broker = place.patient_broker();
    broker.prepare().await.unwrap();
    let (original, ours, raw) = ("original", "ours", "raw");
    place.send(Family::Native, original.as_bytes(), false).await;
    place.send(Family::Native, ours.as_bytes(), true).await;
    place.send(Family::Raw, raw.as_bytes(), false).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    let batch = take(&mut consumer, 3).await.into_iter().map(answer).collect();
    consumer.holder().settle(batch).await.unwrap();

    let names = &place.config.names;
    let keys = [
        names.reply(Family::Native, original),
        names.reply(Family::Native, ours),
        names.reply(Family::Raw, raw),
    ];
    let mut redis = place.connection().await;
    assert_eq!(redis.del::<_, u64>(&keys).await.unwrap(), 3);
    let copy = eventually("the copy", || place.reply(Family::Native, original)).await;
    assert_eq!(&*copy, original.as_bytes());
    assert!(redis.ttl::<_, u64>(&keys[0]).await.unwrap() <= 10);
    assert_eq!(redis.exists::<_, u64>(&keys[1..]).await.unwrap(), 0);
    assert_eq!(broker.counters().snapshot().late_copies, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_copies_are_bounded_and_what_is_left_out_is_counted() {
    let place = RedisPlace::start();
    let mut config = place.config.clone();
    config.late_copy_limit = 3;
    let broker = prpc_broker::RedisBroker::new(config).unwrap();
    broker.prepare().await.unwrap();
    for number in 0..10_u8 {
        place.send(Family::Native, &[b'0' + number], false).await;
    }
    let mut consumer = broker.consumer("first").await.unwrap();
    let batch = take(&mut consumer, 10).await.into_iter().map(answer).collect();
    consumer.holder().settle(batch).await.unwrap();
    eventually("the copies", async || {
        let seen = broker.counters().snapshot();
        (seen.late_copies == 3 && seen.late_copies_skipped == 7).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_and_large_replies_are_settled_in_parts() {
    let place = RedisPlace::start();
    let broker = place.patient_broker();
    broker.prepare().await.unwrap();
    for number in 0..700 {
        place.send(Family::Native, number.to_string().as_bytes(), true).await;
    }
    let mut consumer = broker.consumer("first").await.unwrap();
    let mut batch: Vec<Settlement> = take(&mut consumer, 700).await.into_iter().map(answer).collect();
    for settlement in batch.iter_mut().take(5) {
        if let Settlement::Answer { reply: Reply { body, .. }, .. } = settlement {
            *body = vec![b'x'; 3 << 20].into();
        }
    }
    let receipts: Vec<_> = batch.iter().map(|settlement| settlement.receipt().clone()).collect();
    assert_eq!(consumer.holder().extend(&receipts).await.unwrap(), []);
    consumer.holder().settle(batch).await.unwrap();
    assert_all_settled(&broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_are_lost_all_are_reported() {
    let place = RedisPlace::start();
    let broker = place.patient_broker();
    broker.prepare().await.unwrap();
    for number in 0..700 {
        place.send(Family::Native, number.to_string().as_bytes(), true).await;
    }
    let mut consumer = broker.consumer("first").await.unwrap();
    let receipts: Vec<_> =
        take(&mut consumer, 700).await.into_iter().map(|delivery| delivery.receipt).collect();
    let ids: Vec<_> = receipts.iter().map(|receipt| &receipt.id).collect();
    let (stream, group) = (place.requests(Family::Native), &place.config.group);
    let _: u64 = place.connection().await.xack(stream, group, &ids).await.unwrap();
    assert_eq!(consumer.holder().extend(&receipts).await.unwrap(), receipts);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_wait_for_a_first_request_share_a_connection_and_only_those_meant_are_told() {
    let place = RedisPlace::start();
    let broker = place.broker();
    let queues: Vec<_> =
        (0..100).map(|number| QueueNames::new(&format!("q{number}").parse().unwrap())).collect();
    let told: Vec<_> = queues
        .iter()
        .map(|names| {
            let queue = broker.beside(names.clone(), "g".into());
            tokio::spawn(async move { queue.first_request().await })
        })
        .collect();
    let mut redis = place.connection().await;
    eventually("one client waits for all", || async {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut redis.clone()).await.unwrap();
        (clients.lines().filter(|client| client.contains("cmd=xread ")).count() == 1).then_some(())
    })
    .await;
    for sent in [7, 93] {
        let stream = queues[sent].requests(if sent == 7 { Family::Native } else { Family::Raw });
        let _: String = redis.xadd(stream, "*", &[("d", "x")]).await.unwrap();
    }
    eventually("both are told", || async { (told[7].is_finished() && told[93].is_finished()).then_some(()) })
        .await;
    assert_eq!(told.iter().filter(|one| one.is_finished()).count(), 2);
    let length: u64 = redis.xlen(&queues[7].native).await.unwrap();
    assert_eq!(length, 1, "nothing is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_first_request_is_told_after_the_server_was_away() {
    let mut place = RedisPlace::start();
    let queue = place.broker();
    let told = tokio::spawn(async move { queue.first_request().await });
    place.server.restart();
    place.send(Family::Native, b"a", false).await;
    eventually("it is told", || async { told.is_finished().then_some(()) }).await;
}
