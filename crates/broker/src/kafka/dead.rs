//! Dead letters: a compacted topic of records, each with the beginning of its message under an id of its own.
//!
//! Kafka cannot look up a record, so reading one means reading the topic.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use prpc_contract::message::Family;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _, OwnedHeaders};
use rdkafka::{Offset, TopicPartitionList};

use super::Shared;
use super::client::{self, REQUEST_TIMEOUT};
use super::headers::{self, REPLY_PARTITION, Record};
use super::producer::Outgoing;
use crate::error::{Error, Result};
use crate::types::{DeadLetter, Receipt};

const FAMILY: &str = "family";
const ENTRY: &str = "entry";
const REASON: &str = "reason";
const COUNT: &str = "attempts";
const SIZE: &str = "size";

/// The record of a request that is given up.
pub(super) fn record(shared: &Shared, receipt: &Receipt, reason: &str, body: &Bytes) -> Outgoing {
    let kept = body.slice(..body.len().min(shared.config.dead_letter_body_limit));
    let reply = Record::of(receipt).and_then(|record| record.reply_partition);
    let texts = [
        (FAMILY, receipt.family.as_str().to_owned()),
        (ENTRY, receipt.id.clone()),
        (REASON, reason.to_owned()),
        (COUNT, receipt.attempts.to_string()),
        (SIZE, body.len().to_string()),
    ];
    let first = match reply {
        Some(partition) => headers::reply_place(shared.config.names.feedback(receipt.family), partition),
        None => OwnedHeaders::new_with_capacity(texts.len()),
    };
    Outgoing {
        topic: shared.config.names.dead.clone(),
        partition: Some(0),
        key: Some(format!("{}:{}", receipt.family, receipt.id)),
        body: Some(kept),
        headers: Some(texts.iter().fold(first, |headers, (key, text)| headers::with(headers, key, text))),
        timestamp: None,
    }
}

/// A dead letter, and the partition that its client reads.
type Found = (DeadLetter, Option<i32>);

/// Newest first.
pub(super) async fn list(
    shared: &Arc<Shared>,
    before: Option<&str>,
    limit: NonZeroUsize,
) -> Result<Vec<DeadLetter>> {
    let mut all: Vec<DeadLetter> = read(shared).await?.into_iter().map(|(letter, _)| letter).collect();
    if let Some(before) = before {
        let at = all.iter().position(|letter| letter.id == before).ok_or(Error::NotFound)?;
        all.truncate(at);
    }
    Ok(all.into_iter().rev().take(limit.get()).collect())
}

pub(super) async fn get(shared: &Arc<Shared>, id: &str) -> Result<Option<DeadLetter>> {
    Ok(find(shared, id).await?.map(|(letter, _)| letter))
}

/// Sends the request again, and then removes its record: if this ends in between, it is sent twice.
pub(super) async fn retry(shared: &Arc<Shared>, id: &str) -> Result<()> {
    let (letter, reply) = find(shared, id).await?.ok_or(Error::NotFound)?;
    if letter.truncated() {
        return Err(Error::Truncated);
    }
    let names = &shared.config.names;
    let request = Outgoing {
        topic: names.requests(letter.family).to_owned(),
        partition: None,
        key: None,
        body: Some(letter.body),
        headers: reply.map(|partition| headers::reply_place(names.feedback(letter.family), partition)),
        timestamp: None,
    };
    write(shared, request).await?;
    write(shared, removal(shared, id)).await
}

pub(super) async fn remove(shared: &Arc<Shared>, id: &str) -> Result<bool> {
    if find(shared, id).await?.is_none() {
        return Ok(false);
    }
    write(shared, removal(shared, id)).await?;
    Ok(true)
}

fn removal(shared: &Shared, id: &str) -> Outgoing {
    let topic = shared.config.names.dead.clone();
    Outgoing {
        topic,
        partition: Some(0),
        key: Some(id.to_owned()),
        body: None,
        headers: None,
        timestamp: None,
    }
}

async fn write(shared: &Shared, record: Outgoing) -> Result<()> {
    let outcome = shared.producer.write(&[record]).await.pop();
    outcome.unwrap_or(Err(KafkaError::Canceled)).map_err(|error| client::error(&error))
}

async fn find(shared: &Arc<Shared>, id: &str) -> Result<Option<Found>> {
    Ok(read(shared).await?.into_iter().find(|(letter, _)| letter.id == id))
}

/// All dead letters, oldest first.
async fn read(shared: &Arc<Shared>) -> Result<Vec<Found>> {
    let shared = Arc::clone(shared);
    tokio::task::spawn_blocking(move || read_all(&shared))
        .await
        .map_err(|error| Error::Connection(error.to_string()))?
}

fn read_all(shared: &Shared) -> Result<Vec<Found>> {
    let topic = &shared.config.names.dead;
    let consumer = client::reader(shared, "earliest")?;
    let mut list = TopicPartitionList::new();
    let failed = |error: KafkaError| client::error(&error);
    match consumer.fetch_watermarks(topic, 0, REQUEST_TIMEOUT) {
        Err(error) if matches!(client::error(&error), Error::NotPrepared(_)) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
        Ok((low, high)) if low == high => return Ok(Vec::new()),
        Ok(_) => list.add_partition_offset(topic, 0, Offset::Beginning).map_err(failed)?,
    }
    consumer.assign(&list).map_err(failed)?;
    let mut found: Vec<Found> = Vec::new();
    let mut last_read = Instant::now();
    while last_read.elapsed() < REQUEST_TIMEOUT {
        match consumer.poll(REQUEST_TIMEOUT) {
            Some(Ok(message)) => {
                last_read = Instant::now();
                let Some(id) = message.key().and_then(|key| std::str::from_utf8(key).ok()) else { continue };
                found.retain(|(letter, _)| letter.id != id);
                found.extend(letter(id, &message));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(found),
            Some(Err(error))
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) =>
            {
                return Err(client::error(&error));
            }
            Some(Err(error)) => tracing::debug!(%error, topic, "reading dead letters"),
            None => {}
        }
    }
    Err(Error::Connection(format!("the end of {topic} was not reached in time")))
}

/// `None` for the record of a removal, and for what others wrote.
fn letter(id: &str, message: &BorrowedMessage<'_>) -> Option<Found> {
    let body = Bytes::copy_from_slice(message.payload()?);
    let mut letter = DeadLetter {
        id: id.to_owned(),
        at_ms: message.timestamp().to_millis().and_then(|at| at.try_into().ok()).unwrap_or_default(),
        family: Family::Native,
        entry: String::new(),
        reason: String::new(),
        attempts: 0,
        size: body.len() as u64,
        body,
        marked: false,
    };
    let mut reply = None;
    for header in message.headers().into_iter().flat_map(|headers| headers.iter()) {
        let value = header.value.unwrap_or_default();
        let text = String::from_utf8_lossy(value);
        match header.key {
            FAMILY if text == Family::Raw.as_str() => letter.family = Family::Raw,
            ENTRY => letter.entry = text.into_owned(),
            REASON => letter.reason = text.into_owned(),
            COUNT => letter.attempts = text.parse().unwrap_or_default(),
            SIZE => letter.size = text.parse().unwrap_or_default(),
            REPLY_PARTITION => reply = value.try_into().ok().map(i32::from_be_bytes),
            _ => {}
        }
    }
    letter.marked = reply.is_some();
    Some((letter, reply))
}
