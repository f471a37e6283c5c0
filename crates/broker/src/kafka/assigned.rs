//! The partitions that this consumer has, between the thread that reads them and the tasks that work on them.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prpc_contract::message::Family;
use tokio::sync::Notify;

use super::headers::Record;
use super::note::Note;
use super::partition::{Partition, Point};
use super::position::Position;
use crate::error::{Error, Result};
use crate::types::{Delivery, Receipt};

/// Requests that wait here to be taken. As no other consumer can have them, they may be many; then it does not matter that
/// reading goes on in steps.
const MOST_WAITING: usize = 2048;
const MOST_WAITING_BYTES: usize = 16 << 20;
/// A partition whose first unfinished request has so many finished ones after it is not read on.
const WIDEST_WINDOW: usize = 10_000;

/// How long whoever is to give up its partitions waits before it asks once more for what was not started.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// How far the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Requests are taken.
    Taking,
    /// No more are taken; those that were are finished.
    Finishing,
    /// Nothing is waited for any more.
    Leaving,
    /// The consumer has left its group.
    Left,
}

/// The partitions, and what is waiting in them.
pub(super) struct Assigned {
    state: Mutex<State>,
    /// Told when something was taken, finished, or the phase changed; the reading thread waits for it.
    changed: Condvar,
    /// Told when something can be taken, or a take is to end.
    arrived: Notify,
    left: Notify,
    /// Told when what was not started should come back.
    wanted_back: Notify,
}

struct State {
    phase: Phase,
    /// Threads that have not left their group.
    members: usize,
    partitions: Vec<Partition>,
    /// Whose turn it is to be taken from first.
    turn: usize,
    waiting: usize,
    waiting_bytes: usize,
    /// Of the assignment. The epoch of a partition is the number of the change that brought it.
    changes: u64,
    interruptions: u64,
    failure: Option<Error>,
}

impl Assigned {
    /// For so many threads.
    pub(super) fn new(members: usize) -> Self {
        let state = State {
            phase: Phase::Taking,
            members,
            partitions: Vec::new(),
            turn: 0,
            waiting: 0,
            waiting_bytes: 0,
            changes: 0,
            interruptions: 0,
            failure: None,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            arrived: Notify::new(),
            left: Notify::new(),
            wanted_back: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counts and queues are whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // What the tasks do.

    /// How many times a take was interrupted.
    pub(super) fn interruptions(&self) -> u64 {
        self.lock().interruptions
    }

    /// Waits for requests and takes at most `room`; none when the time is over, or after an interruption beyond those `before`.
    pub(super) async fn take(&self, room: usize, before: u64, wait: Duration) -> Result<Vec<Delivery>> {
        let end = tokio::time::Instant::now() + wait;
        loop {
            let arrived = self.arrived.notified();
            {
                let mut state = self.lock();
                if let Some(failure) = state.failure.take() {
                    return Err(failure);
                }
                if state.phase > Phase::Taking {
                    return Err(Error::Closed);
                }
                let taken = state.take(room);
                if !taken.is_empty() || state.interruptions != before {
                    self.changed.notify_all();
                    return Ok(taken);
                }
            }
            if tokio::time::timeout_at(end, arrived).await.is_err() {
                return Ok(Vec::new());
            }
        }
    }

    /// Ends a take in progress.
    pub(super) fn interrupt(&self) {
        self.lock().interruptions += 1;
        self.arrived.notify_waiters();
    }

    /// Requests are finished; returns how many of them had been before, or belong to others now.
    pub(super) fn finish<'a>(&self, records: impl Iterator<Item = (Family, &'a Record)>) -> u64 {
        let mut state = self.lock();
        let mut before = 0;
        let mut careful = false;
        for (family, record) in records {
            match state.partition(family, record) {
                Some(partition) => {
                    before += u64::from(!partition.finish(record.offset));
                    careful |= partition.is_careful();
                }
                None => before += 1,
            }
        }
        self.changed.notify_all();
        drop(state);
        if careful {
            self.arrived.notify_waiters();
        }
        before
    }

    /// Waits until requests that were not started should come back.
    pub(super) async fn wanted_back(&self) {
        self.wanted_back.notified().await;
    }

    /// A request comes back to its partition, from where whoever has that takes it again; `false` if it must be sent to others, as
    /// this consumer keeps its partition for a while but takes no more.
    pub(super) fn put_back(&self, receipt: &Receipt, started: bool, body: &Bytes) -> bool {
        let Some(record) = Record::of(receipt) else { return false };
        let mut state = self.lock();
        let is_taking = state.phase == Phase::Taking;
        // Who has the partition now reads it anyway.
        let Some(partition) = state.partition(receipt.family, record) else { return true };
        if started || !is_taking {
            return false;
        }
        let delivery = Delivery { receipt: receipt.clone(), body: body.clone() };
        if partition.put_back(record.offset, delivery) {
            state.waiting += 1;
            state.waiting_bytes += body.len();
        }
        drop(state);
        self.changed.notify_all();
        self.arrived.notify_waiters();
        true
    }

