//! The time limit of a call, counted from its start in the host.
//!
//! No timer per call: the status pages are read when the first running call may be over its limit, which no call that
//! starts later can be before that.

use std::collections::HashSet;
use std::time::Duration;

use prpc_contract::value::float_repr;
use tokio::time::Instant;

use super::Dispatcher;
use super::flight::Flight;
use crate::clock::{monotonic, nanos};
use crate::frame::Kind;
use crate::metrics::CallOutcome;
use crate::pool::{HostId, WorkerType};

/// How long a cancelled call of an async host may take to end.
const CANCEL_GRACE: Duration = Duration::from_secs(1);

/// How long, beyond twice the limit, a host may leave a call untouched before it counts as stuck.
const UNTOUCHED: Duration = Duration::from_secs(5);

/// A call that was answered at its limit and still holds its slot.
#[derive(Debug)]
struct Cancelling {
    call: u64,
    host: HostId,
    usual: Option<Duration>,
    due: Instant,
}

/// When to look, and at what.
#[derive(Debug)]
pub(super) struct Limits {
    timeout: Option<Duration>,
    check: Option<Instant>,
    cancelling: Vec<Cancelling>,
}

impl Limits {
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self { timeout, check: None, cancelling: Vec::new() }
    }

    pub(super) fn next_check(&self) -> Option<Instant> {
        self.cancelling.iter().map(|call| call.due).chain(self.check).min()
    }

    pub(super) fn calls_given(&mut self, any: bool) {
        match self.timeout {
            Some(timeout) if any && self.check.is_none() => self.check = Some(Instant::now() + timeout),
            _ => {}
        }
    }

    /// What the pool was told about a cancelled call that has ended now; `None` if there was none.
    #[expect(
        clippy::option_option,
        reason = "outer: was there one; inner: did its function have a usual run time"
    )]
    pub(super) fn cancelled(&mut self, call: u64) -> Option<Option<Duration>> {
        let at = self.cancelling.iter().position(|cancelling| cancelling.call == call)?;
        Some(self.cancelling.swap_remove(at).usual)
    }

    pub(super) fn host_gone(&mut self, id: HostId) {
        self.cancelling.retain(|call| call.host != id);
    }
}

impl Dispatcher {
    /// Looks for whatever is over its time.
    pub(super) fn check_limits(&mut self) {
        let now = Instant::now();
        self.check_drain(now);
        self.check_recalls(now);
        self.check_lanes(now);
        self.check_recycling(now);
        self.check_memory(now);
        let (over, in_time) =
            std::mem::take(&mut self.limits.cancelling).into_iter().partition(|call| call.due <= now);
        self.limits.cancelling = in_time;
        let over: Vec<Cancelling> = over;
        for Cancelling { host, usual, .. } in over {
            self.pool.leave(host, usual);
            self.retire(host, "cancellation_ignored");
        }
        if let Some(timeout) = self.limits.timeout
            && self.limits.check.is_some_and(|check| check <= now)
        {
            self.check_running(timeout);
        }
    }

    fn check_running(&mut self, timeout: Duration) {
        let now = monotonic();
        let limit = nanos(timeout);
        let mut next = limit;
        let mut over = Vec::new();
        let mut touched = HashSet::new();
        for (_, host) in self.crew.hosts() {
            for running in host.running() {
                touched.insert(running.call);
                let age = now.saturating_sub(running.since);
                if age >= limit {
                    over.push(running.call);
                } else {
                    next = next.min(limit - age);
                }
            }
        }
        let patience = limit.saturating_mul(2).saturating_add(nanos(UNTOUCHED));
        let stuck: HashSet<HostId> = self
            .flights
            .iter()
            .filter(|(call, flight)| {
                !touched.contains(call) && now.saturating_sub(flight.assigned) > patience
            })
            .map(|(_, flight)| flight.host)
            .collect();
        over.into_iter().for_each(|call| self.over_limit(call, timeout));
        stuck.into_iter().for_each(|id| self.end_host(id, "stuck"));
        self.limits.check = (!self.flights.is_empty()).then(|| Instant::now() + Duration::from_nanos(next));
    }

    fn over_limit(&mut self, call: u64, timeout: Duration) {
        let Some(flight) = self.flights.remove(call) else { return };
        let Flight { job, host, usual, .. } = flight;
        match self.crew.worker(host) {
            Some(WorkerType::Async) => {
                let due = Instant::now() + CANCEL_GRACE;
                self.limits.cancelling.push(Cancelling { call, host, usual, due });
                if let Some(host) = self.crew.host(host) {
                    host.send(Kind::Cancel, format!("[{call}]").as_bytes());
                }
                self.recall(host);
            }
            Some(WorkerType::Process) => {
                self.pool.leave(host, usual);
                self.end_host(host, "timeout");
            }
            Some(WorkerType::Thread) | None => {
                self.pool.leave(host, usual);
                self.retire(host, "timeout");
            }
        }
        let seconds = float_repr(timeout.as_secs_f64());
        self.answer_error(
            job,
            CallOutcome::timeout,
            format!("the task was completed by server timeout {seconds} secs."),
        );
    }

    pub(super) fn flight_started(&self, call: u64) -> bool {
        let Some(flight) = self.flights.get(call) else { return false };
        let host = self.crew.host(flight.host);
        host.is_some_and(|host| host.running().iter().any(|running| running.call == call))
    }
}
