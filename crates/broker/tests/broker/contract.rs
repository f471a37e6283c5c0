//! The promises of [`Broker`], [`Consumer`] and [`Holder`], whatever the broker is.

use std::collections::HashSet;
use std::future::Future;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prpc_broker::{
    Backlog, Broker, Consumer, DeadLetter, Delivery, Error, Family, Holder, Receipt, Reply, Settled,
    Settlement,
};

use crate::deadline::{DEADLINE, ends, eventually};

/// A queue on a broker, with the client's side of it.
pub(crate) trait Place: Sync {
    type Broker: Broker;

    /// A new handle; what is silent for a fraction of a second counts as abandoned.
    fn broker(&self) -> Self::Broker;

    /// A new handle; nothing is abandoned as long as the test takes.
    fn patient_broker(&self) -> Self::Broker;

    /// Sends a request.
    fn send(&self, family: Family, body: &[u8], marked: bool) -> impl Future<Output = ()> + Send;

    /// Looks for a reply and leaves it there.
    fn reply(&self, family: Family, message_id: &str) -> impl Future<Output = Option<Bytes>> + Send;
}

pub(crate) fn room(room: usize) -> NonZeroUsize {
    NonZeroUsize::new(room).unwrap()
}

/// Takes until there are `count` of them.
pub(crate) async fn take<C: Consumer>(consumer: &mut C, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    let end = Instant::now() + DEADLINE;
    while taken.len() < count {
        assert!(Instant::now() < end, "{} of {count} requests within {DEADLINE:?}", taken.len());
        taken.extend(ends(consumer.take(room(count - taken.len()))).await.unwrap());
    }
    taken
}

