//! The state machine of one queue: after each look a decision.
//!
//! Pure: time comes in, nothing goes out but the decision. A decision is the recommendation of [`recommend`], held back by
//! whatever speaks against a change: the guards of `guards.rs`.

use std::sync::Arc;

use crate::decision::{Decision, Reason};
use crate::flow::Flow;
use crate::guards::Guards;
use crate::health::{Health, Sight};
use crate::history::History;
use crate::lately::Lately;
use crate::learnt::Learnt;
use crate::memory::Memory;
use crate::moment::Moment;
use crate::observed::{Failure, Observed, Sample};
use crate::policy::{Bounds, Effectiveness, Fallback, Policy};
use crate::recommend::{exactly_steady, occupied, recommend, steady};

/// The memory of one queue.
#[derive(Debug, Clone)]
pub struct Scaler {
    policy: Policy,
    health: Health,
    learnt: Learnt,
    history: History,
    lately: Lately,
    quiet_since: Option<Moment>,
}

impl Scaler {
    /// Begins with the number of replicas there is, and what somebody else has learnt. The number counts as recommended now:
    /// whoever takes over does not shrink at once.
    #[must_use]
    pub fn new(policy: Policy, replicas: u32, memory: &Memory, now: Moment) -> Self {
        let (mut history, mut learnt) = (History::new(replicas), Learnt::new(memory));
        // A change that somebody else has undone, or that lies in the future, tells nothing.
        let last = memory.last_scale.filter(|last| last.to == replicas);
        let age = last.and_then(|last| now.wall().duration_since(last.time).try_into().ok());
        if let Some((last, age)) = last.zip(age) {
            history.record(now.before(age), last.from, last.to);
            learnt.was_changed(now.before(age), last.from, last.to);
        }
        let lately = Lately::new(now, replicas);
        Self { policy, health: Health::default(), learnt, history, lately, quiet_since: None }
    }

    /// What a user wants from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Decides after a look, while there are `current` replicas.
    pub fn decide(&mut self, now: Moment, current: u32, observed: &Observed) -> Decision {
        self.history.notice(now, current);
        let (policy, health) = (&self.policy, &mut self.health);
        let decision = match health.judge(observed, policy.freshness, policy.failure_threshold) {
            Sight::Clear { sample, recovered, after_failure } => {
                if after_failure {
                    self.learnt.lost_sight();
                }
                if recovered {
                    self.lately.keep(now, current);
                }
                self.seen(now, current, sample)
            }
            Sight::Blind { failure, lasting } => self.blind(now, current, failure, lasting),
        };
        self.history.record(now, current, decision.replicas);
        if decision.is_change() {
            self.learnt.changed(now, current, decision.replicas);
        }
        Decision { memory: self.learnt.memory(now, &self.policy), ..decision }
    }

    fn seen(&mut self, now: Moment, current: u32, sample: Sample) -> Decision {
        let flow = self.learnt.learn(now, current, &sample);
        let quiet = self.is_quiet(now, &sample, flow);
        let known = self.learnt.known(now, &self.policy);
        let learning = known.rates.is_none() && (flow.is_some() || sample.work.is_some());
        let settling = self.learnt.is_settling(now, current, &sample, learning);
        let (bounds, schedule) = self.policy.scaled_at(now.wall());
        let found = recommend(&self.policy, bounds, &sample, &known, current);
        // Rates remember calls for longer than a queue that is idle needs them.
        let sleeps = quiet && bounds.min() == 0;
        let (wanted, unbounded) = if sleeps { (0, 0) } else { (found.replicas, found.unbounded) };
        let possible = sample.partitions.map_or(bounds, |partitions| bounds.at_most(partitions.get()));
        let guards = Guards {
            policy: &self.policy,
            history: &self.history,
            now,
            current,
            bounds: possible,
            occupied: known.rates.map(|_| occupied(&sample, &known)),
            exact: found.exact,
            quiet,
            highest: self.lately.highest(now, self.policy.down.window, wanted, known.rates.is_some()),
            lowest: self.lately.lowest(now, self.policy.up.window, wanted),
            settling: settling.then(|| known.rates.map(|rates| steady(&self.policy, rates))),
            crowded: self.learnt.is_crowded(now),
            replacing: sample.replicas.is_some_and(|replicas| replicas.replacing),
            in_vain: self.learnt.is_pausing(now),
        };
        let (held, reason) = guards.hold_back(wanted);
        // What is held back may be beyond a bound that was changed.
        let recommended = possible.clamp(held);
        let reason = if recommended == wanted && recommended != held { Reason::Backlog } else { reason };
        Decision {
            replicas: self.policy.fixed.unwrap_or(recommended),
            from: current,
            recommended,
            reason,
            load: Some(sample.load),
            rates: known.rates,
            unbounded,
            bounded: wanted,
            limit: found.limit,
            schedule: schedule.map(|schedule| Arc::clone(&schedule.name)),
            in_vain: self.is_in_vain(),
            memory: Memory::default(),
        }
    }

    fn blind(&mut self, now: Moment, current: u32, failure: Failure, lasting: bool) -> Decision {
        self.quiet_since = None;
        let (bounds, schedule) = self.policy.scaled_at(now.wall());
        let unknown = Reason::Unknown(failure);
        let (wanted, reason) = match (failure, lasting, self.policy.fallback) {
            (Failure::Refused, ..) | (_, true, Fallback::Hold) => (current, unknown),
            (_, true, fallback) => (fallback.applied(current), Reason::Fallback(fallback)),
            (_, false, _) => (self.at_least_steady(now, current, bounds), unknown),
        };
        // No failure wakes a queue or puts it to sleep. The bounds, though, are the user's word and hold even now.
        let off = (wanted > current && self.policy.up.is_disabled())
            || (wanted < current && self.policy.down.is_disabled());
        let held = if current == 0 || off { current } else { wanted.max(1) };
        let recommended = bounds.clamp(held);
        Decision {
            replicas: self.policy.fixed.unwrap_or(recommended),
            from: current,
            recommended,
            reason,
            load: None,
            rates: None,
            unbounded: current.into(),
            bounded: recommended,
            limit: None,
            schedule: schedule.map(|schedule| Arc::clone(&schedule.name)),
            in_vain: self.is_in_vain(),
            memory: Memory::default(),
        }
    }

    /// The calls that came in before still come in.
    fn at_least_steady(&self, now: Moment, current: u32, bounds: Bounds) -> u32 {
        let known = self.learnt.known(now, &self.policy);
        let (Some(rates), false) = (known.rates, self.policy.up.is_disabled()) else { return current };
        let worth = 1.0 + self.policy.up.tolerance.get();
        if exactly_steady(&self.policy, rates) <= f64::from(current) * worth {
            return current;
        }
        let allowed = self.policy.up.ceiling(&self.history, now, current).unwrap_or(u32::MAX);
        bounds.clamp(steady(&self.policy, rates)).min(allowed).max(current)
    }

    fn is_in_vain(&self) -> bool {
        self.policy.effectiveness != Effectiveness::Off && self.learnt.is_in_vain()
    }

    /// Whether there has been no call for `idle`.
    fn is_quiet(&mut self, now: Moment, sample: &Sample, flow: Option<Flow>) -> bool {
        let called = flow.is_some_and(|flow| flow.arrived > 0);
        let busy = sample.work.is_some_and(|work| work.busy > 0);
        if sample.load.outstanding() > 0 || called || busy {
            self.quiet_since = None;
            return false;
        }
        let since = *self.quiet_since.get_or_insert(now);
        now.since(since) >= self.policy.idle
    }
}
