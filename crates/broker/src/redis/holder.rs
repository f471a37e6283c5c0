//! The handle on the requests one consumer has taken.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::connection::Patience;
use super::held::Held;
use super::reader::Signals;
use super::{Shared, heartbeat, reclaim, settle};
use crate::error::Result;
use crate::types::{Delivery, Receipt, Settled, Settlement, count};

/// Looks after the requests of one consumer on Redis.
#[derive(Clone)]
pub struct RedisHolder {
    pub(super) shared: Arc<Shared>,
    pub(super) name: Arc<str>,
    pub(super) held: Arc<Held>,
    pub(super) signals: Arc<Signals>,
}

impl RedisHolder {
    pub(super) async fn extend_patiently(
        &self,
        patience: Patience,
        receipts: &[Receipt],
    ) -> Result<Vec<Receipt>> {
        let mut lost = heartbeat::extend(&self.shared, &self.name, patience, receipts).await?;
        if !lost.is_empty() {
            // What was settled meanwhile is gone too. The server answered that first; now it is noted.
            tokio::task::yield_now().await;
            lost.retain(|receipt| self.held.has(receipt.family, &receipt.id));
            count(&self.shared.counters.lost, lost.len() as u64);
            self.held.remove(lost.iter());
        }
        Ok(lost)
    }
}

impl crate::Holder for RedisHolder {
    async fn interrupt(&self) -> Result<()> {
        self.signals.interrupt(&self.shared).await
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Settled> {
        settle::settle(self, &batch).await
    }

    async fn extend(&self, receipts: &[Receipt]) -> Result<Vec<Receipt>> {
        self.extend_patiently(Patience::Brief, receipts).await
    }

    /// Others do not wait for what one has taken: there is no order to keep, and there are no partitions.
    async fn wanted_back(&self) {
        std::future::pending().await
    }

    async fn reclaim(&self, room: NonZeroUsize) -> Result<Vec<Delivery>> {
        reclaim::reclaim(self, room.get()).await
    }
}
