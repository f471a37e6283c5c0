//! A rule to compare with: KEDA and a HorizontalPodAutoscaler, as far as their public code and documentation tell.
//!
//! KEDA looks at the queue every polling interval, starts the first replica, and ends all after the cooldown. Between one and
//! the maximum the HorizontalPodAutoscaler decides every 15 seconds by the average value of the metric.

use std::collections::VecDeque;
use std::time::Duration;

use prpc_scaling::Observed;

use crate::setup::Rule;

/// How often the HorizontalPodAutoscaler looks: a setting of the whole cluster.
const SYNC: Duration = Duration::from_secs(15);
/// A difference by a smaller part is left out.
const TOLERANCE: f64 = 0.1;

/// What is compared with the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Calls that wait.
    Lag,
    /// Calls that wait or are in work.
    Length,
}

/// The settings of a ScaledObject.
#[derive(Debug, Clone, Copy)]
pub struct ScaledObject {
    /// The metric.
    pub metric: Metric,
    /// Its value for each replica.
    pub target: u32,
    /// At least so many; KEDA puts to sleep if 0.
    pub min: u32,
    /// At most so many.
    pub max: u32,
    /// How often KEDA looks.
    pub polling: Duration,
    /// How long after the last call all replicas end.
    pub cooldown: Duration,
    /// The scale-down window.
    pub window: Duration,
    /// Whether growth is not limited to twice as many or four in each look.
    pub unlimited: bool,
}

impl ScaledObject {
    /// What it is if nothing is said, with a target of so many calls.
    #[must_use]
    pub const fn defaults(metric: Metric, target: u32, min: u32, max: u32) -> Self {
        Self {
            metric,
            target,
            min,
            max,
            polling: Duration::from_secs(30),
            cooldown: Duration::from_secs(300),
            window: Duration::from_secs(300),
            unlimited: false,
        }
    }

    /// As fast as it can be set.
    #[must_use]
    pub const fn fast(self) -> Self {
        let (polling, cooldown) = (Duration::from_secs(1), Duration::from_secs(10));
        Self { polling, cooldown, window: Duration::ZERO, unlimited: true, ..self }
    }
}

/// The rule.
pub struct Keda {
    object: ScaledObject,
    next_poll: Duration,
    next_sync: Duration,
    last_active: Duration,
    recommended: VecDeque<(Duration, u32)>,
}

impl Keda {
    /// Begins in the middle of an interval of both.
    #[must_use]
    pub fn new(object: ScaledObject) -> Self {
        let (next_poll, next_sync) = (object.polling / 2, SYNC / 2);
        Self { object, next_poll, next_sync, last_active: Duration::ZERO, recommended: VecDeque::new() }
    }

    fn value(&self, seen: &Observed) -> Option<u64> {
        let Observed::Seen(sample) = seen else { return None };
        Some(match self.object.metric {
            Metric::Lag => sample.load.undelivered,
            Metric::Length => sample.load.outstanding(),
        })
    }

    fn poll(&mut self, now: Duration, current: u32, value: u64) -> u32 {
        if value > 0 {
            self.last_active = now;
            return if current == 0 { self.object.min.max(1) } else { current };
        }
        let cold = now - self.last_active >= self.object.cooldown;
        if cold && self.object.min == 0 { 0 } else { current }
    }

    fn sync(&mut self, now: Duration, current: u32, value: u64) -> u32 {
        if current == 0 {
            return 0;
        }
        let target = u64::from(self.object.target);
        let ratio = value as f64 / (target as f64 * f64::from(current));
        let wanted = if (ratio - 1.0).abs() <= TOLERANCE {
            current
        } else {
            u32::try_from(value.div_ceil(target)).unwrap_or(u32::MAX)
        };
        let wanted = wanted.clamp(self.object.min.max(1), self.object.max);
        self.recommended.push_back((now, wanted));
        while self.recommended.front().is_some_and(|(at, _)| now - *at > self.object.window) {
            self.recommended.pop_front();
        }
        let highest = self.recommended.iter().map(|(_, wanted)| *wanted).max().unwrap_or(wanted);
        if self.object.unlimited {
            return if wanted < current { highest.min(current) } else { wanted };
        }
        // Without rules of its own the window holds what was wanted, even if it was never reached.
        highest.min(current.saturating_mul(2).max(4))
    }
}

impl Rule for Keda {
    fn period(&self) -> Duration {
        Duration::from_millis(500)
    }

    fn decide(&mut self, now: Duration, current: u32, seen: &Observed) -> (u32, String) {
        let (polls, syncs) = (now >= self.next_poll, now >= self.next_sync);
        self.next_poll += if polls { self.object.polling } else { Duration::ZERO };
        self.next_sync += if syncs { SYNC } else { Duration::ZERO };
        let mut replicas = current;
        // Without a value nothing changes.
        if let Some(value) = self.value(seen) {
            if polls {
                replicas = self.poll(now, replicas, value);
            }
            if syncs {
                replicas = self.sync(now, replicas, value);
            }
        }
        (replicas, String::new())
    }
}
