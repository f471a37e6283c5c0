//! Marks for what is received: long texts are read into memory of their own at once.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use memchr::memchr;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::LONG;
use super::mark::{MARK, MARK_HEADER, Marked};

/// Bytes of what is read at a time.
const READ: usize = 64 << 10;
/// The server's own limit, unless it was raised: memory is not taken for any number that somebody sends.
const LONGEST: usize = 512 << 20;
/// A header is `$`, a number of at most 20 digits and the end of the line.
const LONGEST_HEADER: usize = 32;
const LINE_END: usize = 2;

/// The long texts that were received on a connection.
#[derive(Debug)]
pub(crate) struct Values(Marked<Bytes>);

impl Values {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Marked::new()))
    }

    /// The text that a value stands for, or the value itself.
    pub(crate) fn take(&self, value: Vec<u8>) -> Bytes {
        let text = self.0.number(&value).and_then(|number| self.0.remove(number));
        text.unwrap_or_else(|| value.into())
    }

    /// Forgets what was not taken.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }

    /// Keeps a text, for which the mark stands.
    fn put(&self, text: Vec<u8>) -> [u8; MARK] {
        self.0.mark(self.0.put(text.into()))
    }
}

/// Follows the protocol (RESP) through what comes.
pub(super) struct Incoming {
    values: Arc<Values>,
    /// What was read is in `raw[start..end]`; up to `seen` it goes to the client as it is.
    raw: Box<[u8]>,
    start: usize,
    seen: usize,
    end: usize,
    next: Next,
}

/// What comes after what was seen.
enum Next {
    /// A line that says what it is.
    Line,
    /// The rest of a line that is not the length of a text.
    RestOfLine,
    /// So many bytes of a text that is not long, its end of the line included.
    Short(usize),
    /// So many bytes of a long text. Nothing before it waits for the client.
    Long { text: Vec<u8>, missing: usize },
    /// What the client gets for it, and how much of that it has.
    Mark { shown: Vec<u8>, given: usize },
}

/// A long text begins behind a header of so many bytes.
struct LongText {
    header: usize,
    length: usize,
}

