//! How fast the number may change: the rules of a HorizontalPodAutoscaler's `behavior`, for one direction.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::history::History;
use crate::moment::Moment;
use crate::policy::Share;

/// The rules for one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// How far back recommendations count: the lowest of them on the way up, the highest on the way down.
    pub window: Duration,
    /// A change by a smaller part is not worth it, unless it leads to a bound.
    pub tolerance: Share,
    /// Which of the steps counts.
    pub select: Select,
    /// How much may change in a time; any number at once if there is none.
    pub steps: Vec<Step>,
}

/// Which of several steps counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Select {
    /// The one that allows the most.
    #[default]
    Max,
    /// The one that allows the least.
    Min,
    /// None: no change in this direction.
    Disabled,
}

/// So much in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How much.
    pub amount: Amount,
    /// In which time.
    pub period: Duration,
}

/// How much may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many replicas.
    Replicas(NonZeroU32),
    /// So many of a hundred of those that there were when the time began.
    Percent(NonZeroU32),
}

impl Rules {
    /// The defaults towards more: at once, twice as many or ten more in a quarter of a minute. Replicas that are busy to a
    /// few percent more than they are meant to be are no reason, or a constant load would make the number go up and down.
    #[must_use]
    pub fn up() -> Self {
        let (replicas, percent) = (number(10), number(100));
        let step = |amount| Step { amount, period: Duration::from_secs(15) };
        Self {
            window: Duration::ZERO,
            tolerance: Share::percent(10),
            select: Select::Max,
            steps: vec![step(Amount::Percent(percent)), step(Amount::Replicas(replicas))],
        }
    }

    /// The defaults towards fewer: half of them in a minute, when fewer have been enough for three minutes.
    #[must_use]
    pub fn down() -> Self {
        Self {
            window: Duration::from_secs(180),
            tolerance: Share::percent(10),
            select: Select::Max,
            steps: vec![Step { amount: Amount::Percent(number(50)), period: Duration::from_secs(60) }],
        }
    }

    /// Whether there is to be no change in this direction.
    pub(crate) fn is_disabled(&self) -> bool {
        self.select == Select::Disabled
    }

    /// The highest number that the steps allow; `None` if any. From zero any number is allowed, and for a time after that.
    pub(crate) fn ceiling(&self, history: &History, now: Moment, current: u32) -> Option<u32> {
        let allowed = |step: &Step| {
            let start = history.replicas_before(step.period, now, current);
            match step.amount {
                _ if start == 0 => u32::MAX,
                Amount::Replicas(number) => start.saturating_add(number.get()),
                Amount::Percent(percent) => {
                    let more = (u64::from(start) * u64::from(percent.get())).div_ceil(100);
                    start.saturating_add(u32::try_from(more).unwrap_or(u32::MAX))
                }
            }
        };
        let all = self.steps.iter().map(allowed);
        if self.select == Select::Min { all.min() } else { all.max() }
    }

    /// The lowest number that the steps allow; `None` if any.
    pub(crate) fn floor(&self, history: &History, now: Moment, current: u32) -> Option<u32> {
        let allowed = |step: &Step| {
            let start = history.replicas_before(step.period, now, current);
            match step.amount {
                Amount::Replicas(number) => start.saturating_sub(number.get()),
                Amount::Percent(percent) => {
                    let kept = u64::from(start) * u64::from(100_u32.saturating_sub(percent.get())) / 100;
                    u32::try_from(kept).unwrap_or(u32::MAX)
                }
            }
        };
        let all = self.steps.iter().map(allowed);
        if self.select == Select::Min { all.max() } else { all.min() }
    }
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn step(amount: Amount, seconds: u64) -> Step {
        Step { amount, period: Duration::from_secs(seconds) }
    }

    #[test]
    fn steps_count_from_what_there_was_when_their_time_began() {
        let began = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let at = |seconds| began.after(Duration::from_secs(seconds));
        let mut history = History::new(4);
        history.record(at(0), 4, 10);
        let rules = Rules { steps: vec![step(Amount::Percent(number(100)), 15)], ..Rules::up() };
        assert_eq!(rules.ceiling(&history, at(10), 10), Some(8));
        assert_eq!(rules.ceiling(&history, at(16), 10), Some(20));
        let rules = Rules { steps: vec![step(Amount::Percent(number(50)), 60)], ..Rules::down() };
        // What was added a moment ago may go at once.
        assert_eq!(rules.floor(&history, at(10), 10), Some(2));
        assert_eq!(rules.floor(&history, at(61), 10), Some(5));
    }

    #[test]
    fn of_several_steps_the_chosen_one_counts() {
        let now = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let steps = vec![step(Amount::Percent(number(50)), 60), step(Amount::Replicas(number(2)), 60)];
        for (select, ceiling, floor) in [(Select::Max, 15, 5), (Select::Min, 12, 8)] {
            let rules = Rules { select, steps: steps.clone(), ..Rules::up() };
            let history = History::new(10);
            assert_eq!(rules.ceiling(&history, now, 10), Some(ceiling), "{select:?}");
            assert_eq!(rules.floor(&history, now, 10), Some(floor), "{select:?}");
        }
    }

    #[test]
    fn from_zero_any_number_is_allowed_until_the_time_of_the_step_is_over() {
        let began = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let mut history = History::new(0);
        assert_eq!(Rules::up().ceiling(&history, began, 0), Some(u32::MAX));
        history.record(began, 0, 1);
        assert_eq!(Rules::up().ceiling(&history, began.after(Duration::from_secs(14)), 1), Some(u32::MAX));
        assert_eq!(Rules::up().ceiling(&history, began.after(Duration::from_secs(15)), 1), Some(11));
    }

    #[test]
    fn without_steps_there_is_no_limit() {
        let now = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let rules = Rules { steps: Vec::new(), ..Rules::up() };
        assert_eq!(rules.ceiling(&History::new(3), now, 3), None);
        assert_eq!(rules.floor(&History::new(3), now, 3), None);
    }
}
