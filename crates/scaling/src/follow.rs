//! The loop: look, decide, apply.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::decision::Decision;
use crate::memory::Memory;
use crate::moment::Moment;
use crate::observed::Observed;
use crate::policy::Policy;
use crate::scaler::Scaler;

/// The first call of many is often told before the others are there.
const AFTER_FIRST_CALL: Duration = Duration::from_millis(10);
/// After this the number for a burst is known better.
const AFTER_WAKING: Duration = Duration::from_millis(250);

/// Where the work is seen.
pub trait Backlog: Send + Sync {
    /// Looks once. Whatever fails is reported by the implementation and is [`Observed::Unknown`] here.
    fn look(&self) -> impl Future<Output = Observed> + Send;

    /// Returns when a call has come to a queue that has no replicas, if that can be known without looking. May be dropped at any
    /// time.
    fn first_call(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// What is scaled.
pub trait Fleet: Send {
    /// How many replicas there are to be at present.
    fn replicas(&self) -> u32;

    /// What was learnt before, by whoever scaled this fleet: the last [`Decision::memory`].
    fn memory(&self) -> Memory {
        Memory::default()
    }

    /// Applies a decision. Called after every look, also when the number stays, so that the reason can be shown.
    fn apply(&mut self, decision: &Decision);
}

/// Follows the backlog until `stop` is cancelled. A new policy takes effect at once.
pub async fn follow(
    mut policy: watch::Receiver<Policy>,
    poll: Duration,
    backlog: impl Backlog,
    mut fleet: impl Fleet,
    stop: CancellationToken,
) {
    let first = policy.borrow_and_update().clone();
    let mut scaler = Scaler::new(first, fleet.replicas(), &fleet.memory(), Moment::now());
    let mut looks = interval(poll);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = policy.changed() => match changed {
                Ok(()) => scaler.set_policy(policy.borrow_and_update().clone()),
                Err(_) => return,
            },
            _ = looks.tick() => {}
            () = backlog.first_call() => sleep(AFTER_FIRST_CALL).await,
        }
        let observed = tokio::select! {
            () = stop.cancelled() => return,
            observed = backlog.look() => observed,
        };
        let decision = scaler.decide(Moment::now(), fleet.replicas(), &observed);
        fleet.apply(&decision);
        if decision.from == 0 && decision.is_change() {
            looks.reset_after(AFTER_WAKING.min(poll));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::{Notify, mpsc};
    use tokio::time::Instant;

    use super::*;
    use crate::observed::Load;
    use crate::policy::Bounds;

    const POLL: Duration = Duration::from_secs(2);

    #[derive(Default)]
    struct Queue {
        calls: AtomicU64,
        came: Notify,
    }

    struct Watched(Arc<Queue>);

    impl Backlog for Watched {
        async fn look(&self) -> Observed {
            Load { undelivered: self.0.calls.load(Ordering::Relaxed), in_flight: 0 }.into()
        }

        async fn first_call(&self) {
            self.0.came.notified().await;
        }
    }

    struct Replicas(u32, mpsc::UnboundedSender<(u32, Instant)>);

    impl Fleet for Replicas {
        fn replicas(&self) -> u32 {
            self.0
        }

        fn apply(&mut self, decision: &Decision) {
            self.0 = decision.replicas;
            let _ = self.1.send((decision.replicas, Instant::now()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_call_wakes_a_queue_at_once_and_a_second_look_follows_soon() {
        let (queue, stop) = (Arc::new(Queue::default()), CancellationToken::new());
        let (told, mut decisions) = mpsc::unbounded_channel();
        let policy = Policy::new(Bounds::new(0, 20).unwrap(), NonZeroU32::new(4).unwrap());
        let (_keep, policies) = watch::channel(policy);
        let watched = Watched(Arc::clone(&queue));
        tokio::spawn(follow(policies, POLL, watched, Replicas(0, told), stop.clone()));
        assert_eq!(decisions.recv().await.unwrap().0, 0);
        sleep(Duration::from_millis(100)).await;

        let sent = Instant::now();
        queue.calls.store(1, Ordering::Relaxed);
        queue.came.notify_one();
        let (replicas, at) = decisions.recv().await.unwrap();
        assert_eq!((replicas, at - sent), (1, AFTER_FIRST_CALL));
        queue.calls.store(100, Ordering::Relaxed);
        let (replicas, at) = decisions.recv().await.unwrap();
        assert_eq!((replicas, at - sent), (5, AFTER_FIRST_CALL + AFTER_WAKING));
        let (_, at) = decisions.recv().await.unwrap();
        assert_eq!(at - sent, AFTER_FIRST_CALL + AFTER_WAKING + POLL);
        stop.cancel();
    }
}