impl Incoming {
    pub(super) fn new(values: Arc<Values>) -> Self {
        Self { values, raw: vec![0; READ].into(), start: 0, seen: 0, end: 0, next: Next::Line }
    }

    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        inner: &mut S,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match &mut self.next {
                Next::Long { text, missing: 0 } => {
                    let mark = self.values.put(std::mem::take(text));
                    self.next = Next::Mark { shown: [MARK_HEADER, &mark].concat(), given: 0 };
                }
                Next::Long { text, missing } if self.start == self.end => {
                    match ready!(poll_read_buf(Pin::new(&mut *inner), cx, &mut text.limit(*missing)))? {
                        0 => return Poll::Ready(Ok(())),
                        count => *missing -= count,
                    }
                }
                Next::Long { text, missing } => {
                    let count = (*missing).min(self.end - self.start);
                    text.extend_from_slice(&self.raw[self.start..self.start + count]);
                    *missing -= count;
                    self.start += count;
                    self.seen = self.start;
                }
                Next::Mark { shown, given } => {
                    *given += give(&shown[*given..], buffer);
                    if *given == shown.len() {
                        self.next = Next::Short(LINE_END);
                    }
                    return Poll::Ready(Ok(()));
                }
                Next::Line | Next::RestOfLine | Next::Short(_) => {
                    let long = self.look()?;
                    if self.start < self.seen {
                        self.start += give(&self.raw[self.start..self.seen], buffer);
                        return Poll::Ready(Ok(()));
                    }
                    if let Some(LongText { header, length }) = long {
                        self.start += header;
                        self.seen = self.start;
                        self.next = Next::Long { text: Vec::with_capacity(length), missing: length };
                    } else if ready!(self.fill(inner, cx))? == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }

    /// Looks through what is there, up to a long text or to where more must be read.
    fn look(&mut self) -> io::Result<Option<LongText>> {
        while self.seen < self.end {
            let rest = &self.raw[self.seen..self.end];
            let line = || memchr(b'\n', rest).map(|end| end + 1);
            let (passed, next) = match self.next {
                Next::Short(left) if left > rest.len() => (rest.len(), Next::Short(left - rest.len())),
                Next::Short(left) => (left, Next::Line),
                Next::Line if rest[0] == b'$' => {
                    match line().map(|header| (header, length(&rest[1..header]))) {
                        Some((header, Some(length))) if (LONG..=LONGEST).contains(&length) => {
                            return Ok(Some(LongText { header, length }));
                        }
                        Some((header, Some(length))) => {
                            (header, Next::Short(length.saturating_add(LINE_END)))
                        }
                        // A text that is not there.
                        Some((header, None)) => (header, Next::Line),
                        None if rest.len() < LONGEST_HEADER => return Ok(None),
                        None => {
                            return Err(io::Error::new(
                                io::ErrorKind::InvalidData,
                                "the length of a text does not end",
                            ));
                        }
                    }
                }
                _ => line().map_or((rest.len(), Next::RestOfLine), |length| (length, Next::Line)),
            };
            self.seen += passed;
            self.next = next;
        }
        Ok(None)
    }

    /// Reads behind what is there.
    fn fill<S: AsyncRead + Unpin>(&mut self, inner: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.raw.copy_within(self.start..self.end, 0);
        (self.start, self.seen, self.end) = (0, self.seen - self.start, self.end - self.start);
        let mut room = ReadBuf::new(&mut self.raw[self.end..]);
        ready!(Pin::new(inner).poll_read(cx, &mut room))?;
        let count = room.filled().len();
        self.end += count;
        Poll::Ready(Ok(count))
    }
}

fn give(bytes: &[u8], buffer: &mut ReadBuf<'_>) -> usize {
    let count = bytes.len().min(buffer.remaining());
    buffer.put_slice(&bytes[..count]);
    count
}

/// The number in a header, without its end of the line.
fn length(header: &[u8]) -> Option<usize> {
    std::str::from_utf8(header).ok()?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use redis::{Value, parse_redis_value};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::super::Splicing;
    use super::super::outgoing::Arguments;
    use super::*;

    /// What the client gets of `answers`.
    async fn received(values: &Arc<Values>, answers: &[u8], pipe: usize, room: usize) -> io::Result<Vec<u8>> {
        let (near, mut far) = duplex(pipe);
        let mut near = Splicing::new(near, Arguments::new(), Some(Arc::clone(values)));
        let mut shown = Vec::new();
        let sending = async move { far.write_all(answers).await };
        let receiving = async {
            let mut buffer = vec![0; room];
            loop {
                match near.read(&mut buffer).await? {
                    0 => return Ok(()),
                    count => shown.extend_from_slice(&buffer[..count]),
                }
            }
        };
        let (sent, read) = tokio::join!(sending, receiving);
        read.and(sent).map(|()| shown)
    }

    fn answer() -> impl Strategy<Value = Vec<u8>> {
        let text = prop_oneof![0..60_usize, LONG - 3..LONG + 3, LONG..9 * LONG];
        let bulk = (text, "[a$*\r\n]{1,7}").prop_map(|(length, some)| {
            let text: Vec<u8> = some.bytes().cycle().take(length).collect();
            [format!("${length}\r\n").as_bytes(), &text, b"\r\n"].concat()
        });
        let line = "[+:][0-9]{1,18}\r\n".prop_map(String::into_bytes);
        prop_oneof![4 => bulk, 2 => line, 1 => Just(b"$-1\r\n".to_vec())]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn what_is_received_is_what_the_server_sent(
            answers in proptest::collection::vec(answer(), 0..12),
            pipe in 1..200_000_usize,
            room in 1..100_000_usize,
        ) {
            let all = [format!("*{}\r\n", answers.len()).into_bytes(), answers.concat()].concat();
            let values = Values::new();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let shown = runtime.block_on(received(&values, &all, pipe.max(64), room)).unwrap();

            prop_assert!(shown.len() <= (answers.len() + 1) * (LONG + 32));
            let (Ok(Value::Array(shown)), Ok(Value::Array(sent))) =
                (parse_redis_value(&shown), parse_redis_value(&all))
            else {
                return Err(TestCaseError::fail("no array"));
            };
            prop_assert_eq!(shown.len(), sent.len());
            for (shown, sent) in shown.into_iter().zip(sent) {
                match (shown, sent) {
                    (Value::BulkString(shown), Value::BulkString(sent)) => {
                        prop_assert!(values.take(shown) == sent);
                    }
                    (shown, sent) => prop_assert_eq!(shown, sent),
                }
            }
            prop_assert!(values.0.is_empty());
        }
    }

    #[tokio::test]
    async fn no_memory_is_taken_for_a_length_that_cannot_be() {
        let values = Values::new();
        for header in ["$18446744073709551615\r\n", "$999999999999\r\n", "$99999999999999999999999\r\n"] {
            let shown = received(&values, header.as_bytes(), 64, 64).await.unwrap();
            assert_eq!(shown, header.as_bytes(), "the client knows what to do with it");
        }
        let endless = [b"$", &[b'1'; 100][..]].concat();
        assert_eq!(
            received(&values, &endless, 200, 64).await.unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
