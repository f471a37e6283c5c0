//! Tells at once when a request comes to a queue that has none: one blocking read for all such queues of a server.
//!
//! It is a read without a group, so it takes nothing. Nothing depends on it: who waits here looks now and then all the same.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use backon::BackoffBuilder;
use prpc_contract::message::Family;
use prpc_contract::names::QueueNames;
use redis::aio::MultiplexedConnection;
use redis::{Value, cmd};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::connection::{Connector, Patience, backoff};
use crate::error::{Error, Result};

/// Who begins to wait during a read is heard after it; a server has no other way to add a stream without more rights.
const BLOCK: Duration = Duration::from_secs(1);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Starts with the first who waits. Clones share everything.
#[derive(Clone, Default)]
pub(super) struct Bell(Arc<OnceLock<mpsc::UnboundedSender<Waiting>>>);

struct Waiting {
    streams: [String; 2],
    rung: oneshot::Sender<()>,
}

impl Bell {
    /// Returns when there is a request in the queue; not while the server cannot be asked.
    pub(super) async fn wait(&self, names: &QueueNames, connector: &Connector) {
        let asked = self.0.get_or_init(|| {
            let (asked, asks) = mpsc::unbounded_channel();
            tokio::spawn(ring(connector.clone(), asks));
            asked
        });
        let (rung, rings) = oneshot::channel();
        let streams = Family::ALL.map(|family| names.requests(family).to_owned());
        // The task ends only with the last handle.
        if asked.send(Waiting { streams, rung }).is_err() || rings.await.is_err() {
            std::future::pending().await
        }
    }
}

async fn ring(connector: Connector, mut asks: mpsc::UnboundedReceiver<Waiting>) {
    let mut waiting: Vec<Waiting> = Vec::new();
    let (mut connection, mut trouble) = (None, false);
    let mut pauses = backoff(Patience::Endless).build();
    loop {
        if waiting.is_empty() {
            let Some(first) = asks.recv().await else { return };
            waiting.push(first);
        }
        if !hear(&mut asks, &mut waiting) {
            return;
        }
        if waiting.is_empty() {
            continue;
        }
        match read(&connector, &mut connection, &waiting).await {
            Ok(filled) => {
                (trouble, pauses) = (false, backoff(Patience::Endless).build());
                // Who waits for the same again since then is meant, too.
                if !hear(&mut asks, &mut waiting) {
                    return;
                }
                let (full, still): (Vec<_>, Vec<_>) = std::mem::take(&mut waiting)
                    .into_iter()
                    .partition(|one| one.streams.iter().any(|stream| filled.contains(stream)));
                waiting = still;
                for one in full {
                    // Who has given up needs no news.
                    let _ = one.rung.send(());
                }
            }
            Err(error) => {
                connection = None;
                if !std::mem::replace(&mut trouble, true) {
                    let broker = connector.shown();
                    tracing::warn!(broker, %error, "the first call to a sleeping queue is found by the next look only");
                }
                tokio::time::sleep(pauses.next().unwrap_or(BLOCK)).await;
            }
        }
    }
}

/// Takes in who waits now, and leaves out who does not any more; `false` when nobody ever will.
fn hear(asks: &mut mpsc::UnboundedReceiver<Waiting>, waiting: &mut Vec<Waiting>) -> bool {
    loop {
        match asks.try_recv() {
            Ok(one) => waiting.push(one),
            Err(TryRecvError::Empty) => break,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
    waiting.retain(|one| !one.rung.is_closed());
    true
}

/// The streams that have entries, after a while or at once.
async fn read(
    connector: &Connector,
    slot: &mut Option<MultiplexedConnection>,
    waiting: &[Waiting],
) -> Result<HashSet<String>> {
    let connection = match slot {
        Some(connection) => connection,
        None => slot.insert(connector.open(RESPONSE_TIMEOUT, None).await?),
    };
    let streams: HashSet<&str> = waiting.iter().flat_map(|one| &one.streams).map(String::as_str).collect();
    let mut read = cmd("XREAD");
    read.arg("COUNT").arg(1).arg("BLOCK").arg(BLOCK.as_millis() as u64).arg("STREAMS");
    // What is in such a stream is work, whenever it came: so none comes between the last look and this read.
    let starts = vec!["0-0"; streams.len()];
    read.arg(streams.into_iter().collect::<Vec<_>>()).arg(starts);
    let filled = read.query_async::<Option<Vec<(String, Value)>>>(connection).await.map_err(Error::from)?;
    Ok(filled.unwrap_or_default().into_iter().map(|(stream, _)| stream).collect())
}
