//! How often a queue is reported on while its pods come and go.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::scaling::QueueRef;

/// Twenty pods that start change their Deployment twenty times in a few seconds. Reporting each of them would be as many lists of
/// pods and writes, in the very seconds in which the API server is busy with their start.
const PAUSE: Duration = Duration::from_secs(1);

/// What is reported at once when it changes: the queue as it is asked for, and how many pods it is to have.
pub(super) type Occasion = (Option<i64>, u32);

/// When each queue was reported on, and on which occasion.
#[derive(Default)]
pub(super) struct Pace(Mutex<HashMap<QueueRef, (Occasion, Instant)>>);

impl Pace {
    /// How long the next report is to wait; nothing if it is due.
    pub(super) fn wait(&self, queue: &QueueRef, occasion: Occasion) -> Option<Duration> {
        let reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, at) = reported.get(queue).filter(|(last, _)| *last == occasion)?;
        Some(PAUSE.saturating_sub(at.elapsed())).filter(|rest| !rest.is_zero())
    }

    /// It was reported on.
    pub(super) fn reported(&self, queue: &QueueRef, occasion: Occasion) {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reported.insert(queue.clone(), (occasion, Instant::now()));
    }

    /// The queue is gone.
    pub(super) fn forget(&self, queue: &QueueRef) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(queue);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_reported_on_once_a_second_unless_something_else_is_asked_for() {
        let (pace, queue) = (Pace::default(), QueueRef::new("orders").within("shop"));
        assert_eq!(pace.wait(&queue, (Some(1), 3)), None);
        pace.reported(&queue, (Some(1), 3));
        tokio::time::advance(Duration::from_millis(400)).await;
        assert_eq!(pace.wait(&queue, (Some(1), 3)), Some(Duration::from_millis(600)));
        assert_eq!(pace.wait(&queue, (Some(2), 3)), None);
        assert_eq!(pace.wait(&queue, (Some(1), 4)), None);
        tokio::time::advance(Duration::from_millis(600)).await;
        assert_eq!(pace.wait(&queue, (Some(1), 3)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_comes_back_is_reported_on_at_once() {
        let (pace, queue) = (Pace::default(), QueueRef::new("orders").within("shop"));
        pace.reported(&queue, (Some(1), 3));
        pace.forget(&queue);
        assert_eq!(pace.wait(&queue, (Some(1), 3)), None);
    }
}
