//! What is simulated: a queue, its surroundings, and who decides.

use std::time::Duration;

use prpc_scaling::Observed;

use crate::traffic::Traffic;

/// Who decides how many replicas there are.
pub trait Rule {
    /// The time between two looks.
    fn period(&self) -> Duration;

    /// Whether a call that comes to a sleeping queue is noticed at once.
    fn is_woken(&self) -> bool {
        false
    }

    /// How many there are to be, and why if it can tell.
    fn decide(&mut self, now: Duration, current: u32, seen: &Observed) -> (u32, String);
}

/// The queue and its surroundings.
#[derive(Debug, Clone)]
pub struct Setup {
    /// When calls come.
    pub traffic: Traffic,
    /// When the simulation ends.
    pub ends: Duration,
    /// How long a call runs that starts after so many seconds.
    pub service: fn(f64) -> f64,
    /// Calls at a time in a replica.
    pub slots: u32,
    /// From the decision until a replica takes calls.
    pub start: Duration,
    /// Replicas at the beginning, ready.
    pub replicas: u32,
    /// Calls a second that something behind the replicas can do, all together.
    pub downstream: Option<f64>,
    /// What goes wrong.
    pub troubles: Vec<(Trouble, Duration, Duration)>,
    /// Whether more is known than the backlog: counters, the replicas' work, how many are ready.
    pub signals: bool,
    /// The same seed gives the same calls.
    pub seed: u64,
}

/// What may go wrong for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The broker is away: nothing is seen, taken or answered, and callers try again when it is back. Its counters begin anew.
    Outage,
    /// What is seen is what was seen before.
    Stale,
}
