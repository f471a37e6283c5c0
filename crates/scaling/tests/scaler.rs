//! What is decided, look by look.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use prpc_scaling::{
    Amount, Bounds, Decision, Effectiveness, Failure, Fallback, Load, Memory, Moment, Observed, Policy,
    Reason, Replicas, Rules, Sample, Scaled, Scaler, Select, Step, Work,
};

const FOUR: NonZeroU32 = NonZeroU32::new(4).unwrap();
const LOST: Observed = Observed::Unknown(Failure::Unreachable);

/// Ten outstanding calls for each replica while no rate is known, and no steps, which have tests of their own.
fn policy(min: u32, max: u32) -> Policy {
    let usual = Policy::new(Bounds::new(min, max).unwrap(), FOUR);
    Policy {
        backlog_per_replica: NonZeroU32::new(10).unwrap(),
        up: Rules { steps: Vec::new(), ..Rules::up() },
        down: Rules { steps: Vec::new(), ..Rules::down() },
        ..usual
    }
}

fn load(undelivered: u64, in_flight: u64) -> Observed {
    Load { undelivered, in_flight }.into()
}

/// A queue with a fleet that obeys at once.
struct Queue {
    scaler: Scaler,
    began: Moment,
    current: u32,
}

impl Queue {
    fn new(policy: Policy, current: u32) -> Self {
        Self::remembering(policy, current, Memory::default())
    }

    fn remembering(policy: Policy, current: u32, memory: Memory) -> Self {
        let began = Moment::new(Instant::now(), "2026-03-02T12:00:00Z".parse().unwrap());
        Self { scaler: Scaler::new(policy, current, &memory, began), began, current }
    }

    fn decide(&mut self, at: u64, observed: Observed) -> Decision {
        let now = self.began.after(Duration::from_secs(at));
        let decision = self.scaler.decide(now, self.current, &observed);
        self.current = decision.replicas;
        decision
    }

    fn replicas<const N: usize>(&mut self, looks: [(u64, Observed); N]) -> [u32; N] {
        looks.map(|(at, observed)| self.decide(at, observed).replicas)
    }
}

fn replicas<const N: usize>(policy: Policy, start: u32, looks: [(u64, Observed); N]) -> [u32; N] {
    Queue::new(policy, start).replicas(looks)
}

/// A queue with all signals: calls of 0.1 s on four slots, so 40 a second and replica.
#[derive(Clone, Copy)]
struct Signals {
    load: Load,
    arrived: u64,
    ended: u64,
    ready: u32,
}

impl Signals {
    fn sample(self) -> Sample {
        let work = NonZeroU32::new(self.ready).map(|replicas| Work {
            replicas,
            slots: self.ready * 4,
            busy: u32::try_from(self.load.in_flight).unwrap(),
            ended: self.ended,
            ran: Duration::from_millis(100 * self.ended),
        });
        let replicas = Replicas { ready: self.ready, unschedulable: 0, replacing: false };
        Sample { arrived: Some(self.arrived), work, replicas: Some(replicas), ..Sample::from(self.load) }
    }

    fn look(self) -> Observed {
        Observed::Seen(self.sample())
    }
}

fn signals(undelivered: u64, in_flight: u64, arrived: u64, ended: u64, ready: u32) -> Signals {
    Signals { load: Load { undelivered, in_flight }, arrived, ended, ready }
}

/// A queue at which 60 calls a second come in and are answered for five minutes, by two replicas.
fn steady(policy: Policy) -> Queue {
    let mut queue = Queue::new(policy, 2);
    for look in 0..150 {
        queue.decide(look * 2, signals(0, 6, look * 120, 120, queue.current).look());
    }
    queue
}

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

#[test]
fn a_decision_says_why() {
    let mut queue = Queue::new(policy(0, 5), 0);
    let grown = queue.decide(0, load(120, 12));
    assert_eq!(grown.to_string(), "120 waiting + 12 in work -> 14, limited to 5 by maxReplicas");
    let held = queue.decide(0, load(3, 4));
    assert_eq!(held.to_string(), "3 waiting + 4 in work -> 1, held at 5 by the scale-down window");
    assert_eq!(queue.decide(0, LOST).to_string(), "backlog unknown: held at 5");
    let kafka = Sample { partitions: NonZeroU32::new(3), ..Load { undelivered: 90, in_flight: 0 }.into() };
    let capped = queue.decide(2, Observed::Seen(kafka));
    assert_eq!(capped.to_string(), "90 waiting + 0 in work -> 9, limited to 3 by the number of partitions");
    let mut queue = Queue::new(Policy { fixed: Some(2), ..policy(0, 5) }, 2);
    let advice = queue.decide(0, load(30, 0));
    assert_eq!(advice.to_string(), "30 waiting + 0 in work -> 3; recommended only, 2 are set");
    let mut queue = Queue::new(Policy { fallback: Fallback::AtLeast(4), ..policy(0, 5) }, 2);
    let fallback = [0, 2, 4].map(|at| queue.decide(at, LOST));
    assert_eq!(fallback[2].to_string(), "backlog unknown for long: fallback AtLeast 4 -> 4");
}

#[test]
fn a_decision_with_rates_names_them() {
    let mut queue = steady(policy(0, 5));
    let grown = queue.decide(302, signals(1200, 8, 19_200, 160, 2).look());
    let text = grown.to_string();
    assert!(
        text.starts_with("1200 waiting + 8 in work, 93") && text.contains("/s in, 40/s per replica -> "),
        "{text}"
    );
    assert!(text.ends_with(", limited to 5 by maxReplicas"), "{text}");
}
