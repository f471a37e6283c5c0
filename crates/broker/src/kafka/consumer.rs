//! Taking requests: what the group's member has read.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use prpc_contract::message::Family;

use super::assigned::{Assigned, Phase};
use super::holder::KafkaHolder;
use super::thread::Member;
use super::{Shared, admin};
use crate::error::{Error, Result};
use crate::types::Delivery;

const WAIT: Duration = Duration::from_secs(5);
/// Between two tries to prepare a queue that is not there.
const PREPARE_PAUSE: Duration = Duration::from_secs(1);

/// Takes requests from one queue on Kafka.
pub struct KafkaConsumer {
    holder: KafkaHolder,
    /// How many interruptions there had been when a take began that was dropped: the next one goes on with it.
    begun: Option<u64>,
}

impl KafkaConsumer {
    pub(super) async fn start(shared: Arc<Shared>, name: &str) -> Result<Self> {
        // Topics that exist are enough: creating them may be somebody else's right.
        admin::until_prepared(&shared).await?;
        let assigned = Arc::new(Assigned::new(Family::ALL.len()));
        let member = |family| Member::new(Arc::clone(&shared), Arc::clone(&assigned), family, name);
        let members = [member(Family::Native)?, member(Family::Raw)?];
        for member in members {
            std::thread::Builder::new()
                .name("prpc-kafka".into())
                .spawn(move || member.run())
                .map_err(|error| Error::Connection(format!("no thread can be started: {error}")))?;
        }
        Ok(Self { holder: KafkaHolder { shared, assigned }, begun: None })
    }

    fn assigned(&self) -> &Assigned {
        &self.holder.assigned
    }
}

impl crate::Consumer for KafkaConsumer {
    type Holder = KafkaHolder;

    async fn take(&mut self, room: NonZeroUsize) -> Result<Vec<Delivery>> {
        let begun = *self.begun.get_or_insert(self.holder.assigned.interruptions());
        let taken = self.assigned().take(room.get(), begun, WAIT).await;
        self.begun = None;
        match taken {
            Err(Error::NotPrepared(reason)) => {
                tracing::warn!(reason, "the queue is not there: preparing it again");
                tokio::time::sleep(PREPARE_PAUSE).await;
                admin::until_prepared(&self.holder.shared).await?;
                Ok(Vec::new())
            }
            taken => taken,
        }
    }

    fn holder(&self) -> KafkaHolder {
        self.holder.clone()
    }
}

impl Drop for KafkaConsumer {
    fn drop(&mut self) {
        self.assigned().enter(Phase::Finishing);
    }
}
