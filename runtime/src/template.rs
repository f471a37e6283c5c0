//! The Python process that loads the program once and from which every host is forked.
//!
//! It is spoken to by one thread of its own, in turns, with blocking calls: starting a host is rare, and file descriptors
//! travel with the request.

use std::ffi::OsString;
use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};

use bytes::BytesMut;
use command_fds::{CommandFdExt as _, FdMapping};
use prpc_contract::value::Value;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::sync::{oneshot, watch};

use crate::frame::{self, Frame, Header, Kind};
use crate::lane::{HostLane, Lane};
use crate::pool::{HostId, WorkerType};
use crate::program::{self, Program, Unreadable};
use crate::status_page::StatusPage;

/// How a Python process is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The interpreter.
    pub python: OsString,
    /// `module:attribute`, a script's path, or `-m module`.
    pub app: String,
    /// The default worker type, where the settings name one: the package checks functions against it.
    pub worker: Option<String>,
}

/// A host that was just started.
#[derive(Debug)]
pub struct NewHost {
    /// Its process, and the group of all it starts.
    pub pid: Pid,
    /// The runtime's end.
    pub socket: UnixStream,
    /// What it runs.
    pub page: StatusPage,
    /// For calls parked in a process host.
    pub lane: Option<Lane>,
}

/// Why the program is not running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No interpreter.
    #[error("cannot start {python:?}: {source}; set PRPC_PYTHON to the Python interpreter to use")]
    Spawn {
        /// What was tried.
        python: OsString,
        /// What the system said.
        source: io::Error,
    },
    /// The program raised while it was loaded.
    #[error("the program cannot be loaded: {}", format!("{error}\n{traceback}").trim_end())]
    Failed {
        /// One line.
        error: String,
        /// As Python prints it.
        traceback: String,
    },
    /// It ended, or Python did not find the package.
    #[error(
        "Python ended before the program was loaded ({0}); its own output says why. Is the package `prpc` installed for it?"
    )]
    Ended(io::Error),
    /// Versions that do not fit.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A restart found another program.
    #[error("the program registers other functions than before; restart to use the new ones")]
    Changed,
}

struct ForkRequest {
    id: HostId,
    worker: WorkerType,
    slots: u32,
    reply: oneshot::Sender<io::Result<NewHost>>,
}

/// A handle on the template, which ends with [`end`](Self::end) or when this is dropped.
#[derive(Debug)]
pub struct Template {
    requests: Mutex<Option<mpsc::Sender<ForkRequest>>>,
    /// Closed when the process is gone.
    gone: watch::Receiver<()>,
}

impl Template {
    /// Starts Python and loads the program.
    ///
    /// # Errors
    /// Why it could not be loaded.
    pub async fn start(launch: Launch) -> Result<(Self, Program), StartError> {
        let (loaded, program) = oneshot::channel();
        let (requests, incoming) = mpsc::channel();
        let (alive, gone) = watch::channel(());
        std::thread::Builder::new()
            .name("template".into())
            .spawn(move || {
                serve(&launch, loaded, &incoming);
                drop(alive);
            })
            .map_err(StartError::Ended)?;
        let ended = |_| StartError::Ended(io::ErrorKind::BrokenPipe.into());
        let program = program.await.map_err(ended)??;
        Ok((Self { requests: Mutex::new(Some(requests)), gone }, program))
    }

    /// Starts a host, after those that were asked for before.
    ///
    /// # Errors
    /// When the template is gone and cannot be started again, or the system is out of something.
    pub fn fork(
        &self,
        id: HostId,
        worker: WorkerType,
        slots: u32,
    ) -> impl Future<Output = io::Result<NewHost>> + use<> {
        let (reply, answer) = oneshot::channel();
        let ended = || io::Error::from(io::ErrorKind::BrokenPipe);
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let request = ForkRequest { id, worker, slots, reply };
        let asked =
            requests.ok_or_else(ended).and_then(|requests| requests.send(request).map_err(|_| ended()));
        async move {
            asked?;
            answer.await.map_err(|_| ended())?
        }
    }

