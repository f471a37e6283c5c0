//! The figures that are promised, on the clock of the simulation, with replicas that start as fast as in the cluster of the tests.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::time::Duration;

use prpc_scaling::{Amount, Effectiveness, Policy, Rules, Step};
use prpc_simulation::keda::{Keda, Metric, ScaledObject};
use prpc_simulation::prpc::{Prpc, quick, usual};
use prpc_simulation::traffic::{Shape, Traffic};
use prpc_simulation::{Record, Setup, Trouble, run, scenarios};

const POLL: Duration = Duration::from_secs(2);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The numbers of replicas, one after the other.
fn numbers(record: &Record) -> Vec<u32> {
    record.changes.iter().map(|(_, replicas)| *replicas).collect()
}

fn poisson(rate: fn(f64) -> f64, peak: f64, until: u64) -> Traffic {
    Traffic { until: seconds(until), shape: Shape::Poisson { rate, peak } }
}

#[test]
fn a_burst_from_zero_gets_its_number_at_once_and_is_answered_within_sixteen_seconds() {
    let setup = Setup { start: seconds(1), ..scenarios::burst(10_000) };
    let looked_for = run(&setup, &mut Prpc::new(quick(20), POLL, 0));
    assert_eq!(numbers(&looked_for)[..2], [0, 20], "{:?}", looked_for.reasons);
    let setup = Setup { start: Duration::from_millis(1500), ..setup };
    let woken = run(&setup, &mut Prpc::new(quick(20), POLL, 0).woken());
    for record in [looked_for, woken] {
        assert_eq!(record.waits.len(), 10_000);
        assert!(record.answered <= seconds(16), "{:?}", record.answered);
        let figures = record.figures(Duration::ZERO);
        assert!(figures.replica_seconds <= 400.0, "{figures:?}");
        assert!(figures.reversals <= 1, "{figures:?}");
        assert_eq!(numbers(&record).last(), Some(&0));
    }
}

#[test]
fn a_burst_is_answered_as_fast_when_it_is_known_what_a_replica_does() {
    let memory = prpc_scaling::Memory {
        arrival_rate: Some(0.0),
        rate_per_replica: Some(40.0),
        cold_start_seconds: Some(seconds(1)),
        last_scale: None,
    };
    let setup = Setup { start: seconds(1), ..scenarios::burst(10_000) };
    let record = run(&setup, &mut Prpc::remembering(quick(20), POLL, 0, &memory));
    assert_eq!(numbers(&record)[..2], [0, 20], "{:?}", record.reasons);
    assert!(record.answered <= seconds(16), "{:?}", record.answered);
}

#[test]
fn a_constant_load_from_zero_soon_waits_no_longer_and_needs_few_replicas() {
    for (name, policy) in [("usual", usual(0, 20)), ("quick", quick(20))] {
        for seed in 1..=10 {
            for woken in [false, true] {
                let setup = Setup { start: Duration::from_millis(1500), seed, ..scenarios::steady() };
                let rule = Prpc::new(policy.clone(), POLL, 0);
                let record = run(&setup, &mut if woken { rule.woken() } else { rule });
                let figures = record.figures(seconds(30));
                let place = format!("{name} {seed} {woken} {figures:?} {:?}", record.reasons);
                assert!(figures.wait_p95 <= 0.15, "{place}");
                assert!(figures.reversals <= 2, "{place}");
                assert!(figures.replica_seconds <= 1000.0, "{place}");
            }
        }
    }
}

#[test]
fn a_load_that_falls_takes_replicas_away_step_by_step_and_none_too_many() {
    let traffic = poisson(|t| if t < 300.0 { 310.0 } else { 55.0 }, 310.0, 1200);
    let setup = Setup { traffic, ends: seconds(1200), replicas: 10, ..scenarios::steady() };
    let record = run(&setup, &mut Prpc::new(usual(0, 20), POLL, 10));
    let numbers = numbers(&record);
    assert_eq!((numbers.first(), numbers.last()), (Some(&10), Some(&2)), "{:?}", record.reasons);
    assert!(record.changes.windows(2).all(|pair| pair[1].1 * 2 >= pair[0].1), "{numbers:?}");
    let after = record.figures(seconds(300));
    assert!(after.wait_p95 <= 0.15 && numbers.iter().all(|number| *number >= 2), "{after:?} {numbers:?}");
}

