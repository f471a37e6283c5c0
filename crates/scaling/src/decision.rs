//! How many replicas there are to be, and why, in words for people.

use std::fmt;
use std::sync::Arc;

use crate::memory::{Memory, rounded};
use crate::observed::{Failure, Load};
use crate::policy::Fallback;
use crate::recommend::{Limit, Rates};

/// Why a decision is what it is: the last thing that made a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// As many as the load asks for, within the bounds.
    Backlog,
    /// The load is unknown, so nothing changes, unless the calls that came before are known to need more.
    Unknown(Failure),
    /// The load has been unknown for long, and this is what is wanted then.
    Fallback(Fallback),
    /// The load asks for fewer, but more were needed a short time ago; or for more, but fewer were enough.
    Stabilizing,
    /// The difference is too small.
    Tolerance,
    /// The rules of the direction allow no more at a time.
    Steps,
    /// What was added is not ready yet, so what waits for it is no reason for more.
    Settling,
    /// All that are left have calls to work off.
    Occupied,
    /// Replicas are being replaced; fewer would be a second change at a time.
    Replacing,
    /// There is no room for those that are wanted already.
    Unschedulable,
    /// The last increases brought no more answers.
    InVain,
    /// Changes in this direction are switched off.
    Disabled,
    /// There is no call, but not for long enough to let the last replica go.
    NotIdleYet,
    /// There has been no call for long enough.
    Idle,
}

/// How many replicas there are to be, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// So many.
    pub replicas: u32,
    /// So many there were.
    pub from: u32,
    /// So many there would be if nobody else decided. Equal to `replicas` unless the policy has a fixed number.
    pub recommended: u32,
    /// Why.
    pub reason: Reason,
    /// The load it is based on, if known.
    pub load: Option<Load>,
    /// The rates it is based on, if known.
    pub rates: Option<Rates>,
    /// What the load asks for.
    pub unbounded: u64,
    /// The same within the bounds.
    pub bounded: u32,
    /// What made these two differ.
    pub limit: Option<Limit>,
    /// The schedule that the bounds come from.
    pub schedule: Option<Arc<str>>,
    /// Whether the last increases brought no more answers.
    pub in_vain: bool,
    /// What is worth keeping for whoever takes over.
    pub memory: Memory,
}

impl Decision {
    /// Whether the number changes.
    #[must_use]
    pub const fn is_change(&self) -> bool {
        self.replicas != self.from
    }

    fn write_limit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounded = self.bounded;
        let bound = |f: &mut fmt::Formatter<'_>, verb: &str, field: &str| {
            write!(f, ", {verb} to {bounded} by {field}")?;
            self.schedule.as_ref().map_or(Ok(()), |schedule| write!(f, " of schedule {schedule}"))
        };
        match self.limit {
            Some(Limit::Max) => bound(f, "limited", "maxReplicas"),
            // What is held anyway was not raised.
            Some(Limit::Min) if bounded == self.recommended => bound(f, "raised", "minReplicas"),
            Some(Limit::Partitions) => write!(f, ", limited to {bounded} by the number of partitions"),
            Some(Limit::Alignment(partitions)) => {
                write!(f, ", raised to {bounded} to share {partitions} partitions evenly")
            }
            Some(Limit::Min) | None => Ok(()),
        }
    }

    fn write_reason(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, up) = (self.recommended, self.bounded > self.from);
        let direction = if up { "up" } else { "down" };
        match self.reason {
            Reason::Backlog | Reason::Unknown(_) | Reason::Fallback(_) => Ok(()),
            Reason::Stabilizing => write!(f, ", held at {number} by the scale-{direction} window"),
            Reason::Tolerance => write!(f, ", held at {number} within the tolerance"),
            Reason::Steps => write!(f, ", {number} for now by the scale-{direction} policies"),
            Reason::Settling => write!(f, ", held at {number} until what was added is ready"),
            Reason::Occupied => write!(f, ", held at {number} until the backlog is worked off"),
            Reason::Replacing => write!(f, ", held at {number} while replicas are replaced"),
            Reason::Unschedulable => write!(f, ", held at {number} because there is no room for more"),
            Reason::InVain => {
                write!(f, ", held at {number} because the last increases brought no more answers")
            }
            Reason::Disabled => write!(f, ", held at {number} because scaling {direction} is switched off"),
            Reason::NotIdleYet => write!(f, ", held at {number} until idleSeconds have passed"),
            Reason::Idle => write!(f, ": idle for idleSeconds"),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.load {
            None => match self.reason {
                Reason::Fallback(fallback) => {
                    write!(f, "backlog unknown for long: fallback {fallback} -> {}", self.recommended)?;
                }
                _ if self.recommended > self.from => {
                    write!(f, "backlog unknown: {} for the calls that came before", self.recommended)?;
                }
                _ => write!(f, "backlog unknown: held at {}", self.recommended)?,
            },
            Some(load) => {
                write!(f, "{} waiting + {} in work", load.undelivered, load.in_flight)?;
                if let Some(rates) = self.rates {
                    let (arrivals, answers) = (rounded(rates.arrivals), rounded(rates.per_replica));
                    write!(f, ", {arrivals}/s in, {answers}/s per replica")?;
                }
                write!(f, " -> {}", self.unbounded)?;
                self.write_limit(f)?;
                self.write_reason(f)?;
            }
        }
        if self.replicas != self.recommended {
            write!(f, "; recommended only, {} are set", self.replicas)?;
        }
        Ok(())
    }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hold => f.write_str("Hold"),
            Self::AtLeast(number) => write!(f, "AtLeast {number}"),
            Self::AtMost(number) => write!(f, "AtMost {number}"),
            Self::Static(number) => write!(f, "Static {number}"),
        }
    }
}
