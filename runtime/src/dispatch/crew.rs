//! The hosts of a pod: started, replaced, retired, lost.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::flight::Flight;
use super::{Dispatcher, Event};
use crate::call::{Ending, Job};
use crate::exits::Exit;
use crate::frame::Kind;
use crate::host::Host;
use crate::metrics::CallOutcome;
use crate::pool::{HostId, WorkerType};
use crate::template::NewHost;

/// Pause before a host is started again that died before it served a call; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a host may leave RECALL without answer. Its reader answers at once, unless the program blocks the event loop or
/// holds the interpreter's lock.
const RECALL_PATIENCE: Duration = Duration::from_secs(1);

/// How long a healthy host may take to run its program's exit handlers.
const ENDING: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Ready,
    /// A new host took its place; it ends the healthy calls it has.
    Retired,
    /// It was killed, or told to end.
    Ended,
}

#[derive(Debug)]
struct Member {
    worker: WorkerType,
    slots: u32,
    phase: Phase,
    /// There once the process was started.
    host: Option<Host>,
    /// Calls that it ended.
    calls: u32,
    /// Since when it takes calls.
    ready: Option<Instant>,
    /// The healthy host whose place it takes when it is ready, and why.
    replaces: Option<(HostId, &'static str)>,
    /// It has no call that hangs, so it may end in order.
    healthy: bool,
    /// What was parked behind its call was taken away.
    slow: bool,
    /// Why it was ended, if that is its calls' fault.
    verdict: Option<String>,
    /// Until when it must have answered to RECALL, or have ended.
    recall_due: Option<Instant>,
}

/// The hosts by their id.
#[derive(Debug, Default)]
pub(super) struct Crew {
    last: u64,
    members: HashMap<HostId, Member>,
    /// Hosts in a row that died before they served a call.
    failures: HashMap<WorkerType, u32>,
}

impl Crew {
    pub(super) fn host(&self, id: HostId) -> Option<&Host> {
        self.members.get(&id)?.host.as_ref()
    }

    pub(super) fn host_mut(&mut self, id: HostId) -> Option<&mut Host> {
        self.members.get_mut(&id)?.host.as_mut()
    }

    pub(super) fn worker(&self, id: HostId) -> Option<WorkerType> {
        self.members.get(&id).map(|member| member.worker)
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = (HostId, &Host)> {
        self.members.iter().filter_map(|(id, member)| Some((*id, member.host.as_ref()?)))
    }

    pub(super) fn has_ready(&self, worker: WorkerType) -> bool {
        self.members.values().any(|member| member.worker == worker && member.phase == Phase::Ready)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether a host was asked for its calls and has not answered.
    pub(super) fn is_recalling(&self) -> bool {
        self.members.values().any(|member| member.recall_due.is_some())
    }

    /// When the next host counts as stalled.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.members.values().filter_map(|member| member.recall_due).min()
    }

    /// Counts one more call and returns how many the host has ended.
    pub(super) fn count_call(&mut self, id: HostId) -> u32 {
        let Some(member) = self.members.get_mut(&id) else { return 0 };
        if member.calls == 0 {
            self.failures.remove(&member.worker);
        }
        member.calls = member.calls.saturating_add(1);
        if member.phase == Phase::Ready { member.calls } else { 0 }
    }

    /// The hosts that take calls, and since when.
    pub(super) fn ready(&self) -> impl Iterator<Item = (HostId, &Host, Instant)> {
        let ready = self.members.iter().filter(|(_, member)| member.phase == Phase::Ready);
        ready.filter_map(|(id, member)| Some((*id, member.host.as_ref()?, member.ready?)))
    }

    /// Whether a host is about to take the place of a healthy one.
    pub(super) fn is_replacing(&self) -> bool {
        self.members.values().any(|member| member.replaces.is_some())
    }

    /// Notes that calls which waited behind a slow one were taken away.
    pub(super) fn set_slow(&mut self, id: HostId) {
        if let Some(member) = self.members.get_mut(&id) {
            member.slow = true;
        }
    }

    /// Whether that was noted since the last time.
    pub(super) fn take_slow(&mut self, id: HostId) -> bool {
        self.members.get_mut(&id).is_some_and(|member| std::mem::take(&mut member.slow))
    }

    /// No calls will come any more: hosts without calls end by themselves, the others at once.
    pub(super) fn close(&mut self) {
        self.members.retain(|_, member| member.host.is_some());
        for member in self.members.values_mut() {
            match (&member.host, member.phase) {
                (Some(host), Phase::Ready) => host.send(Kind::Drain, b"[]"),
                (Some(host), _) => host.kill(),
                (None, _) => {}
            }
            member.phase = Phase::Ended;
        }
    }

    pub(super) fn kill_all(&mut self) {
        for member in self.members.values_mut() {
            member.phase = Phase::Ended;
            if let Some(host) = &member.host {
                host.kill();
            }
        }
    }

    fn pause(&self, worker: WorkerType) -> Duration {
        match self.failures.get(&worker) {
            None => Duration::ZERO,
            Some(failures) => (FIRST_PAUSE * 2_u32.pow((failures - 1).min(10))).min(LONGEST_PAUSE),
        }
    }
}

impl Dispatcher {
    pub(super) fn start_crew(&mut self) {
        let mut workers: Vec<_> = self.waiting.keys().copied().collect();
        // One is started after the other: a host that runs all calls of its type before those that run one each.
        workers.sort_by_key(|&worker| worker == WorkerType::Process);
        for worker in workers {
            match worker {
                WorkerType::Process => (0..self.policy.concurrency).for_each(|_| self.start_host(worker)),
                WorkerType::Thread | WorkerType::Async => self.start_host(worker),
            }
        }
    }

