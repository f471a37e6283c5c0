//! The client's side: sending requests and waiting for their replies, all over one connection.
//!
//! The server tells when a reply's key that was looked for is written, so a reply arrives as soon as it exists. If the
//! server cannot do that, or its word is lost with the connection, looking again finds the reply.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prpc_contract::message::Family;
use prpc_contract::names::QueueNames;
use redis::{Cmd, ProtocolVersion, PushInfo, PushKind, Value, cmd};
use tokio::sync::{Notify, mpsc, oneshot};

use super::connection::{Connector, Link, Patience};
use super::entries::{CLIENT, CLIENT_MARK, MESSAGE, items, text};
use crate::error::{Error, Result};
use crate::types::Counters;
use crate::url::Url;

/// How often to look while the server tells about replies; only its restart can make that necessary.
const TRACKED_PAUSE: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Settings of a client.
#[derive(Clone, Debug)]
pub struct CallerConfig {
    /// The server: `redis://` or `rediss://`, with user and password if needed.
    pub url: Url,
    /// For `rediss://`: the certificates to trust instead of the system's, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The names of the queue.
    pub names: QueueNames,
}

impl CallerConfig {
    /// The defaults.
    #[must_use]
    pub const fn new(url: Url, names: QueueNames) -> Self {
        Self { url, ca_file: None, names }
    }
}

/// Sends requests to one queue and waits for replies. A cheap handle: clone it freely.
#[derive(Clone)]
pub struct Caller(Arc<Inner>);

struct Inner {
    names: QueueNames,
    link: Link,
    waits: Arc<Waits>,
    removals: mpsc::UnboundedSender<Removal>,
}

enum Removal {
    /// The key of a reply that was read.
    Reply(String),
    /// Tells when all before it are gone.
    Done(oneshot::Sender<()>),
}

impl Caller {
    /// Connects to the server, and again whenever the connection breaks later.
    ///
    /// # Errors
    /// The address or the file of certificates cannot be used; the server is away or refuses.
    pub async fn connect(config: CallerConfig) -> Result<Self> {
        let connector = Connector::new(&config.url, config.ca_file.as_deref(), ProtocolVersion::RESP3)?;
        let (pushes, pushed) = mpsc::unbounded_channel();
        let link = Link::tracking("caller", connector, Arc::<Counters>::default(), pushes);
        link.run(
            Patience::Brief,
            |mut connection| async move { cmd("PING").exec_async(&mut connection).await },
        )
        .await?;
        let waits = Arc::<Waits>::default();
        tokio::spawn(wake(pushed, Arc::clone(&waits)));
        let (removals, asked) = mpsc::unbounded_channel();
        tokio::spawn(remove(link.clone(), asked));
        Ok(Self(Arc::new(Inner { names: config.names, link, waits, removals })))
    }

    /// Sends the request `id`, which is the id inside `body` too. If the connection breaks meanwhile, the request may
    /// be sent twice.
    ///
    /// # Errors
    /// The server is away, full or refuses.
    pub async fn send(&self, family: Family, id: &str, body: Bytes) -> Result<()> {
        let stream = self.0.names.requests(family);
        let mut add = Cmd::with_capacity(7, stream.len() + body.len() + 32);
        add.arg("XADD").arg(stream).arg("*").arg(MESSAGE).arg(&*body).arg(CLIENT).arg(CLIENT_MARK);
        let add = &add;
        self.0
            .link
            .run(
                Patience::Brief,
                |mut connection| async move { add.query_async::<()>(&mut connection).await },
            )
            .await?;
        tracing::trace!(id, %family, "sent");
        Ok(())
    }

    /// Waits for the reply to the request `id`, for ever without a `timeout`. The reply can be read once.
    ///
    /// # Errors
    /// [`Error::Timeout`], or the server refuses. While the server is away this waits for it.
    pub async fn wait(&self, family: Family, id: &str, timeout: Option<Duration>) -> Result<Bytes> {
        let reply = self.reply(family, id);
        match timeout {
            Some(timeout) => tokio::time::timeout(timeout, reply).await.unwrap_or(Err(Error::Timeout)),
            None => reply.await,
        }
    }