/// Takes over until there are `count` of them.
pub(crate) async fn reclaim<H: Holder>(holder: &H, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    let end = Instant::now() + DEADLINE;
    while taken.len() < count {
        assert!(Instant::now() < end, "{} of {count} requests within {DEADLINE:?}", taken.len());
        taken.extend(holder.reclaim(room(count - taken.len())).await.unwrap());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    taken
}

/// The reply echoes the request and has its body as id.
pub(crate) fn answer(delivery: Delivery) -> Settlement {
    let message_id = String::from_utf8_lossy(&delivery.body).into_owned();
    Settlement::Answer { receipt: delivery.receipt, reply: Reply { message_id, body: delivery.body.into() } }
}

fn dead_letter(delivery: Delivery, reply: Option<Reply>) -> Settlement {
    Settlement::DeadLetter { receipt: delivery.receipt, reason: "tested".into(), body: delivery.body, reply }
}

fn bodies(deliveries: &[Delivery]) -> Vec<&[u8]> {
    let mut bodies: Vec<&[u8]> = deliveries.iter().map(|delivery| &*delivery.body).collect();
    bodies.sort_unstable();
    bodies
}

async fn one<P: Place>(
    place: &P,
    broker: &P::Broker,
    body: &[u8],
) -> (<P::Broker as Broker>::Consumer, Delivery) {
    broker.prepare().await.unwrap();
    place.send(Family::Native, body, false).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    let delivery = take(&mut consumer, 1).await.remove(0);
    (consumer, delivery)
}

/// Some brokers are told a little later.
pub(crate) async fn assert_all_settled<B: Broker>(broker: &B) {
    eventually("all is settled", || async {
        let Backlog { undelivered, in_flight, oldest_age, .. } = broker.measure().await.unwrap();
        ((undelivered, in_flight, oldest_age) == (0, 0, None)).then_some(())
    })
    .await;
}

pub(crate) async fn requests_are_taken_and_answered<P: Place>(place: &P) {
    let broker = place.broker();
    broker.prepare().await.unwrap();
    broker.prepare().await.unwrap();
    place.send(Family::Native, b"a", false).await;
    place.send(Family::Native, b"b", true).await;
    place.send(Family::Raw, b"c", false).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    let taken = take(&mut consumer, 3).await;

    let mut seen: Vec<_> =
        taken.iter().map(|d| (&*d.body, d.receipt.family, d.receipt.marked, d.receipt.attempts)).collect();
    seen.sort_unstable();
    let expected: [(&[u8], Family, bool, u32); 3] =
        [(b"a", Family::Native, false, 1), (b"b", Family::Native, true, 1), (b"c", Family::Raw, false, 1)];
    assert_eq!(seen, expected);

    let settled = consumer.holder().settle(taken.into_iter().map(answer).collect()).await.unwrap();
    assert_eq!(settled, Settled { duplicates: 0 });
    assert_eq!(place.reply(Family::Native, "a").await.as_deref(), Some(&b"a"[..]));
    assert_eq!(place.reply(Family::Native, "b").await.as_deref(), Some(&b"b"[..]));
    assert_eq!(place.reply(Family::Raw, "c").await.as_deref(), Some(&b"c"[..]));
    assert_all_settled(&broker).await;
    assert_eq!(broker.measure().await.unwrap().arrived, Some(3), "what was answered is still counted");
}

pub(crate) async fn what_was_sent_before_the_queue_was_prepared_is_taken<P: Place>(place: &P) {
    place.send(Family::Raw, b"early", false).await;
    let broker = place.broker();
    broker.prepare().await.unwrap();
    let taken = take(&mut broker.consumer("first").await.unwrap(), 1).await;
    assert_eq!(bodies(&taken), [b"early"]);
}

pub(crate) async fn a_dropped_take_loses_nothing<P: Place>(place: &P) {
    let broker = place.broker();
    broker.prepare().await.unwrap();
    let mut consumer = broker.consumer("first").await.unwrap();
    for number in 0..20_u8 {
        let dropped = tokio::time::timeout(Duration::from_millis(3), consumer.take(room(1))).await;
        assert!(dropped.is_err(), "there was nothing to take");
        place.send(Family::Native, &[number], false).await;
        assert_eq!(bodies(&take(&mut consumer, 1).await), [[number]]);
    }
}

pub(crate) async fn no_more_is_taken_than_there_is_room_for<P: Place>(place: &P) {
    let broker = place.broker();
    broker.prepare().await.unwrap();
    for number in 0..12_u8 {
        place.send(Family::ALL[usize::from(number % 2)], &[number], false).await;
    }
    let mut consumer = broker.consumer("first").await.unwrap();
    let mut taken = Vec::new();
    for most in [1, 1, 2, 3, 5, 100, 100, 100, 100] {
        if taken.len() < 12 {
            let some = ends(consumer.take(room(most))).await.unwrap();
            assert!((1..=most).contains(&some.len()), "{} in room for {most}", some.len());
            taken.extend(some);
        }
    }
    assert_eq!(bodies(&taken), (0..12_u8).map(|number| [number]).collect::<Vec<_>>());
}

pub(crate) async fn an_interrupt_ends_a_take_and_only_that<P: Place>(place: &P) {
    let broker = place.broker();
    broker.prepare().await.unwrap();
    let mut consumer = broker.consumer("first").await.unwrap();
    let holder = consumer.holder();
    holder.interrupt().await.unwrap();
    for pause in 0..20 {
        let start = Instant::now();
        let (taken, told) = tokio::join!(consumer.take(room(8)), async {
            tokio::time::sleep(Duration::from_micros(pause * 100)).await;
            holder.interrupt().await
        });
        told.unwrap();
        assert_eq!(taken.unwrap(), []);
        assert!(start.elapsed() < DEADLINE, "it took {:?}", start.elapsed());
    }
    place.send(Family::Native, b"later", false).await;
    assert_eq!(bodies(&take(&mut consumer, 1).await), [b"later"]);
}

pub(crate) async fn the_backlog_is_what_is_not_settled<P: Place>(place: &P) {
    let broker = place.patient_broker();
    assert_all_settled(&broker).await;
    broker.prepare().await.unwrap();
    assert_all_settled(&broker).await;
    for number in 0..5_u8 {
        place.send(Family::ALL[usize::from(number % 2)], &[number], false).await;
    }
    let waiting = broker.measure().await.unwrap();
    assert_eq!((waiting.undelivered, waiting.in_flight), (5, 0));
    assert!(waiting.oldest_age.unwrap() < DEADLINE);

    let mut consumer = broker.consumer("first").await.unwrap();
    let mut taken = take(&mut consumer, 4).await;
    let started = broker.measure().await.unwrap();
    assert_eq!((started.undelivered, started.in_flight), (1, 4));

    taken.extend(take(&mut consumer, 1).await);
    consumer.holder().settle(taken.into_iter().map(answer).collect()).await.unwrap();
    assert_all_settled(&broker).await;
}

pub(crate) async fn what_a_dead_consumer_had_is_taken_over_and_its_attempts_are_counted<P: Place>(place: &P) {
    let broker = place.broker();
    let (consumer, lost) = one(place, &broker, b"a").await;
    drop(consumer);
    for attempts in 2..5 {
        let consumer = broker.consumer(&format!("number {attempts}")).await.unwrap();
        let taken = reclaim(&consumer.holder(), 1).await.remove(0);
        assert_eq!((&taken.body, &taken.receipt.id), (&lost.body, &lost.receipt.id));
        assert_eq!(taken.receipt.attempts, attempts);
        if attempts == 4 {
            consumer.holder().settle(vec![answer(taken)]).await.unwrap();
        }
    }
    assert_all_settled(&broker).await;
}

pub(crate) async fn what_is_extended_is_not_taken_over<P: Place>(place: &P) {
    let broker = place.broker();
    let (consumer, delivery) = one(place, &broker, b"a").await;
    let holder = consumer.holder();
    let other = broker.consumer("second").await.unwrap().holder();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1500) {
        assert_eq!(holder.extend(std::slice::from_ref(&delivery.receipt)).await.unwrap(), []);
        assert_eq!(other.reclaim(room(1)).await.unwrap(), []);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(reclaim(&other, 1).await.len(), 1);
}

pub(crate) async fn what_was_settled_meanwhile_is_not_reported_as_lost<P: Place>(place: &P) {
    let broker = place.broker();
    let (consumer, delivery) = one(place, &broker, b"a").await;
    let (holder, receipts) = (consumer.holder(), [delivery.receipt.clone()]);
    let (settled, lost) = tokio::join!(holder.settle(vec![answer(delivery)]), holder.extend(&receipts));
    settled.unwrap();
    assert_eq!(lost.unwrap(), []);
}

pub(crate) async fn what_was_taken_over_is_reported_as_lost<P: Place>(place: &P) {
    let broker = place.broker();
    let (consumer, first) = one(place, &broker, b"a").await;
    let other = broker.consumer("second").await.unwrap().holder();
    reclaim(&other, 1).await;
    place.send(Family::Native, b"b", false).await;
    let mut consumer = consumer;
    let second = take(&mut consumer, 1).await.remove(0);

    let both: Vec<Receipt> = vec![first.receipt.clone(), second.receipt];
    assert_eq!(consumer.holder().extend(&both).await.unwrap(), [first.receipt]);
}

pub(crate) async fn a_consumer_does_not_take_over_its_own_work<P: Place>(place: &P) {
    let broker = place.broker();
    let (consumer, delivery) = one(place, &broker, b"a").await;
    let holder = consumer.holder();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1000) {
        assert_eq!(holder.reclaim(room(1)).await.unwrap(), []);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    holder.settle(vec![answer(delivery)]).await.unwrap();
    assert_all_settled(&broker).await;
}

pub(crate) async fn what_waited_too_long_to_be_taken_is_left_to_others<P: Place>(place: &P) {
    let broker = place.broker();
    broker.prepare().await.unwrap();
    let mut consumer = broker.consumer("first").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(50), consumer.take(room(1))).await.is_err());
    place.send(Family::Native, b"a", false).await;
    let other = broker.consumer("second").await.unwrap().holder();
    assert_eq!(bodies(&reclaim(&other, 1).await), [b"a"]);
    place.send(Family::Native, b"b", false).await;
    assert_eq!(bodies(&take(&mut consumer, 1).await), [b"b"]);
}

