//! How child processes ended. The runtime is the reaper of all its descendants: hosts, and whatever they left behind.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, WaitOptions, WaitStatus, set_child_subreaper, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Exits that nobody asked for are forgotten beyond this number.
const REMEMBERED: usize = 4096;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(9) => f.write_str("killed (SIGKILL), perhaps for lack of memory"),
            Self::Signal(11) => f.write_str("crashed in native code (SIGSEGV)"),
            Self::Signal(6) => f.write_str("aborted in native code (SIGABRT)"),
            Self::Signal(number) => write!(f, "ended by signal {number}"),
        }
    }
}

/// A handle on the reaper; clones share it.
#[derive(Debug, Clone)]
pub struct Exits {
    ended: Arc<Mutex<HashMap<i32, Exit>>>,
    changed: watch::Receiver<()>,
}

impl Exits {
    /// Makes this process the reaper of its descendants. To be called once, inside a Tokio runtime, before the first child starts.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn watch() -> io::Result<Self> {
        set_child_subreaper(Some(rustix::process::getpid()))?;
        let mut children = signal(SignalKind::child())?;
        let (changes, changed) = watch::channel(());
        let ended: Arc<Mutex<HashMap<i32, Exit>>> = Arc::default();
        let exits = Self { ended: Arc::clone(&ended), changed };
        tokio::spawn(async move {
            while children.recv().await.is_some() {
                reap(&ended);
                changes.send_replace(());
            }
        });
        Ok(exits)
    }

    /// Waits until the process ends and forgets it. It must be a child of this process.
    pub async fn of(&self, pid: Pid) -> Exit {
        let mut changed = self.changed.clone();
        loop {
            changed.mark_unchanged();
            let ended =
                self.ended.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid.as_raw_nonzero().get());
            if let Some(exit) = ended {
                return exit;
            }
            if changed.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

fn reap(ended: &Mutex<HashMap<i32, Exit>>) {
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        let Some(exit) = exit(status) else { continue };
        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= REMEMBERED {
            ended.clear();
        }
        ended.insert(pid.as_raw_nonzero().get(), exit);
    }
}

fn exit(status: WaitStatus) -> Option<Exit> {
    status.exit_status().map(Exit::Code).or_else(|| status.terminating_signal().map(Exit::Signal))
}
