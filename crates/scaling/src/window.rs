//! The recommendations of a time, of which the highest or the lowest counts.

use std::collections::VecDeque;
use std::time::Duration;

use crate::moment::Moment;

/// Which one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    Highest,
    Lowest,
}

/// A sliding window, with its extreme in front: what can no longer become the extreme is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    keep: Keep,
    values: VecDeque<(Moment, u32)>,
}

impl Window {
    pub(crate) const fn new(keep: Keep) -> Self {
        Self { keep, values: VecDeque::new() }
    }

    /// Adds a recommendation.
    pub(crate) fn add(&mut self, now: Moment, value: u32) {
        let beaten = |earlier: u32| match self.keep {
            Keep::Highest => earlier <= value,
            Keep::Lowest => earlier >= value,
        };
        while self.values.back().is_some_and(|(_, earlier)| beaten(*earlier)) {
            self.values.pop_back();
        }
        self.values.push_back((now, value));
    }

    /// The extreme of the last `window`, if there was anything.
    pub(crate) fn extreme(&mut self, now: Moment, window: Duration) -> Option<u32> {
        // What is added now counts however short the window is.
        while self.values.front().is_some_and(|(at, _)| now.since(*at) >= window && *at != now) {
            self.values.pop_front();
        }
        self.values.front().map(|(_, extreme)| *extreme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn the_extreme_of_the_window_counts_until_it_is_too_old() {
        let began = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let window = Duration::from_secs(60);
        for (keep, expected) in [(Keep::Highest, [5, 5, 9, 9, 4]), (Keep::Lowest, [5, 2, 2, 2, 3])] {
            let mut seen = Window::new(keep);
            let values = [(0, 5), (20, 2), (40, 9), (70, 4), (101, 3)];
            let found = values.map(|(at, value)| {
                let now = began.after(Duration::from_secs(at));
                seen.add(now, value);
                seen.extreme(now, window)
            });
            assert_eq!(found, expected.map(Some), "{keep:?}");
        }
    }
}
