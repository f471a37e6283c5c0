//! The loop, on a clock that the test moves.
#![allow(clippy::unwrap_used, reason = "clippy takes only the functions marked as tests for tests")]

use std::num::NonZeroU32;
use std::time::Duration;

use prpc_scaling::{Backlog, Bounds, Decision, Fleet, Load, Memory, Observed, Policy, follow};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

struct Shown(watch::Receiver<Load>);

impl Backlog for Shown {
    async fn look(&self) -> Observed {
        (*self.0.borrow()).into()
    }
}

struct Told(u32, mpsc::UnboundedSender<Decision>);

impl Fleet for Told {
    fn replicas(&self) -> u32 {
        self.0
    }

    fn memory(&self) -> Memory {
        Memory { arrival_rate: Some(5.0), rate_per_replica: Some(10.0), ..Memory::default() }
    }

    fn apply(&mut self, decision: &Decision) {
        self.0 = decision.replicas;
        self.1.send(decision.clone()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn every_look_is_told_a_new_policy_takes_effect_at_once_and_stop_ends_it() {
    let policy = |max| Policy::new(Bounds::new(0, max).unwrap(), NonZeroU32::new(4).unwrap());
    let (show, shown) = watch::channel(Load { undelivered: 100, in_flight: 0 });
    let (policies, followed) = watch::channel(policy(20));
    let (tell, mut told) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let task =
        tokio::spawn(follow(followed, Duration::from_secs(60), Shown(shown), Told(0, tell), stop.clone()));
    let first = told.recv().await.unwrap();
    // 5 / 0.8 / 10 and 100 / 10 / 10, and what comes in during a start of 10 s: by what was remembered.
    assert_eq!((first.replicas, first.rates.map(|rates| rates.per_replica)), (3, Some(10.0)));
    let before = tokio::time::Instant::now();
    policies.send(policy(2)).unwrap();
    assert_eq!(told.recv().await.unwrap().replicas, 2);
    assert_eq!(before.elapsed(), Duration::ZERO);
    show.send(Load { undelivered: 10, in_flight: 0 }).unwrap();
    assert_eq!(told.recv().await.unwrap().load.unwrap().undelivered, 10);
    stop.cancel();
    task.await.unwrap();
}
