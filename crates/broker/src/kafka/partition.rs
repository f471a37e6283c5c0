//! One partition that this consumer has: what was read of it, what is waiting, and what may be committed.

use std::collections::{BTreeSet, VecDeque};

use prpc_contract::message::Family;

use super::note::Note;
use super::position::Position;
use super::tracker::Tracker;
use crate::types::Delivery;

/// A partition that others began so many times without getting on is served one request at a time, so that the one that
/// ends its workers is known.
const SUSPICIOUS_STARTS: u32 = 2;

/// One partition.
pub(super) struct Partition {
    pub(super) family: Family,
    pub(super) number: i32,
    pub(super) epoch: u64,
    tracker: Tracker,
    /// With their offsets.
    waiting: VecDeque<(i64, Delivery)>,
    /// Where this consumer began, and how many others had before without getting on.
    begin: Option<i64>,
    starts_before: u32,
    /// How far they had got.
    reach_before: i64,
    /// Requests below are given out one at a time.
    careful_below: Option<i64>,
    /// Finished by an earlier consumer, and not read by this one yet.
    finished_before: BTreeSet<i64>,
    /// What the broker was last told.
    told: Option<(i64, Note)>,
    /// What the broker is known to have accepted.
    accepted: Option<i64>,
    pub(super) leaving: bool,
    pub(super) stalled: bool,
}

/// What is to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) family: Family,
    pub(super) number: i32,
    pub(super) offset: i64,
    pub(super) note: Note,
}

impl Partition {
    /// Begins where an earlier consumer committed, with what it noted there.
    pub(super) fn new(family: Family, number: i32, epoch: u64, committed: Option<(i64, Note)>) -> Self {
        let (begin, note) = committed.clone().map_or((None, Note::default()), |(at, note)| (Some(at), note));
        let careful_below =
            begin.filter(|_| note.starts >= SUSPICIOUS_STARTS).map(|begin| note.reach.max(begin + 1));
        Self {
            family,
            number,
            epoch,
            tracker: Tracker::new(begin),
            waiting: VecDeque::new(),
            begin,
            starts_before: note.starts,
            reach_before: note.reach,
            careful_below,
            finished_before: note.finished.into_iter().collect(),
            told: committed,
            accepted: None,
            leaving: false,
            stalled: false,
        }
    }

    /// From where it is read on.
    pub(super) fn position(&self) -> Position {
        Position::new(self.epoch, self.tracker.after_last())
    }

    /// Whether it is the partition with this number.
    pub(super) fn is(&self, family: Family, number: i32) -> bool {
        self.family == family && self.number == number
    }

    /// Whether requests are given out one at a time.
    pub(super) fn is_careful(&self) -> bool {
        self.careful_below.is_some()
    }

    /// Whether the next request is given out only when the broker has accepted what is to be known if it ends this worker: that all
    /// before it are finished, and that it was begun.
    fn must_be_accepted(&self, next: i64) -> bool {
        self.begin == Some(next) || self.careful_below.is_some_and(|end| next < end)
    }

    /// Whether the next request waits for that.
    pub(super) fn is_waiting_for_acceptance(&self) -> bool {
        let Some(next) = self.next() else { return false };
        self.must_be_accepted(next) && self.tracker.started() == 0 && self.accepted != Some(next)
    }

    /// A request was read; `false` if it is not to be worked on.
    pub(super) fn read(&mut self, offset: i64, delivery: Delivery) -> bool {
        if self.leaving || !self.tracker.read(offset) {
            return false;
        }
        self.begin.get_or_insert(offset);
        if self.finished_before.remove(&offset) {
            self.tracker.finish(offset);
            return false;
        }
        self.waiting.push_back((offset, delivery));
        true
    }

    /// How many times a request at this offset was begun, besides what its headers say.
    pub(super) fn starts_of(&self, offset: i64) -> u32 {
        if self.begin == Some(offset) { self.starts_before.saturating_add(1) } else { 1 }
    }

