//! Queues as they are measured.

use std::time::{Duration, Instant};

use prpc_contract::names::QueueNames;
use prpc_kafka_admin::{
    Error, Operation, Resource, Right, Sample, Sampler, Seeded, Wanted, Watched, worker_rights,
};

use super::*;
use crate::kafka_server::{allow, config, worker};
use crate::records::{PATIENCE, delete_before, in_transaction, produce, produce_keyed};

fn sampler() -> Sampler {
    Sampler::new(&config(), None, GROUP).unwrap()
}

fn queue(name: &str) -> Watched {
    Watched { names: QueueNames::new(&name.parse().unwrap()), group: format!("group_{name}") }
}

fn wanted(queue: &Watched, partitions: u32) -> Wanted {
    Wanted {
        names: queue.names.clone(),
        group: queue.group.clone(),
        partitions,
        feedback_partitions: 1,
        replication: Some(1),
    }
}

/// A queue that is prepared.
async fn prepared(sampler: &Sampler, name: &str, partitions: u32) -> Watched {
    let queue = queue(name);
    // The brokers may have to make the topic of offsets first.
    until(&format!("{name} is prepared"), async || {
        sampler.admin().prepare(&wanted(&queue, partitions)).await.is_ok()
    })
    .await;
    queue
}

/// A look at one queue.
async fn look(sampler: &mut Sampler, queue: &Watched) -> Sample {
    look_at(sampler, queue, Instant::now()).await
}

async fn look_at(sampler: &mut Sampler, queue: &Watched, now: Instant) -> Sample {
    sampler.sample(std::slice::from_ref(queue), now).await.pop().unwrap().unwrap()
}

#[tokio::test]
async fn a_queue_is_prepared_with_all_it_needs_and_again_without_harm() {
    let (sampler, queue) = (sampler(), queue("fresh"));
    let admin = sampler.admin();
    until("the queue is prepared", async || match admin.prepare(&wanted(&queue, 3)).await {
        Ok(prepared) => prepared.seeded == Seeded::Done,
        Err(_) => false,
    })
    .await;
    let names = &queue.names;
    let all = [&names.native, &names.raw, &names.feedback_native, &names.feedback_raw, &names.dead]
        .map(String::clone);
    let there = admin.topics(&all).await.unwrap();
    let count = all.each_ref().map(|name| there[name].clone().unwrap().unwrap().partitions);
    assert_eq!(count, [3, 3, 1, 1, 1]);
    let committed = admin.all_committed(&queue.group).await.unwrap();
    assert_eq!(committed.len(), 6);
    assert!(committed.values().all(|offset| *offset == Ok(Some(0))), "{committed:?}");

    produce(&names.native, 2, 5);
    let again = admin.prepare(&wanted(&queue, 2)).await.unwrap();
    assert_eq!((again.created.len(), again.grown.len(), again.short), (0, 0, None));
    let grown = admin.prepare(&wanted(&queue, 4)).await.unwrap();
    assert_eq!(grown.grown, [names.native.clone(), names.raw.clone()]);
    let committed = admin.all_committed(&queue.group).await.unwrap();
    assert_eq!(committed.len(), 8);
    assert_eq!(committed[&partition(&names.native, 2)], Ok(Some(0)));
}

#[tokio::test]
async fn many_queues_are_measured_at_once_and_one_that_is_not_there_spoils_no_other() {
    let mut sampler = sampler();
    let (first, second) = (prepared(&sampler, "m_first", 2).await, prepared(&sampler, "m_second", 5).await);
    produce(&first.names.native, 0, 3);
    produce(&first.names.native, 1, 4);
    produce(&first.names.raw, 0, 1);
    produce(&second.names.raw, 4, 2);
    sampler.admin().seed(&first.group, &[(partition(&first.names.native, 1), 4)]).await.unwrap();
    let seen = sampler.sample(&[first.clone(), queue("m_never"), second], Instant::now()).await;
    let numbers = |sample: &Sample| (sample.waiting, sample.partitions, sample.lost, sample.cut);
    assert_eq!(seen[0].as_ref().map(numbers), Ok((4, 2, 0, false)));
    assert_eq!(seen[0].as_ref().map(|sample| (sample.arrived, sample.done)), Ok((8, 4)));
    assert_eq!(seen[1], Err(Error::NoTopic("prpc_m_never".into())));
    assert_eq!(seen[2].as_ref().map(numbers), Ok((2, 5, 0, false)));
    assert_eq!(seen[0].as_ref().unwrap().unseeded, []);
}

