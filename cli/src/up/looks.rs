//! What the loop that scales is told of the queue and of the workers.

use std::sync::{Mutex, PoisonError};

use prpc_broker::{AnyBroker, Backlog, Broker as _};
use prpc_scaling::{Diary, Failure, Load, Observed, Replicas, Sample, Told};
use tokio::sync::watch;

use super::worker::{Seen, State};

/// What is known about each worker, by number.
pub(super) type Crew = Vec<(u32, Seen)>;

/// Looks at the queue, and shows what it sees.
pub(super) struct Looks {
    broker: AnyBroker,
    show: watch::Sender<Option<Backlog>>,
    crew: watch::Receiver<Crew>,
    diary: Mutex<Diary>,
}

impl Looks {
    pub(super) fn new(
        broker: AnyBroker,
        show: watch::Sender<Option<Backlog>>,
        crew: watch::Receiver<Crew>,
    ) -> Self {
        Self { broker, show, crew, diary: Mutex::default() }
    }
}

impl prpc_scaling::Backlog for Looks {
    async fn look(&self) -> Observed {
        let backlog = self.broker.measure().await.ok();
        self.show.send_replace(backlog);
        let Some(backlog) = backlog else { return Observed::Unknown(Failure::Unreachable) };
        let ready: Vec<_> =
            self.crew.borrow().iter().filter(|(_, seen)| seen.state == State::Ready).copied().collect();
        let work = self.diary.lock().unwrap_or_else(PoisonError::into_inner).sum_up(ready.iter().map(told));
        let ready = u32::try_from(ready.len()).unwrap_or(u32::MAX);
        Observed::Seen(Sample {
            oldest: backlog.oldest_age,
            arrived: backlog.arrived,
            work,
            replicas: Some(Replicas { ready, unschedulable: 0, replacing: false }),
            ..Load { undelivered: backlog.undelivered, in_flight: backlog.in_flight }.into()
        })
    }
}

/// The next process in a worker's place counts anew.
fn told((number, seen): &(u32, Seen)) -> (String, Told) {
    let busy = u32::try_from(seen.busy).unwrap_or(u32::MAX);
    let told = Told { slots: seen.slots, busy, ended: seen.served, ran: seen.ran };
    (format!("{number}.{}", seen.restarts), told)
}
