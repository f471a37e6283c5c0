//! Calls parked in process hosts: their results are picked up while others run, and they go elsewhere when the one before
//! them takes long.

use std::time::Duration;

use tokio::time::Instant;

use super::Dispatcher;
use crate::clock::{monotonic, nanos};
use crate::host::Host;
use crate::pool::HostId;

/// How long a result may lie in a host that has more to do, which says nothing before it is done.
const LOOK: Duration = Duration::from_millis(2);

/// How long parked calls wait behind one. Parking is for calls far shorter than this.
const PATIENCE: Duration = Duration::from_millis(20);

impl Dispatcher {
    /// Sees to it that results are picked up in time while calls are parked.
    pub(super) fn watch_lanes(&mut self) {
        if self.lanes_due.is_none() && self.lanes().any(|id| self.pool.has_parked(id)) {
            self.lanes_due = Some(Instant::now() + LOOK);
        }
    }

    pub(super) fn check_lanes(&mut self, now: Instant) {
        if self.lanes_due.is_none_or(|due| due > now) {
            return;
        }
        self.lanes_due = None;
        let ids: Vec<HostId> = self.lanes().collect();
        for id in ids {
            self.pick_up_results(id);
            if self.pool.has_parked(id)
                && self.is_slow(id)
                && let Some(calls) = self.crew.host(id).and_then(Host::recall)
            {
                // It gets others when it has finished what it runs.
                self.pool.hold(id);
                self.crew.set_slow(id);
                self.taken_back(id, &calls);
            }
        }
    }

    /// Finishes the calls whose results a host has left, for which it may be dead.
    pub(super) fn pick_up_results(&mut self, id: HostId) {
        let Some(host) = self.crew.host_mut(id) else { return };
        match host.results_left() {
            Ok(results) => results.into_iter().for_each(|result| self.finish(id, result)),
            Err(error) => {
                tracing::error!(host = id.0, %error, "a worker host is unusable and is replaced");
                host.kill();
            }
        }
    }

    fn is_slow(&self, id: HostId) -> bool {
        let since = self.crew.host(id).and_then(|host| Some(host.running().first()?.since));
        since.is_some_and(|since| monotonic().saturating_sub(since) > nanos(PATIENCE))
    }

    fn lanes(&self) -> impl Iterator<Item = HostId> {
        self.crew.hosts().filter(|(_, host)| host.has_lane()).map(|(id, _)| id)
    }
}