#[tokio::test]
async fn calls_that_retention_removed_are_lost_and_told() {
    let mut sampler = sampler();
    let queue = prepared(&sampler, "trimmed", 1).await;
    produce(&queue.names.native, 0, 9);
    delete_before(&queue.names.native, 0, 4).await;
    let seen = look(&mut sampler, &queue).await;
    assert_eq!((seen.waiting, seen.lost), (5, 4));
}

#[tokio::test]
async fn a_group_that_the_brokers_have_forgotten_goes_on_where_it_was() {
    let mut sampler = sampler();
    let queue = prepared(&sampler, "forgotten", 1).await;
    let at = partition(&queue.names.native, 0);
    produce(&queue.names.native, 0, 9);
    sampler.admin().seed(&queue.group, &[(at.clone(), 7)]).await.unwrap();
    assert_eq!(look(&mut sampler, &queue).await.waiting, 2);
    sampler.admin().delete_group(&queue.group).await.unwrap();
    let seen = look(&mut sampler, &queue).await;
    assert_eq!(seen.waiting, 2);
    assert!(seen.unseeded.contains(&(at.clone(), 7)) && seen.unseeded.len() == 2, "{:?}", seen.unseeded);
    sampler.admin().seed(&queue.group, &seen.unseeded).await.unwrap();
    assert_eq!(look(&mut sampler, &queue).await.unseeded, []);

    // One that never saw the group counts all that is there.
    sampler.admin().delete_group(&queue.group).await.unwrap();
    let seen = look(&mut self::sampler(), &queue).await;
    assert_eq!(seen.waiting, 9);
    assert!(seen.unseeded.contains(&(at, 0)), "{:?}", seen.unseeded);
}

#[tokio::test]
async fn what_was_known_of_a_topic_says_nothing_about_another_of_its_name() {
    let mut sampler = sampler();
    let queue = prepared(&sampler, "again", 1).await;
    let at = partition(&queue.names.native, 0);
    produce(&queue.names.native, 0, 2);
    sampler.admin().seed(&queue.group, &[(at.clone(), 2)]).await.unwrap();
    assert_eq!(look(&mut sampler, &queue).await.waiting, 0);
    sampler.admin().purge(&queue.names, &queue.group).await.unwrap();
    until("the topics are gone", async || {
        sampler.admin().topics(&names([&queue.names.native])).await.unwrap()[&queue.names.native] == Ok(None)
    })
    .await;
    created(sampler.admin(), &queue.names.native, 1).await;
    created(sampler.admin(), &queue.names.raw, 1).await;
    produce(&queue.names.native, 0, 5);
    let seen = look(&mut sampler, &queue).await;
    assert_eq!((seen.waiting, seen.dead_letters), (5, 0));
    assert!(seen.unseeded.contains(&(at, 0)), "{:?}", seen.unseeded);
}

