//! Follows the backlog of every queue, and keeps what was last seen and decided for the controller.
//!
//! The controller is the only writer of a Deployment's replicas: a decision is kept here and wakes it. So nothing races with
//! anything, and a decision that could not be applied is applied with the next try.

mod look;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::ObjectRef;
use prpc_api::PrpcQueue;
use prpc_broker::Backlog;
use prpc_scaling::{Decision, Fleet, Memory, Policy, follow};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::brokers::{self, Brokers, Place};
use crate::failure::Failure;
use crate::metrics::{Metrics, QueueLabels};
use crate::workers::Workers;
use look::Look;

/// Names a queue. What is behind it may turn out to be unreadable.
pub(crate) type QueueRef = ObjectRef<DeserializeGuard<PrpcQueue>>;

/// Numbers alone wake the controller at most so often.
const NUMBERS: Duration = Duration::from_secs(5);

/// How a queue is to be followed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    pub(crate) policy: Policy,
    pub(crate) poll: Duration,
    /// Where the backlog is; `None` while nobody knows.
    pub(crate) place: Option<Place>,
}

/// What is known about the broker of a queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum BrokerState {
    /// Not asked yet.
    #[default]
    Unasked,
    /// It answered the last time.
    Reachable,
    /// It did not.
    Failed(Failure),
}

/// What was last seen and decided.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// How many pods there are to be.
    pub(crate) desired: u32,
    pub(crate) broker: BrokerState,
    pub(crate) backlog: Option<Backlog>,
    /// What somebody should know although the broker answers.
    pub(crate) note: Option<Failure>,
    pub(crate) decision: Option<Decision>,
    /// The last change of `desired`: when, and from how many to how many and why.
    pub(crate) changed: Option<(Timestamp, String)>,
    /// What was learnt of the queue.
    pub(crate) memory: Memory,
    /// A wake-up that is not written yet: when it was decided, and the age of the oldest call then.
    pub(crate) woken: Option<(Instant, Duration)>,
}

impl Seen {
    /// Nothing is known of the backlog.
    fn unknown(&mut self, broker: BrokerState) {
        (self.broker, self.backlog, self.note) = (broker, None, None);
    }

    fn scale(&mut self, replicas: u32, why: &str) {
        if self.desired != replicas {
            self.changed = Some((Timestamp::now(), format!("{} to {replicas}: {why}", self.desired)));
            let waited = self.backlog.and_then(|backlog| backlog.oldest_age).filter(|_| self.desired == 0);
            self.woken = waited.map(|waited| (Instant::now(), waited));
            self.desired = replicas;
        }
    }
}

struct Running {
    wish: Wish,
    policy: watch::Sender<Policy>,
    seen: Arc<Mutex<Seen>>,
    /// Ends the task when it is dropped.
    _task: DropGuard,
}

/// All queues that are followed.
pub(crate) struct Scalers {
    running: Mutex<HashMap<QueueRef, Running>>,
    brokers: Brokers,
    workers: Workers,
    wake: mpsc::UnboundedSender<QueueRef>,
    metrics: Arc<Metrics>,
}

impl Scalers {
    /// `wake` gets every queue about which there is something new.
    pub(crate) fn new(
        workers: Workers,
        wake: mpsc::UnboundedSender<QueueRef>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { running: Mutex::default(), brokers: Brokers::default(), workers, wake, metrics }
    }

    /// How many pods there are to be, if the queue is followed already.
    pub(crate) fn desired(&self, queue: &QueueRef) -> Option<u32> {
        let running = self.running();
        let seen = running.get(queue)?.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Some(seen.desired)
    }

