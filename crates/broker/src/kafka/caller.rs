//! The client's side: sending requests, and reading the replies of all partitions on a thread of its own.
//!
//! Replies of all clients share a topic. Those of our servers have the message's id as key; one without a key, which an
//! original server wrote, is decoded to find its id.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prpc_contract::json::Limits;
use prpc_contract::message::{Family, read_reply};
use prpc_contract::names::QueueNames;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::Notify;

use super::client::{self, Context, REQUEST_TIMEOUT};
use super::producer::Outgoing;
use super::{KafkaBroker, KafkaConfig, Shared, headers};
use crate::error::{Error, Result};

const POLL: Duration = Duration::from_millis(100);

/// Sends requests to one queue on Kafka and waits for replies. A cheap handle: clone it freely.
#[derive(Clone)]
pub struct KafkaCaller(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    waits: Arc<Waits>,
    /// The partition to answer to.
    partition: i32,
}

impl KafkaCaller {
    /// Connects, and knows where replies begin from now on.
    ///
    /// # Errors
    /// The settings cannot be used; the brokers are away or refuse; the queue has no topics.
    pub async fn connect(config: KafkaConfig) -> Result<Self> {
        let shared = Arc::clone(&KafkaBroker::new(config)?.0);
        let waits = Arc::<Waits>::default();
        let reader = {
            let shared = Arc::clone(&shared);
            tokio::task::spawn_blocking(move || reader(&shared))
                .await
                .map_err(|error| Error::Connection(error.to_string()))??
        };
        let (consumer, partitions) = reader;
        let (names, told) = (shared.config.names.clone(), Arc::clone(&waits));
        std::thread::Builder::new()
            .name("prpc-replies".into())
            .spawn(move || read(&consumer, &names, &told))
            .map_err(|error| Error::Connection(format!("no thread can be started: {error}")))?;
        let partition = i32::try_from(std::process::id() % partitions).unwrap_or_default();
        Ok(Self(Arc::new(Inner { shared, waits, partition })))
    }

    /// Sends the request `id`, which is the id inside `body` too.
    ///
    /// # Errors
    /// The brokers are away or refuse.
    pub async fn send(&self, family: Family, id: &str, body: Bytes) -> Result<()> {
        let names = &self.0.shared.config.names;
        let place = headers::reply_place(names.feedback(family), self.0.partition);
        let request = Outgoing {
            topic: names.requests(family).to_owned(),
            partition: None,
            key: None,
            body: Some(body),
            headers: Some(headers::with(place, headers::CORRELATION_ID, id)),
            timestamp: None,
        };
        // The reply may be there before anybody waits for it.
        self.0.waits.expect(id);
        let sent = self.0.shared.producer.write(&[request]).await.pop();
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(client::error(&error)),
            None => Err(Error::Closed),
        }
    }

    /// Waits for the reply to a request that was sent, for ever without a `timeout`. The reply can be read once.
    ///
    /// # Errors
    /// [`Error::Timeout`].
    pub async fn wait(&self, id: &str, timeout: Option<Duration>) -> Result<Bytes> {
        let reply = self.0.waits.reply(id);
        match timeout {
            Some(timeout) => tokio::time::timeout(timeout, reply).await.unwrap_or(Err(Error::Timeout)),
            None => reply.await,
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.waits.closed.store(true, Ordering::Relaxed);
    }
}

/// A consumer of all partitions of both topics from their present ends on, and how many partitions there are.
fn reader(shared: &Shared) -> Result<(BaseConsumer<Context>, u32)> {
    let failed = |error| client::error(&error);
    let consumer = client::reader(shared, "latest")?;
    let mut list = TopicPartitionList::new();
    let mut fewest = u32::MAX;
    for family in Family::ALL {
        let topic = shared.config.names.feedback(family);
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST_TIMEOUT).map_err(failed)?;
        let count = metadata.topics().iter().map(|topic| topic.partitions().len()).sum::<usize>();
        let count = i32::try_from(count).unwrap_or_default();
        if count == 0 {
            return Err(Error::NotPrepared(format!(
                "there is no topic {topic}: start a server of this queue, or apply its PrpcQueue"
            )));
        }
        fewest = fewest.min(count.unsigned_abs());
        for partition in 0..count {
            let (_, end) = consumer.fetch_watermarks(topic, partition, REQUEST_TIMEOUT).map_err(failed)?;
            list.add_partition_offset(topic, partition, Offset::Offset(end)).map_err(failed)?;
        }
    }
    consumer.assign(&list).map_err(failed)?;
    Ok((consumer, fewest))
}

fn read(consumer: &BaseConsumer<Context>, names: &QueueNames, waits: &Waits) {
    while !waits.closed.load(Ordering::Relaxed) {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                if let Some(id) = id(&message, names) {
                    waits.arrived(&id, &message);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) | None => {}
            Some(Err(error)) => tracing::debug!(%error, "reading replies"),
        }
    }
}

/// The id of the message that a reply belongs to.
fn id(message: &BorrowedMessage<'_>, names: &QueueNames) -> Option<String> {
    if let Some(key) = message.key() {
        return std::str::from_utf8(key).ok().map(str::to_owned);
    }
    let family = Family::ALL.into_iter().find(|family| names.feedback(*family) == message.topic())?;
    let reply = read_reply(family, message.payload()?, &Limits::default()).ok()?;
    Some(reply.id.to_string())
}

/// The requests whose replies are waited for.
#[derive(Default)]
struct Waits {
    replies: Mutex<HashMap<String, Option<Bytes>>>,
    arrived: Notify,
    closed: AtomicBool,
}

impl Waits {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Option<Bytes>>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expect(&self, id: &str) {
        self.lock().insert(id.to_owned(), None);
    }

    fn arrived(&self, id: &str, message: &BorrowedMessage<'_>) {
        if let Some(reply) = self.lock().get_mut(id) {
            *reply = Some(message.payload().map(Bytes::copy_from_slice).unwrap_or_default());
            self.arrived.notify_waiters();
        }
    }

    /// The reply, if it has arrived.
    fn take(&self, id: &str) -> Result<Option<Bytes>> {
        let mut replies = self.lock();
        let reply = replies.get(id).ok_or(Error::NotFound)?.clone();
        if reply.is_some() {
            replies.remove(id);
        }
        Ok(reply)
    }

    async fn reply(&self, id: &str) -> Result<Bytes> {
        loop {
            let arrived = self.arrived.notified();
            if let Some(reply) = self.take(id)? {
                return Ok(reply);
            }
            arrived.await;
        }
    }
}