    /// A host for the place of one that is lost, unless another one is on its way to it.
    fn start_instead_of(&mut self, id: HostId, worker: WorkerType) {
        let mut members = self.crew.members.values_mut();
        match members.find(|member| member.replaces.is_some_and(|(old, _)| old == id)) {
            Some(member) => member.replaces = None,
            None => self.start_host(worker),
        }
    }

    /// A host that takes the place of a healthy one when it is ready.
    pub(super) fn start_replacement(&mut self, worker: WorkerType, id: HostId, reason: &'static str) {
        self.start_host(worker);
        if let Some(member) = self.crew.members.get_mut(&HostId(self.crew.last)) {
            member.replaces = Some((id, reason));
        }
    }

    fn start_host(&mut self, worker: WorkerType) {
        if self.drain.is_some() {
            return;
        }
        self.crew.last += 1;
        let id = HostId(self.crew.last);
        let slots = if worker == WorkerType::Process { 1 } else { self.policy.concurrency };
        let member = Member {
            worker,
            slots,
            phase: Phase::Starting,
            host: None,
            calls: 0,
            ready: None,
            replaces: None,
            healthy: false,
            slow: false,
            verdict: None,
            recall_due: None,
        };
        self.crew.members.insert(id, member);
        let pause = self.crew.pause(worker);
        let (template, events) = (std::sync::Arc::clone(&self.tools.template), self.tools.events.clone());
        // Without a pause it is asked for now: tasks run in another order than they are spawned in.
        let asked = pause.is_zero().then(|| template.fork(id, worker, slots));
        tokio::spawn(async move {
            let started = match asked {
                Some(started) => started.await,
                None => {
                    tokio::time::sleep(pause).await;
                    template.fork(id, worker, slots).await
                }
            };
            let _ = events.send(Event::Started(id, started));
        });
    }

