//! The client of the API server.

use std::time::Duration;

use anyhow::Context as _;
use kube::client::ClientBuilder;
use kube::client::retry::RetryPolicy;
use kube::{Client, Config};
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;

/// Tries after the first one, together some seconds.
const RETRIES: u32 = 4;
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Requests that wait for the connection.
const WAITING: usize = 1024;

/// A client for the cluster that this program runs in, or that KUBECONFIG names.
///
/// # Errors
/// There is none, or what is said of it cannot be used.
pub(crate) async fn connect() -> anyhow::Result<Client> {
    let mut config = Config::infer()
        .await
        .context("no cluster: run in a pod with a service account, or set KUBECONFIG")?;
    config.default_retry = false;
    let builder = ClientBuilder::try_from(config).context("the cluster's client cannot be made")?;
    // Only a service that can be cloned can be asked again.
    Ok(builder.with_layer(&BufferLayer::new(WAITING)).with_layer(&retry()?).build())
}

/// Repeats what the API server refuses because it is busy (429, 503, 504). kube's own layer would go on for minutes, and nobody
/// would be told meanwhile; here the pass fails, is reported, and is repeated with pauses of its own.
///
/// # Errors
/// The pauses make no sense.
pub(crate) fn retry() -> anyhow::Result<RetryLayer<RetryPolicy>> {
    Ok(RetryLayer::new(RetryPolicy::new(SHORTEST_PAUSE, LONGEST_PAUSE, RETRIES, true)?))
}
