//! What only Kafka's side must keep: commits, hand-over, replies for clients of the original.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prpc_broker::{
    Broker as _, Consumer as _, Delivery, Family, Holder as _, KafkaConsumer, Reply, Settlement,
};
use rdkafka::message::{Message as _, OwnedHeaders};

use crate::contract::{Place as _, answer, room, take};
use crate::deadline::{DEADLINE, ends, eventually};
use crate::kafka_place::{KafkaPlace, header, reply_to};

fn body(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.body).into_owned()
}

async fn consumer(place: &KafkaPlace) -> KafkaConsumer {
    place.broker().consumer("a worker").await.unwrap()
}

/// Ends a consumer in order.
async fn end(consumer: KafkaConsumer) {
    let holder = consumer.holder();
    drop(consumer);
    ends(holder.leave()).await;
}

/// Ends a consumer as a crash does as far as others can tell: nothing more is said to the broker about what it has.
async fn abandon(consumer: KafkaConsumer) {
    end(consumer).await;
}

async fn settle(consumer: &KafkaConsumer, deliveries: Vec<Delivery>) {
    ends(consumer.holder().settle(deliveries.into_iter().map(answer).collect())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_finished_is_committed_up_to_the_first_call_that_is_not() {
    let place = KafkaPlace::start().await;
    for number in 0..4 {
        place.send_to(0, format!("{number}").as_bytes()).await;
    }
    let mut first = consumer(&place).await;
    let mut taken = take(&mut first, 4).await;
    let held = taken.remove(1);
    settle(&first, taken).await;
    eventually("the commit", || async {
        let (offset, note) = place.committed().remove(0);
        (offset == Some(1) && note.starts_with("v1:1:3:")).then_some(())
    })
    .await;
    settle(&first, vec![held]).await;
    end(first).await;
    let (offset, note) = place.committed().remove(0);
    assert_eq!((offset, note.as_str()), (Some(4), "v1:0:0:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_consumer_is_gone_only_what_it_did_not_finish_is_run_again() {
    let place = KafkaPlace::start().await;
    for number in 0..6 {
        place.send_to(0, format!("{number}").as_bytes()).await;
    }
    let mut first = consumer(&place).await;
    let mut taken = take(&mut first, 6).await;
    let _unfinished = (taken.remove(4), taken.remove(1));
    settle(&first, taken).await;
    abandon(first).await;

    let mut second = consumer(&place).await;
    let again = take(&mut second, 2).await;
    assert_eq!(again.iter().map(body).collect::<Vec<_>>(), ["1", "4"]);
    settle(&second, again).await;
    end(second).await;
    assert_eq!(place.committed()[0].0, Some(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_ends_before_it_has_read_so_far_hands_on_what_was_finished_out_of_order() {
    let place = KafkaPlace::start().await;
    place.send_to(0, b"0").await;
    // An earlier consumer has finished offset 2, which this one cannot read yet.
    place.commit(0, 0, "v1:1:3:BA");
    let mut second = consumer(&place).await;
    let first_call = take(&mut second, 1).await;
    settle(&second, first_call).await;
    end(second).await;
    assert_eq!(place.committed()[0], (Some(1), "v1:0:0:Ag".to_owned()));
    for number in 1..4 {
        place.send_to(0, number.to_string().as_bytes()).await;
    }
    let mut third = consumer(&place).await;
    let rest = take(&mut third, 2).await;
    assert_eq!(rest.iter().map(body).collect::<Vec<_>>(), ["1", "3"]);
    settle(&third, rest).await;
    end(third).await;
    assert_eq!(place.committed()[0].0, Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_its_workers_is_found_one_at_a_time_and_counted() {
    let place = KafkaPlace::start().await;
    for number in 0..4 {
        place.send_to(1, format!("{number}").as_bytes()).await;
    }
    // Two consumers began here, went as far as offset 3, and were not heard of again.
    place.commit(1, 0, "v1:2:3:");
    let mut third = consumer(&place).await;
    let mut seen = Vec::new();
    for expected in [("0", 3), ("1", 1), ("2", 1)] {
        let one = take(&mut third, 1).await.remove(0);
        assert_eq!((body(&one).as_str(), one.receipt.attempts), expected);
        let more = tokio::time::timeout(Duration::from_millis(200), third.take(room(9))).await;
        assert!(more.is_err(), "nothing more while one is in work: {more:?}");
        // Whoever comes after a crash now finds it begun once.
        let (offset, note) = place.committed().remove(1);
        assert_eq!(offset.map(|offset| offset.to_string()).as_deref(), Some(expected.0));
        assert!(note.starts_with(if expected.0 == "0" { "v1:3:" } else { "v1:1:" }), "{note}");
        seen.push(body(&one));
        settle(&third, vec![one]).await;
    }
    let last = take(&mut third, 1).await;
    settle(&third, last).await;
    end(third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_ends_in_order_leaves_the_starts_that_others_counted() {
    let place = KafkaPlace::start().await;
    place.send_to(0, b"0").await;
    place.commit(1, 0, "v1:2:3:");
    let mut third = consumer(&place).await;
    // Now it has its partitions.
    let one = take(&mut third, 1).await;
    settle(&third, one).await;
    end(third).await;
    assert_eq!(place.committed()[1], (Some(0), "v1:2:3:".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_handed_back_comes_again_with_its_attempts_and_its_client() {
    let place = KafkaPlace::start().await;
    let feedback = place.config.names.feedback(Family::Native).to_owned();
    place.send_with(b"a", reply_to(&feedback, 2), None).await;
    let mut consumer = consumer(&place).await;
    for (started, attempts) in [(false, 1), (true, 2), (true, 3), (false, 3)] {
        let Delivery { receipt, body } = take(&mut consumer, 1).await.remove(0);
        let holder = consumer.holder();
        holder.settle(vec![Settlement::HandBack { receipt, started, body }]).await.unwrap();
        let again = take(&mut consumer, 1).await.remove(0);
        assert_eq!((again.receipt.attempts, again.receipt.marked, &*again.body), (attempts, true, &b"a"[..]));
        holder
            .settle(vec![Settlement::HandBack { receipt: again.receipt, started: false, body: again.body }])
            .await
            .unwrap();
    }
    let last = take(&mut consumer, 1).await;
    settle(&consumer, last).await;
    let replies = place.read(&feedback);
    assert_eq!(replies.iter().map(|reply| reply.partition()).collect::<Vec<_>>(), [2]);
    end(consumer).await;
}

/// Works on what comes until it is told to stop; returns what it did.
async fn work(
    mut consumer: KafkaConsumer,
    done: Arc<Mutex<Vec<String>>>,
    mut stop: tokio::sync::watch::Receiver<bool>,
) {
    while !*stop.borrow_and_update() {
        let taken = tokio::time::timeout(Duration::from_millis(50), consumer.take(room(4))).await;
        let Ok(taken) = taken else { continue };
        let taken = taken.unwrap();
        let bodies: Vec<String> = taken.iter().map(body).collect();
        settle(&consumer, taken).await;
        done.lock().unwrap().extend(bodies);
    }
    end(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_consumer_gets_its_share_and_nothing_runs_twice() {
    let place = KafkaPlace::start().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let dones: [Arc<Mutex<Vec<String>>>; 2] = Default::default();
    let first = tokio::spawn(work(consumer(&place).await, Arc::clone(&dones[0]), stopped.clone()));
    let mut sent = 0;
    let mut second = None;
    let late = tokio::time::Instant::now() + DEADLINE;
    while dones[1].lock().unwrap().len() < 20 {
        assert!(tokio::time::Instant::now() < late, "the second one has no share");
        place.send_to(sent % 3, sent.to_string().as_bytes()).await;
        sent += 1;
        if sent == 50 {
            second = Some(tokio::spawn(work(consumer(&place).await, Arc::clone(&dones[1]), stopped.clone())));
        }
    }
    eventually("all are done", || async {
        let done: usize = dones.iter().map(|done| done.lock().unwrap().len()).sum();
        (done >= usize::try_from(sent).unwrap()).then_some(())
    })
    .await;
    stop.send_replace(true);
    ends(first).await.unwrap();
    ends(second.unwrap()).await.unwrap();
    let all: Vec<String> = dones.iter().flat_map(|done| done.lock().unwrap().clone()).collect();
    let different: HashSet<&String> = all.iter().collect();
    assert_eq!(
        (all.len(), different.len()),
        (usize::try_from(sent).unwrap(), usize::try_from(sent).unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_started_is_wanted_back_for_a_second_consumer_and_goes_there_at_once() {
    let place = KafkaPlace::start().await;
    let mut first = consumer(&place).await;
    for number in 0..12 {
        place.send_to(number % 3, number.to_string().as_bytes()).await;
    }
    let taken = take(&mut first, 12).await;
    let mut second = consumer(&place).await;
    ends(first.holder().wanted_back()).await;
    let back = taken.into_iter().map(|Delivery { receipt, body }| Settlement::HandBack {
        receipt,
        started: false,
        body,
    });
    ends(first.holder().settle(back.collect())).await.unwrap();
    let mut all = HashSet::new();
    for consumer in [&mut second, &mut first] {
        let share = take(consumer, 4).await;
        assert!(share.iter().all(|delivery| delivery.receipt.attempts == 1));
        all.extend(share.iter().map(body));
        settle(consumer, share).await;
    }
    assert_eq!(all.len(), 8, "none came twice");
    end(first).await;
    end(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_where_its_client_reads_and_nowhere_else() {
    let place = KafkaPlace::start().await;
    let feedback = place.config.names.feedback(Family::Native).to_owned();
    place.send_with(b"mine", reply_to(&feedback, 3), None).await;
    place.send_with(b"foreign", reply_to("prpc_dead_other", 3), None).await;
    place.send_with(b"far", reply_to(&feedback, 99), None).await;
    place.send_with(b"odd", reply_to(&feedback, -5), None).await;
    let mut consumer = consumer(&place).await;
    let taken = take(&mut consumer, 4).await;
    settle(&consumer, taken).await;
    let replies = place.read(&feedback);
    assert_eq!(replies.len(), 4);
    let mine = replies.iter().find(|reply| reply.key() == Some(b"mine")).unwrap();
    assert_eq!((mine.partition(), header(mine, "prpc-correlation-id").as_deref()), (3, Some("mine")));
    end(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_never_older_than_its_request_by_the_clients_clock() {
    let place = KafkaPlace::start().await;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let ahead = now + 3_000_000;
    place.send_with(b"ahead", OwnedHeaders::new(), Some(ahead)).await;
    place.send_with(b"behind", OwnedHeaders::new(), Some(now - 3_600_000)).await;
    let mut consumer = consumer(&place).await;
    let taken = take(&mut consumer, 2).await;
    settle(&consumer, taken).await;
    for reply in place.read(place.config.names.feedback(Family::Native)) {
        let at = reply.timestamp().to_millis().unwrap();
        if reply.key() == Some(b"ahead") { assert_eq!(at, ahead) } else { assert!(at >= now) }
    }
    end(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_is_too_large_does_not_hold_up_its_partition() {
    let place = KafkaPlace::start().await;
    place.send_to(0, b"a").await;
    let broker = place.broker();
    let mut consumer = broker.consumer("a worker").await.unwrap();
    let Delivery { receipt, .. } = take(&mut consumer, 1).await.remove(0);
    let largest = broker.largest_reply().unwrap();
    assert_eq!(largest, 1_048_588 - 512);
    // Random bytes, which cannot be compressed to fit.
    let mut state = 1_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    let body: Bytes = (0..2 << 20).map(|_| random()).collect();
    let reply = Reply { message_id: "a".into(), body: body.into() };
    ends(consumer.holder().settle(vec![Settlement::Answer { receipt, reply }])).await.unwrap();
    let letters = broker.dead_letters(None, room(9)).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.reason.as_str()).collect::<Vec<_>>(), ["reply_too_large"]);
    end(consumer).await;
    assert_eq!(place.committed()[0].0, Some(1));
}
