//! The handle on the requests one consumer has taken.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::assigned::{Assigned, Phase};
use super::headers::Record;
use super::{Shared, settle};
use crate::error::Result;
use crate::types::{Delivery, Receipt, Settled, Settlement, count};

/// Leaving takes a round trip or two; a broker that is away must not keep a program from ending.
const LEAVE: Duration = Duration::from_secs(15);

/// Looks after the requests of one consumer on Kafka.
#[derive(Clone)]
pub struct KafkaHolder {
    pub(super) shared: Arc<Shared>,
    pub(super) assigned: Arc<Assigned>,
}

impl crate::Holder for KafkaHolder {
    async fn interrupt(&self) -> Result<()> {
        self.assigned.interrupt();
        Ok(())
    }

    async fn settle(&self, batch: Vec<Settlement>) -> Result<Settled> {
        settle::settle(self, batch).await
    }

    /// The member of the group shows that it is alive; this tells what was given to others.
    async fn extend(&self, receipts: &[Receipt]) -> Result<Vec<Receipt>> {
        let lost: Vec<Receipt> = receipts
            .iter()
            .filter(|receipt| {
                Record::of(receipt).is_some_and(|record| self.assigned.is_lost(receipt.family, record))
            })
            .cloned()
            .collect();
        count(&self.shared.counters.lost, lost.len() as u64);
        Ok(lost)
    }

    async fn wanted_back(&self) {
        self.assigned.wanted_back().await;
    }

    /// The group gives the partitions of members that died to others by itself.
    async fn reclaim(&self, _room: NonZeroUsize) -> Result<Vec<Delivery>> {
        Ok(Vec::new())
    }

    async fn leave(&self) {
        self.assigned.enter(Phase::Leaving);
        if tokio::time::timeout(LEAVE, self.assigned.has_left()).await.is_err() {
            tracing::warn!("the broker could not be told in time what was finished: it may run again");
        }
    }
}
