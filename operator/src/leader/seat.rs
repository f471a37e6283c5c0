//! The Lease as one replica sees and writes it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, Error, ResourceExt as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::DURATION;

const MANAGER: &str = "prpc-operator-leader";

/// One replica's way to the Lease.
pub(super) struct Seat {
    leases: Api<Lease>,
    name: String,
    identity: String,
}

impl Seat {
    pub(super) fn new(client: Client, namespace: &str, name: &str, identity: &str) -> Self {
        let leases = Api::namespaced(client, namespace);
        Self { leases, name: name.to_owned(), identity: identity.to_owned() }
    }

    /// The Lease, which is made if there is none.
    pub(super) async fn look(&self) -> Result<Lease, Error> {
        if let Some(lease) = self.leases.get_opt(&self.name).await? {
            return Ok(lease);
        }
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        match self.leases.create(&params, &Lease { metadata, spec: None }).await {
            // Another replica was faster.
            Err(error) if is_conflict(&error) => self.leases.get(&self.name).await,
            made => made,
        }
    }

    /// Takes the Lease if it is free, or this replica's from an earlier life; `None` if another replica has it.
    pub(super) async fn claim(&self, watched: &mut Watched) -> Result<Option<Lease>, Error> {
        let lease = self.look().await?;
        watched.see(&lease);
        if !self.holds(&lease) && !watched.is_free(&lease) {
            return Ok(None);
        }
        let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or(0);
        let now = MicroTime(Timestamp::now());
        self.write(
            &lease,
            json!({
                "holderIdentity": self.identity,
                "leaseDurationSeconds": DURATION.as_secs(),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": transitions.saturating_add(1),
            }),
        )
        .await
    }

    /// Renews the Lease that this replica holds; `None` if it may be another's by now.
    pub(super) async fn renew(&self, lease: &Lease) -> Result<Option<Lease>, Error> {
        let renewal = || json!({"renewTime": MicroTime(Timestamp::now())});
        if let Some(renewed) = self.write(lease, renewal()).await? {
            return Ok(Some(renewed));
        }
        // Somebody has changed it, for instance its labels.
        let lease = self.look().await?;
        if self.holds(&lease) { self.write(&lease, renewal()).await } else { Ok(None) }
    }

    /// Leaves the Lease to others.
    pub(super) async fn release(&self, lease: &Lease) -> Result<(), Error> {
        self.write(lease, json!({"holderIdentity": null, "acquireTime": null, "renewTime": null}))
            .await
            .map(drop)
    }

    fn holds(&self, lease: &Lease) -> bool {
        holder(lease) == Some(&self.identity)
    }

    /// Changes the Lease as it was seen; `None` if it is not like that any more.
    async fn write(&self, seen: &Lease, spec: Value) -> Result<Option<Lease>, Error> {
        let patch = json!({"metadata": {"resourceVersion": seen.resource_version()}, "spec": spec});
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        match self.leases.patch(&self.name, &params, &Patch::Merge(patch)).await {
            Ok(written) => Ok(Some(written)),
            Err(error) if is_conflict(&error) || is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Since when the Lease is as it is, by the clock of this replica.
#[derive(Default)]
pub(super) struct Watched {
    seen: Option<(Option<String>, Instant)>,
}

impl Watched {
    pub(super) fn see(&mut self, lease: &Lease) {
        let version = lease.resource_version();
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != version) {
            self.seen = Some((version, Instant::now()));
        }
    }

    /// Whether nobody holds the Lease that was seen last, or its holder has not renewed it in time.
    pub(super) fn is_free(&self, lease: &Lease) -> bool {
        let lasts = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let lasts = lasts.and_then(|seconds| seconds.try_into().ok()).map_or(DURATION, Duration::from_secs);
        holder(lease).is_none() || self.seen.as_ref().is_some_and(|(_, since)| since.elapsed() >= lasts)
    }
}

fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref().filter(|holder| !holder.is_empty())
}

fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 409)
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 404)
}
