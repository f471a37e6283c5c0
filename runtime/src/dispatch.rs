//! The one task that knows every call and every host: which host runs what, and what becomes of a call when a host is
//! late, stuck or dead.
//!
//! It never waits for anything but the next event.

mod crew;
mod drain;
mod flight;
mod lanes;
mod limit;
mod memory;
mod recycle;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prpc_broker::Receipt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::crew::Crew;
use self::drain::Drain;
use self::flight::{Flight, Flights, Outbound};
use self::limit::Limits;
pub use self::recycle::Recycling;
use crate::call::{Ending, Job};
use crate::clock::monotonic;
use crate::container::Container;
use crate::exits::Exits;
use crate::host::{CallResult, Host, Report, Status};
use crate::load::Load;
use crate::metrics::{CallOutcome, Metrics};
use crate::pool::{HostId, Pool, WorkerType};
use crate::state::State;
use crate::template::{NewHost, Template};

/// Events handled before calls are given out again.
const BATCH: usize = 256;

/// What the dispatcher is told.
#[derive(Debug)]
pub enum Event {
    /// Calls came from the broker.
    Calls(Vec<Job>),
    /// A host was started, or could not be.
    Started(HostId, std::io::Result<NewHost>),
    /// A host says something.
    Report(HostId, Report),
    /// Another consumer is to have the calls that were not started.
    GiveWay,
    /// Somebody wants the receipts of all calls in work.
    Receipts(oneshot::Sender<Vec<Receipt>>),
}

/// What the dispatcher has to keep to.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Calls at a time.
    pub concurrency: u32,
    /// Limit of one call.
    pub timeout: Option<Duration>,
    /// Starts of one call without outcome.
    pub max_attempts: u32,
    /// When hosts are replaced before they do harm.
    pub recycling: Recycling,
    /// How long started calls may go on after the stop.
    pub grace: Duration,
}

/// What the dispatcher works with.
#[derive(Debug)]
pub struct Tools {
    /// Starts hosts.
    pub template: Arc<Template>,
    /// Tells how hosts ended.
    pub exits: Exits,
    /// Where the dispatcher's own events go.
    pub events: mpsc::UnboundedSender<Event>,
    /// Where calls end.
    pub endings: mpsc::UnboundedSender<Ending>,
    /// Counts of the calls in the runtime.
    pub load: Arc<Load>,
    /// Numbers for people.
    pub metrics: Arc<Metrics>,
    /// State for the pages.
    pub state: Arc<State>,
}

#[derive(Debug)]
struct Function {
    worker: WorkerType,
    /// Usual run time, once it is known.
    usual: Option<Duration>,
}

/// See the module.
#[derive(Debug)]
pub struct Dispatcher {
    policy: Policy,
    tools: Tools,
    functions: Vec<Function>,
    /// Calls that no host has, by worker type.
    waiting: HashMap<WorkerType, VecDeque<Job>>,
    flights: Flights,
    crew: Crew,
    pool: Pool,
    limits: Limits,
    drain: Option<Drain>,
    /// Calls that hosts give back go back to the broker.
    gives_way: bool,
    /// When to look at what process hosts left to be picked up.
    lanes_due: Option<Instant>,
    /// When to look at the memory and age of hosts.
    recycling_due: Option<Instant>,
    /// The memory of all hosts together.
    memory: memory::Watch,
    /// Usual run time of any call.
    usual: Option<Duration>,
}

impl Dispatcher {
    /// A dispatcher for functions of these worker types, in the program's order.
    #[must_use]
    pub fn new(policy: Policy, tools: Tools, functions: Vec<WorkerType>) -> Self {
        let waiting = WorkerType::ALL
            .into_iter()
            .filter(|worker| functions.contains(worker))
            .map(|worker| (worker, VecDeque::new()))
            .collect();
        let functions = functions.into_iter().map(|worker| Function { worker, usual: None }).collect();
        let pool = Pool::new(policy.concurrency);
        let limits = Limits::new(policy.timeout);
        Self {
            policy,
            tools,
            functions,
            waiting,
            flights: Flights::default(),
            crew: Crew::default(),
            pool,
            limits,
            drain: None,
            gives_way: false,
            lanes_due: None,
            recycling_due: None,
            memory: memory::Watch::new(Container::find()),
            usual: None,
        }
    }

