//! Of all replicas of the operator the one that holds the Lease leads.

use anyhow::Context as _;
use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::arguments::Options;

/// Seconds after which a Lease that is not renewed is free, and the rest of them in which its holder renews it.
const DURATION: u64 = 15;
const GRACE: u64 = 5;

/// Held by the leader.
pub(crate) struct Leadership {
    holds: watch::Receiver<bool>,
    task: JoinHandle<Result<LeaseManager, kube_lease_manager::LeaseManagerError>>,
}

impl Leadership {
    /// Waits until this replica leads; `None` if `stop` came first.
    pub(crate) async fn acquire(
        client: Client,
        options: &Options,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<Self>> {
        let manager = LeaseManagerBuilder::new(client, &options.lease)
            .with_namespace(&options.lease_namespace)
            .with_identity(&options.identity)
            .with_duration(DURATION)
            .with_grace(GRACE)
            .with_field_manager("prpc-operator-leader")
            .build()
            .await
            .with_context(|| format!("cannot use the Lease {}/{}", options.lease_namespace, options.lease))?;
        let (mut holds, task) = manager.watch().await;
        tracing::info!(identity = options.identity, lease = options.lease, "waiting for the Lease");
        let leads = tokio::select! {
            held = holds.wait_for(|held| *held) => held.is_ok(),
            () = stop.cancelled() => false,
        };
        let leadership = Self { holds, task };
        if leads {
            tracing::info!("leading");
            return Ok(Some(leadership));
        }
        leadership.release().await;
        Ok(None)
    }

    /// Returns when the Lease is lost.
    pub(crate) async fn lost(&mut self) {
        // An error means that the task is gone, and with it the Lease.
        let _ = self.holds.wait_for(|held| !*held).await;
    }

    /// Lets the next replica lead at once.
    pub(crate) async fn release(self) {
        drop(self.holds);
        match self.task.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "the Lease could not be released; it runs out by itself")
            }
            Err(error) => tracing::warn!(%error, "the task that held the Lease failed"),
        }
    }
}
