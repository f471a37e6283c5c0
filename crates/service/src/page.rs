//! Asks for one page of a server of ours.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A larger page is an error: whoever answers may be somebody else.
const LARGEST: usize = 1 << 20;

/// The page `path` of the server at `address`. Without a limit of time: whoever asks knows how long is too long.
///
/// # Errors
/// When the server cannot be reached or does not answer with a page.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<(StatusCode, Bytes)> {
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