    pub(super) fn host_started(&mut self, id: HostId, started: io::Result<NewHost>) {
        let events = self.tools.events.clone();
        let tell = move |id, report| {
            let _ = events.send(Event::Report(id, report));
        };
        let opened = started.and_then(|new| Host::open(id, new, self.tools.exits.clone(), tell));
        // A host that is not wanted any more reads the end of its socket.
        let Some(member) = self.crew.members.get_mut(&id) else { return };
        match opened {
            Ok(host) => {
                tracing::debug!(
                    host = id.0,
                    worker = member.worker.name(),
                    pid = host.pid(),
                    "worker host started"
                );
                member.host = Some(host);
            }
            Err(error) => {
                let (worker, replaces) = (member.worker, member.replaces);
                self.crew.members.remove(&id);
                *self.crew.failures.entry(worker).or_default() += 1;
                tracing::error!(worker = worker.name(), %error, "a worker host cannot be started, trying again");
                if replaces.is_none() {
                    self.start_host(worker);
                }
            }
        }
    }

    pub(super) fn host_ready(&mut self, id: HostId) {
        if let Some(member) = self.crew.members.get_mut(&id)
            && member.phase == Phase::Starting
        {
            member.phase = Phase::Ready;
            member.ready = Some(Instant::now());
            self.pool.add(id, member.worker, member.slots);
            if let Some((old, reason)) = member.replaces.take() {
                self.put_aside(old, reason, true);
                self.recycled();
            }
        }
    }

    /// Lets another host take the place of this one, which ends what it has.
    pub(super) fn retire(&mut self, id: HostId, reason: &'static str) {
        if let Some(worker) = self.put_aside(id, reason, false) {
            self.start_instead_of(id, worker);
        }
    }

    /// Gives no more calls to a host, which ends what it has.
    fn put_aside(&mut self, id: HostId, reason: &'static str, healthy: bool) -> Option<WorkerType> {
        let member = self.crew.members.get_mut(&id).filter(|member| member.phase == Phase::Ready)?;
        member.phase = Phase::Retired;
        member.healthy = healthy;
        let worker = member.worker;
        let pid = member.host.as_ref().map(Host::pid);
        if healthy {
            tracing::info!(host = id.0, worker = worker.name(), pid, reason, "worker host is recycled");
        } else {
            tracing::warn!(host = id.0, worker = worker.name(), pid, reason, "worker host is replaced");
        }
        self.tools.metrics.restarted(reason);
        self.recall(id);
        self.end_if_retired_and_idle(id);
        Some(worker)
    }

    pub(super) fn end_if_retired_and_idle(&mut self, id: HostId) {
        if let Some(member) = self.crew.members.get_mut(&id)
            && member.phase == Phase::Retired
            && self.pool.is_idle(id)
        {
            member.phase = Phase::Ended;
            match &member.host {
                Some(host) if member.healthy => {
                    host.send(Kind::Drain, b"[]");
                    member.recall_due = Some(Instant::now() + ENDING);
                }
                Some(host) => host.kill(),
                None => {}
            }
        }
    }

    /// Ends a host at once. What it ran is started again.
    pub(super) fn end_host(&mut self, id: HostId, reason: &'static str) {
        self.retire(id, reason);
        if let Some(member) = self.crew.members.get_mut(&id) {
            member.phase = Phase::Ended;
            if let Some(host) = &member.host {
                host.kill();
            }
        }
    }

    /// The same, and what it ran is told why.
    pub(super) fn end_host_because(&mut self, id: HostId, reason: &'static str, verdict: String) {
        self.end_host(id, reason);
        if let Some(member) = self.crew.members.get_mut(&id) {
            member.verdict = Some(verdict);
        }
    }

    /// Takes back what the host has not started. It gets nothing new until it answers, which also shows that it is not stalled.
    pub(super) fn recall(&mut self, id: HostId) {
        self.pool.hold(id);
        let Some(member) = self.crew.members.get_mut(&id) else { return };
        if member.recall_due.is_some() {
            return;
        }
        match member.host.as_ref().map(Host::recall) {
            Some(None) => member.recall_due = Some(Instant::now() + RECALL_PATIENCE),
            Some(Some(calls)) => self.recalled(id, &calls),
            None => {}
        }
    }

