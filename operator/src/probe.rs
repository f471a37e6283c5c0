//! `prpc-operator probe URL`: asks for a page, in images that hold nothing else that could.

use std::time::Duration;

use anyhow::{Context as _, bail};
use prpc_service::page;
use tokio::net::lookup_host;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(10);

/// Asks for a page.
///
/// # Errors
/// When it cannot be reached or its answer is not 200.
pub fn probe(url: &str) -> anyhow::Result<()> {
    let Some((host, path)) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')) else {
        bail!("{url} is not the address of a page: write http://HOST:PORT/PATH");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (status, _) = runtime.block_on(async {
        let address = lookup_host(host).await.with_context(|| format!("cannot find {host}"))?.next();
        let address = address.with_context(|| format!("{host} has no address"))?;
        let answer = timeout(LIMIT, page::get(address, &format!("/{path}"))).await;
        anyhow::Ok(answer.with_context(|| format!("{host} does not answer"))??)
    })?;
    if status.as_u16() == 200 { Ok(()) } else { bail!("{url}: {status}") }
}
