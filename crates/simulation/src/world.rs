//! The simulation: one event after the other.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use prpc_scaling::{Failure, Load, Observed, Replicas, Sample, Work};

use crate::figures::{Record, Second};
use crate::fleet::Fleet;
use crate::setup::{Rule, Setup, Trouble};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival,
    Done { replica: usize, ran: Duration },
    Ready { replica: usize },
    Back,
    Look { regular: bool },
    Second,
}

/// How long a sleeping queue takes to notice a call.
const WAKING: Duration = Duration::from_millis(10);

struct World<'a> {
    setup: &'a Setup,
    random: Rng,
    now: Duration,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    order: u64,
    fleet: Fleet,
    waiting: VecDeque<Duration>,
    /// What callers could not send, and what replicas could not answer.
    unsent: Vec<Duration>,
    unanswered: Vec<(usize, Duration)>,
    counter: u64,
    ended: u64,
    ran: Duration,
    downstream_free: f64,
    last: Option<(Duration, Sample)>,
    record: Record,
}

/// Runs a queue from beginning to end.
pub fn run(setup: &Setup, rule: &mut dyn Rule) -> Record {
    let mut world = World {
        setup,
        random: Rng::with_seed(setup.seed),
        now: Duration::ZERO,
        events: BinaryHeap::new(),
        order: 0,
        fleet: Fleet::default(),
        waiting: VecDeque::new(),
        unsent: Vec::new(),
        unanswered: Vec::new(),
        counter: 0,
        ended: 0,
        ran: Duration::ZERO,
        downstream_free: 0.0,
        last: None,
        record: Record::default(),
    };
    world.record.changes.push((Duration::ZERO, setup.replicas));
    for _ in 0..setup.replicas {
        let replica = world.fleet.create(Duration::ZERO);
        world.fleet.started(replica);
    }
    for (trouble, _, until) in &setup.troubles {
        if *trouble == Trouble::Outage {
            world.at(*until, Event::Back);
        }
    }
    world.arrive_next(Duration::ZERO);
    world.at(Duration::ZERO, Event::Second);
    world.at(rule.period(), Event::Look { regular: true });
    while let Some(Reverse((at, _, event))) = world.events.pop()
        && at <= setup.ends
    {
        world.now = at;
        world.happen(event, rule);
    }
    world.record.replica_seconds = world.fleet.seconds(setup.ends);
    world.record
}

impl World<'_> {
    fn at(&mut self, at: Duration, event: Event) {
        self.order += 1;
        self.events.push(Reverse((at, self.order, event)));
    }

    fn has(&self, trouble: Trouble) -> bool {
        let now = |(kind, from, until): &(Trouble, Duration, Duration)| {
            *kind == trouble && *from <= self.now && self.now < *until
        };
        self.setup.troubles.iter().any(now)
    }

    fn happen(&mut self, event: Event, rule: &mut dyn Rule) {
        match event {
            Event::Arrival => {
                self.record.arrived += 1;
                self.arrive_next(self.now);
                if self.has(Trouble::Outage) {
                    self.unsent.push(self.now);
                } else {
                    self.send(self.now, rule);
                }
            }
            Event::Done { replica, ran } if self.has(Trouble::Outage) => self.unanswered.push((replica, ran)),
            Event::Done { replica, ran } => self.answer(replica, ran),
            Event::Ready { replica } => {
                self.fleet.started(replica);
                self.take();
            }
            Event::Back => {
                self.counter = 0;
                std::mem::take(&mut self.unanswered)
                    .into_iter()
                    .for_each(|(replica, ran)| self.answer(replica, ran));
                std::mem::take(&mut self.unsent).into_iter().for_each(|came| self.send(came, rule));
            }
            Event::Look { regular } => {
                if regular {
                    self.at(self.now + rule.period(), Event::Look { regular });
                }
                let seen = self.look();
                let current = self.fleet.count();
                let (replicas, why) = rule.decide(self.now, current, &seen);
                if replicas != current {
                    self.record.changes.push((self.now, replicas));
                    self.record.reasons.push(why);
                    self.scale(current, replicas);
                }
            }
            Event::Second => {
                self.at(self.now + Duration::from_secs(1), Event::Second);
                self.record.seconds.push(Second {
                    wanted: self.fleet.count(),
                    ready: self.fleet.ready(),
                    outstanding: self.load().outstanding() + self.unsent.len() as u64,
                });
            }
        }
    }

    fn arrive_next(&mut self, last: Duration) {
        let count = u32::try_from(self.record.arrived).unwrap_or(u32::MAX);
        if let Some(at) = self.setup.traffic.next(count, last, &mut self.random) {
            self.at(at, Event::Arrival);
        }
    }

    fn send(&mut self, came: Duration, rule: &dyn Rule) {
        let asleep = self.fleet.count() == 0 && self.waiting.is_empty();
        self.counter += 1;
        self.waiting.push_back(came);
        if asleep && rule.is_woken() {
            self.at(self.now + WAKING, Event::Look { regular: false });
        }
        self.take();
    }

    /// Gives calls that wait to replicas that have room.
    fn take(&mut self) {
        while !self.waiting.is_empty()
            && !self.has(Trouble::Outage)
            && let Some(replica) = self.fleet.take(self.setup.slots)
            && let Some(came) = self.waiting.pop_front()
        {
            self.record.waits.push((came, self.now - came));
            let ran = self.duration();
            self.at(self.now + ran, Event::Done { replica, ran });
        }
    }

    /// How long a call runs that begins now. What is behind the replicas does one after the other.
    fn duration(&mut self) -> Duration {
        let now = self.now.as_secs_f64();
        let mut ends = now + (self.setup.service)(now);
        if let Some(rate) = self.setup.downstream {
            self.downstream_free = self.downstream_free.max(now) + 1.0 / rate;
            ends = ends.max(self.downstream_free);
        }
        Duration::from_secs_f64(ends - now)
    }

    fn answer(&mut self, replica: usize, ran: Duration) {
        self.record.answered = self.now;
        self.ended += 1;
        self.ran += ran;
        self.fleet.done(self.now, replica);
        self.take();
    }

    fn load(&self) -> Load {
        Load { undelivered: self.waiting.len() as u64, in_flight: self.fleet.busy().into() }
    }

    fn look(&mut self) -> Observed {
        if self.has(Trouble::Outage) {
            return Observed::Unknown(Failure::Unreachable);
        }
        if self.has(Trouble::Stale)
            && let Some((at, sample)) = self.last
        {
            return Observed::Seen(Sample { age: self.now - at, ..sample });
        }
        let sample = if self.setup.signals { self.signals() } else { self.load().into() };
        self.last = Some((self.now, sample));
        Observed::Seen(sample)
    }

    fn signals(&mut self) -> Sample {
        let ready = self.fleet.ready();
        let (ended, ran) = (std::mem::take(&mut self.ended), std::mem::take(&mut self.ran));
        let work = ready.try_into().ok().map(|replicas| Work {
            replicas,
            slots: ready * self.setup.slots,
            busy: self.fleet.busy(),
            ended,
            ran,
        });
        Sample {
            arrived: Some(self.counter),
            work,
            replicas: Some(Replicas { ready, unschedulable: 0, replacing: false }),
            ..self.load().into()
        }
    }

    fn scale(&mut self, current: u32, replicas: u32) {
        for _ in current..replicas {
            let replica = self.fleet.create(self.now);
            self.at(self.now + self.setup.start, Event::Ready { replica });
        }
        self.fleet.end(self.now, current.saturating_sub(replicas) as usize);
    }
}
