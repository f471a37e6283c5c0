//! The rule of this project: the state machine that operator and `prpc up` use.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use prpc_scaling::{Bounds, Memory, Moment, Observed, Policy, Rules, Scaler};

use crate::setup::Rule;

/// The real state machine, on the clock of the simulation.
pub struct Prpc {
    scaler: Scaler,
    began: Moment,
    poll: Duration,
    woken: bool,
}

impl Prpc {
    /// With the policy, looking every so often.
    #[must_use]
    pub fn new(policy: Policy, poll: Duration, replicas: u32) -> Self {
        Self::remembering(policy, poll, replicas, &Memory::default())
    }

    /// The same, knowing what was learnt before.
    #[must_use]
    pub fn remembering(policy: Policy, poll: Duration, replicas: u32, memory: &Memory) -> Self {
        // Only differences count.
        let began = Moment::new(Instant::now(), Timestamp::UNIX_EPOCH);
        Self { scaler: Scaler::new(policy, replicas, memory, began), began, poll, woken: false }
    }

    /// A call that comes to a sleeping queue is noticed at once.
    #[must_use]
    pub fn woken(self) -> Self {
        Self { woken: true, ..self }
    }
}

/// The usual policy for replicas that run four calls at a time.
#[must_use]
pub fn usual(min: u32, max: u32) -> Policy {
    let bounds = Bounds::new(min, max.max(min)).unwrap_or(Bounds::fixed(min));
    Policy::new(bounds, NonZeroU32::MIN.saturating_add(3))
}

/// Settings for bursts: nothing is kept for later.
#[must_use]
pub fn quick(max: u32) -> Policy {
    let policy = usual(0, max);
    let down = Rules { window: Duration::ZERO, ..policy.down };
    Policy { down, idle: Duration::from_secs(10), ..policy }
}

impl Rule for Prpc {
    fn period(&self) -> Duration {
        self.poll
    }

    fn is_woken(&self) -> bool {
        self.woken
    }

    fn decide(&mut self, now: Duration, current: u32, seen: &Observed) -> (u32, String) {
        let decision = self.scaler.decide(self.began.after(now), current, seen);
        (decision.replicas, decision.to_string())
    }
}