    /// Whether there is something to give out now.
    pub(super) fn is_ready(&self) -> bool {
        let Some(next) = self.next() else { return false };
        let alone = !self.is_careful() || self.tracker.started() == 0;
        alone && (!self.must_be_accepted(next) || self.accepted == Some(next))
    }

    /// Gives out at most `most` requests.
    pub(super) fn take(&mut self, most: usize, taken: &mut Vec<Delivery>) {
        for _ in 0..most {
            if !self.is_ready() {
                return;
            }
            let Some((offset, delivery)) = self.waiting.pop_front() else { return };
            self.tracker.start(offset);
            if self.careful_below.is_some_and(|end| offset >= end) {
                self.careful_below = None;
            }
            taken.push(delivery);
        }
    }

    /// A request that was given out comes back, and was not begun; `true` if it waits here again.
    pub(super) fn put_back(&mut self, offset: i64, delivery: Delivery) -> bool {
        // One that is finished, or waits already, would run twice.
        if !self.tracker.put_back(offset) || self.leaving {
            return false;
        }
        let at = self.waiting.partition_point(|(other, _)| *other < offset);
        self.waiting.insert(at, (offset, delivery));
        true
    }

    fn next(&self) -> Option<i64> {
        self.waiting.front().map(|(offset, _)| *offset)
    }

    /// A request is finished; `false` if it was before.
    pub(super) fn finish(&mut self, offset: i64) -> bool {
        self.tracker.finish(offset)
    }

    /// Requests that were given out and are not finished.
    pub(super) fn started(&self) -> usize {
        self.tracker.started()
    }

    /// Finished requests beyond the first unfinished one.
    pub(super) fn window(&self) -> usize {
        self.tracker.window()
    }

    /// The first unfinished offset.
    pub(super) fn frontier(&self) -> Option<i64> {
        self.tracker.frontier()
    }

    /// Forgets what is waiting: another consumer will read it again. Returns how many they were, and their bytes.
    pub(super) fn drop_waiting(&mut self) -> (usize, usize) {
        let bytes = self.waiting.iter().map(|(_, delivery)| delivery.body.len()).sum();
        let count = self.waiting.len();
        self.waiting.clear();
        (count, bytes)
    }

    /// What the broker should be told, if it was not. `clean`: this consumer ends in order, and its starts do not count.
    pub(super) fn point(&self, clean: bool) -> Option<Point> {
        let offset = self.tracker.frontier()?;
        // Where nothing was read nothing was begun, and a consumer that ends in order is not why a request does not end.
        let begun = u32::from(!clean && self.tracker.after_last() > Some(offset));
        let (starts, reach) =
            if self.begin == Some(offset) { (self.starts_before, self.reach_before) } else { (0, 0) };
        let starts = starts.saturating_add(begun);
        let reach = reach.max(self.tracker.reach().unwrap_or(offset));
        // Whoever is next must know of those too that were not read here.
        let unread = self.finished_before.range(offset..).copied();
        let note = Note { starts, reach, finished: self.tracker.ahead().chain(unread).collect() };
        let point = Point { family: self.family, number: self.number, offset, note };
        let told = self.told.as_ref().is_some_and(|(at, note)| *at == offset && *note == point.note);
        (!told || self.is_waiting_for_acceptance()).then_some(point)
    }

    /// The broker was told.
    pub(super) fn told(&mut self, point: Point) {
        self.told = Some((point.offset, point.note));
    }

    /// The broker accepted what it was told.
    pub(super) fn accepted(&mut self, offset: i64) {
        self.accepted = Some(offset);
    }

    /// What the broker is known to have accepted.
    pub(super) fn is_committed(&mut self, offset: i64) {
        self.told.take_if(|(told, _)| *told != offset);
    }

    /// The broker may not know what it was told.
    pub(super) fn doubt(&mut self) {
        self.told = None;
    }
}
