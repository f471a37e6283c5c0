//! From a record to a request: which partition it is of, as this consumer has it now, and whether it was read before.

use std::collections::HashMap;

use bytes::Bytes;
use prpc_contract::message::Family;
use rdkafka::message::{BorrowedMessage, Message as _};

use super::Shared;
use super::assigned::Assigned;
use super::headers::{self, Record};
use super::position::{Kind, Position};
use crate::types::{Delivery, Receipt, Route};

/// Where the partitions stand.
#[derive(Default)]
pub(super) struct Reading {
    positions: HashMap<(Family, i32), Position>,
    change: u64,
}

impl Reading {
    /// Which change of the assignment this knows of.
    pub(super) fn change(&self) -> u64 {
        self.change
    }

    /// Follows the assignment.
    pub(super) fn refresh(&mut self, assigned: &Assigned) {
        assigned.refresh(&mut self.change, &mut self.positions);
    }

    /// The request of a record, if it is one that was not read before.
    pub(super) fn request(
        &mut self,
        shared: &Shared,
        assigned: &Assigned,
        message: &BorrowedMessage<'_>,
    ) -> Option<Delivery> {
        let names = &shared.config.names;
        let family = names.family_of(message.topic())?;
        let said = headers::read(message, names.feedback(family));
        let record = Record {
            partition: message.partition(),
            offset: message.offset(),
            epoch: self.epoch(assigned, family, message)?,
            sent_ms: message.timestamp().to_millis(),
            reply_partition: said.reply_partition,
        };
        let receipt = Receipt {
            family,
            id: format!("{}:{}", record.partition, record.offset),
            attempts: said.attempts,
            marked: said.reply_partition.is_some(),
            route: Route::Kafka(record),
        };
        let body = message.payload().map(Bytes::copy_from_slice).unwrap_or_default();
        Some(Delivery { receipt, body })
    }

    /// Of the partition of a record that was not read before.
    fn epoch(&mut self, assigned: &Assigned, family: Family, message: &BorrowedMessage<'_>) -> Option<u64> {
        let (number, offset) = (message.partition(), message.offset());
        let position = self.positions.get_mut(&(family, number))?;
        match position.read(offset, message.timestamp().to_millis()) {
            Kind::Next => {}
            Kind::Again => return None,
            Kind::Anew => {
                tracing::warn!(
                    topic = message.topic(),
                    partition = number,
                    offset,
                    "a partition begins anew: its topic was deleted and made again, or the brokers lost records"
                );
                position.epoch = assigned.begin_anew(family, number)?;
            }
        }
        Some(position.epoch)
    }
}
