//! An operator that takes over from another one.

use std::time::Duration;

use jiff::Timestamp;
use prpc_scaling::{Memory, Reason, Scaled};

use super::{Queue, load, policy, replicas, signals, steady};

#[test]
fn whoever_takes_over_does_not_shrink_at_once() {
    assert_eq!(
        replicas(policy(1, 20), 8, [(0, load(0, 0)), (100, load(0, 0)), (181, load(0, 0))]),
        [8, 8, 1]
    );
}

#[test]
fn whoever_takes_over_knows_what_was_learnt() {
    let mut before = steady(policy(0, 20));
    let learnt = before.decide(302, signals(0, 6, 18_120, 120, 2).look()).memory;
    assert_eq!(learnt.rate_per_replica.map(f64::round), Some(40.0));
    assert!(learnt.arrival_rate.is_some_and(|rate| (59.0..61.0).contains(&rate)), "{learnt:?}");
    // Without memory 1 000 calls would ask for 100 replicas; now it is known what a replica does.
    let mut after = Queue::remembering(policy(0, 200), 2, learnt);
    let decision = after.decide(0, signals(990, 10, 20_000, 0, 2).look());
    assert_eq!(decision.replicas, 5, "{decision}");
}

#[test]
fn whoever_takes_over_knows_that_replicas_are_starting() {
    let noon: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
    let time = noon - Duration::from_secs(4);
    let memory = Memory { last_scale: Some(Scaled { time, from: 1, to: 2 }), ..Memory::default() };
    let look = signals(90, 4, 100, 0, 1).look();
    let mut queue = Queue::remembering(policy(0, 20), 2, memory);
    assert_eq!(queue.decide(0, look).reason, Reason::Settling);
    // One that has nothing to do with what is there is not believed.
    let other = Memory { last_scale: Some(Scaled { time, from: 1, to: 9 }), ..memory };
    let mut queue = Queue::remembering(policy(0, 20), 2, other);
    assert_eq!(queue.decide(0, look).replicas, 10);
}
