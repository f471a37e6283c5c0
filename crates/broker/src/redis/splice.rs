//! Long texts go around the Redis client, which copies what is sent three times and what is received twice.
//!
//! The client sees a mark in place of such a text. Below it, the stream replaces marks in what is sent by the texts
//! from where they lie, and long texts in what is received by marks.

mod incoming;
mod mark;
mod outgoing;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::incoming::Incoming;
pub(super) use self::incoming::Values;
pub(super) use self::mark::MARK;
use self::outgoing::Outgoing;
pub(super) use self::outgoing::{Argument, Arguments};

/// Of shorter texts a copy costs less than the detour.
pub(super) const LONG: usize = 16 << 10;

/// A connection with long texts in the place of marks.
pub(super) struct Splicing<S> {
    inner: S,
    outgoing: Outgoing,
    incoming: Option<Incoming>,
}

impl<S> Splicing<S> {
    /// Replaces marks of `arguments`, and puts long texts that come into `values` if there are any.
    pub(super) fn new(inner: S, arguments: Arc<Arguments>, values: Option<Arc<Values>>) -> Self {
        Self { inner, outgoing: Outgoing::new(arguments), incoming: values.map(Incoming::new) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Splicing<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.incoming {
            Some(incoming) => incoming.poll_read(&mut this.inner, cx, buffer),
            None => Pin::new(&mut this.inner).poll_read(cx, buffer),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Splicing<S> {
    /// Until it is ready, every call must bring the same beginning.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.outgoing.poll_write(&mut this.inner, cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
