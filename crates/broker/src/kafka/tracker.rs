//! How far one partition may be committed: every request up to there is finished.
//!
//! Kafka keeps one number for each partition, and requests finish in any order. Offsets have holes (markers of
//! transactions, compaction), so the next offset is never computed, only seen.

use std::collections::VecDeque;

/// The requests of one partition that were read and may not all be finished.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    /// In the order of their offsets; the first is not finished.
    open: VecDeque<Request>,
    /// One more than the last offset that was read; none before the first.
    after_last: Option<i64>,
    started: usize,
    /// How many of `open` are finished.
    ahead: usize,
}

#[derive(Debug)]
struct Request {
    offset: i64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Started,
    Finished,
}

impl Tracker {
    /// Begins after what an earlier consumer committed.
    pub(super) fn new(committed: Option<i64>) -> Self {
        Self { after_last: committed, ..Self::default() }
    }

    /// A request was read. Offsets that were read before are ignored: `false`.
    pub(super) fn read(&mut self, offset: i64) -> bool {
        if self.after_last.is_some_and(|next| offset < next) {
            return false;
        }
        self.after_last = Some(offset + 1);
        self.open.push_back(Request { offset, state: State::Waiting });
        true
    }

    /// A request was given to a worker.
    pub(super) fn start(&mut self, offset: i64) {
        if let Some(at) = self.find(offset)
            && self.open[at].state == State::Waiting
        {
            self.open[at].state = State::Started;
            self.started += 1;
        }
    }

    /// A request that was given to a worker comes back, and was not begun; `false` if no worker has it.
    pub(super) fn put_back(&mut self, offset: i64) -> bool {
        let Some(at) = self.find(offset).filter(|at| self.open[*at].state == State::Started) else {
            return false;
        };
        self.open[at].state = State::Waiting;
        self.started -= 1;
        true
    }

    /// A request is finished; `false` if it was before, or was never here.
    pub(super) fn finish(&mut self, offset: i64) -> bool {
        let Some(at) = self.find(offset) else { return false };
        match std::mem::replace(&mut self.open[at].state, State::Finished) {
            State::Finished => return false,
            State::Started => self.started -= 1,
            State::Waiting => {}
        }
        self.ahead += 1;
        while self.open.front().is_some_and(|request| request.state == State::Finished) {
            self.open.pop_front();
            self.ahead -= 1;
        }
        true
    }

    /// What may be committed: the first offset that is not finished.
    pub(super) fn frontier(&self) -> Option<i64> {
        self.open.front().map(|request| request.offset).or(self.after_last)
    }

    /// One more than the last offset that was read.
    pub(super) fn after_last(&self) -> Option<i64> {
        self.after_last
    }

    /// One more than the last offset that was given to a worker, unless all up to there are finished.
    pub(super) fn reach(&self) -> Option<i64> {
        let begun = self.open.iter().rfind(|request| request.state != State::Waiting);
        begun.map(|request| request.offset + 1)
    }

    /// Requests that were given to workers and are not finished.
    pub(super) fn started(&self) -> usize {
        self.started
    }

    /// How many requests beyond the frontier are finished. Those that only wait, for a slot or for the brokers to take their
    /// replies, hold nothing up.
    pub(super) fn window(&self) -> usize {
        self.ahead
    }

    /// Finished offsets beyond the frontier.
    pub(super) fn ahead(&self) -> impl Iterator<Item = i64> + '_ {
        self.open.iter().filter(|request| request.state == State::Finished).map(|request| request.offset)
    }

    fn find(&self, offset: i64) -> Option<usize> {
        self.open.binary_search_by_key(&offset, |request| request.offset).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_frontier_is_the_first_request_that_is_not_finished() {
        let mut tracker = Tracker::new(None);
        assert_eq!(tracker.frontier(), None);
        for offset in [3, 4, 7] {
            assert!(tracker.read(offset));
        }
        assert_eq!(tracker.frontier(), Some(3));
        assert!(tracker.finish(4));
        assert_eq!((tracker.frontier(), tracker.ahead().collect::<Vec<_>>()), (Some(3), vec![4]));
        assert_eq!(tracker.window(), 1, "what is not finished does not count");
        assert!(tracker.finish(3));
        assert_eq!(tracker.frontier(), Some(7));
        assert!(tracker.finish(7));
        assert_eq!((tracker.frontier(), tracker.window()), (Some(8), 0));
        assert!(!tracker.finish(7) && !tracker.finish(5), "finished before, or never there");
        assert!(!tracker.read(7), "read before");
    }

    #[test]
    fn only_a_request_that_a_worker_has_comes_back() {
        let mut tracker = Tracker::new(None);
        for offset in [3, 4] {
            assert!(tracker.read(offset));
        }
        assert!(!tracker.put_back(3), "no worker was given it");
        tracker.start(3);
        assert!(tracker.put_back(3));
        assert!(!tracker.put_back(3), "it waits already");
        tracker.start(4);
        assert!(tracker.finish(4));
        assert!(!tracker.put_back(4) && !tracker.put_back(5), "finished, or never there");
        assert_eq!(tracker.started(), 0);
    }

    proptest! {
        /// Offsets with holes, finished in any order: nothing unfinished is ever behind the frontier, and in the end it is behind all.
        #[test]
        fn nothing_unfinished_is_behind_the_frontier(
            gaps in proptest::collection::vec(1..4_i64, 1..60),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 60),
        ) {
            let offsets: Vec<i64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let mut tracker = Tracker::new(Some(0));
            for offset in &offsets {
                tracker.read(*offset);
                tracker.start(*offset);
            }
            let mut left: Vec<i64> = offsets.clone();
            let mut finished = BTreeSet::new();
            for pick in order.iter().take(offsets.len()) {
                let offset = left.swap_remove(pick.index(left.len()));
                prop_assert!(tracker.finish(offset));
                finished.insert(offset);
                let frontier = tracker.frontier().unwrap();
                prop_assert!(left.iter().all(|offset| *offset >= frontier));
                prop_assert!(!finished.contains(&frontier));
                prop_assert_eq!(tracker.started(), left.len());
                prop_assert_eq!(tracker.window(), tracker.ahead().count());
                prop_assert_eq!(tracker.ahead().collect::<Vec<_>>(), finished.iter().copied().filter(|offset| *offset > frontier).collect::<Vec<_>>());
            }
            prop_assert_eq!(tracker.frontier(), offsets.last().map(|last| last + 1));
        }
    }
}
