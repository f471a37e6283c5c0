//! The workers that run now: more and fewer of them.

use std::collections::BTreeMap;
use std::ffi::OsString;

use prpc_contract::settings::Settings;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::worker::{Line, Seen, Worker};
use crate::failure::{Exit, Failure};

/// All workers. One that is told to end goes on with its calls and stays in the view until it is gone.
pub(super) struct Crew {
    settings: Settings,
    python_path: OsString,
    lines: mpsc::Sender<Line>,
    ending: CancellationToken,
    members: BTreeMap<u32, Member>,
    /// Gives back the worker's number.
    tasks: JoinSet<(u32, Result<(), Failure>)>,
}

struct Member {
    seen: watch::Receiver<Seen>,
    ending: CancellationToken,
}

impl Crew {
    /// Nobody yet. All end with `ending`.
    pub(super) fn new(
        settings: Settings,
        python_path: OsString,
        lines: mpsc::Sender<Line>,
        ending: CancellationToken,
    ) -> Self {
        let (members, tasks) = (BTreeMap::new(), JoinSet::new());
        Self { settings, python_path, lines, ending, members, tasks }
    }

    /// Starts workers, or tells the least busy ones to end.
    pub(super) fn scale(&mut self, replicas: u32) {
        while self.wanted() < replicas {
            self.start();
        }
        let mut working: Vec<_> =
            self.members.iter().filter(|(_, member)| !member.ending.is_cancelled()).collect();
        // Of those that are equally busy the youngest goes.
        working.sort_by_key(|(number, member)| (member.seen.borrow().busy, u32::MAX - **number));
        let superfluous = working.len().saturating_sub(replicas as usize);
        working.iter().take(superfluous).for_each(|(_, member)| member.ending.cancel());
    }

    fn start(&mut self) {
        // A number that is free again, so that they stay small.
        let number = (1..).find(|number| !self.members.contains_key(number)).unwrap_or(u32::MAX);
        let (show, seen) = watch::channel(Seen::default());
        let ending = self.ending.child_token();
        self.members.insert(number, Member { seen, ending: ending.clone() });
        let worker = Worker {
            number,
            settings: self.settings.clone(),
            python_path: self.python_path.clone(),
            show,
            lines: self.lines.clone(),
        };
        self.tasks.spawn(async move { (number, worker.keep(ending).await) });
    }

    /// Workers that are to go on.
    pub(super) fn wanted(&self) -> u32 {
        let working = self.members.values().filter(|member| !member.ending.is_cancelled()).count();
        u32::try_from(working).unwrap_or(u32::MAX)
    }

    /// What is known about each, by number.
    pub(super) fn seen(&self) -> Vec<(u32, Seen)> {
        self.members.iter().map(|(number, member)| (*number, *member.seen.borrow())).collect()
    }

    /// Whether nobody is left.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Waits for the next one that is gone, and tells how it went. Not to be called when nobody is left.
    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        match self.tasks.join_next().await {
            Some(Ok((number, outcome))) => {
                self.members.remove(&number);
                outcome
            }
            Some(Err(error)) => {
                Err(Failure::new(Exit::Failed, format!("a worker's supervision failed: {error}")))
            }
            None => Ok(()),
        }
    }
}
