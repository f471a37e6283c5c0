//! Calls that a host has, and the frames that bring them there.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use foldhash::HashMap;
use prpc_contract::message::Piece;

use crate::call::Job;
use crate::frame::{Draft, Kind};
use crate::host::Host;
use crate::pool::HostId;
use crate::texts::Outgoing;

/// A call that a host has.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) job: Job,
    pub(super) host: HostId,
    /// When it was given to the host, by the monotonic clock in nanoseconds.
    pub(super) assigned: u64,
    /// What the pool was told.
    pub(super) usual: Option<Duration>,
}

/// All calls that hosts have, by the number they have there. Numbers are never used again.
#[derive(Debug, Default)]
pub(super) struct Flights {
    last: u64,
    calls: HashMap<u64, Flight>,
}

impl Flights {
    /// The first number is 1: 0 means idle on a status page.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn add(&mut self, call: u64, flight: Flight) {
        self.calls.insert(call, flight);
    }

    pub(super) fn remove(&mut self, call: u64) -> Option<Flight> {
        self.calls.remove(&call)
    }

    pub(super) fn get(&self, call: u64) -> Option<&Flight> {
        self.calls.get(&call)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.calls.values().map(|flight| &flight.job)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Flight)> {
        self.calls.iter().map(|(call, flight)| (*call, flight))
    }

    /// Takes all calls of a host, in the order they were given.
    pub(super) fn take_of(&mut self, host: HostId) -> Vec<(u64, Flight)> {
        let mut taken: Vec<_> = self.calls.extract_if(|_, flight| flight.host == host).collect();
        taken.sort_unstable_by_key(|(call, _)| *call);
        taken
    }
}

/// A CALLS frame in the making.
#[derive(Debug)]
pub(super) struct CallsFrame {
    draft: Draft,
    tagged: bool,
    calls: Vec<u64>,
}

impl CallsFrame {
    fn new() -> Self {
        Self { draft: Draft::with_capacity(0), tagged: false, calls: Vec::new() }
    }

    fn add(&mut self, call: u64, job: &Job, mut texts: Option<&mut Outgoing>) {
        self.draft.push(if self.draft.is_empty() { b"[" } else { b"," });
        // Writing to memory cannot fail.
        let _ = write!(self.draft, "[{call},{},", job.function);
        for piece in &job.arguments.pieces {
            match piece {
                Piece::Json(json) => self.draft.push(json),
                Piece::Long { text, json } => match texts.as_mut().and_then(|texts| texts.put(text)) {
                    Some(position) => {
                        let _ = write!(self.draft, r#"{{"$text":[{position},{}]}}"#, text.len());
                        self.tagged = true;
                    }
                    None => self.draft.push(json),
                },
            }
        }
        self.draft.push(b"]");
        self.tagged |= job.arguments.tagged;
        self.calls.push(call);
    }

    pub(super) fn send(mut self, host: &Host) -> io::Result<()> {
        self.draft.push(b"]");
        host.send_calls(&self.calls, self.draft.finish(Kind::Calls, self.tagged))
    }
}

/// Frames of one turn. A frame is closed at a size far below what a host accepts.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    open: Vec<(HostId, CallsFrame)>,
    full: Vec<(HostId, CallsFrame)>,
}

const FULL: usize = 256 << 10;

impl Outbound {
    /// `texts` are those of the host.
    pub(super) fn add(&mut self, host: HostId, call: u64, job: &Job, texts: Option<&mut Outgoing>) {
        let at = self.open.iter().position(|(id, _)| *id == host).unwrap_or_else(|| {
            self.open.push((host, CallsFrame::new()));
            self.open.len() - 1
        });
        self.open[at].1.add(call, job, texts);
        if self.open[at].1.draft.len() >= FULL {
            self.full.push(self.open.swap_remove(at));
        }
    }

    pub(super) fn frames(self) -> impl Iterator<Item = (HostId, CallsFrame)> {
        self.full.into_iter().chain(self.open)
    }
}
