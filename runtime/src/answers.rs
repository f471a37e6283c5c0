//! The way back: endings become replies and acknowledgements, in batches.

use std::sync::Arc;
use std::time::SystemTime;

use prpc_broker::{Broker, Holder, Reply, Settlement};
use prpc_contract::message::ReplyTo;
use prpc_contract::value::Value;
use tokio::sync::{Semaphore, mpsc};

use crate::call::Ending;
use crate::load::Load;

/// Endings that go to the broker in one step.
const BATCH: usize = 256;

/// Batches on the way to the broker at a time: one is written while the broker works on the other.
const BATCHES: usize = 2;

/// Settles endings until the channel closes, and returns when the broker has accepted all of them.
pub async fn run<H: Holder>(
    holder: H,
    mut endings: mpsc::UnboundedReceiver<Ending>,
    load: Arc<Load>,
    broker: impl Broker,
) {
    let permits = Arc::new(Semaphore::new(BATCHES));
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        // The permit comes first: while the broker is busy the next batch grows.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        if endings.recv_many(&mut batch, BATCH).await == 0 {
            break;
        }
        let count = batch.len();
        let replies = Replies { done: SystemTime::now(), largest: broker.largest_reply() };
        let settlements = batch.drain(..).map(|ending| replies.settlement(ending)).collect();
        let (holder, load) = (holder.clone(), Arc::clone(&load));
        tokio::spawn(async move {
            if let Err(error) = holder.settle(settlements).await {
                // They stay pending on the broker and are taken over.
                tracing::error!(%error, calls = count, "the broker refuses answers for good");
            }
            load.settled(count);
            drop(permit);
        });
    }
    // Whoever holds all permits knows that no batch is on its way.
    let _ = permits.acquire_many(BATCHES as u32).await;
}

/// Writes the replies of a batch.
struct Replies {
    done: SystemTime,
    /// The most bytes that the broker takes.
    largest: Option<usize>,
}

impl Replies {
    fn settlement(&self, ending: Ending) -> Settlement {
        match ending {
            Ending::Answer { receipt, reply_to, outcome } => {
                Settlement::Answer { receipt, reply: self.reply(&reply_to, outcome) }
            }
            Ending::DeadLetter { receipt, reason, body, reply: told } => Settlement::DeadLetter {
                receipt,
                reason: reason.to_owned(),
                body,
                reply: told.map(|(reply_to, text)| self.reply(&reply_to, Err(text))),
            },
            Ending::HandBack { receipt, started, body } => Settlement::HandBack { receipt, started, body },
        }
    }

    fn reply(&self, reply_to: &ReplyTo, outcome: Result<Value, String>) -> Reply {
        let mut body = reply_to.reply(outcome, self.done);
        if let Some(largest) = self.largest.filter(|largest| body.len() > *largest) {
            let text = format!(
                "the reply has {} bytes, more than the {largest} that the broker takes: return less, or raise max.message.bytes \
                 of the topic of replies",
                body.len()
            );
            body = reply_to.reply(Err(text), self.done);
        }
        Reply { message_id: reply_to.id().to_string(), body }
    }
}
