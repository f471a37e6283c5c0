//! What was learnt about a queue from look to look: rates, starts, and whether changes are in effect yet.

use std::time::Duration;

use crate::capacity::Capacity;
use crate::effect::Effect;
use crate::flow::{Arrivals, Flow, Meter};
use crate::memory::{Memory, Scaled};
use crate::moment::Moment;
use crate::observed::Sample;
use crate::policy::Policy;
use crate::recommend::{Known, Rates};
use crate::settle::Settle;
use crate::starts::Starts;

/// For so long replicas may find no room before it is given up to want more.
const CROWDED: Duration = Duration::from_secs(60);

/// What was learnt.
#[derive(Debug, Clone)]
pub(crate) struct Learnt {
    meter: Meter,
    arrivals: Arrivals,
    capacity: Capacity,
    starts: Starts,
    settle: Settle,
    effect: Effect,
    crowded_since: Option<Moment>,
    last_scale: Option<Scaled>,
}

impl Learnt {
    /// Begins with what somebody else has learnt.
    pub(crate) fn new(memory: &Memory) -> Self {
        Self {
            meter: Meter::default(),
            arrivals: Arrivals::new(memory.arrival_rate),
            capacity: Capacity::new(memory.rate_per_replica),
            starts: Starts::new(memory.cold_start_seconds),
            settle: Settle::default(),
            effect: Effect::default(),
            crowded_since: None,
            last_scale: memory.last_scale,
        }
    }

    /// Takes in a look, and tells what happened since the one before, if the counters tell.
    pub(crate) fn learn(&mut self, now: Moment, current: u32, sample: &Sample) -> Option<Flow> {
        let seen_at = now.before(sample.age);
        let flow = self.meter.flow(seen_at, sample);
        if let Some(work) = &sample.work {
            self.capacity.hear(seen_at, work);
        }
        if let Some(flow) = flow {
            self.arrivals.learn(flow);
        }
        let Some(replicas) = sample.replicas else { return flow };
        let crowded = replicas.unschedulable > 0;
        self.crowded_since = crowded.then(|| self.crowded_since.unwrap_or(now));
        if replicas.replacing || crowded {
            self.starts.give_up();
        }
        self.starts.ready(now, replicas.ready);
        let all_ready = replicas.ready >= current && !replicas.replacing;
        if let Some(flow) = flow
            && all_ready
            && self.settle.was_ready()
        {
            self.capacity.watch(now, flow, replicas.ready);
            self.effect.learn(now, flow);
        }
        flow
    }

    /// Nobody knows what happened since the last look: it may be the end of a jam, or the counter of another server.
    pub(crate) fn lost_sight(&mut self) {
        self.meter.reset();
    }

    /// What the rule needs.
    pub(crate) fn known(&self, now: Moment, policy: &Policy) -> Known {
        let slots = self.capacity.slots().unwrap_or_else(|| f64::from(policy.slots.get()));
        let rates = self.arrivals.rate().zip(self.capacity.per_replica(now, slots));
        Known {
            rates: rates.map(|(arrivals, per_replica)| Rates { arrivals, per_replica }),
            slots,
            cold_start: self.starts.usual(),
        }
    }

    /// Whether it is too early to judge the last increase. `learning`: whether the speed of replicas is not known, but will be.
    pub(crate) fn is_settling(&mut self, now: Moment, current: u32, sample: &Sample, learning: bool) -> bool {
        self.settle.is_settling(now, current, sample.replicas, &self.starts, learning)
    }

    /// Whether replicas have found no room for long.
    pub(crate) fn is_crowded(&self, now: Moment) -> bool {
        self.crowded_since.is_some_and(|since| now.since(since) >= CROWDED)
    }

    /// Whether the last increases brought no more answers.
    pub(crate) fn is_in_vain(&self) -> bool {
        self.effect.is_in_vain()
    }

    /// Whether that was too short a time ago to try another one.
    pub(crate) fn is_pausing(&self, now: Moment) -> bool {
        self.effect.is_pausing(now)
    }

    /// The number changes.
    pub(crate) fn changed(&mut self, now: Moment, from: u32, to: u32) {
        self.last_scale = Some(Scaled { time: now.wall(), from, to });
        self.settle.changed(now, from, to);
        if to > from {
            self.starts.expect(now, to - from);
            self.effect.grown(from, to);
        } else {
            self.starts.give_up();
            self.effect.forget();
        }
    }

    /// Somebody else changed the number, before this began.
    pub(crate) fn was_changed(&mut self, at: Moment, from: u32, to: u32) {
        self.settle.changed(at, from, to);
    }

    /// What is worth keeping.
    pub(crate) fn memory(&self, now: Moment, policy: &Policy) -> Memory {
        let known = self.known(now, policy);
        Memory {
            arrival_rate: self.arrivals.rate(),
            rate_per_replica: self.capacity.per_replica(now, known.slots),
            cold_start_seconds: self.starts.known(),
            last_scale: self.last_scale,
        }
    }
}
