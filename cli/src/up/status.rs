//! What a worker's pages say.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use prpc_contract::status::PodStatus;
use tokio::net::TcpStream;

/// A page of a worker on this machine comes at once or not at all.
const LIMIT: Duration = Duration::from_secs(1);
const LARGEST: usize = 1 << 20;

/// Whether the worker is ready, and what it is doing; an error while its pages are not served.
pub(super) async fn look(address: SocketAddr) -> io::Result<(bool, PodStatus)> {
    let look = async {
        let (ready, _) = page(address, "/ready").await?;
        let (_, body) = page(address, "/status").await?;
        Ok((ready == StatusCode::OK, serde_json::from_slice(&body)?))
    };
    tokio::time::timeout(LIMIT, look).await?
}

async fn page(address: SocketAddr, path: &str) -> io::Result<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let request = Request::get(path).header(HOST, address.to_string()).body(Empty::<Bytes>::new());
    let exchange = async {
        let response =
            sender.send_request(request.map_err(io::Error::other)?).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST).collect().await.map_err(io::Error::other)?;
        Ok((status, body.to_bytes()))
    };
    tokio::pin!(exchange);
    tokio::select! {
        done = &mut exchange => done,
        // The connection may end together with the answer.
        _ = connection => exchange.await,
    }
}
