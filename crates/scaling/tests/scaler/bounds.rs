//! What the user has set holds.

use std::num::NonZeroU32;

use prpc_scaling::{Bounds, Fallback, Load, Observed, Policy, Reason, Rules, Sample, Select};

use super::{LOST, Queue, load, policy, replicas};

#[test]
fn bounds_that_were_changed_hold_at_once() {
    let mut queue = Queue::new(policy(0, 20), 15);
    queue.scaler.set_policy(policy(3, 5));
    assert_eq!(queue.decide(0, load(900, 0)).replicas, 5);
    queue.current = 15;
    assert_eq!(queue.decide(0, LOST).replicas, 5);
    queue.current = 0;
    assert_eq!(queue.decide(0, LOST).replicas, 3);
}

#[test]
fn a_fixed_number_holds_whatever_the_backlog_is_and_what_would_be_is_told() {
    for fixed in [0, 3] {
        let mut queue = Queue::new(Policy { fixed: Some(fixed), ..policy(0, 20) }, 9);
        for observed in [load(500, 9), load(0, 0), LOST] {
            assert_eq!(queue.decide(0, observed).replicas, fixed, "{observed:?}");
        }
        let advice = queue.decide(2, load(95, 0));
        assert_eq!((advice.replicas, advice.recommended, advice.is_change()), (fixed, 10, false));
    }
}

#[test]
fn a_schedule_changes_the_bounds_and_is_named() {
    use jiff::civil::time;
    let schedule = prpc_scaling::Schedule {
        name: "lunch".into(),
        days: Vec::new(),
        start: time(12, 1, 0, 0),
        end: time(12, 2, 0, 0),
        zone: jiff::tz::TimeZone::UTC,
        bounds: Bounds::new(5, 8).unwrap(),
    };
    let mut queue = Queue::new(Policy { schedules: vec![schedule], ..policy(1, 4) }, 1);
    assert_eq!(queue.replicas([(0, load(0, 0)), (60, load(0, 0)), (119, load(200, 0))]), [1, 5, 8]);
    let raised = queue.decide(119, load(200, 0)).to_string();
    assert_eq!(raised, "200 waiting + 0 in work -> 20, limited to 8 by maxReplicas of schedule lunch");
    assert_eq!(queue.decide(120, load(200, 0)).replicas, 4);
}

#[test]
fn steps_limit_what_changes_at_a_time_but_not_what_wakes() {
    let usual = |min| Policy { up: Rules::up(), down: Rules::down(), ..policy(min, 100) };
    assert_eq!(replicas(usual(0), 0, [(0, load(900, 0))]), [90]);
    let mut queue = Queue::new(usual(1), 1);
    let first = queue.decide(0, load(900, 0));
    assert_eq!((first.replicas, first.reason), (11, Reason::Steps));
    let looks = [(14, load(900, 0)), (15, load(900, 0)), (30, load(900, 0)), (45, load(900, 0))];
    assert_eq!(queue.replicas(looks), [11, 22, 44, 88]);
    let looks =
        [(300, load(0, 0)), (359, load(0, 0)), (360, load(0, 0)), (420, load(0, 0)), (480, load(0, 0))];
    assert_eq!(queue.replicas(looks), [44, 44, 22, 11, 5]);
}

#[test]
fn a_direction_that_is_switched_off_does_not_change_but_bounds_hold() {
    let off = |rules| Rules { select: Select::Disabled, ..rules };
    let no_up = Policy { up: off(Rules::up()), ..policy(0, 20) };
    assert_eq!(replicas(no_up.clone(), 3, [(0, load(95, 0)), (200, load(95, 0))]), [3, 3]);
    let raised = Policy { bounds: Bounds::new(4, 20).unwrap(), ..no_up.clone() };
    assert_eq!(replicas(raised, 3, [(0, LOST)]), [4]);
    let lost = [(0, LOST), (2, LOST), (4, LOST), (6, LOST)];
    assert_eq!(replicas(Policy { fallback: Fallback::Static(9), ..no_up.clone() }, 3, lost), [3; 4]);
    let no_down = Policy { down: off(Rules::down()), ..policy(0, 20) };
    assert_eq!(replicas(Policy { fallback: Fallback::Static(1), ..no_down.clone() }, 3, lost), [3; 4]);
    assert_eq!(replicas(no_down, 3, [(0, load(0, 0)), (900, load(0, 0)), (901, load(50, 0))]), [3, 3, 5]);
}

#[test]
fn an_endless_backlog_gets_a_replica_for_each_partition_exactly_step_by_step() {
    for partitions in 1..=64 {
        let usual = Policy { up: Rules::up(), ..policy(1, 50) };
        let mut queue = Queue::new(usual, 1);
        let load = Load { undelivered: 1_000_000, in_flight: 0 };
        let look = Observed::Seen(Sample { partitions: NonZeroU32::new(partitions), ..load.into() });
        let last = (0..20).map(|look_number| queue.decide(look_number * 15, look)).last().unwrap();
        assert_eq!(last.replicas, partitions.min(50), "{last}");
    }
    // Spare replicas that somebody asks for are theirs.
    let look = Sample { partitions: NonZeroU32::new(3), ..Load { undelivered: 900, in_flight: 0 }.into() };
    assert_eq!(replicas(policy(5, 50), 5, [(0, Observed::Seen(look))]), [5]);
}
