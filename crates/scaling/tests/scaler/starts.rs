//! Replicas that start, that are replaced, for which there is no room, or that bring nothing.

use std::num::NonZeroU32;
use std::time::Duration;

use prpc_scaling::{
    Amount, Bounds, Effectiveness, Load, Observed, Policy, Reason, Replicas, Rules, Sample, Step,
};

use super::{FOUR, Queue, Signals, policy, replicas, signals};

#[test]
fn what_waits_for_replicas_that_start_is_no_reason_for_more() {
    let mut queue = Queue::new(policy(0, 20), 0);
    assert_eq!(queue.decide(0, signals(1, 0, 1, 0, 0).look()).replicas, 1);
    let held = queue.decide(2, signals(60, 0, 60, 0, 0).look());
    assert_eq!((held.replicas, held.reason), (1, Reason::Settling));
    // Ready, but nobody knows yet what it can do.
    let held = queue.decide(4, signals(76, 4, 80, 0, 1).look());
    assert_eq!((held.replicas, held.reason), (1, Reason::Settling));
    // Now it is known: one replica does 40 a second, so 100 calls are soon done.
    let known = queue.decide(6, signals(96, 4, 180, 80, 1).look());
    assert_eq!((known.replicas, known.reason), (1, Reason::Backlog), "{known}");
}

#[test]
fn a_burst_is_not_held_until_replicas_are_ready() {
    let mut queue = Queue::new(policy(0, 20), 0);
    assert_eq!(queue.decide(0, signals(1, 0, 1, 0, 0).look()).replicas, 1);
    assert_eq!(queue.decide(2, signals(10_000, 0, 10_000, 0, 0).look()).replicas, 20);
}

#[test]
fn calls_that_wait_behind_calls_that_run_for_minutes_get_replicas_of_their_own() {
    let mut queue = Queue::new(Policy::new(Bounds::new(0, 20).unwrap(), FOUR), 1);
    queue.decide(0, signals(0, 0, 0, 0, 1).look());
    let mut replicas = Vec::new();
    for look in 1..=10 {
        let in_flight = 4 * u64::from(queue.current);
        let seen = signals(12 - in_flight, in_flight, 12, 0, queue.current);
        replicas.push(queue.decide(look * 2, seen.look()).replicas);
    }
    assert_eq!((replicas[0], replicas[9]), (1, 3), "{replicas:?}");
}

#[test]
fn a_burst_is_not_held_because_the_bound_is_near() {
    let mut queue = Queue::new(policy(0, 20), 0);
    assert_eq!(queue.decide(0, signals(30, 0, 30, 0, 0).look()).replicas, 3);
    // 20 replicas are fewer than ten times 3, but the calls ask for 1000.
    assert_eq!(queue.decide(2, signals(10_000, 0, 10_000, 0, 0).look()).replicas, 20);
}

#[test]
fn a_replica_that_never_becomes_ready_does_not_hold_for_ever() {
    let mut queue = Queue::new(policy(0, 20), 0);
    let waiting = |calls| signals(calls, 0, calls, 0, 0).look();
    let looks = [(0, waiting(1)), (10, waiting(50)), (19, waiting(55)), (20, waiting(60))];
    assert_eq!(queue.replicas(looks), [1, 1, 1, 6]);
}

#[test]
fn nothing_is_taken_away_while_replicas_are_replaced() {
    let policy = Policy { down: Rules { window: Duration::ZERO, ..policy(0, 20).down }, ..policy(1, 20) };
    let rolling = |undelivered, replacing| {
        let replicas = Replicas { ready: 5, unschedulable: 0, replacing };
        Observed::Seen(Sample { replicas: Some(replicas), ..Load { undelivered, in_flight: 0 }.into() })
    };
    let looks = [(0, rolling(5, true)), (100, rolling(60, true)), (200, rolling(5, false))];
    assert_eq!(replicas(policy, 5, looks), [5, 6, 1]);
}

#[test]
fn more_are_not_wanted_while_there_is_no_room() {
    let crowded = |undelivered, unschedulable| {
        let replicas = Replicas { ready: 3, unschedulable, replacing: false };
        Observed::Seen(Sample { replicas: Some(replicas), ..Load { undelivered, in_flight: 0 }.into() })
    };
    let mut queue = Queue::new(policy(0, 20), 5);
    assert_eq!(queue.replicas([(0, crowded(50, 2)), (59, crowded(60, 2))]), [5, 6]);
    let held = queue.decide(60, crowded(200, 2));
    assert_eq!((held.replicas, held.reason), (6, Reason::Unschedulable));
    assert_eq!(queue.decide(80, crowded(200, 0)).replicas, 20);
}

/// A queue behind which a database answers 80 calls a second at most, whatever the number of replicas.
fn throttled(effectiveness: Effectiveness) -> (u32, bool) {
    let replicas = |number| Amount::Replicas(NonZeroU32::new(number).unwrap());
    let steps = vec![Step { amount: replicas(2), period: Duration::from_secs(15) }];
    let up = Rules { steps, ..Rules::up() };
    let mut queue = Queue::new(Policy { effectiveness, up, ..policy(2, 50) }, 2);
    let (mut told, mut arrived, mut waiting) = (false, 0, 1000_u64);
    for look in 0..90 {
        arrived += 400;
        waiting += 400 - 160;
        let busy = u64::from(queue.current) * 4;
        let slow = Signals { ended: 0, ..signals(waiting, busy, arrived, 0, queue.current) };
        told |= queue.decide(look * 2, slow.look()).in_vain;
    }
    (queue.current, told)
}

#[test]
fn more_replicas_that_bring_nothing_are_told_and_stopped_if_wanted() {
    assert_eq!(throttled(Effectiveness::Off), (26, false));
    assert_eq!(throttled(Effectiveness::Report), (26, true));
    let (held, told) = throttled(Effectiveness::Hold);
    assert!(told && held < 12, "{held}");
}
