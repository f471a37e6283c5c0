//! What is decided, look by look.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

mod bounds;
mod failures;
mod reasons;
mod starts;
mod successors;
mod windows;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use prpc_scaling::{
    Bounds, Decision, Failure, Load, Memory, Moment, Observed, Policy, Replicas, Rules, Sample, Scaler, Work,
};

const FOUR: NonZeroU32 = NonZeroU32::new(4).unwrap();
const LOST: Observed = Observed::Unknown(Failure::Unreachable);

/// Ten outstanding calls for each replica while no rate is known, and no steps, which have tests of their own.
fn policy(min: u32, max: u32) -> Policy {
    let usual = Policy::new(Bounds::new(min, max).unwrap(), FOUR);
    Policy {
        backlog_per_replica: NonZeroU32::new(10).unwrap(),
        up: Rules { steps: Vec::new(), ..Rules::up() },
        down: Rules { steps: Vec::new(), ..Rules::down() },
        ..usual
    }
}

fn load(undelivered: u64, in_flight: u64) -> Observed {
    Load { undelivered, in_flight }.into()
}

/// A queue with a fleet that obeys at once.
struct Queue {
    scaler: Scaler,
    began: Moment,
    current: u32,
}

impl Queue {
    fn new(policy: Policy, current: u32) -> Self {
        Self::remembering(policy, current, Memory::default())
    }

    fn remembering(policy: Policy, current: u32, memory: Memory) -> Self {
        let began = Moment::new(Instant::now(), "2026-03-02T12:00:00Z".parse().unwrap());
        Self { scaler: Scaler::new(policy, current, &memory, began), began, current }
    }

    fn decide(&mut self, at: u64, observed: Observed) -> Decision {
        let now = self.began.after(Duration::from_secs(at));
        let decision = self.scaler.decide(now, self.current, &observed);
        self.current = decision.replicas;
        decision
    }

    fn replicas<const N: usize>(&mut self, looks: [(u64, Observed); N]) -> [u32; N] {
        looks.map(|(at, observed)| self.decide(at, observed).replicas)
    }
}

fn replicas<const N: usize>(policy: Policy, start: u32, looks: [(u64, Observed); N]) -> [u32; N] {
    Queue::new(policy, start).replicas(looks)
}

/// A queue with all signals: calls of 0.1 s on four slots, so 40 a second and replica.
#[derive(Clone, Copy)]
struct Signals {
    load: Load,
    arrived: u64,
    ended: u64,
    ready: u32,
}

impl Signals {
    fn sample(self) -> Sample {
        let work = NonZeroU32::new(self.ready).map(|replicas| Work {
            replicas,
            slots: self.ready * 4,
            busy: u32::try_from(self.load.in_flight).unwrap(),
            ended: self.ended,
            ran: Duration::from_millis(100 * self.ended),
        });
        let replicas = Replicas { ready: self.ready, unschedulable: 0, replacing: false };
        Sample { arrived: Some(self.arrived), work, replicas: Some(replicas), ..Sample::from(self.load) }
    }

    fn look(self) -> Observed {
        Observed::Seen(self.sample())
    }
}

fn signals(undelivered: u64, in_flight: u64, arrived: u64, ended: u64, ready: u32) -> Signals {
    Signals { load: Load { undelivered, in_flight }, arrived, ended, ready }
}

/// A queue at which 60 calls a second come in and are answered for five minutes, by two replicas.
fn steady(policy: Policy) -> Queue {
    let mut queue = Queue::new(policy, 2);
    for look in 0..150 {
        queue.decide(look * 2, signals(0, 6, look * 120, 120, queue.current).look());
    }
    queue
}
