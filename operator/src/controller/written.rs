//! What was written for each queue. Without it every pass over a queue would be some writes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use serde::Serialize;
use tokio::time::Instant;

use super::build::Surroundings;
use crate::scaling::QueueRef;

/// What surrounds the pods is not watched, so somebody may have changed it: it is written again after so long, or up to twice
/// as long. Queues that were made together would be written together otherwise.
const AGAIN: Duration = Duration::from_secs(600);

/// The memory of what was written.
#[derive(Default)]
pub(super) struct Written(Mutex<HashMap<QueueRef, Record>>);

#[derive(Default)]
struct Record {
    /// The Deployment as it was to be, and as the API server had it then.
    deployment: Option<[Print; 2]>,
    /// What surrounds it, and until when that holds.
    surroundings: Option<(Print, Instant)>,
}

/// Tells two values apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Print(u64);

impl Print {
    fn of(value: &impl Serialize) -> Self {
        // These have no maps with keys that JSON cannot have, which is all that can fail.
        Self(hash(&serde_json::to_string(value).unwrap_or_default()))
    }

    /// Of what the operator decides in a Deployment; its status changes all the time.
    fn of_live(live: &Deployment) -> Self {
        Self::of(&(&live.metadata.labels, &live.metadata.owner_references, &live.spec))
    }
}

impl Written {
    /// Whether that Deployment was written, and is as it was then.
    pub(super) fn has_deployment(&self, queue: &QueueRef, wanted: &Deployment, live: &Deployment) -> bool {
        let prints = [Print::of(wanted), Print::of_live(live)];
        self.with(queue, |record| record.deployment == Some(prints))
    }

    /// The Deployment was written; the API server made `live` of it.
    pub(super) fn keep_deployment(&self, queue: &QueueRef, wanted: &Deployment, live: &Deployment) {
        let prints = [Print::of(wanted), Print::of_live(live)];
        self.with(queue, |record| record.deployment = Some(prints));
    }

    /// Whether these were written lately.
    pub(super) fn has_surroundings(&self, queue: &QueueRef, wanted: &Surroundings) -> bool {
        let (print, now) = (Print::of(wanted), Instant::now());
        self.with(queue, |record| {
            record.surroundings.is_some_and(|(kept, until)| kept == print && now < until)
        })
    }

    /// What surrounds the pods is about to be written: a write that fails may have been done in part.
    pub(super) fn doubt_surroundings(&self, queue: &QueueRef) {
        self.with(queue, |record| record.surroundings = None);
    }

    /// These were written.
    pub(super) fn keep_surroundings(&self, queue: &QueueRef, wanted: &Surroundings) {
        let until = Instant::now() + AGAIN + Duration::from_secs(hash(queue) % AGAIN.as_secs());
        let print = Print::of(wanted);
        self.with(queue, |record| record.surroundings = Some((print, until)));
    }

    /// The queue is gone.
    pub(super) fn forget(&self, queue: &QueueRef) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(queue);
    }

    fn with<T>(&self, queue: &QueueRef, then: impl FnOnce(&mut Record) -> T) -> T {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        then(records.entry(queue.clone()).or_default())
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::build::surroundings;
    use super::super::queue::queue_at;
    use super::super::resolve::Access;
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn what_surrounds_many_queues_is_not_written_again_at_the_same_time() {
        let written = Written::default();
        let wanted = surroundings(&queue_at(&serde_json::json!({}), Access::open()));
        let mut held: Vec<_> =
            (0..1000).map(|number| QueueRef::new(&format!("q{number}")).within("shop")).collect();
        held.iter().for_each(|queue| written.keep_surroundings(queue, &wanted));
        let mut due = Vec::new();
        for _ in 0..20 {
            tokio::time::advance(MINUTE).await;
            let before = held.len();
            held.retain(|queue| written.has_surroundings(queue, &wanted));
            due.push(before - held.len());
        }
        assert_eq!(due[..9], [0; 9]);
        assert!(held.is_empty() && due.iter().all(|count| *count < 150), "{due:?}");
    }
}
