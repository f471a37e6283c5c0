//! How much more the runtime may take from the broker.
//!
//! Calls that run for long are taken one by one as slots become free, so that other pods get the rest; of short ones about
//! 20 ms of work lie ready, so that no slot waits for the broker, but not more than 4 MiB of messages. And not more than have
//! ended lately: that the last call was short, a while ago, tells little of those that come now.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::{monotonic, nanos};

/// Work that may lie ready per slot.
const READY_WORK: Duration = Duration::from_millis(20);

/// Calls that may lie ready, however short they are.
const READY_CALLS: usize = 1024;

/// What "lately" means: long enough that calls which come and end steadily count several times as many as may lie ready.
const LATELY: Duration = Duration::from_millis(100);

/// Bytes of messages that may lie ready. Each becomes several times as much on its way.
const READY_BYTES: usize = 4 << 20;

/// Bytes of messages that are asked for at a time. Of large ones few: while they are run and answered the broker works on the
/// next, and what is copied on its way is in the processor's cache still.
const READ_BYTES: usize = 1 << 20;

/// Calls whose answer the broker has not accepted. Reached only when the broker does not answer.
const UNSETTLED: usize = 8192;

/// The same in bytes of their messages; large ones reach it where the broker is slower than the functions.
const UNSETTLED_BYTES: usize = 16 << 20;

/// Counts of the calls in the runtime.
#[derive(Debug)]
pub struct Load {
    concurrency: usize,
    /// Taken and without outcome.
    open: AtomicUsize,
    /// Taken and not settled; more than `open` by the answers on their way.
    unsettled: AtomicUsize,
    ready: AtomicUsize,
    /// Usual bytes of a message.
    size: AtomicUsize,
    /// All that ever got an outcome.
    ended: AtomicUsize,
    lately: Mutex<Lately>,
    freed: Notify,
}

/// How many calls have ended lately, found out when somebody asks.
#[derive(Debug, Default)]
struct Lately {
    /// When the current period began, by the monotonic clock in nanoseconds, and how many had ever ended then.
    since: u64,
    ended: usize,
    /// How many ended in the period before.
    before: usize,
}

impl Lately {
    fn count(&mut self, now: u64, ended: usize) -> usize {
        let current = ended.wrapping_sub(self.ended);
        let (age, period) = (now.saturating_sub(self.since), nanos(LATELY));
        if age < period {
            return self.before + current;
        }
        // After a long time without a look: its share.
        let share = current as u128 * u128::from(period) / u128::from(age);
        *self = Self { since: now, ended, before: usize::try_from(share).unwrap_or(usize::MAX) };
        self.before
    }
}

impl Load {
    /// Nothing taken yet.
    #[must_use]
    pub fn new(concurrency: u32) -> Self {
        Self {
            concurrency: concurrency as usize,
            open: AtomicUsize::new(0),
            unsettled: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            size: AtomicUsize::new(1),
            ended: AtomicUsize::new(0),
            lately: Mutex::default(),
            freed: Notify::new(),
        }
    }

    /// Waits until it is worth while to take calls, and returns how many may be taken.
    pub async fn room(&self) -> NonZeroUsize {
        loop {
            let freed = self.freed.notified();
            if let Some(room) = self.room_at(monotonic()) {
                return room;
            }
            freed.await;
        }
    }

