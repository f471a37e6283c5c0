//! `prpc local-redis`: a Redis server on the loopback interface that lives as long as whoever started this process.
//!
//! A process of its own, so that the server and its folder go away even when its owner is killed: the owner holds the other
//! end of standard input. The first line on standard output is the server's address.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use prpc_service::shutdown;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};

use crate::failure::{Exit, Failure};
use crate::run::stop_with_stdin;

const TRIES: u32 = 3;
const START_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(5);
const LOG: &str = "redis.log";

/// A temporary server.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Its port; a free one if 0
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// A server in a process of its own. Dropping it ends the server.
#[derive(Debug)]
pub(crate) struct LocalRedis {
    pub(crate) url: String,
    process: Child,
    stdin: Option<ChildStdin>,
}

impl LocalRedis {
    /// Starts a server and waits until it answers. The process reports its own failures.
    pub(crate) async fn start(port: u16) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe().map_err(|error| unstartable(&error))?)
            .args(["local-redis", "--port", &port.to_string()])
            // Away from Ctrl-C: the workers finish first.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| unstartable(&error))?;
        let stdin = process.stdin.take();
        let mut url = String::new();
        if let Some(stdout) = process.stdout.take() {
            // No line at all is the same as an empty one.
            let _ = BufReader::new(stdout).read_line(&mut url).await;
        }
        let url = url.trim().to_owned();
        if url.is_empty() { Err(Failure::reported(Exit::Broker)) } else { Ok(Self { url, process, stdin }) }
    }

    /// Waits until the server is gone, which it should not be.
    pub(crate) async fn ended(&mut self) -> Failure {
        // Whatever is said about its end, it is over.
        let _ = self.process.wait().await;
        Failure::reported(Exit::Broker)
    }

    /// Ends the server and removes its data.
    pub(crate) async fn stop(mut self) {
        drop(self.stdin.take());
        let _ = self.process.wait().await;
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let stop = shutdown::on_signal().map_err(|error| unstartable(&error))?;
    stop_with_stdin(stop.clone());
    let folder = tempfile::Builder::new().prefix("prpc-redis-").tempdir().map_err(|error| {
        Failure::new(Exit::Broker, format!("no temporary folder for Redis: {error}"))
            .fix("set TMPDIR to a writable folder")
    })?;
    let mut server = tokio::select! {
        started = start(arguments.port, &folder) => started?,
        () = stop.cancelled() => return Ok(()),
    };
    println!("redis://127.0.0.1:{}/0", server.port);
    // Nobody reads: then nobody holds standard input either, and the wait below is over soon.
    let _ = io::stdout().flush();
    tokio::select! {
        status = server.process.wait() => Err(ended(&folder, status)),
        () = stop.cancelled() => {
            end(&mut server.process).await;
            Ok(())
        }
    }
}

struct Server {
    port: u16,
    process: Child,
}

/// A free port may be taken by somebody else before the server has it, so there are several tries.
async fn start(port: u16, folder: &TempDir) -> Result<Server, Failure> {
    let tries = if port == 0 { TRIES } else { 1 };
    let mut last = None;
    for _ in 0..tries {
        let port = if port == 0 { free_port().map_err(|error| unstartable(&error))? } else { port };
        let mut process = spawn(port, folder.path()).map_err(|error| unstartable(&error))?;
        tokio::select! {
            biased;
            status = process.wait() => last = Some(ended(folder, status)),
            answers = tokio::time::timeout(START_LIMIT, answers(port)) => match answers {
                // The server that answers must be ours.
                Ok(()) if process.try_wait().is_ok_and(|status| status.is_none()) => return Ok(Server { port, process }),
                _ => last = Some(Failure::new(Exit::Broker, "redis-server does not answer").place(format!("127.0.0.1:{port}"))),
            },
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(Exit::Broker, "redis-server does not start")))
}

fn spawn(port: u16, folder: &Path) -> io::Result<Child> {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"])
        .args(["--save", "", "--appendonly", "yes", "--loglevel", "notice", "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(File::create(folder.join(LOG))?)
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Returns when something that speaks Redis listens on the port.
async fn answers(port: u16) {
    let mut pause = Duration::from_millis(2);
    while !ping(port).await.unwrap_or(false) {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

async fn ping(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await?;
    Ok(&answer == b"+PONG\r\n")
}

async fn end(process: &mut Child) {
    if let Some(pid) = pid(process) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::TERM);
    }
    if tokio::time::timeout(STOP_LIMIT, process.wait()).await.is_err() {
        let _ = process.kill().await;
    }
}

/// The process's id while it runs.
pub(crate) fn pid(process: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(process.id()?).ok()?)
}

/// A port of the loopback interface that nobody has at this moment.
pub(crate) fn free_port() -> io::Result<u16> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?.local_addr().map(|address| address.port())
}

fn ended(folder: &TempDir, status: io::Result<ExitStatus>) -> Failure {
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let log = fs::read_to_string(folder.path().join(LOG)).unwrap_or_default();
    let said = log.lines().rev().find(|line| line.contains('#')).or(log.lines().last()).unwrap_or("nothing");
    Failure::new(Exit::Broker, format!("redis-server ended ({status}); it said: {said}"))
        .fix("give another --port, or use a server that runs: --broker redis://host:6379/0")
}

fn unstartable(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::NotFound {
        Failure::new(Exit::Broker, "redis-server is not installed: `prpc up` starts one for this machine")
            .place("PATH")
            .fix("apt-get install redis-server, or brew install redis, or use a server that runs: --broker redis://host:6379/0")
    } else {
        Failure::new(Exit::Broker, format!("redis-server cannot be started: {error}"))
            .fix("use a server that runs: --broker redis://host:6379/0")
    }
}
