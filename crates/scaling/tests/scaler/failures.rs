//! What is not known.

use std::time::Duration;

use prpc_scaling::{Failure, Fallback, Load, Observed, Policy, Reason, Sample};

use super::{LOST, Queue, load, policy, replicas, steady};

#[test]
fn whatever_fails_changes_nothing_neither_from_zero_nor_to_zero() {
    let hopeful = [Fallback::Hold, Fallback::AtLeast(9), Fallback::AtMost(0), Fallback::Static(0)];
    for failure in [Failure::Unreachable, Failure::Refused, Failure::Stale] {
        for fallback in hopeful {
            let mut asleep = Queue::new(Policy { fallback, ..policy(0, 20) }, 0);
            let mut awake = Queue::new(Policy { fallback, ..policy(0, 20) }, 7);
            for look in 0..20 {
                assert_eq!(asleep.decide(look * 100, Observed::Unknown(failure)).replicas, 0);
                assert!(awake.decide(look * 100, Observed::Unknown(failure)).replicas > 0);
            }
        }
    }
}

#[test]
fn the_idle_time_begins_again_after_a_failure() {
    let looks = [(0, load(0, 0)), (299, LOST), (301, load(0, 0)), (600, load(0, 0)), (601, load(0, 0))];
    assert_eq!(replicas(policy(0, 20), 1, looks), [1, 1, 1, 1, 0]);
}

#[test]
fn a_fallback_is_for_failures_that_last_and_for_no_refusal() {
    for (fallback, expected) in [
        (Fallback::Hold, [7, 7, 7, 7]),
        (Fallback::AtLeast(9), [7, 7, 9, 9]),
        (Fallback::AtLeast(5), [7, 7, 7, 7]),
        (Fallback::AtMost(5), [7, 7, 5, 5]),
        (Fallback::Static(0), [7, 7, 1, 1]),
        (Fallback::Static(90), [7, 7, 20, 20]),
    ] {
        let policy = Policy { fallback, ..policy(0, 20) };
        let found = replicas(policy.clone(), 7, [(0, LOST), (2, LOST), (4, LOST), (6, LOST)]);
        assert_eq!(found, expected, "{fallback:?}");
        let refused = Observed::Unknown(Failure::Refused);
        assert_eq!(replicas(policy, 7, [(0, refused), (2, refused), (4, refused)]), [7; 3]);
    }
}

#[test]
fn an_old_sample_is_no_sample() {
    let aged = |age| {
        let load = Load { undelivered: 95, in_flight: 0 };
        Observed::Seen(Sample { age: Duration::from_secs(age), ..Sample::from(load) })
    };
    let mut queue = Queue::new(policy(0, 20), 3);
    let held = queue.decide(0, aged(5));
    assert_eq!((held.replicas, held.reason), (3, Reason::Unknown(Failure::Stale)));
    assert_eq!(queue.decide(2, aged(4)).replicas, 10);
}

#[test]
fn after_a_long_failure_nothing_shrinks_for_a_window() {
    let looks = [
        (0, load(65, 0)),
        (200, LOST),
        (202, LOST),
        (204, LOST),
        (206, load(0, 0)),
        (385, load(0, 0)),
        (386, load(0, 0)),
    ];
    assert_eq!(replicas(policy(1, 20), 1, looks), [7, 7, 7, 7, 7, 7, 1]);
}

#[test]
fn while_a_look_fails_the_calls_that_came_before_may_still_need_more() {
    let mut queue = steady(policy(0, 20));
    // Somebody took one away.
    queue.current = 1;
    assert_eq!(queue.decide(302, LOST).replicas, 2);
    assert_eq!(queue.decide(304, Observed::Unknown(Failure::Refused)).replicas, 2);
}