    /// Follows the queue as wished from now on, beginning with `replicas` and what was learnt earlier if it was not followed before,
    /// and tells what was last seen.
    pub(crate) fn follow(&self, queue: &QueueRef, wish: Wish, replicas: u32, memory: &Memory) -> Seen {
        let mut running = self.running();
        let seen = match running.get(queue) {
            Some(known) => Arc::clone(&known.seen),
            None => Arc::new(Mutex::new(Seen { desired: replicas, memory: *memory, ..Seen::default() })),
        };
        let now = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            // The bounds are the user's word and hold without a look at the broker.
            let bounds = wish.policy.bounds_at(Timestamp::now());
            let within = bounds.clamp(seen.desired);
            seen.scale(within, &format!("bounds are {} and {}", bounds.min(), bounds.max()));
            seen.clone()
        };
        match running.get_mut(queue) {
            Some(known) if (known.wish.poll, &known.wish.place) == (wish.poll, &wish.place) => {
                wish.place.iter().for_each(|place| self.brokers.renew(place));
                known.policy.send_if_modified(|policy| {
                    let new = *policy != wish.policy;
                    policy.clone_from(&wish.policy);
                    new
                });
                known.wish = wish;
            }
            _ => {
                let started = self.start(queue, wish, seen);
                running.insert(queue.clone(), started);
                self.close_unused(&running);
            }
        }
        now
    }

    /// The number of pods has been written.
    pub(crate) fn written(&self, queue: &QueueRef) {
        let running = self.running();
        let Some(known) = running.get(queue) else { return };
        let woken = known.seen.lock().unwrap_or_else(PoisonError::into_inner).woken.take();
        if let Some((decided, waited)) = woken {
            self.metrics.woke(waited + decided.elapsed());
        }
    }

    /// The queue is gone.
    pub(crate) fn forget(&self, queue: &QueueRef) {
        let mut running = self.running();
        if let Some(place) = running.remove(queue).and_then(|known| known.wish.place) {
            self.brokers.forget(&place);
        }
        self.close_unused(&running);
        self.metrics.forget(&labels(queue));
    }

    /// A handle on the broker, for what is not measuring.
    pub(crate) fn broker(&self, place: &Place) -> Result<brokers::Queue, Failure> {
        self.brokers.queue(place)
    }

    fn close_unused(&self, running: &HashMap<QueueRef, Running>) {
        self.brokers.keep_only(running.values().filter_map(|known| known.wish.place.as_ref()));
    }

    fn start(&self, queue: &QueueRef, wish: Wish, seen: Arc<Mutex<Seen>>) -> Running {
        let stop = CancellationToken::new();
        let (policy, policies) = watch::channel(wish.policy.clone());
        let place = wish.place.as_ref().map(|place| self.brokers.queue(place));
        match place {
            Some(Ok(broker)) => {
                let (workers, metrics) = (self.workers.clone(), Arc::clone(&self.metrics));
                let look = Look::new(queue.clone(), broker, workers, Arc::clone(&seen), metrics);
                let pods = Pods {
                    queue: queue.clone(),
                    seen: Arc::clone(&seen),
                    wake: self.wake.clone(),
                    told: Told {
                        broker: BrokerState::Unasked,
                        note: None,
                        backlog: None,
                        at: Instant::now(),
                    },
                    metrics: Arc::clone(&self.metrics),
                };
                tokio::spawn(follow(policies, wish.poll, look, pods, stop.clone()));
            }
            Some(Err(error)) => {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.unknown(BrokerState::Failed(error));
            }
            None => {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.unknown(BrokerState::Unasked);
            }
        }
        Running { wish, policy, seen, _task: stop.drop_guard() }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<QueueRef, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn labels(queue: &QueueRef) -> QueueLabels {
    QueueLabels { namespace: queue.namespace.clone().unwrap_or_default(), queue: queue.name.clone() }
}

/// The pods of one queue, as the loop sees them.
struct Pods {
    queue: QueueRef,
    seen: Arc<Mutex<Seen>>,
    wake: mpsc::UnboundedSender<QueueRef>,
    told: Told,
    metrics: Arc<Metrics>,
}

/// What the controller was last woken for, and when.
struct Told {
    broker: BrokerState,
    note: Option<Failure>,
    backlog: Option<Backlog>,
    at: Instant,
}

impl Fleet for Pods {
    fn replicas(&self) -> u32 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).desired
    }

    fn memory(&self) -> Memory {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).memory
    }

    fn apply(&mut self, decision: &Decision) {
        self.metrics.decided(&labels(&self.queue), decision);
        let now = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.memory = decision.memory;
            seen.scale(decision.replicas, &decision.to_string());
            seen.decision = Some(decision.clone());
            seen.clone()
        };
        if decision.is_change() {
            self.metrics.scaled(decision.replicas > decision.from);
            tracing::info!(queue = %self.queue, from = decision.from, to = decision.replicas, why = %decision, "scaling");
        }
        let told = &self.told;
        let numbers =
            (&told.backlog, &told.note) != (&now.backlog, &now.note) && told.at.elapsed() >= NUMBERS;
        if decision.is_change() || told.broker != now.broker || numbers {
            let Seen { broker, note, backlog, .. } = now;
            self.told = Told { broker, note, backlog, at: Instant::now() };
            // The receiver lives as long as the controller.
            let _ = self.wake.send(self.queue.clone());
        }
    }
}