    fn room_at(&self, now: u64) -> Option<NonZeroUsize> {
        let size = self.size.load(Ordering::Relaxed);
        let ended = self.ended.load(Ordering::Relaxed);
        let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner).count(now, ended);
        let ready = self.ready.load(Ordering::Relaxed).min(READY_BYTES / size).min(lately);
        let unsettled = UNSETTLED.min((UNSETTLED_BYTES / size).max(self.concurrency));
        let room = (self.concurrency + ready)
            .saturating_sub(self.open.load(Ordering::Relaxed))
            .min(unsettled.saturating_sub(self.unsettled.load(Ordering::Relaxed)));
        // Half of what may lie ready at a time: one round trip for many short calls, none too late.
        let room = if room > ready / 2 { room.min((READ_BYTES / size).max(2)) } else { 0 };
        NonZeroUsize::new(room)
    }

    /// Calls were taken, with messages of so many bytes together.
    pub fn taken(&self, count: usize, bytes: usize) {
        let Some(size) = bytes.checked_div(count) else { return };
        // Large ones count at once, and are forgotten slowly.
        let usual = self.size.load(Ordering::Relaxed);
        self.size.store(size.max(usual - usual / 8 + size / 8).max(1), Ordering::Relaxed);
        self.open.fetch_add(count, Ordering::Relaxed);
        self.unsettled.fetch_add(count, Ordering::Relaxed);
    }

    /// Taken calls got their outcome.
    pub fn ended(&self, count: usize) {
        self.open.fetch_sub(count, Ordering::Relaxed);
        self.ended.fetch_add(count, Ordering::Relaxed);
        self.freed.notify_one();
    }

    /// The broker accepted outcomes.
    pub fn settled(&self, count: usize) {
        self.unsettled.fetch_sub(count, Ordering::Relaxed);
        self.freed.notify_one();
    }

    /// The usual run time of a call is now `run`.
    pub fn usual_run(&self, run: Duration) {
        let slots = u32::try_from(self.concurrency).unwrap_or(u32::MAX);
        let calls = (READY_WORK * slots).as_nanos() / run.as_nanos().max(1);
        self.ready.store(usize::try_from(calls).unwrap_or(READY_CALLS).min(READY_CALLS), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u64 = LATELY.as_nanos() as u64;

    /// Four slots, and many calls of this run time have just ended.
    fn busy(run: Duration) -> Load {
        let load = Load::new(4);
        load.taken(5000, 5000);
        load.ended(5000);
        load.settled(5000);
        load.usual_run(run);
        load
    }

    fn room(load: &Load) -> usize {
        room_at(load, 1)
    }

    fn room_at(load: &Load, now: u64) -> usize {
        load.room_at(now).map_or(0, NonZeroUsize::get)
    }

    #[test]
    fn slow_calls_are_taken_for_free_slots_only() {
        let load = busy(Duration::from_secs(1));
        assert_eq!(room(&load), 4);
        load.taken(4, 4);
        assert_eq!(room(&load), 0);
        load.ended(1);
        assert_eq!(room(&load), 1);
    }

    #[test]
    fn of_short_calls_some_lie_ready_and_are_taken_many_at_a_time() {
        let load = busy(Duration::from_millis(1));
        assert_eq!(room(&load), 84);
        load.taken(84, 84);
        load.ended(10);
        assert_eq!(room(&load), 0);
        load.ended(40);
        assert_eq!(room(&load), 50);
    }

    #[test]
    fn one_short_call_does_not_tell_that_many_come() {
        let load = Load::new(4);
        load.taken(1, 1);
        load.ended(1);
        load.usual_run(Duration::from_micros(1));
        assert_eq!(room(&load), 5);
        load.taken(5, 5);
        load.ended(5);
        assert_eq!(room(&load), 10);
    }

    #[test]
    fn calls_that_ended_long_ago_tell_nothing() {
        let load = busy(Duration::from_micros(1));
        assert_eq!(room_at(&load, PERIOD / 2), 4 + READY_CALLS);
        assert_eq!(room_at(&load, PERIOD), 4 + READY_CALLS);
        assert_eq!(room_at(&load, 3 * PERIOD), 4);
        let load = busy(Duration::from_micros(1));
        assert_eq!(room_at(&load, 50 * PERIOD), 4 + 100, "the share of a period");
    }

    #[test]
    fn of_large_messages_fewer_lie_ready() {
        let load = busy(Duration::from_micros(1));
        assert_eq!(room(&load), 4 + READY_CALLS);
        load.taken(1, 1 << 20);
        load.ended(1);
        let mut taken = 0;
        while let Some(some) = load.room_at(1) {
            assert_eq!(some.get(), 2, "at a time");
            load.taken(2, 2 << 20);
            taken += 2;
        }
        assert_eq!(taken, 4 + 2);
        load.ended(taken);
        for _ in 0..100 {
            load.taken(1, 100);
            load.ended(1);
        }
        load.settled(101 + taken);
        assert_eq!(room(&load), 4 + READY_CALLS);
    }

    #[test]
    fn a_broker_that_does_not_accept_answers_stops_the_intake() {
        let load = busy(Duration::from_micros(1));
        load.taken(UNSETTLED, UNSETTLED);
        load.ended(UNSETTLED);
        assert_eq!(room(&load), 0);
        load.settled(1000);
        assert_eq!(room(&load), 1000);
    }
}
