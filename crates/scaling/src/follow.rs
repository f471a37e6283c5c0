//! The loop: look, decide, apply.

use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
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
/// Looks of all queues begin at multiples of this, so that those of one broker go out together: a thousand queues would be a thousand
/// writes and reads of a socket otherwise.
const TOGETHER: Duration = Duration::from_millis(100);

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
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = policy.changed() => match changed {
                Ok(()) => scaler.set_policy(policy.borrow_and_update().clone()),
                Err(_) => return,
            },
            () = sleep_until(next) => {}
            () = backlog.first_call() => sleep(AFTER_FIRST_CALL).await,
        }
        let observed = tokio::select! {
            () = stop.cancelled() => return,
            observed = backlog.look() => observed,
        };
        let decision = scaler.decide(Moment::now(), fleet.replicas(), &observed);
        fleet.apply(&decision);
        let woke = decision.from == 0 && decision.is_change();
        next = if woke { Instant::now() + AFTER_WAKING.min(poll) } else { together(Instant::now() + poll) };
    }
}

/// The last common moment that is not after this one.
fn together(moment: Instant) -> Instant {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = moment.saturating_duration_since(*FIRST).as_nanos();
    let past = u64::try_from(since % TOGETHER.as_nanos()).unwrap_or_default();
    moment - Duration::from_nanos(past)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::num::NonZeroU32;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::sync::{Notify, mpsc};

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
        let after = at - sent - AFTER_FIRST_CALL - AFTER_WAKING;
        assert!(POLL - TOGETHER < after && after <= POLL, "{after:?}");
        stop.cancel();
    }

    #[tokio::test(start_paused = true)]
    async fn queues_that_are_followed_from_different_moments_are_looked_at_together() {
        let (told, mut decisions) = mpsc::unbounded_channel();
        let policy = Policy::new(Bounds::new(0, 20).unwrap(), NonZeroU32::new(4).unwrap());
        let (_keep, policies) = watch::channel(policy);
        let stop = CancellationToken::new();
        for _ in 0..20 {
            let watched = Watched(Arc::default());
            tokio::spawn(follow(policies.clone(), POLL, watched, Replicas(0, told.clone()), stop.clone()));
            sleep(Duration::from_millis(7)).await;
        }
        let mut moments = Vec::new();
        for _ in 0..60 {
            moments.push(decisions.recv().await.unwrap().1);
        }
        let later: BTreeSet<Instant> = moments.split_off(20).into_iter().collect();
        assert!(later.len() <= 6, "{later:?}");
        stop.cancel();
    }
}
