//! Whether what is seen can be trusted: a failed look is no empty queue.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::observed::{Failure, Observed, Sample};

/// How many looks failed in a row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Health {
    failures: u32,
}

/// A look, judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// To be trusted.
    Clear {
        sample: Sample,
        /// It is the first after a long time without.
        recovered: bool,
        /// It is the first after any time without.
        after_failure: bool,
    },
    /// Nothing is known.
    Blind {
        failure: Failure,
        /// For so many looks that it is no moment's trouble.
        lasting: bool,
    },
}

impl Health {
    pub(crate) fn judge(&mut self, observed: &Observed, freshness: Duration, threshold: NonZeroU32) -> Sight {
        let failure = match *observed {
            Observed::Seen(sample) if sample.age <= freshness => {
                let failures = std::mem::take(&mut self.failures);
                let recovered = failures >= threshold.get();
                return Sight::Clear { sample, recovered, after_failure: failures > 0 };
            }
            Observed::Seen(_) => Failure::Stale,
            Observed::Unknown(failure) => failure,
        };
        self.failures = self.failures.saturating_add(1);
        Sight::Blind { failure, lasting: self.failures >= threshold.get() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Load;

    #[test]
    fn failures_in_a_row_are_counted_and_an_old_sample_is_one() {
        let (freshness, threshold) = (Duration::from_secs(4), NonZeroU32::new(2).unwrap());
        let aged = |seconds| {
            Observed::Seen(Sample { age: Duration::from_secs(seconds), ..Sample::from(Load::default()) })
        };
        let mut health = Health::default();
        let mut judge = |observed| match health.judge(&observed, freshness, threshold) {
            Sight::Clear { recovered, after_failure, .. } => ("clear", recovered, after_failure),
            Sight::Blind { lasting, .. } => ("blind", lasting, false),
        };
        assert_eq!(judge(aged(4)), ("clear", false, false));
        assert_eq!(judge(aged(5)), ("blind", false, false));
        assert_eq!(judge(aged(0)), ("clear", false, true));
        assert_eq!(judge(Observed::Unknown(Failure::Unreachable)), ("blind", false, false));
        assert_eq!(judge(aged(5)), ("blind", true, false));
        assert_eq!(judge(Observed::Unknown(Failure::Refused)), ("blind", true, false));
        assert_eq!(judge(aged(0)), ("clear", true, true));
    }
}
