//! When there are to be fewer, and how long a need must last.

use std::num::NonZeroU32;
use std::time::Duration;

use prpc_scaling::{Load, Observed, Policy, Reason, Rules, Sample};

use super::{Queue, Signals, load, policy, replicas, signals, steady};

#[test]
fn growth_is_immediate_and_goes_straight_to_what_is_needed() {
    assert_eq!(replicas(policy(0, 20), 0, [(0, load(95, 0)), (2, load(150, 40))]), [10, 19]);
}

#[test]
fn fewer_are_wanted_only_after_the_window() {
    let looks = [(0, load(95, 0)), (60, load(15, 0)), (179, load(15, 0)), (181, load(15, 0))];
    assert_eq!(replicas(policy(1, 20), 1, looks), [10, 10, 10, 2]);
}

#[test]
fn a_new_peak_begins_the_window_again() {
    let looks = [(0, load(95, 0)), (100, load(45, 0)), (200, load(5, 0)), (300, load(5, 0))];
    assert_eq!(replicas(policy(1, 20), 1, looks), [10, 10, 5, 1]);
}

#[test]
fn the_last_replica_goes_after_the_idle_time_and_not_before() {
    let looks = [(0, load(1, 0)), (10, load(0, 0)), (200, load(0, 0)), (309, load(0, 0)), (310, load(0, 0))];
    assert_eq!(replicas(policy(0, 20), 0, looks), [1, 1, 1, 1, 0]);
}

#[test]
fn calls_in_work_keep_the_last_replica() {
    let looks =
        [(0, load(1, 0)), (400, load(0, 1)), (800, load(0, 1)), (900, load(0, 0)), (1000, load(0, 0))];
    assert_eq!(replicas(policy(0, 20), 0, looks), [1, 1, 1, 1, 1]);
}

#[test]
fn a_queue_whose_calls_are_too_fast_to_be_seen_is_not_idle() {
    let policy = Policy { idle: Duration::from_secs(10), ..policy(0, 20) };
    let mut queue = Queue::new(policy, 1);
    // Never is a call there when one looks, but the counter grows.
    for look in 0..60 {
        assert_eq!(queue.decide(look * 2, signals(0, 0, look, 1, 1).look()).replicas, 1, "{look}");
    }
    assert_eq!(queue.decide(128, signals(0, 0, 59, 0, 1).look()).replicas, 1);
    assert_eq!(queue.decide(138, signals(0, 0, 59, 0, 1).look()).replicas, 0);
}

#[test]
fn replicas_that_are_busy_with_what_the_broker_does_not_see_are_not_idle() {
    let policy = Policy { idle: Duration::from_secs(10), ..policy(0, 20) };
    let busy = Signals { load: Load { undelivered: 0, in_flight: 1 }, ..signals(0, 1, 9, 0, 1) }.sample();
    let look = Observed::Seen(Sample { load: Load::default(), ..busy });
    assert_eq!(replicas(policy, 1, [(0, look), (100, look)]), [1, 1]);
}

#[test]
fn a_scale_up_window_waits_until_the_need_lasts() {
    let up = Rules { window: Duration::from_secs(30), ..policy(0, 20).up };
    let looks = [(0, load(10, 0)), (2, load(95, 0)), (28, load(65, 0)), (31, load(65, 0)), (33, load(65, 0))];
    assert_eq!(replicas(Policy { up, ..policy(0, 20) }, 0, looks), [1, 1, 1, 7, 7]);
}

#[test]
fn a_small_difference_is_not_worth_a_change_unless_it_leads_to_a_bound() {
    let down = Rules { window: Duration::ZERO, ..policy(0, 20).down };
    let policy = Policy { down, ..policy(18, 20) };
    assert_eq!(replicas(policy.clone(), 20, [(1, load(185, 0))]), [20]);
    assert_eq!(replicas(policy, 20, [(1, load(180, 0))]), [18]);
}

#[test]
fn partitions_that_could_be_shared_out_more_evenly_are_worth_no_change_within_the_tolerance() {
    for (waiting, expected) in [(94, 11), (99, 11), (121, 11), (122, 13)] {
        let sample =
            Sample { partitions: NonZeroU32::new(24), ..Load { undelivered: waiting, in_flight: 0 }.into() };
        assert_eq!(replicas(policy(0, 20), 11, [(0, Observed::Seen(sample))]), [expected], "{waiting}");
    }
}

#[test]
fn nobody_is_taken_away_who_has_calls_to_work_off() {
    let down = Rules { window: Duration::ZERO, ..policy(0, 20).down };
    let mut queue = steady(Policy { down, ..policy(0, 20) });
    let grown = queue.decide(302, signals(1200, 8, 19_200, 160, 2).look()).replicas;
    assert!(grown >= 5, "{grown}");
    // Fewer would be enough for what is left, but these are at it.
    let held = queue.decide(304, signals(200, 20, 19_320, 400, grown).look());
    assert_eq!((held.replicas, held.reason), (grown, Reason::Occupied), "{held}");
    let done = queue.decide(306, signals(0, 8, 19_440, 300, grown).look());
    assert_eq!((done.replicas, done.reason), (3, Reason::Backlog), "{done}");
}

#[test]
fn keeping_up_is_no_reason_to_shrink() {
    // Two replicas keep up with 60 calls a second: nothing waits, and still both are needed.
    let mut queue = steady(policy(0, 20));
    assert_eq!(queue.current, 2);
    let decision = queue.decide(302, signals(0, 6, 18_120, 120, 2).look());
    assert_eq!(decision.to_string(), "0 waiting + 6 in work, 60/s in, 40/s per replica -> 2");
}
