//! Connections to Redis: one loop that makes them again, whatever broke them.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use futures::future::select_ok;
use prpc_contract::message::ReplyBody;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, PushInfo,
    RedisResult, TlsCertificates, cmd,
};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tokio_util::either::Either;

use super::splice::{self, Arguments, Splicing, Values};
use crate::error::{Error, Result};
use crate::types::{Counters, count};
use crate::url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
const USER_TIMEOUT: Duration = Duration::from_secs(20);
/// Many may want the connection at once; one failed try is enough for all of them.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// Chooses the implementation of cryptography for TLS, once per process. Does nothing if one was chosen before.
pub fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// How long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Until it succeeds or the future is dropped.
    Endless,
    /// A few times within a second.
    Brief,
}

/// The pause between tries: 50 ms to 5 s, with jitter.
pub(crate) fn backoff(patience: Patience) -> ExponentialBuilder {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_factor(2.0)
        .with_jitter();
    match patience {
        Patience::Endless => backoff.without_max_times(),
        Patience::Brief => backoff.with_max_times(3),
    }
}

/// Opens single connections.
#[derive(Clone)]
pub(crate) struct Connector {
    client: Client,
    /// What goes around the client; not possible with TLS, where everything is copied anyway.
    arguments: Option<Arc<Arguments>>,
    shown: Arc<str>,
}

impl Connector {
    /// `ca_file` holds the certificates to trust instead of the system's, as PEM.
    pub(crate) fn new(url: &Url, ca_file: Option<&Path>, protocol: ProtocolVersion) -> Result<Self> {
        if url.is_tls() {
            install_tls_provider();
        }
        // The library's text is about the form only and does not repeat the address.
        let info = url.secret().into_connection_info()?;
        let settings = info.redis_settings().clone().set_protocol(protocol);
        let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
        #[cfg(target_os = "linux")]
        let tcp = tcp.set_user_timeout(USER_TIMEOUT);
        let info = info.set_redis_settings(settings).set_tcp_settings(tcp);
        let client = match ca_file {
            Some(file) if url.is_tls() => {
                let root_cert = std::fs::read(file).map_err(|error| {
                    Error::CaFile(format!(
                        "{}: {error}; check that the file exists and may be read",
                        file.display()
                    ))
                })?;
                let certificates = TlsCertificates { client_tls: None, root_cert: Some(root_cert) };
                Client::build_with_tls(info, certificates)
                    .map_err(|error| Error::CaFile(format!("{}: {error}", file.display())))?
            }
            _ => Client::open(info)?,
        };
        let arguments = (!url.is_tls()).then(Arguments::new);
        Ok(Self { client, arguments, shown: url.to_string().into() })
    }

    /// What stands for a long argument in commands on these connections, if that saves anything.
    pub(crate) fn spliced(&self, body: &ReplyBody) -> Option<splice::Argument> {
        self.arguments.as_ref().filter(|_| body.len() >= splice::LONG).map(|arguments| arguments.put(body))
    }

    /// The address without its password.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// One connection, one try. `response_timeout` must be longer than any command takes.
    pub(crate) async fn open(
        &self,
        response_timeout: Duration,
        pushes: Option<mpsc::UnboundedSender<PushInfo>>,
    ) -> Result<MultiplexedConnection> {
        self.open_with(response_timeout, pushes, None).await
    }

    /// One connection whose long texts may come as marks, for which `values` has the texts.
    pub(crate) async fn open_for(
        &self,
        values: &Arc<Values>,
        response_timeout: Duration,
    ) -> Result<MultiplexedConnection> {
        self.open_with(response_timeout, None, Some(Arc::clone(values))).await
    }

    async fn open_with(
        &self,
        response_timeout: Duration,
        pushes: Option<mpsc::UnboundedSender<PushInfo>>,
        values: Option<Arc<Values>>,
    ) -> Result<MultiplexedConnection> {
        let mut config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(response_timeout));
        if let Some(pushes) = pushes {
            config = config.set_push_sender(pushes);
        }
        let Some(arguments) = &self.arguments else {
            return Ok(self.client.get_multiplexed_async_connection_with_config(&config).await?);
        };
        timeout(CONNECT_TIMEOUT, self.open_splicing(arguments, values, config))
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
            .map_err(Error::from)
    }

    async fn open_splicing(
        &self,
        arguments: &Arc<Arguments>,
        values: Option<Arc<Values>>,
        config: AsyncConnectionConfig,
    ) -> RedisResult<MultiplexedConnection> {
        let info = self.client.get_connection_info();
        let stream = match info.addr() {
            ConnectionAddr::Unix(path) => Either::Left(UnixStream::connect(path).await?),
            ConnectionAddr::Tcp(host, port) => Either::Right(connect(host, *port).await?),
            other => return Err(io::Error::other(format!("no way to connect to {other}")).into()),
        };
        let stream = Splicing::new(stream, Arc::clone(arguments), values);
        let (connection, driver) =
            MultiplexedConnection::new_with_config(info.redis_settings(), stream, config).await?;
        // Ends when the last handle is dropped.
        tokio::spawn(driver);
        Ok(connection)
    }
}

/// The first of the host's addresses that takes the connection.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = lookup_host((host, port)).await?.map(|address| Box::pin(TcpStream::connect(address)));
    let addresses: Vec<_> = addresses.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address")));
    }
    let (stream, _) = select_ok(addresses).await?;
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_user_timeout(&stream, USER_TIMEOUT.as_millis() as u32)?;
    Ok(stream)
}

