//! Whether more replicas answer more calls: if a database behind them is the bottleneck, they do not.

use std::time::Duration;

use crate::flow::Flow;
use crate::moment::Moment;

/// A rate of answers is measured for so long.
const MEASURED: f64 = 10.0;
/// Less than this part of what was expected is no gain.
const WORTH: f64 = 0.1;
/// So many increases in a row without a gain are no accident.
const ACCIDENTS: u32 = 2;
/// For so long no more are added.
const PAUSE: Duration = Duration::from_secs(300);

/// Answers while all replicas are busy.
#[derive(Debug, Clone, Copy, Default)]
struct Throughput {
    answered: f64,
    seconds: f64,
}

impl Throughput {
    fn add(&mut self, flow: Flow) {
        let kept = (-flow.seconds / MEASURED).exp();
        self.answered = self.answered * kept + flow.answered as f64;
        self.seconds = self.seconds * kept + flow.seconds;
    }
}

/// An increase whose effect is not known yet.
#[derive(Debug, Clone, Copy)]
struct Trial {
    from: u32,
    to: u32,
    before: f64,
    after: Throughput,
    seconds: f64,
}

/// What is known of the effect of the last increases.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effect {
    now: Throughput,
    measured: f64,
    trial: Option<Trial>,
    in_vain: u32,
    since: Option<Moment>,
}

impl Effect {
    /// Takes in what happened while no replica was starting.
    pub(crate) fn learn(&mut self, now: Moment, flow: Flow) {
        if !flow.saturated {
            // There are enough replicas, so the last ones helped.
            *self = Self::default();
            return;
        }
        self.now.add(flow);
        self.measured += flow.seconds;
        let Some(trial) = &mut self.trial else { return };
        trial.after.add(flow);
        trial.seconds += flow.seconds;
        if trial.seconds < MEASURED {
            return;
        }
        let after = trial.after.answered / trial.after.seconds;
        let expected = trial.before * (f64::from(trial.to) / f64::from(trial.from) - 1.0);
        let helped = after - trial.before >= expected * WORTH;
        self.trial = None;
        if helped {
            (self.in_vain, self.since) = (0, None);
        } else {
            self.in_vain = self.in_vain.saturating_add(1);
            self.since = Some(now);
        }
    }

    /// There are to be more. What is answered until they are ready says nothing about them.
    pub(crate) fn grown(&mut self, from: u32, to: u32) {
        match &mut self.trial {
            Some(trial) => (trial.to, trial.after, trial.seconds) = (to, Throughput::default(), 0.0),
            None if from > 0 && self.measured >= MEASURED / 2.0 && self.now.answered > 0.0 => {
                let before = self.now.answered / self.now.seconds;
                self.trial = Some(Trial { from, to, before, after: Throughput::default(), seconds: 0.0 });
            }
            None => {}
        }
        (self.now, self.measured) = (Throughput::default(), 0.0);
    }

    /// There are to be fewer, or other ones: nothing that was measured can be compared.
    pub(crate) fn forget(&mut self) {
        (self.now, self.measured, self.trial) = (Throughput::default(), 0.0, None);
    }

    /// Whether the last increases were in vain.
    pub(crate) fn is_in_vain(&self) -> bool {
        self.in_vain >= ACCIDENTS
    }

    /// Whether it is too early to try another one.
    pub(crate) fn is_pausing(&self, now: Moment) -> bool {
        self.is_in_vain() && self.since.is_some_and(|since| now.since(since) < PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn looks(effect: &mut Effect, now: &mut Moment, seconds: u64, answered: u64, saturated: bool) {
        for _ in 0..seconds / 2 {
            *now = now.after(Duration::from_secs(2));
            effect.learn(*now, Flow { seconds: 2.0, arrived: 500, answered: answered * 2, saturated });
        }
    }

    #[test]
    fn two_increases_without_a_gain_are_in_vain_and_nothing_is_tried_for_five_minutes() {
        let mut now = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let mut effect = Effect::default();
        looks(&mut effect, &mut now, 10, 100, true);
        effect.grown(4, 8);
        looks(&mut effect, &mut now, 10, 105, true);
        assert!(!effect.is_in_vain());
        effect.grown(8, 16);
        looks(&mut effect, &mut now, 10, 104, true);
        assert!(effect.is_in_vain() && effect.is_pausing(now));
        looks(&mut effect, &mut now, 300, 104, true);
        assert!(effect.is_in_vain() && !effect.is_pausing(now));
    }

    #[test]
    fn an_increase_that_helps_or_ends_the_waiting_is_not_in_vain() {
        for (answered, saturated) in [(190, true), (105, false)] {
            let mut now = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
            let mut effect = Effect::default();
            looks(&mut effect, &mut now, 10, 100, true);
            for (from, to) in [(4, 8), (8, 16), (16, 32)] {
                effect.grown(from, to);
                looks(&mut effect, &mut now, 10, answered * u64::from(to) / 8, saturated);
                looks(&mut effect, &mut now, 10, answered * u64::from(to) / 8, true);
            }
            assert!(!effect.is_in_vain(), "{answered} {saturated}");
        }
    }

    #[test]
    fn without_a_rate_to_compare_with_nothing_is_judged() {
        let mut now = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let mut effect = Effect::default();
        effect.grown(0, 8);
        looks(&mut effect, &mut now, 20, 100, true);
        effect.grown(8, 16);
        effect.forget();
        looks(&mut effect, &mut now, 20, 100, true);
        assert!(!effect.is_in_vain());
    }
}
