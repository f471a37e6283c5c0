//! One worker of the fleet: a process that is watched, replaced when it dies and drained at the end.

use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use prpc_contract::settings::Settings;
use rustix::process::{Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::log_line::readable;
use super::status;
use crate::failure::{Exit, Failure};
use crate::local_redis::{free_port, pid};

const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// What a worker finishes in if the settings say nothing, and what it may need beyond its own limit.
const GRACE: Duration = Duration::from_secs(25);
const BEYOND_GRACE: Duration = Duration::from_secs(5);
/// For the last lines of a process that is gone; something it started may still hold its output open.
const LAST_LINES: Duration = Duration::from_millis(500);

/// What is known about a worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) state: State,
    pub(super) busy: u64,
    pub(super) slots: u32,
    /// Calls served by this process, not by those before it, and how long these ran together.
    pub(super) served: u64,
    pub(super) ran: Duration,
    pub(super) restarts: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Starting,
    Ready,
    NotReady,
    Ending,
    Ended,
}

/// A line of output or news.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) worker: u32,
    pub(super) text: String,
}

/// The place of one worker, filled by one process after the other.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) number: u32,
    pub(super) settings: Settings,
    /// Where the program is looked for, after the current folder.
    pub(super) python_path: OsString,
    pub(super) show: watch::Sender<Seen>,
    pub(super) lines: mpsc::Sender<Line>,
}

/// A running process. Dropping it kills it.
struct Process {
    child: Child,
    /// The process ends when this is dropped.
    _stdin: Option<ChildStdin>,
    output: [Option<JoinHandle<()>>; 2],
    pages: SocketAddr,
    started: Instant,
}

impl Worker {
    /// Keeps a process running until `ending`; fails if the first one ends with an error before it was ever ready.
    pub(super) async fn keep(self, ending: CancellationToken) -> Result<(), Failure> {
        let mut backoff = Backoff::default();
        let mut ever_ready = false;
        loop {
            let mut process = self.spawn().map_err(|error| {
                Failure::new(Exit::Failed, format!("worker {} cannot be started: {error}", self.number))
                    .fix("free memory or file descriptors")
            })?;
            let status = tokio::select! {
                status = self.watch(&mut process, &mut ever_ready) => status,
                () = ending.cancelled() => {
                    self.end(process).await;
                    return Ok(());
                }
            };
            process.finish_output().await;
            let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            if !ever_ready {
                return Err(self.never_ready(&status));
            }
            let pause = backoff.after(process.started.elapsed());
            self.say(format!("died ({status}); started again in {} ms", pause.as_millis())).await;
            self.show.send_modify(|seen| *seen = Seen { restarts: seen.restarts + 1, ..Seen::default() });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = ending.cancelled() => return Ok(()),
            }
        }
    }

    fn spawn(&self) -> io::Result<Process> {
        let pages = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let settings = Settings { pages: Some(pages), ..self.settings.clone() };
        let mut child = Command::new(std::env::current_exe()?)
            .args(["run", "--end-with-stdin"])
            .args(settings.app.as_deref())
            // Several workers cannot share a name.
            .env_remove("PRPC_INSTANCE_NAME")
            .envs(settings.to_env())
            .env("PYTHONPATH", &self.python_path)
            // Python holds lines back when it does not write to a terminal.
            .env("PYTHONUNBUFFERED", "1")
            // Away from Ctrl-C: this process decides when workers end.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = [
            child.stdout.take().map(|stream| self.relay(stream)),
            child.stderr.take().map(|stream| self.relay(stream)),
        ];
        Ok(Process { _stdin: child.stdin.take(), child, output, pages, started: Instant::now() })
    }

    /// Follows the process until it is gone. `ever_ready` is about all processes of this place.
    async fn watch(&self, process: &mut Process, ever_ready: &mut bool) -> io::Result<ExitStatus> {
        let mut was_ready = false;
        let mut look = tokio::time::interval(LOOK_INTERVAL.min(Duration::from_millis(50)));
        loop {
            tokio::select! {
                status = process.child.wait() => return status,
                _ = look.tick() => {}
            }
            let Ok((ready, status)) = status::look(process.pages).await else { continue };
            if ready && !was_ready {
                self.say(format!("ready after {} ms", process.started.elapsed().as_millis())).await;
                (was_ready, *ever_ready) = (true, true);
                look = tokio::time::interval(LOOK_INTERVAL);
            }
            self.show.send_modify(|seen| {
                seen.state = match (ready, was_ready) {
                    (true, _) => State::Ready,
                    (false, true) => State::NotReady,
                    (false, false) => State::Starting,
                };
                (seen.busy, seen.slots, seen.served) = (status.busy, status.slots, status.served);
                seen.ran = Duration::try_from_secs_f64(status.busy_seconds).unwrap_or_default();
            });
        }
    }

    /// Lets the process finish what it started.
    async fn end(&self, mut process: Process) {
        self.show.send_modify(|seen| seen.state = State::Ending);
        let limit = self.settings.grace.unwrap_or(GRACE) + BEYOND_GRACE;
        if let Some(pid) = pid(&process.child) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
            if tokio::time::timeout(limit, process.child.wait()).await.is_err() {
                self.say(format!("does not end within {} s: killed", limit.as_secs())).await;
                let _ = kill_process_group(pid, Signal::KILL);
                let _ = process.child.wait().await;
            }
        }
        process.finish_output().await;
        self.show.send_modify(|seen| seen.state = State::Ended);
    }

    fn relay(&self, stream: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<()> {
        let (worker, lines) = (self.number, self.lines.clone());
        tokio::spawn(async move {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).await.is_ok_and(|count| count > 0) {
                let text = readable(String::from_utf8_lossy(&line).trim_end());
                line.clear();
                if lines.send(Line { worker, text }).await.is_err() {
                    break;
                }
            }
        })
    }

    async fn say(&self, text: String) {
        // Nobody listens only when everything is over.
        let _ = self.lines.send(Line { worker: self.number, text }).await;
    }

    fn never_ready(&self, status: &str) -> Failure {
        Failure::new(Exit::Failed, format!("worker {} ended before it was ready ({status})", self.number))
            .place(self.settings.app.clone().unwrap_or_default())
            .fix("see its lines above; the program is looked for in the current folder and in the manifest's, with the Python on PATH or in PRPC_PYTHON")
    }
}

impl Process {
    async fn finish_output(&mut self) {
        for output in self.output.iter_mut().filter_map(Option::take) {
            let _ = tokio::time::timeout(LAST_LINES, output).await;
        }
    }
}