/// The state of a connection as last logged, so that a change is logged once.
#[derive(Default)]
pub(crate) struct Health {
    down: AtomicBool,
    was_up: AtomicBool,
}

impl Health {
    /// False from the moment that a connection broke or could not be made, until the next one is there.
    pub(crate) fn is_up(&self) -> bool {
        !self.down.load(Ordering::Relaxed)
    }

    pub(crate) fn up(&self, what: &str, url: &str, counters: &Counters) {
        if self.was_up.swap(true, Ordering::Relaxed) {
            count(&counters.reconnects, 1);
        }
        if self.down.swap(false, Ordering::Relaxed) {
            tracing::info!(broker = url, link = what, "connected to the broker again");
        }
    }

    pub(crate) fn down(&self, what: &str, url: &str, error: &Error) {
        if !self.down.swap(true, Ordering::Relaxed) {
            tracing::warn!(broker = url, link = what, %error, "lost the broker, connecting again");
        }
    }
}

/// A connection shared by everything that does not block, made again when it breaks.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    what: &'static str,
    connector: Connector,
    slot: Mutex<Slot>,
    health: Health,
    counters: Arc<Counters>,
    tracking: Option<Tracking>,
}

/// For a link that is told when keys it has read change.
struct Tracking {
    pushes: mpsc::UnboundedSender<PushInfo>,
    /// Whether the server does it on the present connection.
    on: AtomicBool,
}

#[derive(Default)]
struct Slot {
    generation: u64,
    connection: Option<MultiplexedConnection>,
    failed: Option<(Instant, Error)>,
}

impl Link {
    pub(crate) fn new(what: &'static str, connector: Connector, counters: Arc<Counters>) -> Self {
        let (slot, health) = (Mutex::default(), Health::default());
        Self(Arc::new(Inner { what, connector, slot, health, counters, tracking: None }))
    }

    /// A link whose server tells `pushes` when a key changes that was read before. The connector must use RESP3.
    pub(crate) fn tracking(
        what: &'static str,
        connector: Connector,
        counters: Arc<Counters>,
        pushes: mpsc::UnboundedSender<PushInfo>,
    ) -> Self {
        let (slot, health) = (Mutex::default(), Health::default());
        let tracking = Some(Tracking { pushes, on: AtomicBool::default() });
        Self(Arc::new(Inner { what, connector, slot, health, counters, tracking }))
    }

    /// Whether the server tells about changed keys.
    pub(crate) fn is_tracking(&self) -> bool {
        self.0.tracking.as_ref().is_some_and(|tracking| tracking.on.load(Ordering::Relaxed))
    }

    /// Runs `operation`, again on a new connection when the connection broke, and later when the server refuses
    /// to write. It must not matter if the operation is done twice.
    pub(crate) async fn run<T, F, Fut>(&self, patience: Patience, operation: F) -> Result<T>
    where
        F: Fn(MultiplexedConnection) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        (|| self.once(&operation)).retry(backoff(patience)).when(Error::is_transient).await
    }

    /// Whether the server could be reached when it was last needed.
    pub(crate) fn is_up(&self) -> bool {
        self.0.health.is_up()
    }

    /// Runs `operation` once.
    pub(crate) async fn once<T, F, Fut>(&self, operation: F) -> Result<T>
    where
        F: Fn(MultiplexedConnection) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        let (generation, connection) = self.connection().await?;
        let result = operation(connection).await.map_err(Error::from);
        if let Err(error) = &result
            && error.breaks_connection()
        {
            self.discard(generation, error).await;
        }
        result
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection)> {
        let inner = &*self.0;
        let mut slot = inner.slot.lock().await;
        if let Some(connection) = &slot.connection {
            return Ok((slot.generation, connection.clone()));
        }
        if let Some((at, error)) = &slot.failed
            && at.elapsed() < RECONNECT_PAUSE
        {
            return Err(error.clone());
        }
        let connection = match inner.open().await {
            Ok(connection) => connection,
            Err(error) => {
                inner.health.down(inner.what, &inner.connector.shown, &error);
                slot.failed = Some((Instant::now(), error.clone()));
                return Err(error);
            }
        };
        inner.health.up(inner.what, &inner.connector.shown, &inner.counters);
        *slot = Slot { generation: slot.generation + 1, connection: Some(connection.clone()), failed: None };
        Ok((slot.generation, connection))
    }

    async fn discard(&self, generation: u64, error: &Error) {
        let mut slot = self.0.slot.lock().await;
        if slot.generation == generation && slot.connection.take().is_some() {
            self.0.health.down(self.0.what, &self.0.connector.shown, error);
        }
    }
}

impl Inner {
    async fn open(&self) -> Result<MultiplexedConnection> {
        let Some(tracking) = &self.tracking else { return self.connector.open(RESPONSE_TIMEOUT, None).await };
        let mut connection = self.connector.open(RESPONSE_TIMEOUT, Some(tracking.pushes.clone())).await?;
        let answer = cmd("CLIENT").arg("TRACKING").arg("ON").arg("NOLOOP").exec_async(&mut connection).await;
        match answer.map_err(Error::from) {
            Err(error) if error.is_transient() => return Err(error),
            answer => tracking.on.store(answer.is_ok(), Ordering::Relaxed),
        }
        Ok(connection)
    }
}
