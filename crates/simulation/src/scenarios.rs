//! The situations that are shown and tested: replicas with four slots, calls of a tenth of a second unless said otherwise.

use std::time::Duration;

use crate::setup::{Setup, Trouble};
use crate::traffic::{Shape, Traffic};

/// A situation.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// For files.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// The queue and its surroundings.
    pub setup: Setup,
    /// At least so many replicas.
    pub min: u32,
    /// At most so many.
    pub max: u32,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A queue that nothing happens to, with replicas that start in five seconds.
fn usual(traffic: Traffic, ends: u64) -> Setup {
    Setup {
        traffic,
        ends: seconds(ends),
        service: |_| 0.1,
        slots: 4,
        start: seconds(5),
        replicas: 0,
        downstream: None,
        troubles: Vec::new(),
        signals: true,
        seed: 1,
    }
}

fn poisson(rate: fn(f64) -> f64, peak: f64, until: u64) -> Traffic {
    Traffic { until: seconds(until), shape: Shape::Poisson { rate, peak } }
}

/// So many calls, all within half a second.
#[must_use]
pub fn burst(calls: u32) -> Setup {
    let shape = Shape::Burst { calls, within: Duration::from_millis(500) };
    usual(Traffic { until: seconds(1), shape }, 400)
}

/// Sixty calls a second for five minutes, at random.
#[must_use]
pub fn steady() -> Setup {
    usual(poisson(|_| 60.0, 60.0, 300), 300)
}

/// All that are shown.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let scenario = |name, title, setup| Scenario { name, title, setup, min: 0, max: 20 };
    vec![
        scenario("burst", "10 000 calls at once, from zero", burst(10_000)),
        scenario(
            "steady",
            "60 calls/s from zero, at random",
            Setup { ends: seconds(600), ..usual(poisson(|_| 60.0, 60.0, 600), 600) },
        ),
        scenario("step", "20 calls/s, then 200, then 20", usual(poisson(step, 200.0, 1500), 1500)),
        scenario("ramp", "slowly up to 200 calls/s and down again", usual(poisson(ramp, 200.0, 1500), 1500)),
        scenario(
            "on-off",
            "100 calls/s for one minute, none for two",
            usual(poisson(on_off, 100.0, 1500), 1500),
        ),
        scenario(
            "sine",
            "between 20 and 180 calls/s, up and down in ten minutes",
            usual(poisson(sine, 180.0, 1800), 1800),
        ),
        scenario(
            "rare",
            "one call every 100 s",
            usual(Traffic { until: seconds(1500), shape: Shape::Every(seconds(100)) }, 1500),
        ),
        scenario(
            "stale",
            "the signal stands still for a minute while calls rise from 20 to 120/s",
            Setup {
                troubles: vec![(Trouble::Stale, seconds(290), seconds(350))],
                ..usual(poisson(|t| if t < 300.0 { 20.0 } else { 120.0 }, 120.0, 900), 900)
            },
        ),
        scenario(
            "outage",
            "100 calls/s; the broker is away for two minutes",
            Setup {
                troubles: vec![(Trouble::Outage, seconds(300), seconds(420))],
                ..usual(poisson(|_| 100.0, 100.0, 900), 900)
            },
        ),
        scenario(
            "slow-starts",
            "20 calls/s, then 120; replicas need 40 s to start",
            Setup {
                start: seconds(40),
                ..usual(poisson(|t| if t < 300.0 { 20.0 } else { 120.0 }, 120.0, 900), 900)
            },
        ),
        scenario(
            "slow-calls",
            "60 calls/s; after 5 min they take three times as long",
            Setup {
                service: |t| if t < 300.0 { 0.1 } else { 0.3 },
                ..usual(poisson(|_| 60.0, 60.0, 900), 900)
            },
        ),
    ]
}

fn step(t: f64) -> f64 {
    if (300.0..900.0).contains(&t) { 200.0 } else { 20.0 }
}

fn ramp(t: f64) -> f64 {
    (200.0 - (t - 600.0).abs() / 3.0).max(0.0)
}

fn on_off(t: f64) -> f64 {
    if t % 180.0 < 60.0 { 100.0 } else { 0.0 }
}

fn sine(t: f64) -> f64 {
    100.0 - 80.0 * (t * std::f64::consts::TAU / 600.0).cos()
}
