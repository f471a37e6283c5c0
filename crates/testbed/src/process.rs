//! One server process: its log, how it is seen to have started, and its end, which is at the latest that of its owner.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to listen, on a machine that is busy with other things.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(120);
/// Others may be quicker to take a port that was free.
pub(crate) const PORTS: usize = 10;

/// Becomes the server, with the same process id, and sees to it that the server ends with its owner.
const WATCHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/watched.sh");

/// A server that runs, or did.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    watcher: Option<ChildStdin>,
    log: PathBuf,
    /// Where in the log its own part begins.
    from: u64,
}

/// Why a server did not start: what it logged.
pub(crate) struct NotStarted {
    log: PathBuf,
    said: String,
}

/// Starts a server again and again until its port is free again, which it must become.
pub(crate) fn until_started(mut start: impl FnMut() -> Result<(), NotStarted>) -> Result<(), NotStarted> {
    let end = Instant::now() + START_LIMIT;
    loop {
        match start() {
            Err(why) if why.port_was_taken() && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(50));
            }
            outcome => return outcome,
        }
    }
}

impl NotStarted {
    /// Whether another port, or the same one later, would help.
    pub(crate) fn port_was_taken(&self) -> bool {
        self.said.contains("Address already in use")
    }

    /// Ends the test.
    pub(crate) fn fail(&self, program: &str) -> ! {
        let Self { log, said } = self;
        panic!("{program} does not come up (is it there? tests/install.sh); {} says:\n{said}", log.display())
    }
}

impl Process {
    /// Starts a program. The folder goes away with the owner if the owner cannot remove it.
    pub(crate) fn start(command: &[String], folder: &Path, log: PathBuf) -> Self {
        let file =
            File::options().create(true).append(true).open(&log).expect("a log in a folder of our own");
        let from = file.metadata().expect("the log is there").len();
        let mut child = Command::new("sh")
            .arg(WATCHED)
            .arg(folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("there is a shell");
        let watcher = child.stdin.take();
        Self { child, watcher, log, from }
    }

    /// Waits for the line that the server logs when it listens. Nobody else writes there: what answers at a port may be
    /// another process.
    pub(crate) fn until_logged(&mut self, sign: &str) -> Result<(), NotStarted> {
        let end = Instant::now() + START_LIMIT;
        while !self.said().contains(sign) {
            if self.has_ended() || Instant::now() > end {
                self.kill();
                return Err(NotStarted { log: self.log.clone(), said: self.said() });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// What it has logged.
    pub(crate) fn said(&self) -> String {
        let whole = fs::read(&self.log).unwrap_or_default();
        let from = usize::try_from(self.from).unwrap_or_default().min(whole.len());
        String::from_utf8_lossy(&whole[from..]).into_owned()
    }

    fn has_ended(&mut self) -> bool {
        let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
        if ended {
            self.dismiss();
        }
        ended
    }

    /// Asks the server to end in order, and waits until it has.
    pub(crate) fn stop(mut self) {
        let end = Instant::now() + START_LIMIT;
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::TERM));
        }
        while !self.has_ended() {
            assert!(Instant::now() < end, "a server does not end; it said:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// As SIGKILL does: nothing is saved on the way out.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        self.dismiss();
        let _ = self.child.wait();
    }

    /// Before the process is waited for: from then on its number may be somebody else's.
    fn dismiss(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            let _ = watcher.write_all(b"\n");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
