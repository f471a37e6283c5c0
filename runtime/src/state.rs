//! What the pages tell about the runtime, written by its parts and read at any time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Shared between the parts; all numbers are of this moment or since the start.
#[derive(Debug, Default)]
pub struct State {
    ready: AtomicBool,
    draining: AtomicBool,
    busy: AtomicU64,
    served: AtomicU64,
    busy_nanos: AtomicU64,
}

impl State {
    /// Whether a host of every kind that is needed takes calls.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// No more calls are taken.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Calls that run now.
    pub fn set_busy(&self, busy: u32) {
        self.busy.store(busy.into(), Ordering::Relaxed);
    }

    /// A call was served in this time.
    pub fn add_served(&self, run: Duration) {
        self.served.fetch_add(1, Ordering::Relaxed);
        self.busy_nanos.fetch_add(crate::clock::nanos(run), Ordering::Relaxed);
    }

    /// Whether hosts of every kind take calls.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Whether the runtime is on its way out.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Calls that run now.
    #[must_use]
    pub fn busy(&self) -> u64 {
        self.busy.load(Ordering::Relaxed)
    }

    /// Calls served since the start.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Time spent in functions since the start.
    #[must_use]
    pub fn busy_time(&self) -> Duration {
        Duration::from_nanos(self.busy_nanos.load(Ordering::Relaxed))
    }
}
