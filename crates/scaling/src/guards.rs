//! What speaks against a change: each can only hold back, none makes a change larger or turns it round. Of those that hold at the
//! same number the first is named.

use crate::decision::Reason;
use crate::history::History;
use crate::moment::Moment;
use crate::policy::{Bounds, Effectiveness, Policy};

/// A need so many times what there is cannot be the calls that wait for replicas that start.
const SURGE: f64 = 2.0;
/// The same as long as the speed of replicas is not known, and the need is a guess.
const GUESSED_SURGE: f64 = 10.0;

/// What is known when a change is considered.
pub(crate) struct Guards<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) history: &'a History,
    pub(crate) now: Moment,
    pub(crate) current: u32,
    pub(crate) bounds: Bounds,
    /// How many replicas have something to do, if rates are known.
    pub(crate) occupied: Option<u32>,
    /// The recommendation before it was rounded and bounded.
    pub(crate) exact: f64,
    /// Whether there has been no call for long enough.
    pub(crate) quiet: bool,
    /// The highest recommendation of the scale-down window, and the lowest of the scale-up window.
    pub(crate) highest: u32,
    pub(crate) lowest: u32,
    /// Whether what was added is not in effect yet; if so, how many the calls that come in need, if known.
    pub(crate) settling: Option<Option<u32>>,
    pub(crate) crowded: bool,
    pub(crate) replacing: bool,
    pub(crate) in_vain: bool,
}

impl Guards<'_> {
    /// The number between the current one and the wanted one that nothing speaks against, and what spoke last.
    pub(crate) fn hold_back(&self, wanted: u32) -> (u32, Reason) {
        match wanted.cmp(&self.current) {
            std::cmp::Ordering::Equal => (wanted, Reason::Backlog),
            std::cmp::Ordering::Greater => self.up(wanted),
            std::cmp::Ordering::Less => self.down(wanted),
        }
    }

    fn up(&self, wanted: u32) -> (u32, Reason) {
        let rules = &self.policy.up;
        let mut held = (wanted, Reason::Backlog);
        let mut at_most = |limit: u32, reason| {
            let limit = limit.max(self.current);
            if limit < held.0 {
                held = (limit, reason);
            }
        };
        if rules.is_disabled() {
            at_most(self.current, Reason::Disabled);
        }
        if self.crowded {
            at_most(self.current, Reason::Unschedulable);
        }
        if self.in_vain && self.policy.effectiveness == Effectiveness::Hold {
            at_most(self.current, Reason::InVain);
        }
        // The first replica is not waited for: a call that nobody takes is no noise.
        if self.current > 0 {
            at_most(self.lowest, Reason::Stabilizing);
            let enough = f64::from(self.current) * (1.0 + rules.tolerance.get());
            if self.exact <= enough && wanted != self.bounds.max() {
                at_most(self.current, Reason::Tolerance);
            }
        }
        if let Some(steady) = self.settling
            && self.exact.ceil()
                < f64::from(self.current) * if steady.is_some() { SURGE } else { GUESSED_SURGE }
        {
            at_most(steady.unwrap_or(0), Reason::Settling);
        }
        if let Some(ceiling) = rules.ceiling(self.history, self.now, self.current) {
            at_most(ceiling, Reason::Steps);
        }
        held
    }

    fn down(&self, wanted: u32) -> (u32, Reason) {
        let rules = &self.policy.down;
        let mut held = (wanted, if wanted == 0 { Reason::Idle } else { Reason::Backlog });
        let mut at_least = |limit: u32, reason| {
            let limit = limit.min(self.current);
            if limit > held.0 {
                held = (limit, reason);
            }
        };
        if rules.is_disabled() {
            at_least(self.current, Reason::Disabled);
        }
        if wanted == 0 && !self.quiet {
            at_least(1, Reason::NotIdleYet);
        }
        // Who has been idle for long enough is not held by what was needed before that.
        if wanted > 0 || !self.quiet {
            at_least(self.highest, Reason::Stabilizing);
            let many = f64::from(self.current) * (1.0 - rules.tolerance.get());
            if self.exact >= many && wanted != self.bounds.min() {
                at_least(self.current, Reason::Tolerance);
            }
        }
        if self.settling.is_some() {
            at_least(self.current, Reason::Settling);
        }
        // Taking away who works off a backlog saves nothing: others have to work for longer.
        if let Some(occupied) = self.occupied {
            at_least(occupied, Reason::Occupied);
        }
        if self.replacing {
            at_least(self.current, Reason::Replacing);
        }
        if let Some(floor) = rules.floor(self.history, self.now, self.current) {
            at_least(floor, Reason::Steps);
        }
        held
    }
}
