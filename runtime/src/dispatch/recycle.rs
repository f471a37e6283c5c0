//! Hosts that are replaced before they do harm: after so many calls, with so much memory, at such an age.
//!
//! The new host is ready before the old one gets no more calls, so no caller waits for it and none sees an error. One at a
//! time, so that a pod never holds twice the memory.

use std::time::Duration;

use tokio::time::Instant;

use super::Dispatcher;
use crate::pool::HostId;

/// How often memory and age are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// When a host has served long enough.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recycling {
    /// Calls that it ended.
    pub max_calls: Option<u32>,
    /// Resident memory in bytes, that which it shares with others included.
    pub max_memory: Option<u64>,
    /// Time since it was ready.
    pub max_age: Option<Duration>,
}

impl Recycling {
    /// When to look next.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        (self.max_memory.is_some() || self.max_age.is_some()).then(|| now + LOOK)
    }
}

impl Dispatcher {
    /// A host ended a call.
    pub(super) fn count_call(&mut self, id: HostId) {
        let calls = self.crew.count_call(id);
        if self.policy.recycling.max_calls.is_some_and(|most| calls >= most) {
            self.recycle(id, "max_calls");
        }
    }

    pub(super) fn check_recycling(&mut self, now: Instant) {
        if self.recycling_due.is_none_or(|due| due > now) {
            return;
        }
        let Recycling { max_memory, max_age, .. } = self.policy.recycling;
        self.recycling_due = self.policy.recycling.next_look(now);
        let mut hosts: Vec<_> =
            self.crew.ready().map(|(id, host, since)| (id, host.resident_memory(), since)).collect();
        // The oldest first, or one might never have its turn.
        hosts.sort_unstable_by_key(|(.., since)| *since);
        for (id, memory, since) in hosts {
            if max_memory.is_some_and(|most| memory.is_some_and(|memory| memory > most)) {
                self.recycle(id, "max_memory");
            } else if max_age.is_some_and(|most| now.duration_since(since) >= most) {
                self.recycle(id, "max_age");
            }
        }
    }

    /// A host was replaced: another one may have its turn now.
    pub(super) fn recycled(&mut self) {
        self.recycling_due = self.recycling_due.map(|_| Instant::now());
    }

    /// Starts a host that takes the place of this one when it is ready, unless another one is replaced now: then this one's turn
    /// comes later.
    fn recycle(&mut self, id: HostId, reason: &'static str) {
        if self.drain.is_none()
            && !self.crew.is_replacing()
            && let Some(worker) = self.crew.worker(id)
        {
            self.start_replacement(worker, id, reason);
        }
    }
}
