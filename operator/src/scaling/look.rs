//! One look at a queue's backlog.

use std::future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prpc_scaling::{Backlog, Diary, Failure as Why, Observed, Replicas, Sample, Work};

use super::{BrokerState, QueueRef, Seen, labels};
use crate::brokers::{Measured, Queue};
use crate::failure::Failure;
use crate::metrics::{Metrics, QueueLabels};
use crate::workers::{self, Workers};

/// A broker that has not answered by then is not going to.
const PATIENCE: Duration = Duration::from_secs(8);
/// What a queue needs is looked after again after so long: somebody may have removed it, or taken a right away.
const PREPARE_AGAIN: Duration = Duration::from_secs(300);
/// Making what a queue needs takes longer than looking.
const PATIENCE_TO_PREPARE: Duration = Duration::from_secs(30);
/// Of more pods these speak for all.
const ASKED: usize = 10;

/// Looks at a queue, and keeps what it sees.
pub(super) struct Look {
    reference: QueueRef,
    labels: QueueLabels,
    queue: Queue,
    workers: Workers,
    seen: Arc<Mutex<Seen>>,
    metrics: Arc<Metrics>,
    /// What pods told before.
    diary: Mutex<Diary>,
    /// Since when everything is there that the queue needs on the broker, and what somebody should know about it. Without it calls
    /// sent while there is no pod would be passed over.
    prepared: Mutex<Option<(Instant, Option<Failure>)>>,
}

impl Look {
    pub(super) fn new(
        reference: QueueRef,
        queue: Queue,
        workers: Workers,
        seen: Arc<Mutex<Seen>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let labels = labels(&reference);
        let (diary, prepared) = (Mutex::default(), Mutex::default());
        Self { reference, labels, queue, workers, seen, metrics, diary, prepared }
    }

    async fn prepared(&self) -> Result<Option<Failure>, Failure> {
        let known = self.set_prepared(|_| ());
        if let Some((at, note)) = known
            && at.elapsed() < PREPARE_AGAIN
        {
            return Ok(note);
        }
        let prepare = tokio::time::timeout(PATIENCE_TO_PREPARE, self.queue.prepare());
        let note = prepare.await.unwrap_or_else(|_| Err(Failure::slow()))?;
        self.set_prepared(|prepared| *prepared = Some((Instant::now(), note.clone())));
        Ok(note)
    }

    /// Changes what is known, and returns it.
    fn set_prepared(
        &self,
        change: impl FnOnce(&mut Option<(Instant, Option<Failure>)>),
    ) -> Option<(Instant, Option<Failure>)> {
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut prepared);
        prepared.clone()
    }

    async fn measure(&self) -> Result<Measured, Failure> {
        let note = self.prepared().await?;
        let measure = tokio::time::timeout(PATIENCE, self.queue.measure());
        let measured = measure.await.unwrap_or_else(|_| Err(Failure::slow()))?;
        Ok(Measured { note: measured.note.or(note), ..measured })
    }

    /// How the pods are, and what some of them tell of their work.
    async fn crew(&self) -> (Option<Replicas>, Option<Work>) {
        let Some(workers) = self.workers.of(&self.reference) else { return (None, None) };
        // The same ones as at the look before, as far as they are there: their counters tell only together with those of before.
        let told = workers::ask(workers.get(..ASKED).unwrap_or(&workers)).await;
        let work = self.diary.lock().unwrap_or_else(PoisonError::into_inner).sum_up(told);
        (Some(workers::replicas(&workers)), work)
    }

    /// Whether the first call is to be waited for.
    fn is_asleep(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.desired == 0 && seen.backlog.is_some_and(|backlog| backlog.undelivered + backlog.in_flight == 0)
    }
}

impl Backlog for Look {
    async fn look(&self) -> Observed {
        let (measured, (replicas, work)) = tokio::join!(self.measure(), self.crew());
        self.metrics.looked(&self.labels, measured.as_ref().ok());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match measured {
            Ok(Measured { backlog, sample, note, .. }) => {
                (seen.broker, seen.backlog, seen.note) = (BrokerState::Reachable, Some(backlog), note);
                Observed::Seen(Sample { replicas, work, ..sample })
            }
            Err(failure) => {
                // It may be another server afterwards.
                self.set_prepared(|prepared| *prepared = None);
                let why = if failure.is_refusal() { Why::Refused } else { Why::Unreachable };
                seen.unknown(BrokerState::Failed(failure));
                Observed::Unknown(why)
            }
        }
    }

    async fn first_call(&self) {
        if self.is_asleep() { self.queue.first_call().await } else { future::pending().await }
    }
}
