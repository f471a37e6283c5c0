//! Time, as it comes in.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A moment on two clocks: one that only goes forward, for spans, and the one on the wall, for schedules and for what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    steady: Instant,
    wall: Timestamp,
}

impl Moment {
    /// The same moment on both clocks.
    #[must_use]
    pub const fn new(steady: Instant, wall: Timestamp) -> Self {
        Self { steady, wall }
    }

    /// This moment. Follows Tokio's clock, so that tests can move it.
    #[must_use]
    pub fn now() -> Self {
        Self { steady: tokio::time::Instant::now().into_std(), wall: Timestamp::now() }
    }

    /// So much later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        // At the end of the wall clock's range it stops; nothing depends on it there.
        Self { steady: self.steady + span, wall: self.wall.checked_add(span).unwrap_or(Timestamp::MAX) }
    }

    /// So much earlier, as far as the clock goes back.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self {
            steady: self.steady.checked_sub(span).unwrap_or(self.steady),
            wall: self.wall.checked_sub(span).unwrap_or(Timestamp::MIN),
        }
    }

    /// The time that passed since `earlier`; none if it is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.steady.saturating_duration_since(earlier.steady)
    }

    /// The time on the wall.
    #[must_use]
    pub const fn wall(self) -> Timestamp {
        self.wall
    }
}
