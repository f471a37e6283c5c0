//! How long the oldest call of a partition has waited, without reading it: from the times at which the end was seen to move.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// More moments than that are thinned out; an age is then told a little too low.
const MOST: usize = 64;

/// When the end of a partition was first seen where.
#[derive(Debug, Default)]
pub(crate) struct Ends(VecDeque<(Instant, i64)>);

impl Ends {
    /// The end was seen at `high`, and the group at `committed`; returns how long the first record in between has been known.
    pub(crate) fn seen(&mut self, now: Instant, committed: i64, high: i64) -> Option<Duration> {
        // Someone has made the topic again.
        self.0.retain(|(_, end)| *end <= high);
        if self.0.back().is_none_or(|(_, end)| *end < high) {
            self.0.push_back((now, high));
        }
        while self.0.front().is_some_and(|(_, end)| *end <= committed) {
            self.0.pop_front();
        }
        if self.0.len() > MOST {
            let mut keep = false;
            let last = self.0.len() - 1;
            let mut index = 0;
            self.0.retain(|_| {
                keep = !keep;
                index += 1;
                keep || index > last
            });
        }
        self.0.front().map(|(since, _)| now.duration_since(*since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_call_is_as_old_as_the_look_that_first_saw_it() {
        let (began, mut ends) = (Instant::now(), Ends::default());
        let mut look = |at: u64, committed, high| {
            ends.seen(began + Duration::from_secs(at), committed, high).map(|age| age.as_secs())
        };
        assert_eq!(look(0, 0, 0), None);
        assert_eq!(look(2, 0, 5), Some(0));
        assert_eq!(look(4, 0, 5), Some(2));
        assert_eq!(look(6, 3, 9), Some(4));
        // What was seen at 2 is done; what is left came at 6.
        assert_eq!(look(8, 5, 9), Some(2));
        assert_eq!(look(10, 9, 9), None);
        assert_eq!(look(12, 9, 10), Some(0));
    }

    #[test]
    fn a_topic_that_was_made_again_begins_again() {
        let (began, mut ends) = (Instant::now(), Ends::default());
        ends.seen(began, 0, 100);
        assert_eq!(ends.seen(began + Duration::from_secs(9), 0, 2), Some(Duration::ZERO));
    }

    #[test]
    fn a_long_wait_needs_little_memory_and_keeps_its_beginning() {
        let (began, mut ends) = (Instant::now(), Ends::default());
        let mut age = None;
        for at in 0..10_000_u32 {
            age = ends.seen(began + Duration::from_secs(at.into()), 0, (at + 1).into());
        }
        assert_eq!(age, Some(Duration::from_secs(9_999)));
        assert!(ends.0.len() <= MOST + 1, "{}", ends.0.len());
        assert_eq!(ends.0.back().unwrap().1, 10_000);
    }
}
