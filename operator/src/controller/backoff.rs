//! Pauses after failures: longer with each one in a row, for every queue by itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;

use super::Guarded;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(120);

/// Failures in a row. They are counted and not timed, because a change of the object cuts a pause short.
#[derive(Default)]
pub(crate) struct Backoff(Mutex<HashMap<ObjectRef<Guarded>, u32>>);

impl Backoff {
    /// Another failure; returns the pause.
    pub(crate) fn failed(&self, queue: &ObjectRef<Guarded>) -> Duration {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(queue.clone()).or_default();
        *count = count.saturating_add(1);
        FIRST.saturating_mul(2_u32.saturating_pow(*count - 1)).min(LONGEST)
    }

    /// A success, or the end of the queue.
    pub(crate) fn succeeded(&self, queue: &ObjectRef<Guarded>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_two_minutes_and_begin_again_after_a_success() {
        let backoff = Backoff::default();
        let (queue, other) = (ObjectRef::new("a").within("n"), ObjectRef::new("b").within("n"));
        let pauses: Vec<_> = (0..10).map(|_| backoff.failed(&queue).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 120_000, 120_000]);
        assert_eq!(backoff.failed(&other), FIRST);
        backoff.succeeded(&queue);
        assert_eq!(backoff.failed(&queue), FIRST);
    }
}