    /// Ends the process and returns when it is gone. No host can be started any more.
    pub async fn end(&self) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut gone = self.gone.clone();
        while gone.changed().await.is_ok() {}
    }
}

fn serve(
    launch: &Launch,
    loaded: oneshot::Sender<Result<Program, StartError>>,
    requests: &mpsc::Receiver<ForkRequest>,
) {
    let (mut process, program) = match Process::start(launch) {
        Ok((process, program)) => (process, program),
        Err(error) => {
            let _ = loaded.send(Err(error));
            return;
        }
    };
    if loaded.send(Ok(program.clone())).is_err() {
        return;
    }
    while let Ok(request) = requests.recv() {
        let ForkRequest { id, worker, slots, reply } = request;
        let mut host = process.host(launch, &program, id, worker, slots);
        if let Err(error) = &host {
            tracing::warn!(%error, "the template is gone, loading the program again");
            host = process.restart(launch, &program).map_err(io::Error::other).and_then(|restarted| {
                process = restarted;
                process.host(launch, &program, id, worker, slots)
            });
        }
        let _ = reply.send(host);
    }
}

struct Process {
    pid: Option<Pid>,
    socket: UnixStream,
}

impl Process {
    fn start(launch: &Launch) -> Result<(Self, Program), StartError> {
        let (socket, theirs) = UnixStream::pair().map_err(StartError::Ended)?;
        let pid = spawn(launch, theirs.into(), None)?;
        let mut process = Self { pid, socket };
        let hello = process.read().map_err(StartError::Ended)?;
        program::check_hello(&hello)?;
        let answer = process.read().map_err(StartError::Ended)?;
        match answer.kind {
            Kind::Register => Ok((process, Program::read(&answer)?)),
            Kind::Failed => {
                let (error, traceback) = program::failure(&answer)?;
                Err(StartError::Failed { error, traceback })
            }
            _ => Err(Unreadable::Protocol("a frame other than REGISTER came after HELLO").into()),
        }
    }

    fn restart(&self, launch: &Launch, known: &Program) -> Result<Self, StartError> {
        self.kill();
        let (process, program) = Self::start(launch)?;
        if program.functions == known.functions { Ok(process) } else { Err(StartError::Changed) }
    }

    fn host(
        &mut self,
        launch: &Launch,
        program: &Program,
        id: HostId,
        worker: WorkerType,
        slots: u32,
    ) -> io::Result<NewHost> {
        let page = StatusPage::new(slots)?;
        let (lane, theirs_too) = match worker {
            WorkerType::Process => Lane::new().map(|(lane, ends)| (Some(lane), Some(ends)))?,
            WorkerType::Thread | WorkerType::Async => (None, None),
        };
        let (socket, theirs) = UnixStream::pair()?;
        let HostId(number) = id;
        let request = format!(r#"{{"host": {number}, "kind": "{}", "slots": {slots}}}"#, worker.name());
        let pid = if program.can_fork {
            let mut fds = vec![theirs.as_fd(), page.as_fd()];
            fds.extend(theirs_too.iter().flat_map(HostLane::fds));
            self.send(Kind::Fork, request.as_bytes(), &fds)?;
            self.forked(number)?
        } else {
            let fresh = Fresh { page: page.as_fd().try_clone_to_owned()?, lane: theirs_too, request };
            spawn(launch, theirs.into(), Some(fresh)).map_err(io::Error::other)?
        };
        let pid = pid.ok_or(io::ErrorKind::InvalidData)?;
        Ok(NewHost { pid, socket, page, lane })
    }

    fn forked(&mut self, number: u64) -> io::Result<Option<Pid>> {
        let answer = self.read()?;
        let value = program::value(&answer).map_err(io::Error::other)?;
        let int = |name| match value.get(name) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        if answer.kind != Kind::Forked
            || int("host").and_then(|host| u64::try_from(host).ok()) != Some(number)
        {
            return Err(io::Error::other("the template answered something else than FORKED"));
        }
        Ok(int("pid").and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw))
    }