    /// Whether the partition of a request was given to another consumer meanwhile.
    pub(super) fn is_lost(&self, family: Family, record: &Record) -> bool {
        self.lock().partition(family, record).is_none()
    }

    /// Goes on to a later phase; to the last one when the last member has left.
    pub(super) fn enter(&self, phase: Phase) {
        let mut state = self.lock();
        if phase == Phase::Left {
            state.members = state.members.saturating_sub(1);
            if state.members > 0 {
                return;
            }
        }
        state.phase = state.phase.max(phase);
        self.changed.notify_all();
        self.arrived.notify_waiters();
        if phase == Phase::Left {
            self.left.notify_waiters();
        }
    }

    /// Waits until the consumer has left its group.
    pub(super) async fn has_left(&self) {
        loop {
            let left = self.left.notified();
            if self.phase() == Phase::Left {
                return;
            }
            left.await;
        }
    }

    // What the thread does.

    pub(super) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// The next take fails with this.
    pub(super) fn fail(&self, error: Error) {
        self.lock().failure = Some(error);
        self.arrived.notify_waiters();
    }

    /// This consumer has a partition now.
    pub(super) fn assign(&self, family: Family, number: i32, committed: Option<(i64, Note)>) {
        let mut state = self.lock();
        state.remove(family, number);
        let epoch = state.changes;
        state.partitions.push(Partition::new(family, number, epoch, committed));
    }

    /// A partition begins with its first record again; returns its new epoch, if it is here.
    pub(super) fn begin_anew(&self, family: Family, number: i32) -> Option<u64> {
        let mut state = self.lock();
        state.partitions.iter().find(|partition| partition.is(family, number) && !partition.leaving)?;
        state.remove(family, number);
        let epoch = state.changes;
        state.partitions.push(Partition::new(family, number, epoch, None));
        Some(epoch)
    }

    /// Brings the positions in all partitions up to date, if there was a change since.
    pub(super) fn refresh(&self, change: &mut u64, positions: &mut HashMap<(Family, i32), Position>) {
        let state = self.lock();
        if *change == state.changes {
            return;
        }
        *change = state.changes;
        let before = std::mem::take(positions);
        for partition in &state.partitions {
            let place = (partition.family, partition.number);
            let known = before.get(&place).filter(|known| known.epoch == partition.epoch);
            let position = known.copied().unwrap_or_else(|| partition.position());
            positions.insert(place, position);
        }
    }

    /// Requests were read. The starts that are known here are added to theirs.
    pub(super) fn read(&self, requests: Vec<Delivery>) {
        let mut state = self.lock();
        for mut delivery in requests {
            let (size, family) = (delivery.body.len(), delivery.receipt.family);
            let Some(record) = Record::of(&delivery.receipt) else { continue };
            let offset = record.offset;
            let Some(partition) = state.partition(family, record) else { continue };
            delivery.receipt.attempts += partition.starts_of(offset);
            if partition.read(offset, delivery) {
                state.waiting += 1;
                state.waiting_bytes += size;
            }
        }
        drop(state);
        self.arrived.notify_waiters();
    }

    /// Whether no more should be read.
    pub(super) fn is_full(&self) -> bool {
        self.lock().filled() >= 1.0
    }

    /// Whether it is time to read again.
    pub(super) fn has_room(&self) -> bool {
        self.lock().filled() <= 0.5
    }

