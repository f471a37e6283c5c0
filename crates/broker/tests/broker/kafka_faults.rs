//! Kafka in trouble: brokers that are killed, partitions that are added, calls that hold everything up.

use std::cell::Cell;
use std::collections::HashSet;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use prpc_broker::{
    Broker as _, Consumer as _, Delivery, Error, Family, Holder as _, KafkaBroker, KafkaConfig,
};
use prpc_testbed::KafkaServer;
use rdkafka::message::Message as _;

use crate::contract::{Place as _, answer, room, take};
use crate::deadline::{DEADLINE, ends, eventually};
use crate::kafka_place::KafkaPlace;

/// As long as a member that is gone without having left is waited for.
const SESSION: Duration = Duration::from_secs(30);

fn body(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.body).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_loses_nothing_and_what_was_taken_is_answered_once_it_is_back() {
    let mut server = KafkaServer::start();
    let place = KafkaPlace::at(server.bootstrap()).await;
    for number in 0..20 {
        place.send_to(number % 3, number.to_string().as_bytes()).await;
    }
    let broker = place.broker();
    let mut consumer = broker.consumer("a worker").await.unwrap();
    let holder = consumer.holder();
    let taken = take(&mut consumer, 10).await;
    let first: HashSet<String> = taken.iter().map(body).collect();
    server.kill();
    eventually("it is seen that the broker is away", || async { (!broker.is_connected()).then_some(()) })
        .await;
    let measured = ends(broker.measure()).await;
    assert!(matches!(measured, Err(Error::Connection(_))), "{measured:?}");
    let settling = tokio::spawn({
        let holder = holder.clone();
        async move { holder.settle(taken.into_iter().map(answer).collect()).await }
    });
    server.restart();
    ends(settling).await.unwrap().unwrap();
    let rest = take(&mut consumer, 10).await;
    let second: HashSet<String> = rest.iter().map(body).collect();
    assert!(first.is_disjoint(&second), "{first:?} {second:?}");
    holder.settle(rest.into_iter().map(answer).collect()).await.unwrap();
    eventually("it is seen that the broker is back", || async { broker.is_connected().then_some(()) }).await;
    eventually("all is committed", || async {
        let backlog = broker.measure().await.ok()?;
        (backlog.undelivered == 0).then_some(())
    })
    .await;
    let replies = place.read(place.config.names.feedback(Family::Native));
    let keys: HashSet<_> = replies.iter().map(|reply| reply.key().map(<[u8]>::to_vec)).collect();
    assert_eq!(keys.len(), 20);
    drop(consumer);
    ends(holder.leave()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_while_the_group_was_held_up_is_committed_once_it_is_not() {
    let place = KafkaPlace::start().await;
    let mut consumer = place.broker().consumer("a worker").await.unwrap();
    let holder = consumer.holder();
    for partition in 0..3 {
        place.send_to(partition, b"before").await;
    }
    let before = take(&mut consumer, 3).await;
    holder.settle(before.into_iter().map(answer).collect()).await.unwrap();
    let mut frozen = place.frozen_member();
    let observer = place.observer();
    let is_being_balanced = || observer.sees_balancing(&place.config.group);
    let mut joined = Instant::now();
    // The others join again with their next heartbeat, so a group that waits for longer waits for the one that does not poll.
    let heartbeats = Duration::from_secs(3);
    let since = Cell::new(None);
    eventually("the group is held up", || {
        // Under load a member was seen once that did not hold it up.
        if since.get().is_none() && joined.elapsed() > heartbeats * 5 {
            eprintln!("another member, because the group is {:?}", observer.state(&place.config.group));
            (frozen, joined) = (place.frozen_member(), Instant::now());
        }
        since.set(is_being_balanced().then(|| since.get().unwrap_or_else(Instant::now)));
        let is_held_up = since.get().is_some_and(|since| since.elapsed() > heartbeats);
        async move { is_held_up.then_some(()) }
    })
    .await;
    for partition in 0..3 {
        place.send_to(partition, b"meanwhile").await;
    }
    let meanwhile = take(&mut consumer, 3).await;
    holder.settle(meanwhile.into_iter().map(answer).collect()).await.unwrap();
    let more = tokio::time::timeout(Duration::from_secs(2), consumer.take(room(1))).await;
    assert!(more.is_err() && is_being_balanced(), "{more:?}");
    drop(frozen);
    eventually("all is committed", || async {
        place.committed().iter().all(|(offset, _)| *offset == Some(2)).then_some(())
    })
    .await;
    drop(consumer);
    ends(holder.leave()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_while_calls_come_in_are_read_from_their_beginning() {
    let mut place = KafkaPlace::start().await;
    let mut consumer = place.broker().consumer("a worker").await.unwrap();
    let mut done = HashSet::new();
    place.send_to(0, b"before").await;
    let before = take(&mut consumer, 1).await;
    done.extend(before.iter().map(body));
    consumer.holder().settle(before.into_iter().map(answer).collect()).await.unwrap();

    let larger = KafkaConfig { partitions: NonZeroU32::new(6).unwrap(), ..place.config.clone() };
    KafkaBroker::new(larger).unwrap().prepare().await.unwrap();
    place.look_again();
    for partition in 0..6 {
        place.send_to(partition, format!("in {partition}").as_bytes()).await;
    }
    // librdkafka looks for new partitions twice a minute.
    let end = Instant::now() + DEADLINE;
    while done.len() < 7 && Instant::now() < end {
        let more = consumer.take(room(9)).await.unwrap();
        done.extend(more.iter().map(body));
        consumer.holder().settle(more.into_iter().map(answer).collect()).await.unwrap();
    }
    assert_eq!(done.len(), 7, "{done:?}");
    let holder = consumer.holder();
    drop(consumer);
    ends(holder.leave()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_holds_up_its_partition_holds_up_no_more_than_ten_thousand() {
    const WINDOW: usize = 10_000;
    let place = KafkaPlace::start().await;
    place.send_to(0, b"stuck").await;
    let sending = (0..WINDOW + 5_000).map(|_| place.send_to(0, b"quick"));
    futures::future::join_all(sending).await;
    let mut consumer = place.broker().consumer("a worker").await.unwrap();
    let holder = consumer.holder();
    let stuck = take(&mut consumer, 1).await;
    assert_eq!(body(&stuck[0]), "stuck");
    let mut finished = 0;
    loop {
        let Ok(more) = tokio::time::timeout(Duration::from_secs(2), consumer.take(room(500))).await else {
            break;
        };
        let more = more.unwrap();
        finished += more.len();
        holder.settle(more.into_iter().map(answer).collect()).await.unwrap();
    }
    // What had been read before it was noticed counts as well.
    assert!((WINDOW - 1..WINDOW + 5_000).contains(&finished), "{finished}");
    place.send_to(1, b"elsewhere").await;
    let other = take(&mut consumer, 1).await;
    assert_eq!(body(&other[0]), "elsewhere");
    holder.settle(other.into_iter().chain(stuck).map(answer).collect()).await.unwrap();
    while finished < WINDOW + 5_000 {
        let more = take(&mut consumer, 1).await;
        finished += more.len();
        holder.settle(more.into_iter().map(answer).collect()).await.unwrap();
    }
    drop(consumer);
    ends(holder.leave()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_for_replies_that_was_removed_is_made_again() {
    let place = KafkaPlace::start().await;
    place.send_to(0, b"a").await;
    let mut consumer = place.broker().consumer("a worker").await.unwrap();
    let taken = take(&mut consumer, 1).await;
    let feedback = place.config.names.feedback(Family::Native).to_owned();
    place.remove_topic(&feedback).await;
    let holder = consumer.holder();
    ends(holder.settle(taken.into_iter().map(answer).collect())).await.unwrap();
    eventually("the reply", || place.reply(Family::Native, "a")).await;
    drop(consumer);
    ends(holder.leave()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_leaves_while_the_group_is_balanced_takes_no_partition_along() {
    let place = KafkaPlace::start().await;
    let mut stays = place.broker().consumer("stays").await.unwrap();
    place.send_to(0, b"first").await;
    let first = take(&mut stays, 1).await;
    stays.holder().settle(first.into_iter().map(answer).collect()).await.unwrap();
    for round in 0..8_u64 {
        let leaves = place.broker().consumer("leaves").await.unwrap();
        tokio::time::sleep(Duration::from_millis(250 * round)).await;
        let holder = leaves.holder();
        drop(leaves);
        ends(holder.leave()).await;
        for partition in 0..3 {
            place.send_to(partition, format!("{round}").as_bytes()).await;
        }
        let began = std::time::Instant::now();
        let taken = take(&mut stays, 3).await;
        assert!(began.elapsed() < SESSION, "round {round}: {:?}", began.elapsed());
        stays.holder().settle(taken.into_iter().map(answer).collect()).await.unwrap();
    }
    let holder = stays.holder();
    drop(stays);
    ends(holder.leave()).await;
}
