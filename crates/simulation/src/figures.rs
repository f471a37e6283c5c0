//! What happened: over time, and in a few numbers.

use std::time::Duration;

/// The state of a queue at one second.
#[derive(Debug, Clone, Copy)]
pub struct Second {
    /// Replicas there are to be.
    pub wanted: u32,
    /// Replicas that take calls.
    pub ready: u32,
    /// Calls that are not answered.
    pub outstanding: u64,
}

/// What happened.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Second by second.
    pub seconds: Vec<Second>,
    /// When each call came, and how long it waited until it was taken, in order of taking.
    pub waits: Vec<(Duration, Duration)>,
    /// Changes of the number of replicas: when, and to how many.
    pub changes: Vec<(Duration, u32)>,
    /// The reasons of these changes, if the rule gives any.
    pub reasons: Vec<String>,
    /// When the last call was answered.
    pub answered: Duration,
    /// Calls that came.
    pub arrived: u64,
    /// Seconds that all replicas were there.
    pub replica_seconds: f64,
}

/// A record in a few numbers.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Half of the calls waited no longer.
    pub wait_p50: f64,
    /// Nineteen of twenty calls waited no longer.
    pub wait_p95: f64,
    /// The longest wait.
    pub wait_max: f64,
    /// Seconds that all replicas were there.
    pub replica_seconds: f64,
    /// How often a change went the other way than the one before.
    pub reversals: usize,
    /// The highest number of replicas.
    pub highest: u32,
}

impl Record {
    /// The numbers, for calls that came from `begin` on.
    #[must_use]
    pub fn figures(&self, begin: Duration) -> Figures {
        let mut waits: Vec<_> = self
            .waits
            .iter()
            .filter(|(came, _)| *came >= begin)
            .map(|(_, wait)| wait.as_secs_f64())
            .collect();
        waits.sort_by(f64::total_cmp);
        Figures {
            wait_p50: quantile(&waits, 0.5),
            wait_p95: quantile(&waits, 0.95),
            wait_max: quantile(&waits, 1.0),
            replica_seconds: self.replica_seconds,
            reversals: self.reversals(),
            highest: self.changes.iter().map(|(_, to)| *to).max().unwrap_or(0),
        }
    }

    /// How often a change went the other way than the one before.
    #[must_use]
    pub fn reversals(&self) -> usize {
        let ups: Vec<_> = self.changes.windows(2).map(|pair| pair[1].1 > pair[0].1).collect();
        ups.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// The waits of the calls that came in each span of time: what nineteen of twenty waited at most; 0 if none came.
    #[must_use]
    pub fn waits_by(&self, span: Duration) -> Vec<f64> {
        let bin = |at: Duration| (at.as_micros() / span.as_micros()) as usize;
        let mut bins = vec![Vec::new(); bin(Duration::from_secs(self.seconds.len() as u64)) + 1];
        for (came, wait) in &self.waits {
            if let Some(waits) = bins.get_mut(bin(*came)) {
                waits.push(wait.as_secs_f64());
            }
        }
        let p95 = |mut waits: Vec<f64>| {
            waits.sort_by(f64::total_cmp);
            quantile(&waits, 0.95)
        };
        bins.into_iter().map(p95).collect()
    }
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    let index = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied().unwrap_or(0.0)
}