pub(crate) async fn a_handed_back_request_counts_only_if_it_was_started<P: Place>(place: &P) {
    let broker = place.patient_broker();
    let (consumer, delivery) = one(place, &broker, b"a").await;
    let (first, second) = (consumer.holder(), broker.consumer("second").await.unwrap().holder());
    let mut receipt = delivery.receipt;
    for (turn, (started, attempts)) in
        [(false, 1), (true, 2), (true, 3), (false, 3), (true, 4)].into_iter().enumerate()
    {
        let (from, to) = if turn % 2 == 0 { (&first, &second) } else { (&second, &first) };
        from.settle(vec![Settlement::HandBack { receipt, started, body: delivery.body.clone() }])
            .await
            .unwrap();
        let taken = reclaim(to, 1).await.remove(0);
        assert_eq!(&*taken.body, b"a");
        assert_eq!(taken.receipt.attempts, attempts, "in turn {turn}");
        receipt = taken.receipt;
    }
    // Whoever does not have it any more cannot give it away.
    first
        .settle(vec![Settlement::HandBack {
            receipt: receipt.clone(),
            started: true,
            body: delivery.body.clone(),
        }])
        .await
        .unwrap();
    assert_eq!(second.extend(std::slice::from_ref(&receipt)).await.unwrap(), []);
}

