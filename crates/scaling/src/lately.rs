//! What was recommended lately: the two windows of the rules.

use std::time::Duration;

use crate::moment::Moment;
use crate::window::{Keep, Window};

/// After so long rates are worth more than guesses.
const TRUSTED: Duration = Duration::from_secs(30);

/// The recommendations of both windows.
#[derive(Debug, Clone)]
pub(crate) struct Lately {
    highest: Window,
    /// Those that were made before rates were known.
    guessed: Window,
    lowest: Window,
    known_since: Option<Moment>,
}

impl Lately {
    /// Begins with the number there is.
    pub(crate) fn new(now: Moment, replicas: u32) -> Self {
        let mut lately = Self {
            highest: Window::new(Keep::Highest),
            guessed: Window::new(Keep::Highest),
            lowest: Window::new(Keep::Lowest),
            known_since: None,
        };
        lately.keep(now, replicas);
        lately
    }

    /// This number counts as if it were recommended now.
    pub(crate) fn keep(&mut self, now: Moment, replicas: u32) {
        self.highest.add(now, replicas);
    }

    /// The highest of the scale-down window. `known`: whether `wanted` comes from rates. A guess counts no longer when rates
    /// have been known for some time.
    pub(crate) fn highest(&mut self, now: Moment, window: Duration, wanted: u32, known: bool) -> u32 {
        if known {
            let since = *self.known_since.get_or_insert(now);
            let trusted = now.since(since) >= TRUSTED;
            self.highest.add(now, wanted);
            let guessed = self.guessed.extreme(now, window).filter(|_| !trusted);
            self.highest.extreme(now, window).max(guessed).unwrap_or(wanted)
        } else {
            self.known_since = None;
            self.guessed.add(now, wanted);
            self.guessed.extreme(now, window).max(self.highest.extreme(now, window)).unwrap_or(wanted)
        }
    }

    /// The lowest of the scale-up window.
    pub(crate) fn lowest(&mut self, now: Moment, window: Duration, wanted: u32) -> u32 {
        self.lowest.add(now, wanted);
        self.lowest.extreme(now, window).unwrap_or(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_guess_is_forgotten_when_rates_have_been_known_for_half_a_minute() {
        let began = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let mut lately = Lately::new(began, 1);
        let window = Duration::from_secs(180);
        let mut highest =
            |at, wanted, known| lately.highest(began.after(Duration::from_secs(at)), window, wanted, known);
        assert_eq!(highest(2, 7, false), 7);
        assert_eq!(highest(10, 2, true), 7);
        assert_eq!(highest(38, 3, true), 7);
        assert_eq!(highest(40, 2, true), 3);
    }

    #[test]
    fn the_number_at_the_beginning_is_no_guess() {
        let began = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let mut lately = Lately::new(began, 7);
        let window = Duration::from_secs(180);
        let mut highest = |at| lately.highest(began.after(Duration::from_secs(at)), window, 2, true);
        assert_eq!([0, 60, 179, 180].map(&mut highest), [7, 7, 7, 2]);
    }
}