#[tokio::test]
async fn the_marker_of_a_transaction_is_no_call() {
    let mut sampler = sampler();
    let queue = prepared(&sampler, "marked", 1).await;
    let open = in_transaction(&queue.names.native, 0, 2);
    rdkafka::producer::Producer::commit_transaction(&open, PATIENCE).unwrap();
    // The worker has answered both calls, and cannot know of the marker.
    sampler.admin().seed(&queue.group, &[(partition(&queue.names.native, 0), 2)]).await.unwrap();
    until("the marker", async || look(&mut sampler, &queue).await.waiting == 1).await;
    let later = Instant::now() + Duration::from_secs(60);
    until("it was read", async || look_at(&mut sampler, &queue, later).await.waiting == 0).await;
    // A call after it counts at once.
    produce(&queue.names.native, 0, 1);
    assert_eq!(look_at(&mut sampler, &queue, later).await.waiting, 2);
    // And one that waits for long is still a call.
    let much_later = later + Duration::from_secs(60);
    for _ in 0..20 {
        assert_eq!(look_at(&mut sampler, &queue, much_later).await.waiting, 2);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_oldest_call_grows_older_until_it_is_taken() {
    let mut sampler = sampler();
    let queue = prepared(&sampler, "aged", 1).await;
    let began = Instant::now();
    assert_eq!(look_at(&mut sampler, &queue, began).await.oldest_age, None);
    produce(&queue.names.native, 0, 1);
    let after = |seconds| began + Duration::from_secs(seconds);
    assert_eq!(look_at(&mut sampler, &queue, after(10)).await.oldest_age, Some(Duration::ZERO));
    assert_eq!(look_at(&mut sampler, &queue, after(17)).await.oldest_age, Some(Duration::from_secs(7)));
    sampler.admin().seed(&queue.group, &[(partition(&queue.names.native, 0), 1)]).await.unwrap();
    assert_eq!(look_at(&mut sampler, &queue, after(20)).await.oldest_age, None);
}

#[tokio::test]
async fn dead_letters_count_until_they_are_dropped() {
    let mut sampler = sampler();
    let queue = prepared(&sampler, "graves", 1).await;
    assert_eq!(look(&mut sampler, &queue).await.dead_letters, 0);
    for key in ["a", "b", "c"] {
        produce_keyed(&queue.names.dead, key, Some("x"));
    }
    until("all three", async || look(&mut sampler, &queue).await.dead_letters == 3).await;
    produce_keyed(&queue.names.dead, "b", None);
    until("one is dropped", async || look(&mut sampler, &queue).await.dead_letters == 2).await;
    until("another operator sees the same", async || {
        look(&mut self::sampler(), &queue).await.dead_letters <= 2
    })
    .await;
    for key in ["a", "c"] {
        produce_keyed(&queue.names.dead, key, None);
    }
    until("none is left", async || look(&mut sampler, &queue).await.dead_letters == 0).await;
}

#[tokio::test]
async fn a_purged_queue_leaves_nothing_and_a_group_with_other_topics_stays() {
    let sampler = sampler();
    let admin = sampler.admin();
    let (mut alone, kept) = (prepared(&sampler, "p_alone", 1).await, prepared(&sampler, "p_kept", 1).await);
    admin.purge(&alone.names, &alone.group).await.unwrap();
    until("its topics are gone", async || {
        let names = names([&alone.names.native, &alone.names.dead]);
        admin.topics(&names).await.unwrap().values().all(|topic| *topic == Ok(None))
    })
    .await;
    assert_eq!(admin.delete_group(&alone.group).await, Ok(false));
    // With the group of another queue, as by default.
    alone.group = kept.group.clone();
    until("it is prepared again", async || admin.prepare(&wanted(&alone, 1)).await.is_ok()).await;
    admin.purge(&alone.names, &alone.group).await.unwrap();
    let left = admin.all_committed(&kept.group).await.unwrap();
    assert_eq!(left[&partition(&kept.names.native, 0)], Ok(Some(0)));
}

#[tokio::test]
async fn what_a_worker_lacks_is_told_before_it_starts() {
    let sampler = sampler();
    let queue = prepared(&sampler, "lacking", 1).await;
    let orders = Admin::new(&worker(), None, GROUP).unwrap();
    let rights = worker_rights(&queue.names, &queue.group);
    let lacking = "prpc_feedback_lacking";
    for right in rights.iter().filter(|right| right.resource != Resource::Topic(lacking.into())) {
        allow(&[right.operation], &right.resource);
    }
    allow(&[Operation::Describe], &Resource::Topic(lacking.into()));
    let expected = Right { operation: Operation::Write, resource: Resource::Topic(lacking.into()) };
    until("only one is missing", async || orders.missing(&rights).await.unwrap() == [expected.clone()]).await;
    assert_eq!(Error::Denied(expected).to_string(), "no right to WRITE on topic prpc_feedback_lacking");
    allow(&[Operation::Write], &Resource::Topic(lacking.into()));
    until("none is", async || orders.missing(&rights).await.unwrap().is_empty()).await;
    let mut theirs = Sampler::new(&worker(), None, GROUP).unwrap();
    assert_eq!(look(&mut theirs, &queue).await.waiting, 0);
}