pub(crate) async fn settling_twice_does_no_harm<P: Place>(place: &P) {
    let broker = place.patient_broker();
    let (consumer, delivery) = one(place, &broker, b"a").await;
    place.send(Family::Native, b"b", false).await;
    let mut consumer = consumer;
    let bad = take(&mut consumer, 1).await.remove(0);
    let batch = vec![answer(delivery), dead_letter(bad, None)];
    assert_eq!(consumer.holder().settle(batch.clone()).await.unwrap(), Settled { duplicates: 0 });
    assert_eq!(consumer.holder().settle(batch).await.unwrap(), Settled { duplicates: 2 });
    assert_eq!(broker.counters().snapshot().duplicates, 2);
    assert_eq!(place.reply(Family::Native, "a").await.as_deref(), Some(&b"a"[..]));
    assert_eq!(broker.dead_letters(None, room(10)).await.unwrap().len(), 1);
    assert_all_settled(&broker).await;
}

pub(crate) async fn a_dead_letter_can_be_read_retried_and_dropped<P: Place>(place: &P) {
    let broker = place.patient_broker();
    broker.prepare().await.unwrap();
    place.send(Family::Native, b"a", true).await;
    place.send(Family::Raw, b"b", false).await;
    let mut consumer = broker.consumer("first").await.unwrap();
    let holder = consumer.holder();
    let mut taken = take(&mut consumer, 2).await;
    taken.sort_unstable_by(|a, b| a.body.cmp(&b.body));
    for delivery in taken.clone() {
        holder.settle(vec![dead_letter(delivery, None)]).await.unwrap();
    }
    assert_all_settled(&broker).await;

    let newest = broker.dead_letters(None, room(1)).await.unwrap().remove(0);
    let oldest = broker.dead_letters(Some(&newest.id), room(9)).await.unwrap();
    let [oldest] = oldest.as_slice() else { panic!("one is older: {oldest:?}") };
    assert_eq!(broker.dead_letters(Some(&oldest.id), room(9)).await.unwrap(), []);
    assert_eq!(broker.dead_letter(&oldest.id).await.unwrap().as_ref(), Some(oldest));
    let DeadLetter { family, entry, reason, attempts, size, body, marked, .. } = oldest;
    assert_eq!((*family, entry, reason.as_str()), (Family::Native, &taken[0].receipt.id, "tested"));
    assert_eq!((*attempts, *size, &**body, *marked), (1, 1, &b"a"[..], true));
    assert_eq!((newest.family, &*newest.body, newest.marked), (Family::Raw, &b"b"[..], false));

    broker.retry_dead_letter(&oldest.id).await.unwrap();
    let again = take(&mut consumer, 1).await.remove(0);
    assert_eq!((&*again.body, again.receipt.marked, again.receipt.attempts), (&b"a"[..], true, 1));
    assert_eq!(broker.retry_dead_letter(&oldest.id).await, Err(Error::NotFound));
    assert!(broker.drop_dead_letter(&newest.id).await.unwrap());
    assert!(!broker.drop_dead_letter(&newest.id).await.unwrap());
    assert_eq!(broker.dead_letters(None, room(9)).await.unwrap(), []);
    for odd in ["", "-", "+", "1-0 x", "no id"] {
        assert_eq!(broker.dead_letter(odd).await.unwrap(), None);
        assert_eq!(broker.retry_dead_letter(odd).await, Err(Error::NotFound));
        assert!(!broker.drop_dead_letter(odd).await.unwrap());
    }
}

