//! Puts the parts together, and takes them apart in order.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use kube::Client;
use prpc_service::shutdown;
use tokio::net::TcpListener;

use crate::arguments::Options;
use crate::leader::Leadership;
use crate::metrics::Metrics;
use crate::pages::{self, Health};
use crate::{client, controller};

/// Runs the operator until SIGTERM.
///
/// # Errors
/// When it cannot start, or the Lease was lost: then the process must end, because another replica leads.
pub fn run(options: Options) -> anyhow::Result<()> {
    if options.runtime_image.is_empty() {
        bail!("no runtime image: set PRPC_RUNTIME_IMAGE to the image that holds prpc-runtime");
    }
    // Another part of the program could choose otherwise, and a second choice is an error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start")?
        .block_on(serve(options))
}

async fn serve(options: Options) -> anyhow::Result<()> {
    let stop = shutdown::on_signal().context("cannot listen to signals")?;
    let client = client::connect().await?;
    let (health, metrics) = (Arc::<Health>::default(), Arc::new(Metrics::new()));
    let listener = TcpListener::bind(options.pages)
        .await
        .with_context(|| format!("cannot serve pages at {}: set PRPC_PAGES_ADDRESS", options.pages))?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), pages = %options.pages, "starting");
    let pages = tokio::spawn(pages::serve(listener, Arc::clone(&health), Arc::clone(&metrics), stop.clone()));

    let outcome = lead(client, &options, &health, metrics, &stop).await;
    stop.cancel();
    // Pages that end badly do not matter any more.
    let _ = pages.await;
    outcome
}

async fn lead(
    client: Client,
    options: &Options,
    health: &Health,
    metrics: Arc<Metrics>,
    stop: &tokio_util::sync::CancellationToken,
) -> anyhow::Result<()> {
    let scopes = options.scopes();
    tokio::select! {
        () = controller::until_served(&client, &scopes) => {}
        () = stop.cancelled() => return Ok(()),
    }
    health.set_ready(true);
    let Some(mut leadership) = Leadership::acquire(client.clone(), options, stop).await? else {
        return Ok(());
    };
    let ending = stop.child_token();
    let controllers = controller::run(client, options, metrics, ending.clone());
    tokio::pin!(controllers);
    tokio::select! {
        () = &mut controllers => {}
        () = leadership.lost() => {
            // Started writes cannot be taken back; ending the process is the only safe way.
            bail!("the Lease was lost: ending, another replica leads");
        }
    }
    leadership.release().await;
    tracing::info!("ended");
    Ok(())
}
