//! When calls come.

use std::time::Duration;

use fastrand::Rng;

/// When calls come, up to a moment.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// No call comes from then on.
    pub until: Duration,
    /// How they come before.
    pub shape: Shape,
}

/// How calls come.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// All together, at an even pace in a short time.
    Burst {
        /// How many.
        calls: u32,
        /// In which time.
        within: Duration,
    },
    /// One after each span of time.
    Every(Duration),
    /// At random, so many a second on average.
    Poisson {
        /// Calls a second after so many seconds.
        rate: fn(f64) -> f64,
        /// Its highest value.
        peak: f64,
    },
}

impl Traffic {
    /// The next call after the `count`-th one, which came at `last`.
    pub(crate) fn next(&self, count: u32, last: Duration, random: &mut Rng) -> Option<Duration> {
        let at = match self.shape {
            Shape::Burst { calls, within } => (count < calls).then(|| within * count / calls),
            Shape::Every(span) => Some(last + span),
            Shape::Poisson { rate, peak } => self.poisson(rate, peak, last, random),
        };
        at.filter(|at| *at < self.until)
    }

    /// A process at its highest rate, of whose calls only the due part is taken.
    fn poisson(&self, rate: fn(f64) -> f64, peak: f64, last: Duration, random: &mut Rng) -> Option<Duration> {
        let mut at = last.as_secs_f64();
        while at < self.until.as_secs_f64() {
            at -= (1.0 - random.f64()).ln() / peak;
            if random.f64() * peak < rate(at) {
                return Some(Duration::from_secs_f64(at));
            }
        }
        None
    }
}
