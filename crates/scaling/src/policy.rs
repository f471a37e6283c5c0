//! What a user wants of the scaling.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

use crate::behavior::Rules;
use crate::schedule::Schedule;

/// Between how many and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    min: u32,
    max: u32,
}

impl Bounds {
    /// From `min` to `max`; `None` unless `max` is at least `min` and at least 1.
    #[must_use]
    pub const fn new(min: u32, max: u32) -> Option<Self> {
        if max == 0 || min > max { None } else { Some(Self { min, max }) }
    }

    /// Exactly `replicas`.
    #[must_use]
    pub const fn fixed(replicas: u32) -> Self {
        Self { min: replicas, max: replicas }
    }

    /// The lower one; 0 lets an idle queue sleep.
    #[must_use]
    pub const fn min(self) -> u32 {
        self.min
    }

    /// The upper one.
    #[must_use]
    pub const fn max(self) -> u32 {
        self.max
    }

    /// The nearest number within.
    #[must_use]
    pub fn clamp(self, replicas: u32) -> u32 {
        replicas.clamp(self.min, self.max)
    }

    /// The same with at most `most`, or the lower bound if that is more: who asks for spare replicas gets them.
    #[must_use]
    pub fn at_most(self, most: u32) -> Self {
        Self { max: self.max.min(most).max(self.min), ..self }
    }
}

/// A part of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// `None` unless it is between 0 and 1.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(share))
    }

    /// At most 100.
    #[must_use]
    pub fn percent(percent: u8) -> Self {
        Self(f64::from(percent.min(100)) / 100.0)
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// What the number of replicas is computed for, once rates are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// In how much time a backlog is worked off.
    pub drain: Duration,
    /// How busy replicas are with the calls that come in.
    pub utilization: Share,
    /// A call that is older makes the backlog be worked off twice as fast.
    pub oldest: Option<Duration>,
}

impl Default for Target {
    fn default() -> Self {
        Self { drain: Duration::from_secs(10), utilization: Share::percent(80), oldest: None }
    }
}

/// What to do when nothing is known of the queue for many looks. Never wakes a sleeping queue, and puts none to sleep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Stay.
    #[default]
    Hold,
    /// So many or more.
    AtLeast(u32),
    /// So many or fewer.
    AtMost(u32),
    /// Exactly so many.
    Static(u32),
}

impl Fallback {
    pub(crate) fn applied(self, current: u32) -> u32 {
        match self {
            Self::Hold => current,
            Self::AtLeast(number) => current.max(number),
            Self::AtMost(number) => current.min(number),
            Self::Static(number) => number,
        }
    }
}

/// Whether it is watched that more replicas answer more calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effectiveness {
    /// No.
    Off,
    /// Decisions tell it.
    #[default]
    Report,
    /// When they do not, no more are added for some minutes.
    Hold,
}

/// What a user wants of the scaling.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Between how many and how many.
    pub bounds: Bounds,
    /// Times with other bounds; of those that hold, the first counts.
    pub schedules: Vec<Schedule>,
    /// A number that somebody else has decided. What would be decided otherwise is still told.
    pub fixed: Option<u32>,
    /// Calls at a time in a replica, as long as no replica tells.
    pub slots: NonZeroU32,
    /// Outstanding calls for each replica, as long as rates are not known.
    pub backlog_per_replica: NonZeroU32,
    /// What the number is computed for, once they are.
    pub target: Target,
    /// Towards more.
    pub up: Rules,
    /// Towards fewer.
    pub down: Rules,
    /// How long there must have been no call before the last replica goes.
    pub idle: Duration,
    /// How old a sample may be.
    pub freshness: Duration,
    /// So many failed looks in a row are more than a moment's trouble.
    pub failure_threshold: NonZeroU32,
    /// What to do from then on.
    pub fallback: Fallback,
    /// Whether it is watched that more replicas answer more calls.
    pub effectiveness: Effectiveness,
}

/// Outstanding calls for each slot of a replica, as long as rates are not known.
const BACKLOG_PER_SLOT: u32 = 5;

impl Policy {
    /// The defaults, for replicas that run `slots` calls at a time.
    #[must_use]
    pub fn new(bounds: Bounds, slots: NonZeroU32) -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MAX);
        Self {
            bounds,
            schedules: Vec::new(),
            fixed: None,
            slots,
            backlog_per_replica: number(slots.get().saturating_mul(BACKLOG_PER_SLOT)),
            target: Target::default(),
            up: Rules::up(),
            down: Rules::down(),
            idle: Duration::from_secs(300),
            freshness: Duration::from_secs(4),
            failure_threshold: number(3),
            fallback: Fallback::default(),
            effectiveness: Effectiveness::default(),
        }
    }

    /// The bounds that hold at a time, whatever the load is.
    #[must_use]
    pub fn bounds_at(&self, wall: Timestamp) -> Bounds {
        self.fixed.map_or_else(|| self.scaled_at(wall).0, Bounds::fixed)
    }

    /// The bounds for what is decided by the load, and the schedule they come from.
    pub(crate) fn scaled_at(&self, wall: Timestamp) -> (Bounds, Option<&Schedule>) {
        let schedule = self.schedules.iter().find(|schedule| schedule.holds(wall));
        (schedule.map_or(self.bounds, |schedule| schedule.bounds), schedule)
    }
}
