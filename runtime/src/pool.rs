//! Which host gets the next call. Pure bookkeeping: no sockets, no clock.
//!
//! A host with `n` unfinished calls runs `min(n, slots)` of them; the others are *parked* in it. Parking keeps a fast function
//! busy without a round trip a call, but what is parked waits for what runs, so it is bounded by expected work.

use std::time::Duration;

/// How a host runs functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkerType {
    /// Threads of one process.
    Thread,
    /// One call at a time on the main thread of a process.
    Process,
    /// Tasks of one event loop.
    Async,
}

impl WorkerType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Thread, Self::Process, Self::Async];

    /// As programs, settings and frames write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::Process => "process",
            Self::Async => "async",
        }
    }

    /// The type of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|worker| worker.name() == name)
    }
}

/// Names one host for the life of the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub u64);

/// Work that may be parked per slot of a host.
const PARKED_WORK: Duration = Duration::from_millis(20);

/// Calls that may be parked in one host, however short they are.
const PARKED_CALLS: u32 = 128;

#[derive(Debug)]
struct Host {
    id: HostId,
    worker: WorkerType,
    slots: u32,
    unfinished: u32,
    /// Expected run time of all unfinished calls.
    work: Duration,
    /// False while it is held: it gets nothing new.
    accepts: bool,
}

impl Host {
    fn running(&self) -> u32 {
        self.unfinished.min(self.slots)
    }

    fn may_park(&self, expected: Duration) -> bool {
        self.unfinished >= self.slots
            && self.unfinished < self.slots + PARKED_CALLS
            && self.work + expected <= PARKED_WORK * self.slots
    }
}

/// The hosts of a pod and what they have to do.
#[derive(Debug)]
pub struct Pool {
    concurrency: u32,
    hosts: Vec<Host>,
}

impl Pool {
    /// A pool that runs at most `concurrency` calls at a time over all its hosts.
    #[must_use]
    pub fn new(concurrency: u32) -> Self {
        Self { concurrency, hosts: Vec::new() }
    }

    /// Adds a host that is ready for calls.
    pub fn add(&mut self, id: HostId, worker: WorkerType, slots: u32) {
        self.hosts.push(Host { id, worker, slots, unfinished: 0, work: Duration::ZERO, accepts: true });
    }

    /// Gives the next call to a host and returns which, or `None` if every fitting host is full.
    ///
    /// `expected` is the function's usual run time, `None` while it is unknown: such a call is never parked.
    pub fn assign(&mut self, worker: WorkerType, expected: Option<Duration>) -> Option<HostId> {
        let pod_has_room = self.running() < self.concurrency;
        let fitting = self.hosts.iter_mut().filter(|host| host.accepts && host.worker == worker);
        let host = fitting
            .filter(|host| {
                (pod_has_room && host.unfinished < host.slots)
                    || expected.is_some_and(|run| host.may_park(run))
            })
            .min_by_key(|host| (host.unfinished >= host.slots, host.work, host.unfinished))?;
        host.unfinished += 1;
        host.work += expected.unwrap_or_default();
        Some(host.id)
    }

    /// A call left its host: finished, given back or abandoned. `expected` is what [`assign`](Self::assign) was told.
    pub fn leave(&mut self, id: HostId, expected: Option<Duration>) {
        if let Some(host) = self.host(id) {
            host.unfinished = host.unfinished.saturating_sub(1);
            host.work = host.work.saturating_sub(expected.unwrap_or_default());
        }
    }

    /// The host gets no calls until [`release`](Self::release).
    pub fn hold(&mut self, id: HostId) {
        if let Some(host) = self.host(id) {
            host.accepts = false;
        }
    }

    /// The host gets calls again.
    pub fn release(&mut self, id: HostId) {
        if let Some(host) = self.host(id) {
            host.accepts = true;
        }
    }

    /// The host is gone with whatever it had.
    pub fn remove(&mut self, id: HostId) {
        self.hosts.retain(|host| host.id != id);
    }