    /// Works until `stop` is cancelled and every call has an ending, then ends the hosts. No `Calls` may come after the stop.
    pub async fn run(mut self, mut events: mpsc::UnboundedReceiver<Event>, stop: CancellationToken) {
        self.start_crew();
        self.recycling_due = self.policy.recycling.next_look(Instant::now());
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let wake = self.next_wake();
            tokio::select! {
                _ = events.recv_many(&mut batch, BATCH) => batch.drain(..).for_each(|event| self.handle(event)),
                () = sleep_until(wake) => self.check_limits(),
                () = stop.cancelled(), if self.drain.is_none() => self.start_drain(),
            }
            self.give_out();
            self.report_state();
            if self.drain.is_some() && self.is_drained() {
                return;
            }
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        let drain = self.drain.as_ref().map(Drain::due);
        [
            self.limits.next_check(),
            self.crew.next_due(),
            self.lanes_due,
            self.recycling_due,
            self.memory.next_look(),
            drain,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Calls(jobs) => jobs.into_iter().for_each(|job| self.enqueue(job)),
            Event::Started(id, started) => self.host_started(id, started),
            Event::Report(id, Report::Ready) => self.host_ready(id),
            Event::Report(id, Report::Results(results)) => {
                self.pick_up_results(id);
                results.into_iter().for_each(|result| self.finish(id, result));
                self.end_if_retired_and_idle(id);
            }
            Event::Report(id, Report::Recalled(calls)) => {
                self.recalled(id, &calls);
                self.gives_way &= self.crew.is_recalling();
            }
            Event::Report(id, Report::Gone(exit)) => self.host_gone(id, exit),
            Event::GiveWay => self.give_way(),
            Event::Receipts(reply) => {
                let waiting = self.waiting.values().flatten().map(|job| job.receipt.clone());
                let running = self.flights.jobs().map(|job| job.receipt.clone());
                let _ = reply.send(waiting.chain(running).collect());
            }
        }
    }

    fn enqueue(&mut self, job: Job) {
        if self.drain.is_some() {
            return self.end(Ending::HandBack { receipt: job.receipt, started: false, body: job.body });
        }
        if let Some(waiting) = self.waiting.get_mut(&self.functions[job.function].worker) {
            waiting.push_back(job);
        }
    }

    /// Puts a call that a host gave back or lost in front of those that wait.
    fn enqueue_again(&mut self, job: Job) {
        if self.drain.is_some() || self.gives_way {
            return self.end(Ending::HandBack { receipt: job.receipt, started: false, body: job.body });
        }
        if let Some(waiting) = self.waiting.get_mut(&self.functions[job.function].worker) {
            waiting.push_front(job);
        }
    }

    /// Gives waiting calls to hosts until no host has room.
    fn give_out(&mut self) {
        let mut outbound = Outbound::default();
        let now = monotonic();
        for (worker, waiting) in &mut self.waiting {
            while let Some(job) = waiting.front() {
                let usual = self.functions[job.function].usual;
                let Some(host) = self.pool.assign(*worker, usual) else { break };
                let Some(job) = waiting.pop_front() else { break };
                if let Some(wait) = since_accepted(&job.receipt.id) {
                    self.tools.metrics.waited(job.function, wait);
                }
                let call = self.flights.next_number();
                outbound.add(host, call, &job, self.crew.host_mut(host).map(Host::texts));
                self.flights.add(call, Flight { job, host, assigned: now, usual });
            }
        }
        for (id, frame) in outbound.frames() {
            let sent = self.crew.host(id).map_or(Ok(()), |host| frame.send(host));
            if let Err(error) = sent {
                tracing::error!(host = id.0, %error, "a worker host takes no calls");
                self.end_host(id, "stuck");
            }
        }
        self.watch_lanes();
        self.limits.calls_given(!self.flights.is_empty());
        self.memory.calls_given(!self.flights.is_empty());
    }

    fn finish(&mut self, id: HostId, result: CallResult) {
        let CallResult { call, status, run } = result;
        let Some(Flight { job, host, usual, .. }) = self.flights.remove(call) else {
            // It was answered at its limit; its slot is free only now.
            if let Some(usual) = self.limits.cancelled(call) {
                self.pool.leave(id, usual);
            }
            return;
        };
        self.pool.leave(host, usual);
        if self.crew.take_slow(host) {
            self.pool.release(host);
        }
        self.count_call(host);
        self.learn(job.function, run);
        let (outcome, counted) = match status {
            Status::Returned(value) => (Ok(value), CallOutcome::ok),
            Status::Raised(text) => (Err(text), CallOutcome::error),
            Status::Unsendable(text) => (Err(text), CallOutcome::error),
            Status::Cancelled => (Err("the call was cancelled".to_owned()), CallOutcome::error),
        };
        self.tools.metrics.ended(job.function, counted, Some(run));
        self.tools.state.add_served(run);
        self.end(Ending::Answer { receipt: job.receipt, reply_to: job.reply_to, outcome });
    }

    /// Keeps a moving average; one call in eight counts.
    fn learn(&mut self, function: usize, run: Duration) {
        let average = |known: Option<Duration>| known.map_or(run, |known| (known * 7 + run) / 8);
        self.functions[function].usual = Some(average(self.functions[function].usual));
        let usual = average(self.usual);
        self.usual = Some(usual);
        self.tools.load.usual_run(usual);
    }

    fn end(&self, ending: Ending) {
        // The receiver outlives the dispatcher.
        let _ = self.tools.endings.send(ending);
        self.tools.load.ended(1);
    }

    fn report_state(&self) {
        let running = self.pool.running();
        self.tools.state.set_busy(running);
        self.tools.metrics.busy.set(running.into());
        self.tools.state.set_ready(self.waiting.keys().all(|worker| self.crew.has_ready(*worker)));
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

/// Time since the broker accepted a message, when its id tells it: Redis ids begin with milliseconds since 1970.
fn since_accepted(id: &str) -> Option<Duration> {
    let accepted = Duration::from_millis(id.split_once('-')?.0.parse().ok()?);
    SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(accepted)
}
