//! A pod that is about to use more memory than it may ends its largest host itself: the kernel might take all of it down, and would tell nobody why.

use std::time::Duration;

use tokio::time::Instant;

use super::Dispatcher;
use crate::container::Container;

/// How often to look while much of the memory is free, and while less is. A function can fill a tenth of a small pod in 20 ms.
const CALM: Duration = Duration::from_millis(100);
const TENSE: Duration = Duration::from_millis(5);
/// How long the kernel may take to give back the memory of a host that was ended.
const AFTERMATH: Duration = Duration::from_millis(500);

/// What is watched, and when next.
#[derive(Debug)]
pub(super) struct Watch {
    container: Option<Container>,
    due: Option<Instant>,
}

impl Watch {
    pub(super) fn new(container: Option<Container>) -> Self {
        Self { container, due: None }
    }

    pub(super) const fn next_look(&self) -> Option<Instant> {
        self.due
    }

    /// Without calls nothing grows.
    pub(super) fn calls_given(&mut self, any: bool) {
        if self.container.is_some() && any && self.due.is_none() {
            self.due = Some(Instant::now() + TENSE);
        }
    }
}

impl Dispatcher {
    pub(super) fn check_memory(&mut self, now: Instant) {
        if self.memory.due.is_none_or(|due| due > now) {
            return;
        }
        self.memory.due = None;
        let Some(container) = &self.memory.container else { return };
        let Some(used) = container.used() else { return };
        let limit = container.limit();
        let pause = if used < limit / 2 { CALM } else { TENSE };
        let brim = limit / 10 * 9;
        let excess = if used > brim { used.saturating_sub(brim + container.droppable()) } else { 0 };
        let pause = if excess > 0 && self.end_largest(limit, excess) { AFTERMATH } else { pause };
        self.memory.due = (!self.flights.is_empty()).then(|| Instant::now() + pause);
    }

    /// Ends the host with the most memory. Whether there was one whose end makes a difference: where the kernel was faster, the
    /// others have done nothing.
    fn end_largest(&mut self, limit: u64, excess: u64) -> bool {
        let hosts = self.crew.hosts().filter_map(|(id, host)| Some((host.resident_memory()?, id)));
        let Some((memory, id)) = hosts.max_by_key(|(memory, _)| *memory) else { return false };
        if memory < excess {
            return false;
        }
        let (memory, limit) = (memory >> 20, limit >> 20);
        tracing::error!(
            host = id.0,
            memory_mib = memory,
            limit_mib = limit,
            "the pod is about to use more memory than it may: ending its largest worker host"
        );
        let verdict = format!(
            "ended before the pod's memory was used up: it had {memory} MiB of the {limit} MiB that the pod may use"
        );
        self.end_host_because(id, "out_of_memory", verdict);
        true
    }
}
