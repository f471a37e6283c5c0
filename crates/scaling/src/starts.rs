//! How long it takes from the decision for more replicas until they take calls.

use std::collections::VecDeque;
use std::time::Duration;

use crate::moment::Moment;

/// What is assumed before one was seen.
const PRIOR: Duration = Duration::from_secs(10);
/// The last starts count.
const KEPT: usize = 10;

/// The last starts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Starts {
    /// Since when so many are awaited.
    awaited: VecDeque<(Moment, u32)>,
    ready: Option<u32>,
    seen: VecDeque<Duration>,
    remembered: Option<Duration>,
}

impl Starts {
    /// Begins with what was known earlier.
    pub(crate) fn new(remembered: Option<Duration>) -> Self {
        Self { remembered, ..Self::default() }
    }

    /// So many more are to come.
    pub(crate) fn expect(&mut self, now: Moment, replicas: u32) {
        self.awaited.push_back((now, replicas));
    }

    /// Nobody can tell which of those that come were meant: some were taken back, are replaced, or find no room.
    pub(crate) fn give_up(&mut self) {
        self.awaited.clear();
    }

    /// So many take calls now.
    pub(crate) fn ready(&mut self, now: Moment, ready: u32) {
        let mut new = ready.saturating_sub(self.ready.unwrap_or(ready));
        self.ready = Some(ready);
        while new > 0
            && let Some((since, left)) = self.awaited.front_mut()
        {
            self.seen.push_back(now.since(*since));
            let took = new.min(*left);
            (new, *left) = (new - took, *left - took);
            if *left == 0 {
                self.awaited.pop_front();
            }
        }
        while self.seen.len() > KEPT {
            self.seen.pop_front();
        }
    }

    /// What nine of ten starts take at most; `None` if none was seen.
    pub(crate) fn known(&self) -> Option<Duration> {
        let mut seen: Vec<_> = self.seen.iter().copied().collect();
        seen.sort_unstable();
        let index = (seen.len() * 9).div_ceil(10).checked_sub(1);
        index.and_then(|index| seen.get(index).copied()).or(self.remembered)
    }

    /// The same, or what is assumed.
    pub(crate) fn usual(&self) -> Duration {
        self.known().unwrap_or(PRIOR)
    }

    /// A start that takes longer than this has failed, or was never one.
    pub(crate) fn patience(&self) -> Duration {
        self.seen.iter().copied().max().unwrap_or(PRIOR).max(self.usual()).saturating_mul(2).max(PRIOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn starts_are_timed_from_the_decision_to_the_first_look_at_which_they_are_ready() {
        let began = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let at = |seconds| began.after(Duration::from_secs(seconds));
        let mut starts = Starts::default();
        assert_eq!(starts.usual(), PRIOR);
        starts.ready(at(0), 1);
        starts.expect(at(0), 2);
        starts.ready(at(2), 1);
        starts.expect(at(3), 1);
        starts.ready(at(4), 2);
        assert_eq!(starts.usual(), Duration::from_secs(4));
        starts.ready(at(6), 4);
        assert_eq!(starts.usual(), Duration::from_secs(6));
        assert_eq!(starts.patience(), Duration::from_secs(12));
    }

    #[test]
    fn replicas_that_come_by_themselves_are_no_starts() {
        let began = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let mut starts = Starts::default();
        starts.ready(began, 0);
        starts.ready(began.after(Duration::from_secs(100)), 5);
        assert_eq!(starts.known(), None);
        starts.expect(began, 3);
        starts.give_up();
        starts.ready(began.after(Duration::from_secs(200)), 8);
        assert_eq!(starts.known(), None);
    }
}
