//! How long to wait before a worker that died is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// A worker that ran so long did not die of what killed the one before.
const HEALTHY: Duration = Duration::from_secs(30);

/// Doubles with every death in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    deaths: u32,
}

impl Backoff {
    /// The pause after a worker died that had run for `lived`.
    pub(super) fn after(&mut self, lived: Duration) -> Duration {
        if lived >= HEALTHY {
            self.deaths = 0;
        }
        let pause = FIRST.saturating_mul(1 << self.deaths.min(10)).min(LONGEST);
        self.deaths += 1;
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_seconds() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..8).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn a_worker_that_ran_well_is_replaced_at_once() {
        let mut backoff = Backoff::default();
        for _ in 0..8 {
            backoff.after(Duration::ZERO);
        }
        assert_eq!(backoff.after(HEALTHY), FIRST);
    }
}