    /// Calls that run now, in all hosts.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.hosts.iter().map(Host::running).sum()
    }

    /// Whether calls are parked in the host.
    #[must_use]
    pub fn has_parked(&self, id: HostId) -> bool {
        self.hosts.iter().any(|host| host.id == id && host.unfinished > host.slots)
    }

    /// Whether the host has no unfinished call; true for one that is gone.
    #[must_use]
    pub fn is_idle(&self, id: HostId) -> bool {
        self.hosts.iter().all(|host| host.id != id || host.unfinished == 0)
    }

    fn host(&mut self, id: HostId) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| host.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAST: Option<Duration> = Some(Duration::from_micros(10));
    const SLOW: Option<Duration> = Some(Duration::from_secs(1));

    fn assigned(pool: &mut Pool, worker: WorkerType, expected: Option<Duration>) -> u32 {
        (0..1_000).take_while(|_| pool.assign(worker, expected).is_some()).count() as u32
    }

    #[test]
    fn only_fast_functions_are_parked() {
        for (case, worker, expected, want) in [
            ("fast calls are parked up to the limit", WorkerType::Thread, FAST, 4 + 128),
            ("slow calls fill the slots only", WorkerType::Thread, SLOW, 4),
            ("a function that never ran is not parked", WorkerType::Async, None, 4),
            ("a process host parks fast calls too", WorkerType::Process, FAST, 4 * (1 + 128)),
            ("and one slow call at a time", WorkerType::Process, SLOW, 4),
        ] {
            let mut pool = Pool::new(4);
            match worker {
                WorkerType::Process => (0..4).for_each(|id| pool.add(HostId(id), worker, 1)),
                _ => pool.add(HostId(0), worker, 4),
            }
            assert_eq!(assigned(&mut pool, worker, expected), want, "{case}");
        }
    }

    #[test]
    fn a_held_host_ends_its_calls_while_the_new_one_takes_what_the_pod_allows() {
        let mut pool = Pool::new(4);
        pool.add(HostId(1), WorkerType::Thread, 4);
        assert_eq!(assigned(&mut pool, WorkerType::Thread, SLOW), 4);
        pool.hold(HostId(1));
        pool.leave(HostId(1), SLOW); // the hung call was answered
        pool.add(HostId(2), WorkerType::Thread, 4);
        assert_eq!(pool.assign(WorkerType::Thread, SLOW), Some(HostId(2)));
        assert_eq!(pool.assign(WorkerType::Thread, SLOW), None);
        (0..3).for_each(|_| pool.leave(HostId(1), SLOW));
        assert!(pool.is_idle(HostId(1)));
        assert_eq!(assigned(&mut pool, WorkerType::Thread, SLOW), 3);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Assign(WorkerType, Option<Duration>),
        Leave(usize),
        Hold(u64),
        Release(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let worker =
            prop_oneof![Just(WorkerType::Thread), Just(WorkerType::Process), Just(WorkerType::Async)];
        let expected = prop_oneof![Just(FAST), Just(SLOW), Just(None)];
        prop_oneof![
            4 => (worker, expected).prop_map(|(worker, expected)| Step::Assign(worker, expected)),
            3 => any::<usize>().prop_map(Step::Leave),
            1 => (0..6_u64).prop_map(Step::Hold),
            1 => (0..6_u64).prop_map(Step::Release),
        ]
    }

    proptest! {
        #[test]
        fn the_pod_never_runs_more_than_its_concurrency(
            concurrency in 1..8_u32,
            steps in proptest::collection::vec(step(), 0..300),
        ) {
            let mut pool = Pool::new(concurrency);
            pool.add(HostId(0), WorkerType::Thread, concurrency);
            pool.add(HostId(1), WorkerType::Async, concurrency);
            (2..6).for_each(|id| pool.add(HostId(id), WorkerType::Process, 1));
            let mut calls = Vec::new();
            for step in steps {
                match step {
                    Step::Assign(worker, expected) => {
                        calls.extend(pool.assign(worker, expected).map(|host| (host, expected)));
                    }
                    Step::Leave(at) if !calls.is_empty() => {
                        let (host, expected) = calls.swap_remove(at % calls.len());
                        pool.leave(host, expected);
                    }
                    Step::Leave(_) => {}
                    Step::Hold(id) => pool.hold(HostId(id)),
                    Step::Release(id) => pool.release(HostId(id)),
                }
                prop_assert!(pool.running() <= concurrency);
            }
            for (host, expected) in calls {
                pool.leave(host, expected);
            }
            prop_assert_eq!(pool.running(), 0);
        }
    }
}
