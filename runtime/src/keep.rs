//! What happens beside the calls' way: calls in work are shown to be alive, calls that nobody shows alive are taken over, and those
//! that others are to have go back.

use std::time::Duration;

use prpc_broker::Holder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::dispatch::Event;
use crate::intake::Admission;
use crate::load::Load;

/// How often to look for abandoned calls. The broker lets one consumer of a queue really look in its own, longer interval, and the
/// next one at once after a call was handed back.
const LOOK: Duration = Duration::from_secs(1);

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Extends the calls in work until the dispatcher is gone.
pub async fn heartbeat<H: Holder>(holder: H, period: Duration, events: mpsc::UnboundedSender<Event>) {
    let mut ticks = ticks(period);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let (reply, receipts) = oneshot::channel();
        if events.send(Event::Receipts(reply)).is_err() {
            return;
        }
        let Ok(receipts) = receipts.await else { return };
        match holder.extend(&receipts).await {
            Ok(lost) if lost.is_empty() => {}
            Ok(lost) => tracing::warn!(
                calls = lost.len(),
                "calls in work were taken over by others and may run twice"
            ),
            Err(error) => {
                tracing::warn!(%error, calls = receipts.len(), "calls in work could not be shown to be alive")
            }
        }
    }
}

/// Tells the dispatcher when calls are wanted back, until it is gone.
pub async fn give_way<H: Holder>(holder: H, events: mpsc::UnboundedSender<Event>) {
    loop {
        holder.wanted_back().await;
        if events.send(Event::GiveWay).is_err() {
            return;
        }
    }
}

/// Takes over abandoned calls until `stop` is cancelled.
pub async fn reclaim<H: Holder>(
    holder: H,
    admission: Admission,
    load: std::sync::Arc<Load>,
    stop: CancellationToken,
) {
    let mut ticks = ticks(LOOK);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let room = tokio::select! {
            () = stop.cancelled() => return,
            room = load.room() => room,
        };
        // Not cut short by the stop: what was claimed must be admitted.
        match holder.reclaim(room).await {
            Ok(deliveries) if deliveries.is_empty() => {}
            Ok(deliveries) => {
                tracing::info!(calls = deliveries.len(), "took over calls that nobody worked on");
                admission.admit(deliveries);
            }
            Err(error) => tracing::warn!(%error, "cannot look for abandoned calls"),
        }
    }
}
