//! The client of one cluster, and how it is asked.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::error::{Error, Result};
use crate::events::{Events, Trouble};
use crate::raw::{self, Answer, Fault, Request};
use crate::token::Token;

/// The longest time that anything may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The client's events are served so often, at least.
const SERVE: Duration = Duration::from_millis(200);

/// A client of one cluster. A cheap handle: clone it freely. The connection goes with the last one.
#[derive(Clone)]
pub struct Admin {
    shared: Arc<Shared>,
    limit: Duration,
}

struct Shared {
    config: ClientConfig,
    token: Option<Token>,
    trouble: Trouble,
    client: Mutex<Arc<Client>>,
}

/// It has the form of a consumer, which takes nothing and is no member of its group: in any other form, librdkafka 2.12 ends the
/// process when a group's coordinator moves to another broker while it is asked for offsets.
struct Client {
    /// There until it ends.
    consumer: Option<Arc<BaseConsumer<Events>>>,
    stop: Arc<AtomicBool>,
}

impl Admin {
    /// Makes a client of a configuration, and of a token if that asks for OAUTHBEARER. `group` is any group that its user may see; it
    /// never becomes a member. Connects at once, and tries again for as long as it lives.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn new(config: &ClientConfig, token: Option<Token>, group: &str) -> Result<Self> {
        let mut config = passive(config, group);
        config
            .set("reconnect.backoff.max.ms", "2000")
            // A client without topics of its own learns only by this that the controller is another one now. Every ten seconds is as
            // often as librdkafka does it.
            .set("topic.metadata.refresh.interval.ms", "10000");
        let trouble = Trouble::default();
        let client = Client::new(&config, token.clone(), trouble.clone())?;
        let client = Mutex::new(Arc::new(client));
        Ok(Self { shared: Arc::new(Shared { config, token, trouble, client }), limit: LIMIT })
    }

    /// The same client, for operations that may take so long.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), limit }
    }

    /// Asks for several things at once.
    pub(crate) async fn ask_all(&self, requests: Vec<Request>) -> Vec<Result<Answer, Fault>> {
        let (shared, limit, count) = (Arc::clone(&self.shared), self.limit, requests.len());
        let asked = tokio::task::spawn_blocking(move || shared.ask(&requests, limit));
        let mut answers = asked.await.unwrap_or_default();
        // Only a thread that panicked leaves some out.
        answers.resize_with(count, || Err(Fault::lost()));
        if answers.iter().any(Result::is_ok) {
            self.shared.trouble.is_over();
        }
        answers
    }

    /// Asks for one thing.
    pub(crate) async fn ask(&self, request: Request) -> Result<Answer, Fault> {
        self.ask_all(vec![request]).await.pop().unwrap_or_else(|| Err(Fault::lost()))
    }

    /// What is behind an error: an answer that did not come may be a login that was refused.
    pub(crate) fn explained(&self, error: Error) -> Error {
        match error {
            Error::Unreachable(text) => self.shared.trouble.get().unwrap_or(Error::Unreachable(text)),
            other => other,
        }
    }
}

impl Shared {
    /// Asks, and takes another client if this one cannot be kept. Blocks.
    fn ask(&self, requests: &[Request], limit: Duration) -> Vec<Result<Answer, Fault>> {
        let client = Arc::clone(&self.client());
        let Some(consumer) = &client.consumer else { return Vec::new() };
        let answers = raw::ask(consumer.client(), requests, limit);
        let mut current = self.client();
        if answers.is_spoilt && Arc::ptr_eq(&client, &current) {
            match Client::new(&self.config, self.token.clone(), self.trouble.clone()) {
                Ok(another) => *current = Arc::new(another),
                Err(error) => {
                    tracing::warn!(%error, "a client that waits for a coordinator cannot be replaced")
                }
            }
        }
        answers.each
    }

    fn client(&self) -> MutexGuard<'_, Arc<Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    fn new(config: &ClientConfig, token: Option<Token>, trouble: Trouble) -> Result<Self> {
        let consumer = config.create_with_context(Events::new(token, trouble))?;
        let consumer: Arc<BaseConsumer<Events>> = Arc::new(consumer);
        let client = Self { consumer: Some(Arc::clone(&consumer)), stop: Arc::default() };
        let stop = Arc::clone(&client.stop);
        let serve = move || {
            while !stop.load(Ordering::Relaxed) {
                // There are no records, and errors are kept where they are served.
                drop(consumer.poll(SERVE));
            }
        };
        let thread = thread::Builder::new().name("kafka-events".into()).spawn(serve);
        thread.map_err(|error| Error::Config(format!("no thread can be started: {error}")))?;
        Ok(client)
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // The last one to let it go waits for its threads. Where no thread can be started, that is here.
        let consumer = self.consumer.take();
        let _ = thread::Builder::new().name("kafka-end".into()).spawn(move || drop(consumer));
    }
}

/// The configuration of a consumer that is no member of its group.
pub(crate) fn passive(config: &ClientConfig, group: &str) -> ClientConfig {
    let mut config = config.clone();
    config
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        // One that was deleted must not come back by being asked about.
        .set("allow.auto.create.topics", "false");
    config
}
