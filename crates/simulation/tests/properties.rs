//! What holds whatever happens to a queue.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::time::Duration;

use fastrand::Rng;
use prpc_simulation::prpc::{Prpc, quick, usual};
use prpc_simulation::traffic::{Shape, Traffic};
use prpc_simulation::{Setup, Trouble, run, scenarios};

const POLL: Duration = Duration::from_secs(2);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A queue to which anything may happen in ten minutes; what comes then has another ten to be answered.
fn anything(random: &mut Rng) -> Setup {
    let shape = match random.u8(..4) {
        0 => Shape::Burst {
            calls: random.u32(1..20_000),
            within: Duration::from_millis(random.u64(0..60_000)),
        },
        1 => Shape::Every(Duration::from_millis(random.u64(50..200_000))),
        2 => Shape::Poisson { rate: |t| if t % 100.0 < 30.0 { 150.0 } else { 5.0 }, peak: 150.0 },
        _ => Shape::Poisson { rate: |_| 60.0, peak: 60.0 },
    };
    let mut trouble = |kind| {
        let from = random.u64(0..600);
        (kind, seconds(from), seconds(from + random.u64(1..120)))
    };
    let troubles = vec![trouble(Trouble::Outage), trouble(Trouble::Stale)];
    Setup {
        traffic: Traffic { until: seconds(600), shape },
        ends: seconds(1800),
        service: *random
            .choice(&[|_| 0.01, |_| 0.1, |t| if t < 300.0 { 0.1 } else { 0.25 }] as &[fn(f64) -> f64])
            .unwrap(),
        start: seconds(random.u64(0..60)),
        replicas: random.u32(0..5),
        troubles,
        signals: random.bool(),
        seed: random.u64(..),
        ..scenarios::steady()
    }
}

#[test]
fn whatever_happens_the_bounds_hold_and_every_call_is_answered() {
    let mut random = Rng::with_seed(7);
    for round in 0..200 {
        let setup = anything(&mut random);
        let min = random.u32(0..3);
        let bounds = min..=20;
        let replicas = setup.replicas.max(min);
        let setup = Setup { replicas, ..setup };
        let policy = if random.bool() {
            usual(min, 20)
        } else {
            prpc_scaling::Policy { bounds: usual(min, 20).bounds, ..quick(20) }
        };
        let record = run(&setup, &mut Prpc::new(policy, POLL, replicas));
        let place = format!("{round} {setup:?} {:?}", record.changes);
        assert!(record.changes.iter().all(|(_, number)| bounds.contains(number)), "{place}");
        assert_eq!(record.waits.len() as u64, record.arrived, "{place}");
        let outages: Vec<_> = setup.troubles.iter().filter(|(kind, ..)| *kind == Trouble::Outage).collect();
        for pair in record.changes.windows(2) {
            let ((at, to), from) = (pair[1], pair[0].1);
            let away = outages.iter().any(|(_, from, until)| *from <= at && at < *until);
            assert!(!away || (from > 0 && to >= from), "{at:?} {place}");
        }
        let after_all = record.seconds.last().unwrap();
        assert_eq!((after_all.wanted, after_all.outstanding), (min, 0), "{place}");
    }
}

#[test]
fn under_a_constant_load_the_number_stays() {
    fn rate<const CALLS: u32>(_: f64) -> f64 {
        f64::from(CALLS)
    }
    // Also those at which the number that is needed is nearly a whole one.
    let rates: [fn(f64) -> f64; 12] = [
        rate::<5>, rate::<30>, rate::<32>, rate::<60>, rate::<63>, rate::<64>, rate::<65>, rate::<95>,
        rate::<96>, rate::<128>, rate::<250>, rate::<320>,
    ];
    for rate in rates {
        for (policy, reversals) in [(usual(0, 60), 2), (quick(60), 6)] {
            let peak = rate(0.0);
            let traffic = Traffic { until: seconds(3600), shape: Shape::Poisson { rate, peak } };
            let setup = Setup { traffic, ends: seconds(3600), ..scenarios::steady() };
            let record = run(&setup, &mut Prpc::new(policy, POLL, 0));
            assert!(record.reversals() <= reversals, "{peak}/s {:?} {:?}", record.changes, record.reasons);
            let figures = record.figures(seconds(60));
            assert!(figures.wait_p95 <= 0.3, "{peak}/s {figures:?}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_story() {
    let story = || run(&scenarios::steady(), &mut Prpc::new(usual(0, 20), POLL, 0));
    let (once, again) = (story(), story());
    assert_eq!((once.changes, once.waits), (again.changes, again.waits));
}
