//! One worker host as the runtime sees it: a process, a socket, and what it says.

use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use prpc_contract::fault::{Fault, Reason};
use prpc_contract::json::{Cursor, Node, Tape};
use prpc_contract::payload::{self, LongTexts};
use prpc_contract::value::Value;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::exits::{Exit, Exits};
use crate::frame::{self, Frame, Kind};
use crate::lane::Lane;
use crate::pool::HostId;
use crate::program::HOST_LIMITS;
use crate::status_page::{Running, StatusPage};
use crate::template::NewHost;
use crate::texts::{Incoming, Outgoing};

const READ_BUFFER: usize = 64 << 10;

/// How long a host that closed its socket or talks nonsense may take to die of SIGKILL before it is given up.
const DEATH: Duration = Duration::from_secs(5);

/// How one call ended in its host.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    /// The number the runtime chose.
    pub call: u64,
    /// What the function did.
    pub status: Status,
    /// Time in the function.
    pub run: Duration,
}

/// What the function did.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// It returned.
    Returned(Value),
    /// It raised; the text is what the caller gets.
    Raised(String),
    /// It was cancelled as asked.
    Cancelled,
    /// It returned what cannot be sent; the text says why.
    Unsendable(String),
}

/// What a host reports.
#[derive(Debug)]
pub enum Report {
    /// Calls may come.
    Ready,
    /// Calls that ended.
    Results(Vec<CallResult>),
    /// Calls that never started and never will.
    Recalled(Vec<u64>),
    /// It is dead; everything it had said came before.
    Gone(Exit),
}

/// A handle on a host. The process lives on when it is dropped, until it reads the end of its socket.
#[derive(Debug)]
pub struct Host {
    pid: Pid,
    page: StatusPage,
    texts: Outgoing,
    lane: Option<Lane>,
    outbox: mpsc::UnboundedSender<Bytes>,
}

