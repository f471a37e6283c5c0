//! What holds for every decision, whatever is seen.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::prelude::*;
use prpc_scaling::{
    Bounds, Failure, Fallback, Load, Memory, Moment, Observed, Policy, Replicas, Sample, Scaler, Work,
};

/// Any sample, with any part of what may be known.
fn sample() -> impl Strategy<Value = Sample> {
    let load = (0..3000_u64, 0..50_u64);
    let counters = proptest::option::of((0..100_000_u64, proptest::option::of(0..100_000_u64)));
    let work = proptest::option::of((1..20_u32, 0..400_u64, 1..100_000_u64));
    let replicas = proptest::option::of((0..20_u32, 0..3_u32, any::<bool>()));
    let rest = (0..6_u64, proptest::option::of(0..600_u64), proptest::option::of(1..64_u32));
    (load, counters, work, replicas, rest).prop_map(|(load, counters, work, replicas, rest)| Sample {
        load: Load { undelivered: load.0, in_flight: load.1 },
        age: Duration::from_secs(rest.0),
        oldest: rest.1.map(Duration::from_secs),
        arrived: counters.map(|(arrived, _)| arrived),
        answered: counters.and_then(|(_, answered)| answered),
        work: work.map(|(replicas, ended, milliseconds)| Work {
            replicas: NonZeroU32::new(replicas).unwrap(),
            slots: replicas * 4,
            busy: u32::try_from(load.1).unwrap(),
            ended,
            ran: Duration::from_millis(milliseconds),
        }),
        replicas: replicas.map(|(ready, unschedulable, replacing)| Replicas {
            ready,
            unschedulable,
            replacing,
        }),
        partitions: rest.2.and_then(NonZeroU32::new),
    })
}

fn observed() -> impl Strategy<Value = Observed> {
    let failure = prop_oneof![Just(Failure::Unreachable), Just(Failure::Refused), Just(Failure::Stale)];
    prop_oneof![4 => sample().prop_map(Observed::Seen), 1 => failure.prop_map(Observed::Unknown)]
}

fn looks() -> impl Strategy<Value = Vec<(u64, Observed)>> {
    proptest::collection::vec((1..400_u64, observed()), 1..60)
}

fn policy() -> impl Strategy<Value = Policy> {
    let fallback = prop_oneof![
        Just(Fallback::Hold),
        (0..30_u32).prop_map(Fallback::AtLeast),
        (0..30_u32).prop_map(Fallback::AtMost),
        (0..30_u32).prop_map(Fallback::Static),
    ];
    (0..5_u32, 1..20_u32, 0..200_u64, 0..400_u64, fallback).prop_map(|(min, more, window, idle, fallback)| {
        let mut policy = Policy::new(Bounds::new(min, min + more).unwrap(), NonZeroU32::new(4).unwrap());
        policy.down.window = Duration::from_secs(window);
        Policy { idle: Duration::from_secs(idle), fallback, ..policy }
    })
}

fn began() -> Moment {
    Moment::new(Instant::now(), Timestamp::UNIX_EPOCH)
}

/// Whether a look is one that can be trusted.
fn trusted(observed: &Observed, policy: &Policy) -> Option<Sample> {
    match observed {
        Observed::Seen(sample) if sample.age <= policy.freshness => Some(*sample),
        _ => None,
    }
}

proptest! {
    #[test]
    fn replicas_stay_within_the_bounds_and_never_reach_zero_while_there_is_work(
        policy in policy(), start in 0..30_u32, looks in looks(),
    ) {
        let mut now = began();
        let mut scaler = Scaler::new(policy.clone(), start, &Memory::default(), now);
        let mut current = start;
        for (pause, observed) in looks {
            now = now.after(Duration::from_secs(pause));
            let decision = scaler.decide(now, current, &observed);
            prop_assert!(!decision.to_string().is_empty());
            let seen = trusted(&observed, &policy);
            // The number of partitions is a bound like maxReplicas.
            let cap = seen.and_then(|sample| sample.partitions).map_or(u32::MAX, NonZeroU32::get);
            let bounds = policy.bounds.at_most(cap);
            prop_assert_eq!(bounds.clamp(decision.replicas), decision.replicas, "{}", decision);
            match seen {
                Some(sample) if sample.load.outstanding() > 0 => prop_assert!(decision.replicas > 0),
                Some(_) => {}
                None if policy.bounds.min() == 0 => {
                    prop_assert_eq!(decision.replicas == 0, current == 0, "{}", decision);
                }
                None => {}
            }
            current = decision.replicas;
        }
    }

    #[test]
    fn a_longer_queue_never_gets_fewer_replicas(
        policy in policy(), start in 0..30_u32, looks in looks(), last in sample(), more in 1..5000_u64,
    ) {
        let mut now = began();
        let mut scaler = Scaler::new(policy, start, &Memory::default(), now);
        let mut current = start;
        for (pause, observed) in looks {
            now = now.after(Duration::from_secs(pause));
            current = scaler.decide(now, current, &observed).replicas;
        }
        now = now.after(Duration::from_secs(2));
        // With counters the two would differ in what they teach of rates, too: as many came, and fewer were answered.
        let last = Sample { arrived: None, answered: None, work: None, ..last };
        let mut longer = last;
        longer.load.undelivered += more;
        let mut other = scaler.clone();
        let (few, many) = (
            scaler.decide(now, current, &Observed::Seen(last)),
            other.decide(now, current, &Observed::Seen(longer)),
        );
        prop_assert!(many.replicas >= few.replicas, "{} {} but {} {}", many.replicas, many, few.replicas, few);
    }

    #[test]
    fn whatever_was_kept_is_no_danger(text in ".{0,40}", start in 0..9_u32, last in sample()) {
        let found = serde_json::json!({"arrivalRate": text, "ratePerReplica": text, "coldStartSeconds": "1e18"});
        let memory: Memory = serde_json::from_value(found).unwrap();
        let policy = Policy::new(Bounds::new(0, 20).unwrap(), NonZeroU32::new(4).unwrap());
        let mut scaler = Scaler::new(policy, start, &memory, began());
        let decision = scaler.decide(began().after(Duration::from_secs(2)), start, &Observed::Seen(last));
        prop_assert!(decision.replicas <= 20);
    }
}
