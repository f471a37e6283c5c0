//! Finishing requests: replies and dead letters are written, and what the brokers have accepted is finished.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use bytes::Bytes;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;

use super::headers::{self, Record};
use super::holder::KafkaHolder;
use super::producer::{Outgoing, is_transient};
use super::{Shared, admin, client, dead};
use crate::error::{Error, Result};
use crate::types::{Receipt, Reply, Settled, Settlement, count};

/// One request and what must be written before it is finished.
struct Ending {
    settlement: Settlement,
    rest: Vec<Outgoing>,
}

/// Settles everything. What is not accepted is written again until it is, so a part may be written twice.
pub(super) async fn settle(holder: &KafkaHolder, batch: Vec<Settlement>) -> Result<Settled> {
    let shared = &*holder.shared;
    let mut endings: Vec<Ending> = batch
        .into_iter()
        .filter(|settlement| !is_put_back(holder, settlement))
        .map(|settlement| Ending { rest: records(shared, &settlement), settlement })
        .collect();
    let mut settled = Settled::default();
    let mut refused = None;
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times()
        .build();
    loop {
        let trouble = round(holder, &mut endings, &mut settled, &mut refused).await;
        if endings.is_empty() {
            break;
        }
        count(&shared.counters.settle_retries, 1);
        let missing = [RDKafkaErrorCode::UnknownTopicOrPartition, RDKafkaErrorCode::UnknownTopic];
        if trouble.is_some_and(|trouble| missing.contains(&trouble))
            && let Err(error) = admin::prepare(shared).await
        {
            tracing::warn!(%error, "a topic for replies is missing and cannot be created; trying again");
        }
        tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(5))).await;
    }
    count(&shared.counters.duplicates, settled.duplicates);
    refused.map_or(Ok(settled), Err)
}

/// Whether nothing need be written: the request waits in its partition again.
fn is_put_back(holder: &KafkaHolder, settlement: &Settlement) -> bool {
    match settlement {
        Settlement::HandBack { receipt, started, body } => holder.assigned.put_back(receipt, *started, body),
        Settlement::Answer { .. } | Settlement::DeadLetter { .. } => false,
    }
}

/// Writes what is not written, and leaves in `endings` what is to be tried again; returns why.
async fn round(
    holder: &KafkaHolder,
    endings: &mut Vec<Ending>,
    settled: &mut Settled,
    refused: &mut Option<Error>,
) -> Option<RDKafkaErrorCode> {
    let shared = &*holder.shared;
    let lengths: Vec<usize> = endings.iter().map(|ending| ending.rest.len()).collect();
    let records: Vec<Outgoing> = endings.iter_mut().flat_map(|ending| ending.rest.drain(..)).collect();
    let outcomes = shared.producer.write(&records).await;
    let mut trouble = None;
    let mut written = records.into_iter().zip(outcomes);
    let (mut finished, mut again) = (Vec::with_capacity(endings.len()), Vec::new());
    for (mut ending, length) in std::mem::take(endings).into_iter().zip(lengths) {
        let mut given_up = false;
        for (record, outcome) in written.by_ref().take(length) {
            match outcome {
                Ok(()) => {}
                Err(error) if is_transient(&error) => {
                    trouble = trouble.or(error.rdkafka_error_code());
                    ending.rest.push(mended(record, &ending.settlement, &error));
                }
                Err(error) => match instead(shared, &ending.settlement, &record, &error) {
                    Refusal::Write(outgoing) => ending.rest.push(outgoing),
                    Refusal::Drop => {}
                    Refusal::GiveUp => {
                        given_up = true;
                        refused.get_or_insert(client::error(&error));
                    }
                },
            }
        }
        if given_up {
            continue;
        }
        if ending.rest.is_empty() { finished.push(ending.settlement) } else { again.push(ending) }
    }
    let receipts = finished.iter().map(Settlement::receipt);
    settled.duplicates +=
        holder.assigned.finish(receipts.filter_map(|receipt| Some((receipt.family, Record::of(receipt)?))));
    *endings = again;
    trouble
}

