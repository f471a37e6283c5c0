//! The changes of the last hour, whoever made them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::moment::Moment;

/// The longest time that a step of the rules may have.
const KEPT: Duration = Duration::from_secs(3600);

/// What changed when.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// How many there were to be after the last decision.
    last: u32,
    changes: VecDeque<(Moment, i64)>,
}

impl History {
    pub(crate) const fn new(replicas: u32) -> Self {
        Self { last: replicas, changes: VecDeque::new() }
    }

    /// What somebody else changed since the last decision counts like a decision.
    pub(crate) fn notice(&mut self, now: Moment, current: u32) {
        self.record(now, self.last, current);
    }

    pub(crate) fn record(&mut self, now: Moment, from: u32, to: u32) {
        self.last = to;
        if from != to {
            self.changes.push_back((now, i64::from(to) - i64::from(from)));
        }
        while self.changes.front().is_some_and(|(at, _)| now.since(*at) > KEPT) {
            self.changes.pop_front();
        }
    }

    /// How many there were before the last `period`, now that there are `current`.
    pub(crate) fn replicas_before(&self, period: Duration, now: Moment, current: u32) -> u32 {
        let lately = self.changes.iter().rev().take_while(|(at, _)| now.since(*at) < period);
        let change: i64 = lately.map(|(_, change)| change).sum();
        u32::try_from(i64::from(current) - change).unwrap_or(0)
    }
}
