//! Long arguments in place of their marks, in what is sent.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use memchr::memmem::Finder;
use prpc_contract::message::ReplyBody;
use redis::{RedisWrite, ToRedisArgs, ToSingleRedisArg};
use tokio::io::AsyncWrite;

use super::mark::{MARK, MARK_HEADER, Marked};

/// Marks that are looked for at a time.
const MARKS: usize = 32;
/// Parts that are given to the system at a time.
const PARTS: usize = 64;

/// The arguments that go around the client.
#[derive(Debug)]
pub(crate) struct Arguments {
    bodies: Marked<ReplyBody>,
    finder: Finder<'static>,
}

impl Arguments {
    pub(crate) fn new() -> Arc<Self> {
        let bodies = Marked::new();
        let finder = Finder::new(bodies.prefix()).into_owned();
        Arc::new(Self { bodies, finder })
    }

    /// Takes an argument until what is returned is dropped: by then every command with it must have been answered.
    pub(crate) fn put(self: &Arc<Self>, body: &ReplyBody) -> Argument {
        Argument { arguments: Arc::clone(self), number: self.bodies.put(body.clone()) }
    }

    /// What to send for the beginning of `buffer`; None if there are no marks in it.
    fn resolve(&self, buffer: &[u8]) -> io::Result<Option<Replacement>> {
        let mut parts = VecDeque::new();
        let mut end = 0;
        for start in self.finder.find_iter(buffer).take(MARKS) {
            let header = buffer[..start].strip_suffix(MARK_HEADER).map(<[u8]>::len);
            let number = self.bodies.number(&buffer[start..]);
            let (Some(header), Some(number)) = (header, number) else {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a mark of a long argument is not whole",
                ));
            };
            let Some(body) = self.bodies.get(number) else {
                // The mark must not be sent as if it were the argument; on another connection nothing is left of it.
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "a long argument was given up unsent",
                ));
            };
            parts.push_back(Part::Buffer(end..header));
            parts.push_back(Part::Bytes(format!("${}\r\n", body.len()).into()));
            parts.extend(body.pieces().cloned().map(Part::Bytes));
            end = start + MARK;
        }
        if parts.is_empty() {
            return Ok(None);
        }
        Ok(Some(Replacement { parts, replaces: end }))
    }
}

/// Stands in a command for a long argument.
#[derive(Debug)]
pub(crate) struct Argument {
    arguments: Arc<Arguments>,
    number: u64,
}

impl ToRedisArgs for Argument {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        out.write_arg(&self.arguments.bodies.mark(self.number));
    }
}

impl ToSingleRedisArg for Argument {}

impl Drop for Argument {
    fn drop(&mut self) {
        self.arguments.bodies.remove(self.number);
    }
}

/// What is sent instead of the beginning of a buffer.
struct Replacement {
    parts: VecDeque<Part>,
    /// How long that beginning is.
    replaces: usize,
}

enum Part {
    /// Of the buffer itself.
    Buffer(Range<usize>),
    Bytes(Bytes),
}

impl Replacement {
    fn slices<'a>(&'a self, buffer: &'a [u8]) -> Vec<IoSlice<'a>> {
        let slice = |part: &'a Part| match part {
            Part::Buffer(range) => &buffer[range.clone()],
            Part::Bytes(bytes) => bytes,
        };
        self.parts.iter().take(PARTS).map(|part| IoSlice::new(slice(part))).collect()
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(part) = self.parts.front_mut() {
            let length = match part {
                Part::Buffer(range) => range.len(),
                Part::Bytes(bytes) => bytes.len(),
            };
            if count < length {
                match part {
                    Part::Buffer(range) => range.start += count,
                    Part::Bytes(bytes) => bytes.advance(count),
                }
                return;
            }
            count -= length;
            self.parts.pop_front();
        }
    }
}

/// Puts arguments in place of their marks.
pub(super) struct Outgoing {
    arguments: Arc<Arguments>,
    /// Being sent for the beginning of the buffer that was given last.
    replacement: Option<Replacement>,
}

impl Outgoing {
    pub(super) fn new(arguments: Arc<Arguments>) -> Self {
        Self { arguments, replacement: None }
    }

    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        inner: &mut S,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.replacement.is_none() {
            self.replacement = self.arguments.resolve(buffer)?;
        }
        let Some(replacement) = &mut self.replacement else { return Pin::new(inner).poll_write(cx, buffer) };
        while !replacement.parts.is_empty() {
            match ready!(Pin::new(&mut *inner).poll_write_vectored(cx, &replacement.slices(buffer)))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => replacement.advance(count),
            }
        }
        let replaced = replacement.replaces;
        self.replacement = None;
        Poll::Ready(Ok(replaced))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redis::cmd;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::super::Splicing;
    use super::*;

    /// What the other end gets of `packed`.
    async fn sent(arguments: &Arc<Arguments>, packed: &[u8], pipe: usize) -> Vec<u8> {
        let (near, mut far) = duplex(pipe);
        let mut near = Splicing::new(near, Arc::clone(arguments), None);
        let mut received = Vec::new();
        let sending = async {
            near.write_all(packed).await.unwrap();
            near.shutdown().await.unwrap();
        };
        let ((), read) = tokio::join!(sending, far.read_to_end(&mut received));
        read.unwrap();
        received
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn what_is_sent_is_what_the_client_would_have_sent(
            texts in proptest::collection::vec(("[ab\r\n$*]{0,300}", any::<bool>()), 0..80),
            pipe in 1..4000_usize,
        ) {
            let arguments = Arguments::new();
            let (mut spliced, mut plain) = (cmd("MSET"), cmd("MSET"));
            let mut kept = Vec::new();
            for (text, around) in &texts {
                plain.arg(text);
                if *around {
                    let argument = arguments.put(&text.clone().into_bytes().into());
                    spliced.arg(&argument);
                    kept.push(argument);
                } else {
                    spliced.arg(text);
                }
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let received = runtime.block_on(sent(&arguments, &spliced.get_packed_command(), pipe));
            prop_assert_eq!(received, plain.get_packed_command());
        }
    }

    #[tokio::test]
    async fn an_argument_that_was_given_up_is_not_sent_as_its_mark() {
        let arguments = Arguments::new();
        let mut command = cmd("SET");
        command.arg("key").arg(arguments.put(&"long".into()));
        let mut near = Splicing::new(tokio::io::sink(), Arc::clone(&arguments), None);
        let error = near.write_all(&command.get_packed_command()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}