/// What must be written before a request is finished.
fn records(shared: &Shared, settlement: &Settlement) -> Vec<Outgoing> {
    match settlement {
        Settlement::Answer { receipt, reply } => vec![answer(shared, receipt, reply)],
        Settlement::DeadLetter { receipt, reason, body, reply } => {
            let mut records = vec![dead::record(shared, receipt, reason, body)];
            records.extend(reply.as_ref().map(|reply| answer(shared, receipt, reply)));
            records
        }
        Settlement::HandBack { receipt, started, body } => {
            vec![again(shared, receipt, *started, body)]
        }
    }
}

fn answer(shared: &Shared, receipt: &Receipt, reply: &Reply) -> Outgoing {
    let record = Record::of(receipt);
    let partition = record.and_then(|record| record.reply_partition);
    let id = &reply.message_id;
    Outgoing {
        topic: shared.config.names.feedback(receipt.family).to_owned(),
        partition,
        key: Some(id.clone()),
        body: Some(reply.body.whole()),
        headers: partition
            .is_some()
            .then(|| headers::with(OwnedHeaders::new_with_capacity(1), headers::CORRELATION_ID, id)),
        // An original client reads what is not older than its request, by its own clock.
        timestamp: record.and_then(|record| record.sent_ms).map(|sent| sent.max(now_ms())),
    }
}

/// The request once more, at the end of its queue: another consumer can have it at once, and this one can be finished, so that what
/// is finished after it in its partition need not run again.
fn again(shared: &Shared, receipt: &Receipt, started: bool, body: &Bytes) -> Outgoing {
    let feedback = shared.config.names.feedback(receipt.family);
    let mut headers = match Record::of(receipt).and_then(|record| record.reply_partition) {
        Some(partition) => headers::reply_place(feedback, partition),
        None => OwnedHeaders::new_with_capacity(1),
    };
    let before = receipt.attempts - u32::from(!started);
    headers = headers::with(headers, headers::ATTEMPTS, &before.to_string());
    Outgoing {
        topic: shared.config.names.requests(receipt.family).to_owned(),
        partition: None,
        key: None,
        body: Some(body.clone()),
        headers: Some(headers),
        timestamp: Record::of(receipt).and_then(|record| record.sent_ms),
    }
}

/// What is written when a record was refused for what can be changed: a partition that is not there, or a moment that is too far ahead
/// of the broker's clock, which the request's own cannot be.
fn mended(record: Outgoing, settlement: &Settlement, error: &KafkaError) -> Outgoing {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::UnknownPartition) => Outgoing { partition: None, ..record },
        Some(RDKafkaErrorCode::InvalidTimestamp) => {
            let sent = Record::of(settlement.receipt()).and_then(|record| record.sent_ms);
            tracing::warn!(%error, topic = record.topic, "the clock of this machine is ahead of the broker's");
            Outgoing { timestamp: sent, ..record }
        }
        _ => record,
    }
}

/// What becomes of a record that the brokers will never take.
enum Refusal {
    Write(Outgoing),
    Drop,
    GiveUp,
}

fn instead(shared: &Shared, settlement: &Settlement, record: &Outgoing, error: &KafkaError) -> Refusal {
    let too_large = error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge);
    match settlement {
        // The request stays where it is and is run again by whoever has its partition next.
        Settlement::HandBack { receipt, .. } => {
            if !shared.told_hand_back.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    %error, topic = record.topic, call = receipt.id,
                    "calls cannot be handed back, so calls finished after them may run again: allow WRITE on the topic"
                );
            }
            Refusal::GiveUp
        }
        Settlement::Answer { receipt, .. } if too_large => {
            tracing::error!(%error, topic = record.topic, call = receipt.id, "the reply is too large for its topic; it is recorded as a dead letter");
            Refusal::Write(dead::record(shared, receipt, "reply_too_large", &Bytes::new()))
        }
        Settlement::DeadLetter { receipt, reason, .. }
            if too_large && record.topic == shared.config.names.dead =>
        {
            tracing::error!(%error, call = receipt.id, "the dead letter is too large for its topic; it is recorded without its message");
            Refusal::Write(dead::record(shared, receipt, reason, &Bytes::new()))
        }
        Settlement::DeadLetter { receipt, .. } if too_large => {
            tracing::error!(%error, call = receipt.id, "the error reply of a dead letter is too large for its topic");
            Refusal::Drop
        }
        Settlement::Answer { .. } | Settlement::DeadLetter { .. } => Refusal::GiveUp,
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