#[test]
fn rare_calls_wait_for_a_start_and_nothing_else_and_the_queue_sleeps_between_them() {
    let traffic = Traffic { until: seconds(1500), shape: Shape::Every(seconds(100)) };
    let setup = Setup { traffic, ends: seconds(1500), ..scenarios::steady() };
    let policy = Policy { idle: seconds(30), ..usual(0, 20) };
    let record = run(&setup, &mut Prpc::new(policy, POLL, 0).woken());
    assert_eq!(record.waits.len(), 14);
    assert_eq!(numbers(&record), [0, 1].repeat(14).into_iter().chain([0]).collect::<Vec<_>>());
    assert!(record.figures(Duration::ZERO).wait_max < 5.1);
}

#[test]
fn an_outage_of_the_broker_takes_nothing_away_and_wakes_nothing() {
    let troubles = vec![(Trouble::Outage, seconds(300), seconds(420))];
    let traffic = poisson(|_| 100.0, 100.0, 900);
    let setup = Setup { traffic, troubles: troubles.clone(), ends: seconds(900), ..scenarios::steady() };
    let record = run(&setup, &mut Prpc::new(usual(0, 20), POLL, 0));
    let at = |second: usize| record.seconds[second].wanted;
    assert!((300..420).all(|second| at(second) >= at(299)), "{:?}", record.changes);
    assert!(record.waits.len() as u64 + 50 > record.arrived, "{} of {}", record.waits.len(), record.arrived);
    // Asleep: the first call comes while the broker is away.
    let traffic = Traffic { until: seconds(311), shape: Shape::Every(seconds(310)) };
    let setup = Setup { traffic, troubles, ..setup };
    let record = run(&setup, &mut Prpc::new(usual(0, 20), POLL, 0));
    assert!((0..420).all(|second| record.seconds[second].wanted == 0));
    assert_eq!(record.waits.len(), 1);
}

#[test]
fn a_bottleneck_behind_the_replicas_is_told_and_does_not_lead_to_the_maximum_if_not_wanted() {
    let downstream = |effectiveness| {
        let steps = vec![Step { amount: Amount::Replicas(2.try_into().unwrap()), period: seconds(15) }];
        let setup = Setup {
            traffic: poisson(|_| 200.0, 200.0, 600),
            ends: seconds(600),
            downstream: Some(100.0),
            replicas: 3,
            ..scenarios::steady()
        };
        let policy = usual(0, 50);
        let policy = Policy { effectiveness, up: Rules { steps, ..policy.up }, ..policy };
        run(&setup, &mut Prpc::new(policy, POLL, 3)).figures(Duration::ZERO).highest
    };
    let (reported, held) = (downstream(Effectiveness::Report), downstream(Effectiveness::Hold));
    assert!(reported == 50 && held < 20, "{reported} {held}");
}

#[test]
fn the_rule_to_compare_with_does_what_was_measured_of_it() {
    // KEDA with a HorizontalPodAutoscaler on a cluster, 5 calls for each replica: 20 replicas 52 to 75 s after a burst, which is
    // done after 43 to 61 s, and about 6 130 replica seconds; as fast as it can be set 19 to 29 s and 293 to 490.
    let defaults = ScaledObject::defaults(Metric::Lag, 5, 0, 20);
    let burst = Setup { start: Duration::from_millis(600), ..scenarios::burst(10_000) };
    let record = run(&burst, &mut Keda::new(defaults));
    assert_eq!(numbers(&record), [0, 1, 4, 8, 16, 20, 0]);
    assert!((43..=61).contains(&record.answered.as_secs()), "{:?}", record.answered);
    assert!((5800.0..6400.0).contains(&record.replica_seconds), "{}", record.replica_seconds);
    let record = run(&burst, &mut Keda::new(defaults.fast()));
    assert!((19..=29).contains(&record.answered.as_secs()), "{:?}", record.answered);
    assert!((293.0..490.0).contains(&record.replica_seconds), "{}", record.replica_seconds);
    // 31 changes and 20 reversals in five minutes, between 1 and 20.
    let steady = Setup { start: burst.start, ..scenarios::steady() };
    assert!(run(&steady, &mut Keda::new(defaults.fast())).reversals() >= 20);
}
