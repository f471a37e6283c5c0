//! Which requests one consumer has taken and not yet settled, so that it never takes over its own work.

use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::HashSet;
use prpc_contract::message::Family;

use crate::types::{Delivery, Receipt};

/// The requests a consumer has.
#[derive(Default)]
pub(super) struct Held {
    entries: Mutex<HashSet<(Family, EntryId)>>,
    claiming: tokio::sync::Mutex<()>,
}

/// An entry's id without an allocation.
type EntryId = (u64, u64);

impl Held {
    /// Adds what was taken.
    pub(super) fn add(&self, deliveries: &[Delivery]) {
        let mut held = self.lock();
        held.extend(deliveries.iter().filter_map(|delivery| key(&delivery.receipt)));
    }

    /// Removes what was settled or lost.
    pub(super) fn remove<'a>(&self, receipts: impl Iterator<Item = &'a Receipt>) {
        let mut held = self.lock();
        for key in receipts.filter_map(key) {
            held.remove(&key);
        }
    }

    /// Whether the consumer has the request with this id.
    pub(super) fn has(&self, family: Family, id: &str) -> bool {
        parse_id(id).is_some_and(|id| self.lock().contains(&(family, id)))
    }

    /// To be kept from looking for requests to claim until they are added, so that none is claimed twice.
    pub(super) async fn claiming(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.claiming.lock().await
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<(Family, EntryId)>> {
        // No code that panics runs under the lock, and a set is whole after any of its methods.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(receipt: &Receipt) -> Option<(Family, EntryId)> {
    Some((receipt.family, parse_id(&receipt.id)?))
}

/// Milliseconds since the Unix epoch and the number within the millisecond.
pub(super) fn parse_id(id: &str) -> Option<EntryId> {
    let (at_ms, number) = id.split_once('-')?;
    Some((at_ms.parse().ok()?, number.parse().ok()?))
}