    /// Waits until the replies that were read are removed from the server; what is left when the process ends stays
    /// there until it expires.
    pub async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        let _ = self.0.removals.send(Removal::Done(done));
        let _ = is_done.await;
    }

    async fn reply(&self, family: Family, id: &str) -> Result<Bytes> {
        let inner = &*self.0;
        let wait = inner.waits.enter(inner.names.reply(family, id));
        let mut get = cmd("GET");
        get.arg(&wait.key);
        let get = &get;
        let mut pause = FIRST_PAUSE;
        loop {
            // Made before looking, so that what is told from then on is not missed.
            let told = wait.notify.notified();
            // A key that is looked for and missing is one the server will tell about.
            let found: Option<Vec<u8>> = inner
                .link
                .run(
                    Patience::Endless,
                    |mut connection| async move { get.query_async(&mut connection).await },
                )
                .await?;
            if let Some(body) = found {
                // Not in one step with reading: a reply lost with the connection could not be read again.
                let _ = inner.removals.send(Removal::Reply(wait.key.clone()));
                return Ok(body.into());
            }
            if inner.link.is_tracking() {
                let _ = tokio::time::timeout(TRACKED_PAUSE, told).await;
            } else {
                let _ = tokio::time::timeout(pause, told).await;
                pause = pause.mul_f32(1.5).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Who waits for which key.
#[derive(Default)]
struct Waits(Mutex<HashMap<String, (Arc<Notify>, usize)>>);

/// One wait; leaves the list when dropped.
struct Wait {
    waits: Arc<Waits>,
    key: String,
    notify: Arc<Notify>,
}

impl Waits {
    fn enter(self: &Arc<Self>, key: String) -> Wait {
        let mut waits = self.lock();
        let (notify, waiting) = waits.entry(key.clone()).or_default();
        *waiting += 1;
        let notify = Arc::clone(notify);
        drop(waits);
        Wait { waits: Arc::clone(self), key, notify }
    }

    fn wake(&self, key: &str) {
        if let Some((notify, _)) = self.lock().get(key) {
            notify.notify_waiters();
        }
    }

    fn wake_all(&self) {
        self.lock().values().for_each(|(notify, _)| notify.notify_waiters());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Arc<Notify>, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut waits = self.waits.lock();
        if let Some((_, waiting)) = waits.get_mut(&self.key) {
            *waiting -= 1;
            if *waiting == 0 {
                waits.remove(&self.key);
            }
        }
    }
}

/// Wakes those whose key was written; all of them after the connection broke, as the server's word may be lost.
async fn wake(mut pushed: mpsc::UnboundedReceiver<PushInfo>, waits: Arc<Waits>) {
    while let Some(push) = pushed.recv().await {
        match (push.kind, push.data.into_iter().next()) {
            (PushKind::Invalidate, Some(keys @ Value::Array(_))) => {
                items(keys).into_iter().filter_map(text).for_each(|key| waits.wake(&key));
            }
            (PushKind::Invalidate | PushKind::Disconnection, _) => waits.wake_all(),
            _ => {}
        }
    }
}

/// Removes replies that were read. One that cannot be removed expires.
async fn remove(link: Link, mut asked: mpsc::UnboundedReceiver<Removal>) {
    let mut batch = Vec::new();
    while asked.recv_many(&mut batch, 512).await > 0 {
        let (mut keys, mut done) = (Vec::new(), Vec::new());
        for removal in batch.drain(..) {
            match removal {
                Removal::Reply(key) => keys.push(key),
                Removal::Done(asker) => done.push(asker),
            }
        }
        if !keys.is_empty() {
            unlink(&link, &keys).await;
        }
        for asker in done {
            let _ = asker.send(());
        }
    }
}

async fn unlink(link: &Link, keys: &[String]) {
    let mut unlink = cmd("UNLINK");
    unlink.arg(keys);
    let unlink = &unlink;
    let removed =
        link.once(|mut connection| async move { unlink.query_async::<()>(&mut connection).await }).await;
    if let Err(error) = removed {
        tracing::debug!(%error, replies = keys.len(), "replies that were read stay until they expire");
    }
}