pub(crate) async fn a_truncated_dead_letter_is_not_retried<P: Place>(place: &P) {
    let broker = place.patient_broker();
    let large = vec![b'x'; (1 << 20) + 1];
    let (consumer, delivery) = one(place, &broker, &large).await;
    consumer.holder().settle(vec![dead_letter(delivery, None)]).await.unwrap();
    let letter = broker.dead_letters(None, room(1)).await.unwrap().remove(0);
    assert!(letter.truncated());
    assert_eq!((letter.size, letter.body.len()), ((1 << 20) + 1, 1 << 20));
    assert_eq!(broker.retry_dead_letter(&letter.id).await, Err(Error::Truncated));
}

pub(crate) async fn a_dead_letter_can_come_with_a_reply<P: Place>(place: &P) {
    let broker = place.patient_broker();
    let (consumer, delivery) = one(place, &broker, b"a").await;
    let reply = Reply { message_id: "a".into(), body: "error".into() };
    consumer.holder().settle(vec![dead_letter(delivery, Some(reply))]).await.unwrap();
    assert_eq!(place.reply(Family::Native, "a").await.as_deref(), Some(&b"error"[..]));
    assert_eq!(broker.dead_letters(None, room(9)).await.unwrap().len(), 1);
}

pub(crate) async fn every_request_goes_to_one_consumer<P: Place>(place: &P) {
    const REQUESTS: usize = 600;
    let broker = place.patient_broker();
    broker.prepare().await.unwrap();
    let workers = ["first", "second", "third"].map(|name| {
        let broker = broker.clone();
        async move {
            let mut consumer = broker.consumer(name).await.unwrap();
            let holder = consumer.holder();
            let mut done = Vec::new();
            while broker.measure().await.unwrap().oldest_age.is_some() {
                let Ok(taken) =
                    tokio::time::timeout(Duration::from_millis(50), consumer.take(room(32))).await
                else {
                    continue;
                };
                let taken = taken.unwrap();
                done.extend(taken.iter().map(|delivery| delivery.body.clone()));
                holder.settle(taken.into_iter().map(answer).collect()).await.unwrap();
            }
            done
        }
    });
    for number in 0..REQUESTS {
        place.send(Family::ALL[number % 2], number.to_string().as_bytes(), false).await;
    }
    let done: Vec<Bytes> = ends(futures::future::join_all(workers)).await.into_iter().flatten().collect();
    assert_eq!(done.len(), REQUESTS);
    assert_eq!(done.iter().collect::<HashSet<_>>().len(), REQUESTS);
    eventually("the last reply", || place.reply(Family::Raw, "599")).await;
}