    /// Waits for a change, such as room.
    pub(super) fn wait(&self, most: Duration) {
        let state = self.lock();
        drop(self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes what was not started out of these partitions, and waits until what was started is finished, or until `end`.
    /// Returns how many requests are not.
    pub(super) fn hand_over(&self, partitions: &[(Family, i32)], end: Instant) -> usize {
        let mut state = self.lock();
        state.leave(|partition| partitions.contains(&(partition.family, partition.number)));
        let mut ask = Instant::now();
        loop {
            let unfinished = state
                .partitions
                .iter()
                .filter(|partition| partitions.contains(&(partition.family, partition.number)))
                .map(Partition::started)
                .sum();
            let left = end.saturating_duration_since(Instant::now());
            if unfinished == 0 || left.is_zero() || state.phase >= Phase::Leaving {
                return unfinished;
            }
            // What is on its way to the workers while they are asked comes back when they are asked again.
            if ask <= Instant::now() {
                self.wanted_back.notify_one();
                ask = Instant::now() + ASK_AGAIN;
            }
            let wait = left.min(ASK_AGAIN);
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes what was not started out of all partitions.
    pub(super) fn drop_waiting(&self) {
        self.lock().leave(|_| true);
    }

    /// Partitions are another's now.
    pub(super) fn unassign(&self, partitions: &[(Family, i32)]) {
        let mut state = self.lock();
        for (family, number) in partitions {
            state.remove(*family, *number);
        }
    }

    /// Whether anything that was taken is unfinished.
    pub(super) fn is_busy(&self) -> bool {
        self.lock().partitions.iter().any(|partition| partition.started() > 0)
    }

    /// What the broker is to be told of some partitions.
    pub(super) fn points(&self, of: impl Fn(Family, i32) -> bool, clean: bool) -> Vec<Point> {
        let state = self.lock();
        let wanted = state.partitions.iter().filter(|partition| of(partition.family, partition.number));
        wanted.filter_map(|partition| partition.point(clean)).collect()
    }

    /// Whether a partition must wait for each step to be accepted, and there is a step.
    pub(super) fn is_careful(&self, family: Family) -> bool {
        let state = self.lock();
        let mut own = state.partitions.iter().filter(|partition| partition.family == family);
        own.any(Partition::is_waiting_for_acceptance)
    }

    /// The broker was told, and has accepted it if `accepted`.
    pub(super) fn told(&self, points: Vec<Point>, accepted: bool) {
        let mut state = self.lock();
        for point in points {
            let found =
                state.partitions.iter_mut().find(|partition| partition.is(point.family, point.number));
            if let Some(partition) = found {
                if accepted {
                    partition.accepted(point.offset);
                }
                partition.told(point);
            }
        }
        drop(state);
        if accepted {
            self.arrived.notify_waiters();
        }
    }

    /// What the broker is known to have accepted of a partition. If that is not what it was told, it is told again.
    pub(super) fn is_committed(&self, family: Family, number: i32, offset: i64) {
        let mut state = self.lock();
        let of = state.partitions.iter_mut().find(|partition| partition.is(family, number));
        if let Some(partition) = of {
            partition.is_committed(offset);
        }
    }

    /// The broker may not know what it was told.
    pub(super) fn doubt(&self, family: Family) {
        let mut state = self.lock();
        let own = state.partitions.iter_mut().filter(|partition| partition.family == family);
        own.for_each(Partition::doubt);
    }

    /// Partitions that must not be read on because one request holds up all after it, and those that may be again.
    pub(super) fn stalls(&self, family: Family) -> (Vec<Stall>, Vec<Stall>) {
        let (mut stalled, mut freed) = (Vec::new(), Vec::new());
        let mut state = self.lock();
        for partition in state.partitions.iter_mut().filter(|partition| partition.family == family) {
            let window = partition.window();
            let stall = || Stall {
                family: partition.family,
                number: partition.number,
                offset: partition.frontier().unwrap_or_default(),
                window,
            };
            if !partition.stalled && window >= WIDEST_WINDOW {
                stalled.push(stall());
                partition.stalled = true;
            } else if partition.stalled && window <= WIDEST_WINDOW / 2 {
                freed.push(stall());
                partition.stalled = false;
            }
        }
        (stalled, freed)
    }

    /// Partitions that are not to be read on.
    pub(super) fn stalled(&self, family: Family) -> Vec<(Family, i32)> {
        let state = self.lock();
        let stalled =
            state.partitions.iter().filter(|partition| partition.stalled && partition.family == family);
        stalled.map(|partition| (partition.family, partition.number)).collect()
    }
}

/// A partition that one request holds up.
#[derive(Debug)]
pub(super) struct Stall {
    pub(super) family: Family,
    pub(super) number: i32,
    /// Of that request.
    pub(super) offset: i64,
    pub(super) window: usize,
}

impl State {
    fn filled(&self) -> f32 {
        let part = |has: usize, most: usize| has as f32 / most as f32;
        part(self.waiting, MOST_WAITING).max(part(self.waiting_bytes, MOST_WAITING_BYTES))
    }

    /// From each partition its share, beginning with another one each time.
    fn take(&mut self, room: usize) -> Vec<Delivery> {
        let mut taken = Vec::new();
        let count = self.partitions.len();
        let mut any = true;
        while any && taken.len() < room {
            any = false;
            for step in 0..count {
                let share = (room - taken.len()).div_ceil(count - step);
                let before = taken.len();
                self.partitions[(self.turn + step) % count].take(share, &mut taken);
                any |= taken.len() > before;
                if taken.len() == room {
                    break;
                }
            }
        }
        self.turn = self.turn.wrapping_add(1);
        self.waiting -= taken.len();
        self.waiting_bytes -= taken.iter().map(|delivery| delivery.body.len()).sum::<usize>();
        taken
    }

    fn partition(&mut self, family: Family, record: &Record) -> Option<&mut Partition> {
        self.partitions
            .iter_mut()
            .find(|partition| partition.is(family, record.partition) && partition.epoch == record.epoch)
    }

    fn leave(&mut self, which: impl Fn(&Partition) -> bool) {
        for partition in self.partitions.iter_mut().filter(|partition| which(partition)) {
            partition.leaving = true;
            let (count, bytes) = partition.drop_waiting();
            self.waiting -= count;
            self.waiting_bytes -= bytes;
        }
    }

    fn remove(&mut self, family: Family, number: i32) {
        self.changes += 1;
        self.leave(|partition| partition.is(family, number));
        self.partitions.retain(|partition| !partition.is(family, number));
    }
}