impl Host {
    /// Starts talking to a new host; its reports go to `reports`.
    ///
    /// # Errors
    /// When the socket cannot be used.
    pub fn open<R>(id: HostId, new: NewHost, exits: Exits, reports: R) -> io::Result<Self>
    where
        R: Fn(HostId, Report) + Send + Sync + 'static,
    {
        let NewHost { pid, socket, page, lane } = new;
        let (texts, incoming) = page.texts()?;
        socket.set_nonblocking(true)?;
        let (reader, writer) = UnixStream::from_std(socket)?.into_split();
        let (outbox, outgoing) = mpsc::unbounded_channel();
        tokio::spawn(write_frames(writer, outgoing));
        tokio::spawn(async move {
            let mut reader = Reader::new(reader, incoming);
            let mut exit = pin!(exits.of(pid));
            // A process that a function left behind may hold the socket open: the end of the host is told by either.
            let (read, exited) = tokio::select! {
                read = reader.read_all(|report| reports(id, report)) => (read, None),
                exited = &mut exit => (reader.read_rest(|report| reports(id, report)), Some(exited)),
            };
            if let Err(error) = read {
                tracing::error!(host = id.0, pid = pid.as_raw_pid(), %error, "a worker host is unusable and is replaced");
            }
            kill(pid);
            let exit = match exited {
                Some(exit) => exit,
                None => timeout(DEATH, exit).await.unwrap_or(Exit::Signal(Signal::KILL.as_raw())),
            };
            reports(id, Report::Gone(exit));
        });
        Ok(Self { pid, page, texts, lane, outbox })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    /// Where long texts of its calls go. A frame that names some must be sent, and in the order in which they were written.
    pub fn texts(&mut self) -> &mut Outgoing {
        &mut self.texts
    }

    /// Queues the frame with calls of these numbers.
    ///
    /// # Errors
    /// When the host takes none.
    pub fn send_calls(&self, calls: &[u64], frame: Bytes) -> io::Result<()> {
        if let Some(lane) = &self.lane {
            lane.permit(calls)?;
        }
        let _ = self.outbox.send(frame);
        Ok(())
    }

    /// Takes the calls back that it has not started; `None` if it was asked for them and will report.
    #[must_use]
    pub fn recall(&self) -> Option<Vec<u64>> {
        let Some(lane) = &self.lane else {
            self.send(Kind::Recall, b"[]");
            return None;
        };
        Some(lane.take_back())
    }

    /// Results that it has left to be picked up.
    ///
    /// # Errors
    /// When it wrote nonsense.
    pub fn results_left(&mut self) -> io::Result<Vec<CallResult>> {
        let Some(lane) = &mut self.lane else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for frame in lane.results()? {
            // Whoever has written long texts tells of them by the socket.
            match read_report(&frame, &|_, _| None).map_err(io::Error::other)? {
                Some(Report::Results(results)) => found.extend(results),
                _ => return Err(io::Error::other(malformed("a frame that is not for results"))),
            }
        }
        Ok(found)
    }

    /// Bytes of memory that it has, that which it shares with other hosts included; `None` if it is gone.
    #[must_use]
    pub fn resident_memory(&self) -> Option<u64> {
        let pages = std::fs::read_to_string(format!("/proc/{}/statm", self.pid())).ok()?;
        let resident: u64 = pages.split(' ').nth(1)?.parse().ok()?;
        Some(resident * rustix::param::page_size() as u64)
    }

    /// Whether calls parked in it wait for the one that runs, and for nothing else.
    #[must_use]
    pub fn has_lane(&self) -> bool {
        self.lane.is_some()
    }

    /// Queues a frame. A dead host swallows it; its `Gone` is on the way.
    pub fn send(&self, kind: Kind, payload: &[u8]) {
        let _ = self.outbox.send(frame::whole(kind, payload));
    }

    /// Ends it at once, with all it started.
    pub fn kill(&self) {
        kill(self.pid);
    }

    /// What it runs now, or ran when it died.
    #[must_use]
    pub fn running(&self) -> Vec<Running> {
        self.page.running().unwrap_or_else(|error| {
            tracing::warn!(pid = self.pid(), %error, "a host's status page cannot be read");
            Vec::new()
        })
    }
}

fn kill(pid: Pid) {
    // It may be dead already, and then everything is as it should be.
    let _ = kill_process_group(pid, Signal::KILL);
}

async fn write_frames(mut writer: OwnedWriteHalf, mut outgoing: mpsc::UnboundedReceiver<Bytes>) {
    while let Some(frame) = outgoing.recv().await {
        if writer.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// The frames of a host, read as they come.
struct Reader {
    socket: OwnedReadHalf,
    input: BytesMut,
    texts: Incoming,
}

impl Reader {
    fn new(socket: OwnedReadHalf, texts: Incoming) -> Self {
        Self { socket, input: BytesMut::new(), texts }
    }

    /// Until the host closes its socket. May be dropped at any time: nothing that was read is lost.
    async fn read_all(&mut self, mut report: impl FnMut(Report)) -> io::Result<()> {
        loop {
            self.input.reserve(READ_BUFFER);
            match self.socket.read_buf(&mut self.input).await {
                Ok(0) => return Ok(()),
                Ok(_) => self.tell(&mut report)?,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// What a host that is dead had said.
    fn read_rest(&mut self, mut report: impl FnMut(Report)) -> io::Result<()> {
        loop {
            self.input.reserve(READ_BUFFER);
            match self.socket.try_read_buf(&mut self.input) {
                Ok(1..) => self.tell(&mut report)?,
                Ok(0) | Err(_) => return Ok(()),
            }
        }
    }

    fn tell(&mut self, report: &mut impl FnMut(Report)) -> io::Result<()> {
        while let Some(frame) = frame::read(&mut self.input).map_err(io::Error::other)? {
            let texts = |position, length| self.texts.take(position, length);
            let found = read_report(&frame, &texts).map_err(io::Error::other)?;
            self.texts.tell();
            found.into_iter().for_each(&mut *report);
        }
        Ok(())
    }
}

fn read_report(frame: &Frame, texts: &LongTexts<'_>) -> Result<Option<Report>, Fault> {
    let tape = || Tape::read(&frame.payload, &HOST_LIMITS);
    Ok(match frame.kind {
        Kind::Ready => Some(Report::Ready),
        Kind::Results => {
            Some(Report::Results(items(tape()?.root(), |item| result(item, frame.tagged.then_some(texts)))?))
        }
        Kind::Recalled => Some(Report::Recalled(items(tape()?.root(), |item| number(Some(item)))?)),
        // Its end of the socket says the same, and more surely.
        Kind::Drained => None,
        _ => return Err(malformed("a frame that hosts do not send")),
    })
}

fn items<T>(
    array: Cursor<'_, '_>,
    read: impl Fn(Cursor<'_, '_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    array.items().ok_or_else(|| malformed("not an array"))?.map(read).collect()
}

fn result(item: Cursor<'_, '_>, texts: Option<&LongTexts<'_>>) -> Result<CallResult, Fault> {
    let mut parts = item.items().ok_or_else(|| malformed("a result that is not an array"))?;
    let call = number(parts.next())?;
    let status = number(parts.next())?;
    let value = parts.next().ok_or_else(|| malformed("a result without value"))?;
    let run = Duration::from_nanos(number(parts.next())?);
    let text = |value: Option<Cursor<'_, '_>>| {
        value
            .and_then(|value| value.as_str().map(str::to_owned))
            .ok_or_else(|| malformed("a text is missing"))
    };
    let status = match status {
        0 => Status::Returned(match texts {
            Some(texts) => payload::read_with(value, texts)?,
            None => payload::read(value, false)?,
        }),
        1 => Status::Raised(text(value.get("text"))?),
        2 => Status::Cancelled,
        4 => Status::Unsendable(text(Some(value))?),
        _ => return Err(malformed("an unknown status")),
    };
    Ok(CallResult { call, status, run })
}

fn number(value: Option<Cursor<'_, '_>>) -> Result<u64, Fault> {
    match value.map(|value| value.node()) {
        Some(Node::Int(number)) => u64::try_from(*number).map_err(|_| malformed("a negative number")),
        _ => Err(malformed("a number is missing")),
    }
}

fn malformed(detail: &'static str) -> Fault {
    Fault::new(Reason::Form, detail)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn report(payload: &'static str) -> Result<Option<Report>, Fault> {
        let payload = Bytes::from_static(payload.as_bytes());
        read_report(&Frame { kind: Kind::Results, tagged: false, payload }, &|_, _| None)
    }

    #[test]
    fn results_are_read_by_their_status() {
        let text = r#"[[1,0,"x",5],[2,1,{"type":"E","text":"boom"},6],[3,2,null,7],[4,4,"a set",8]]"#;
        let Some(Report::Results(results)) = report(text).unwrap() else { panic!("results expected") };
        let statuses: Vec<_> = results.iter().map(|result| result.status.clone()).collect();
        assert_eq!(
            statuses,
            [
                Status::Returned(Value::str("x")),
                Status::Raised("boom".into()),
                Status::Cancelled,
                Status::Unsendable("a set".into())
            ]
        );
        assert_eq!((results[3].call, results[3].run), (4, Duration::from_nanos(8)));
    }

    #[test]
    fn frames_of_the_python_package_are_read() {
        let golden = include_str!("../../python/tests/golden_frames.json");
        let golden: HashMap<String, Vec<String>> = serde_json::from_str(golden).unwrap();
        let mut values = Vec::new();
        for hex in golden.values().flatten() {
            let bytes: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            let frame = frame::read(&mut BytesMut::from(&bytes[..])).unwrap().unwrap();
            let Some(Report::Results(results)) = read_report(&frame, &|_, _| None).unwrap() else {
                panic!("results expected")
            };
            values.extend(results.into_iter().map(|result| (result.call, result.status)));
        }
        values.sort_by_key(|(call, _)| *call);
        assert_eq!(
            values,
            [
                (1, Status::Returned(Value::List(vec![Value::Int(1), Value::str("é"), Value::None]))),
                (2, Status::Raised("'k'".into())),
                (3, Status::Unsendable("a value of type object cannot be sent".into())),
                (4, Status::Returned(Value::Tuple(vec![Value::Int(1)]))),
            ]
        );
    }

    #[test]
    fn a_host_that_talks_nonsense_is_refused() {
        for text in
            ["{}", "[1]", "[[]]", "[[1,9,null,0]]", "[[-1,0,null,0]]", "[[1,1,null,0]]", "[[1,0,null]]", "["]
        {
            assert!(report(text).is_err(), "{text}");
        }
    }
}