    fn send(&self, kind: Kind, payload: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let bytes = frame::whole(kind, payload);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(fds));
        let sent = sendmsg(&self.socket, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
        // A request is far smaller than the socket's buffer and nothing else is in it.
        if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    fn read(&mut self) -> io::Result<Frame> {
        let mut header = [0; frame::HEADER];
        self.socket.read_exact(&mut header)?;
        let Header { kind, tagged, length } = frame::header(&header).map_err(io::Error::other)?;
        let mut payload = BytesMut::zeroed(length);
        self.socket.read_exact(&mut payload)?;
        Ok(Frame { kind, tagged, payload: payload.freeze() })
    }

    fn kill(&self) {
        if let Some(pid) = self.pid {
            let _ = kill_process_group(pid, Signal::KILL);
            // The reaper may be first; then there is no such child any more.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a host needs that is started as an interpreter of its own.
struct Fresh {
    page: OwnedFd,
    lane: Option<HostLane>,
    request: String,
}

/// Numbers of the descriptors in the child.
const SOCKET_FD: i32 = 3;
const PAGE_FD: i32 = 4;
const PERMITS_FD: i32 = 5;
const RESULTS_FD: i32 = 6;

fn spawn(launch: &Launch, socket: OwnedFd, fresh: Option<Fresh>) -> Result<Option<Pid>, StartError> {
    let failed = |source| StartError::Spawn { python: launch.python.clone(), source };
    let mut command = Command::new(&launch.python);
    command.args(["-m", "prpc.host"]).env("PRPC_APP", &launch.app).env("PRPC_HOST_FD", SOCKET_FD.to_string());
    if let Some(worker) = &launch.worker {
        command.env("PRPC_WORKER_TYPE", worker);
    }
    if let Some(path) = python_path() {
        command.env("PYTHONPATH", path);
    }
    // Its own group: Ctrl-C in a terminal is for the runtime, which ends its hosts in order.
    command.stdin(Stdio::null()).process_group(0);
    let mut fds = vec![FdMapping { parent_fd: socket, child_fd: SOCKET_FD }];
    if let Some(Fresh { page, lane, request }) = fresh {
        command.env("PRPC_STATUS_FD", PAGE_FD.to_string()).env("PRPC_HOST", request);
        fds.push(FdMapping { parent_fd: page, child_fd: PAGE_FD });
        if let Some(HostLane { permits, results }) = lane {
            command.env("PRPC_LANE_FDS", format!("{PERMITS_FD},{RESULTS_FD}"));
            fds.push(FdMapping { parent_fd: permits, child_fd: PERMITS_FD });
            fds.push(FdMapping { parent_fd: results, child_fd: RESULTS_FD });
        }
    }
    command.fd_mappings(fds).map_err(|error| failed(io::Error::other(error)))?;
    let child = command.spawn().map_err(failed)?;
    // The reaper waits for it.
    Ok(i32::try_from(child.id()).ok().and_then(Pid::from_raw))
}

/// PYTHONPATH with the package that lies beside this program (`bin/` and `python/` of one folder, as in a pod) at its
/// beginning. `None` where there is none, as in a virtual environment, whose Python finds its own.
fn python_path() -> Option<OsString> {
    let program = std::env::current_exe().ok()?;
    let package = program.parent()?.parent()?.join("python");
    if !package.join("prpc").is_dir() {
        return None;
    }
    let known = std::env::var_os("PYTHONPATH").unwrap_or_default();
    let folders = std::env::split_paths(&known).filter(|folder| !folder.as_os_str().is_empty());
    std::env::join_paths(std::iter::once(package).chain(folders)).ok()
}
