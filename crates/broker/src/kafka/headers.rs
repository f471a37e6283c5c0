//! The headers of requests and replies on Kafka. Clients of the original send and read none.

use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};

use crate::types::{Receipt, Route};

/// Where its client reads, in a request of a client of ours: the topic.
pub(super) const REPLY_TOPIC: &str = "prpc-reply-topic";
/// And the partition: four bytes, the highest first.
pub(super) const REPLY_PARTITION: &str = "prpc-reply-partition";
/// The id of the message, in requests and replies of ours.
pub(super) const CORRELATION_ID: &str = "prpc-correlation-id";
/// In a request that was handed back: how many times it had been started.
pub(super) const ATTEMPTS: &str = "prpc-attempts";

/// Where a request stands, and where its client reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// Tells the times apart at which this consumer was given the partition.
    pub(super) epoch: u64,
    /// When its client sent it, in milliseconds: its own clock.
    pub(super) sent_ms: Option<i64>,
    /// The partition of the feedback topic that its client reads.
    pub(super) reply_partition: Option<i32>,
}

impl Record {
    /// Of a request; none of one that is not on Kafka.
    pub(super) fn of(receipt: &Receipt) -> Option<&Self> {
        match &receipt.route {
            Route::Kafka(record) => Some(record),
            Route::Redis { .. } => None,
        }
    }
}

/// What the headers of a request say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) reply_partition: Option<i32>,
    pub(super) attempts: u32,
}

/// Reads the headers of a request. A topic that is not the queue's own for replies does not count: a request must not make us
/// write elsewhere.
pub(super) fn read(message: &BorrowedMessage<'_>, feedback: &str) -> Said {
    let mut said = Said::default();
    let (mut topic_fits, mut partition) = (false, None);
    for header in message.headers().into_iter().flat_map(|headers| headers.iter()) {
        let Some(value) = header.value else { continue };
        match header.key {
            REPLY_TOPIC => topic_fits = value == feedback.as_bytes(),
            REPLY_PARTITION => partition = value.try_into().ok().map(i32::from_be_bytes),
            ATTEMPTS => {
                said.attempts =
                    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or_default();
            }
            _ => {}
        }
    }
    said.reply_partition = partition.filter(|partition| topic_fits && *partition >= 0);
    said
}

/// The headers of a request whose client reads `partition` of `feedback`.
pub(super) fn reply_place(feedback: &str, partition: i32) -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(4)
        .insert(Header { key: REPLY_TOPIC, value: Some(feedback) })
        .insert(Header { key: REPLY_PARTITION, value: Some(&partition.to_be_bytes()) })
}

/// Adds a header with a text.
pub(super) fn with(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}
