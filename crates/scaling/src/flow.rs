//! From counters to what happened between two looks, and to the rate at which calls come in.

use std::time::Duration;

use crate::moment::Moment;
use crate::observed::Sample;

/// A rate follows changes with these time constants; the higher one counts, so it is quick up and slow down.
const QUICK: Duration = Duration::from_secs(30);
const SLOW: Duration = Duration::from_secs(120);
/// Between looks that are closer than this a rate would be noise.
const SHORTEST: Duration = Duration::from_millis(50);

/// What happened between two looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Flow {
    pub(crate) seconds: f64,
    /// Calls that came.
    pub(crate) arrived: u64,
    /// Calls that left.
    pub(crate) answered: u64,
    /// Whether no replica lacked work at any time: every call that was taken had been there before.
    pub(crate) saturated: bool,
}

/// Knows the last look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    last: Option<(Moment, Sample)>,
}

impl Meter {
    /// What happened since the look before, if the counters tell. A counter that fell has begun anew and tells nothing.
    pub(crate) fn flow(&mut self, at: Moment, sample: &Sample) -> Option<Flow> {
        let Some((then, before)) = self.last else {
            self.last = Some((at, *sample));
            return None;
        };
        let span = at.since(then);
        if span < SHORTEST {
            return None;
        }
        self.last = Some((at, *sample));
        let grown = |before: Option<u64>, after: Option<u64>| after?.checked_sub(before?);
        let arrived = grown(before.arrived, sample.arrived);
        let answered = grown(before.answered, sample.answered);
        let (was, is) = (before.load.outstanding(), sample.load.outstanding());
        // What came is there or has left.
        let (arrived, answered) = match (arrived, answered) {
            (Some(arrived), Some(answered)) => (arrived, answered),
            (Some(arrived), None) => (arrived, arrived.saturating_add(was).saturating_sub(is)),
            (None, Some(answered)) => (answered.saturating_add(is).saturating_sub(was), answered),
            (None, None) => return None,
        };
        let taken = answered.saturating_add(sample.load.in_flight).saturating_sub(before.load.in_flight);
        let saturated = sample.load.undelivered > 0 && before.load.undelivered >= taken;
        Some(Flow { seconds: span.as_secs_f64(), arrived, answered, saturated })
    }

    /// The next look is like the first one.
    pub(crate) fn reset(&mut self) {
        self.last = None;
    }
}

/// How many calls come in each second, lately.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arrivals(Option<Averages>);

#[derive(Debug, Clone, Copy)]
struct Averages {
    quick: f64,
    slow: f64,
}

impl Arrivals {
    /// Begins with what was known earlier.
    pub(crate) fn new(rate: Option<f64>) -> Self {
        Self(rate.map(|rate| Averages { quick: rate, slow: rate }))
    }

    /// Takes in what came. The first is taken for the end of a silence: what a burst brings is work, but not yet a rate.
    pub(crate) fn learn(&mut self, flow: Flow) {
        let rate = flow.arrived as f64 / flow.seconds;
        let known = self.0.get_or_insert(Averages { quick: 0.0, slow: 0.0 });
        let follow = |average: f64, constant: Duration| {
            let weight = 1.0 - (-flow.seconds / constant.as_secs_f64()).exp();
            average + (rate - average) * weight
        };
        (known.quick, known.slow) = (follow(known.quick, QUICK), follow(known.slow, SLOW));
    }

    /// Calls a second.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.0.map(|known| known.quick.max(known.slow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Load;
    use jiff::Timestamp;

    fn sample(outstanding: u64, arrived: Option<u64>, answered: Option<u64>) -> Sample {
        let load = Load { undelivered: outstanding, in_flight: 0 };
        Sample { arrived, answered, ..Sample::from(load) }
    }

    fn flow(before: Sample, after: Sample) -> Option<(u64, u64)> {
        let began = Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH);
        let mut meter = Meter::default();
        assert_eq!(meter.flow(began, &before), None);
        meter.flow(began.after(Duration::from_secs(2)), &after).map(|flow| (flow.arrived, flow.answered))
    }

    #[test]
    fn one_counter_and_the_load_tell_the_other() {
        for (before, after, expected) in [
            (sample(5, Some(10), Some(5)), sample(8, Some(16), Some(8)), Some((6, 3))),
            (sample(5, Some(10), None), sample(8, Some(16), None), Some((6, 3))),
            (sample(5, None, Some(5)), sample(8, None, Some(8)), Some((6, 3))),
            (sample(5, None, None), sample(8, None, None), None),
            (sample(5, Some(10), None), sample(8, None, None), None),
        ] {
            assert_eq!(flow(before, after), expected);
        }
    }

    #[test]
    fn a_counter_that_begins_anew_tells_nothing() {
        assert_eq!(flow(sample(5, Some(1000), None), sample(5, Some(3), None)), None);
    }

    #[test]
    fn the_rate_rises_faster_than_it_falls() {
        let look = |arrived| Flow { seconds: 2.0, arrived, answered: 0, saturated: false };
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.rate(), None);
        (0..30).for_each(|_| arrivals.learn(look(200)));
        let after_a_minute = arrivals.rate().unwrap();
        assert!((80.0..100.0).contains(&after_a_minute), "{after_a_minute}");
        (0..150).for_each(|_| arrivals.learn(look(200)));
        (0..30).for_each(|_| arrivals.learn(look(0)));
        let after_a_silent_minute = arrivals.rate().unwrap();
        assert!((50.0..70.0).contains(&after_a_silent_minute), "{after_a_silent_minute}");
    }

    #[test]
    fn how_often_one_looks_makes_no_difference() {
        let (mut often, mut seldom) = (Arrivals::default(), Arrivals::default());
        (0..100).for_each(|_| often.learn(Flow { seconds: 0.2, arrived: 8, answered: 0, saturated: false }));
        (0..4).for_each(|_| seldom.learn(Flow { seconds: 5.0, arrived: 200, answered: 0, saturated: false }));
        assert!((often.rate().unwrap() - seldom.rate().unwrap()).abs() < 0.01);
    }
}
