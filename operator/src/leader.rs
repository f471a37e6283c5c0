//! Of all replicas of the operator the one that holds the Lease leads.
//!
//! Every write names the version that it is made of, so that of several replicas that find the Lease free at once only one
//! gets it. No clocks are compared: a Lease is free for a replica that has seen it unchanged for as long as it lasts, and its
//! holder stops sooner than that if it cannot renew it.

mod seat;

use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use self::seat::{Seat, Watched};
use crate::arguments::Options;

/// After this time a Lease that was not renewed is free.
const DURATION: Duration = Duration::from_secs(15);
/// A holder that could not renew its Lease for this time leads no more.
const DEADLINE: Duration = Duration::from_secs(10);
const BETWEEN_RENEWALS: Duration = Duration::from_secs(3);
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// A release that takes longer is left to the Lease's running out.
const RELEASE: Duration = Duration::from_secs(3);

/// Held by the leader.
pub(crate) struct Leadership {
    released: CancellationToken,
    /// Ends when the Lease is lost or was released.
    held: JoinHandle<()>,
}

impl Leadership {
    /// Waits until this replica leads; `None` if `stop` came first.
    ///
    /// # Errors
    /// The Lease cannot be used at all.
    pub(crate) async fn acquire(
        client: Client,
        options: &Options,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        let seat = Seat::new(client, &options.lease_namespace, &options.lease, &options.identity);
        let (namespace, lease) = (&options.lease_namespace, &options.lease);
        seat.look().await.with_context(|| format!("cannot use the Lease {namespace}/{lease}"))?;
        tracing::info!(identity = options.identity, lease, "waiting for the Lease");
        let mut watched = Watched::default();
        loop {
            let asked = Instant::now();
            match seat.claim(&mut watched).await {
                Ok(Some(held)) => {
                    tracing::info!("leading");
                    let released = CancellationToken::new();
                    let held = tokio::spawn(hold(seat, held, asked, released.clone()));
                    return Ok(Some(Self { released, held }));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, lease, "the Lease could not be looked at, trying again");
                }
            }
            tokio::select! {
                () = sleep(BETWEEN_LOOKS) => {}
                () = stop.cancelled() => return Ok(None),
            }
        }
    }

    /// Returns when the Lease is lost.
    pub(crate) async fn lost(&mut self) {
        // A task that failed renews it no more.
        let _ = (&mut self.held).await;
    }

    /// Lets the next replica lead at once.
    pub(crate) async fn release(self) {
        self.released.cancel();
        if let Err(error) = self.held.await {
            tracing::warn!(%error, "the task that held the Lease failed; it runs out by itself");
        }
    }
}

/// Renews the Lease, which was claimed after `renewed`, until it is lost or released.
async fn hold(seat: Seat, mut lease: Lease, mut renewed: Instant, released: CancellationToken) {
    loop {
        tokio::select! {
            () = sleep(BETWEEN_RENEWALS) => {}
            () = released.cancelled() => {
                match timeout(RELEASE, seat.release(&lease)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "the Lease could not be released; it runs out by itself"),
                    Err(_) => tracing::warn!("the Lease was not released in time; it runs out by itself"),
                }
                return;
            }
        }
        let asked = Instant::now();
        match timeout_at(renewed + DEADLINE, seat.renew(&lease)).await {
            Ok(Ok(Some(held))) => (lease, renewed) = (held, asked),
            Ok(Ok(None)) => return,
            Ok(Err(error)) => tracing::warn!(%error, "the Lease could not be renewed, trying again"),
            Err(_) => tracing::warn!(?DEADLINE, "the Lease could not be renewed in time"),
        }
        if renewed.elapsed() >= DEADLINE {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
