//! The orderly end: what was not started goes back at once, what runs may finish, and then the hosts end.

use std::time::Duration;

use tokio::time::Instant;

use super::Dispatcher;
use super::flight::Flight;
use crate::call::Ending;
use crate::host::Host;

/// How long hosts without calls may take to run their programs' exit handlers.
const CLOSING: Duration = Duration::from_secs(2);

/// How far the end is.
#[derive(Debug)]
pub(super) struct Drain {
    due: Instant,
    closing: bool,
}

impl Drain {
    /// When patience ends.
    pub(super) fn due(&self) -> Instant {
        self.due
    }
}

impl Dispatcher {
    pub(super) fn start_drain(&mut self) {
        self.tools.state.set_draining();
        let handed_back = self.hand_back_waiting();
        let running = self.flights.iter().count();
        tracing::info!(running, handed_back, grace = ?self.policy.grace, "draining");
        self.drain = Some(Drain { due: Instant::now() + self.policy.grace, closing: false });
        // Without a limit for their answers: what runs has the whole grace period.
        let ids: Vec<_> = self.crew.hosts().map(|(id, _)| id).collect();
        for id in ids {
            if let Some(calls) = self.crew.host(id).and_then(Host::recall) {
                self.recalled(id, &calls);
            }
        }
    }

    /// Hands back what was not started, and goes on with the rest.
    pub(super) fn give_way(&mut self) {
        if self.drain.is_some() {
            return;
        }
        self.gives_way = true;
        let parked: Vec<_> =
            self.crew.hosts().map(|(id, _)| id).filter(|id| self.pool.has_parked(*id)).collect();
        parked.iter().for_each(|id| self.recall(*id));
        let handed_back = self.hand_back_waiting();
        tracing::debug!(handed_back, recalled_from = ?parked, "another consumer is to have what was not started");
        self.gives_way = self.crew.is_recalling();
    }

    fn hand_back_waiting(&mut self) -> usize {
        let waiting: Vec<_> = self.waiting.values_mut().flat_map(std::mem::take).collect();
        let count = waiting.len();
        for job in waiting {
            self.end(Ending::HandBack { receipt: job.receipt, started: false, body: job.body });
        }
        count
    }

    /// Whether every call has an ending and every host is gone. The first time that no call is left it ends the hosts.
    pub(super) fn is_drained(&mut self) -> bool {
        let Some(drain) = &mut self.drain else { return false };
        if !self.flights.is_empty() {
            return false;
        }
        if !drain.closing {
            *drain = Drain { due: Instant::now() + CLOSING, closing: true };
            self.crew.close();
        }
        self.crew.is_empty()
    }

    pub(super) fn check_drain(&mut self, now: Instant) {
        let Some(drain) = &mut self.drain else { return };
        if drain.due > now {
            return;
        }
        drain.due = now + CLOSING;
        let cut: Vec<u64> = self.flights.iter().map(|(call, _)| call).collect();
        if !cut.is_empty() {
            tracing::warn!(calls = cut.len(), "the grace period is over: running calls are handed back");
        }
        for call in cut {
            let started = self.flight_started(call);
            if let Some(Flight { job, .. }) = self.flights.remove(call) {
                self.end(Ending::HandBack { receipt: job.receipt, started, body: job.body });
            }
        }
        self.crew.kill_all();
    }
}
