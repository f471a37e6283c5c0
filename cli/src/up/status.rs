//! What a worker's pages say.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use prpc_contract::status::PodStatus;
use prpc_service::page;

/// A page of a worker on this machine comes at once or not at all.
const LIMIT: Duration = Duration::from_secs(1);

/// Whether the worker is ready, and what it is doing; an error while its pages are not served.
pub(super) async fn look(address: SocketAddr) -> io::Result<(bool, PodStatus)> {
    let look = async {
        let (ready, _) = page::get(address, "/ready").await?;
        let (_, body) = page::get(address, "/status").await?;
        Ok((ready.is_success(), serde_json::from_slice(&body)?))
    };
    tokio::time::timeout(LIMIT, look).await?
}