    /// Ends the hosts that did not answer to RECALL.
    pub(super) fn check_recalls(&mut self, now: Instant) {
        let stalled: Vec<HostId> = self
            .crew
            .members
            .iter_mut()
            .filter_map(|(id, member)| member.recall_due.take_if(|due| *due <= now).map(|_| *id))
            .collect();
        for id in stalled {
            tracing::warn!(
                host = id.0,
                "a worker host does not react: it is ended, and what else it ran is started again"
            );
            self.end_host(id, "stalled");
        }
    }

    pub(super) fn recalled(&mut self, id: HostId, calls: &[u64]) {
        if let Some(member) = self.crew.members.get_mut(&id) {
            if member.phase != Phase::Ended {
                member.recall_due = None;
            }
            if member.phase == Phase::Ready {
                self.pool.release(id);
            }
        }
        self.taken_back(id, calls);
        self.end_if_retired_and_idle(id);
    }

    /// These calls were not started, and wait again.
    pub(super) fn taken_back(&mut self, id: HostId, calls: &[u64]) {
        for call in calls.iter().rev() {
            if let Some(Flight { job, usual, .. }) = self.flights.remove(*call) {
                self.pool.leave(id, usual);
                self.enqueue_again(job);
            }
        }
    }

    pub(super) fn host_gone(&mut self, id: HostId, exit: Exit) {
        self.pick_up_results(id);
        let Some(member) = self.crew.members.remove(&id) else { return };
        self.pool.remove(id);
        self.limits.host_gone(id);
        let lost = self.flights.take_of(id);
        let running: HashSet<u64> =
            member.host.iter().flat_map(Host::running).map(|running| running.call).collect();
        let (started, parked): (Vec<_>, Vec<_>) =
            lost.into_iter().partition(|(call, _)| running.contains(call));
        if matches!(member.phase, Phase::Starting | Phase::Ready) && self.drain.is_none() {
            tracing::error!(host = id.0, worker = member.worker.name(), %exit, calls = started.len(), "a worker host died");
            self.tools.metrics.restarted("crash");
            if member.calls == 0 {
                *self.crew.failures.entry(member.worker).or_default() += 1;
            }
            if member.replaces.is_none() {
                self.start_instead_of(id, member.worker);
            }
        }
        parked.into_iter().rev().for_each(|(_, flight)| self.enqueue_again(flight.job));
        // With one call there is no doubt which one it was, unless the runtime ended the host for another reason.
        let guilty = started.len() == 1 && (member.phase != Phase::Ended || member.verdict.is_some());
        let how = member.verdict.unwrap_or_else(|| exit.to_string());
        for (_, Flight { job, .. }) in started.into_iter().rev() {
            if guilty {
                self.answer_error(
                    job,
                    CallOutcome::error,
                    format!("the worker process ended during the call: {how}"),
                );
            } else {
                self.start_again(job, &how);
            }
        }
    }

    /// Starts a call again that ran in a host that died, as often as the policy allows.
    fn start_again(&mut self, mut job: Job, how: &str) {
        if self.drain.is_some() {
            return self.end(Ending::HandBack { receipt: job.receipt, started: true, body: job.body });
        }
        if job.receipt.attempts >= self.policy.max_attempts {
            let attempts = job.receipt.attempts;
            let text = format!(
                "the call was given up after {attempts} attempts, the last ended with its worker process: {how}"
            );
            self.tools.metrics.ended(job.function, CallOutcome::error, None);
            self.tools.metrics.dead("max_attempts");
            let reply = Some((job.reply_to, text));
            return self.end(Ending::DeadLetter {
                receipt: job.receipt,
                reason: "max_attempts",
                body: job.body,
                reply,
            });
        }
        job.receipt.attempts += 1;
        self.tools.metrics.redelivered("crash");
        self.enqueue_again(job);
    }

    /// Answers a call that no host will answer.
    pub(super) fn answer_error(&mut self, job: Job, counted: CallOutcome, text: String) {
        self.tools.metrics.ended(job.function, counted, None);
        self.end(Ending::Answer { receipt: job.receipt, reply_to: job.reply_to, outcome: Err(text) });
    }
}
