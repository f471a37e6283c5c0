//! How many calls a replica answers each second when it has enough to do.
//!
//! Two ways to know: replicas tell how long calls run, or calls wait and it can be seen how fast they go.

use std::time::Duration;

use crate::flow::Flow;
use crate::moment::Moment;
use crate::observed::Work;

/// So many calls, or so many seconds of calls, are enough to trust.
const ENOUGH_CALLS: f64 = 20.0;
const ENOUGH_SECONDS: f64 = 3.0;
/// What is older than this counts little.
const MEMORY: Duration = Duration::from_secs(60);
/// For so long what was seen may correct what replicas tell.
const RECENT: Duration = Duration::from_secs(300);
/// Replicas that seem so much faster than what can be seen are not.
const DOUBTFUL: f64 = 1.15;

/// Calls, and the time that somebody was busy with them.
#[derive(Debug, Clone, Copy, Default)]
struct Evidence {
    calls: f64,
    seconds: f64,
    /// All calls and seconds ever: whether it is enough.
    proven: (f64, f64),
}

impl Evidence {
    fn add(&mut self, calls: f64, seconds: f64, span: f64) {
        let kept = (-span / MEMORY.as_secs_f64()).exp();
        self.calls = self.calls * kept + calls;
        self.seconds = self.seconds * kept + seconds;
        self.proven = (self.proven.0 + calls, self.proven.1 + seconds);
    }

    /// Calls a second of work, when there is enough to tell; a few calls count only if each slot had one.
    fn rate(&self, slots: f64) -> Option<f64> {
        let (calls, seconds) = self.proven;
        let enough = calls >= ENOUGH_CALLS || (seconds >= ENOUGH_SECONDS && calls >= slots);
        (enough && self.calls > 0.0 && self.seconds > 0.0).then(|| self.calls / self.seconds)
    }

    /// What the rate cannot exceed, if nothing says more than that: `open` calls are in work, and each may be about to end.
    fn at_most(&self, open: f64) -> Option<f64> {
        (self.proven.1 >= ENOUGH_SECONDS).then(|| (self.calls + open) / self.seconds)
    }
}

/// What is known of a replica.
#[derive(Debug, Clone, Default)]
pub(crate) struct Capacity {
    /// Calls, and the time they ran.
    told: Evidence,
    /// Calls, and the time of replicas that were busy with them throughout.
    seen: Evidence,
    seen_at: Option<Moment>,
    /// How many replicas that were.
    ready: u32,
    told_at: Option<Moment>,
    slots: Option<f64>,
    /// What was known earlier.
    remembered: Option<f64>,
}

impl Capacity {
    /// Begins with what was known earlier.
    pub(crate) fn new(remembered: Option<f64>) -> Self {
        Self { remembered, ..Self::default() }
    }

    /// Takes in what replicas told. The same twice is heard once.
    pub(crate) fn hear(&mut self, at: Moment, work: &Work) {
        let before = self.told_at.replace(at);
        if before == Some(at) {
            return;
        }
        if work.slots > 0 {
            self.slots = Some(f64::from(work.slots) / f64::from(work.replicas.get()));
        }
        if work.ended > 0 {
            let pause = before.map_or(0.0, |before| at.since(before).as_secs_f64());
            self.told.add(work.ended as f64, work.ran.as_secs_f64(), pause);
        }
    }

    /// Takes in what could be seen, while there were `ready` replicas all the time.
    pub(crate) fn watch(&mut self, now: Moment, flow: Flow, ready: u32) {
        if flow.saturated && ready > 0 {
            self.seen.add(flow.answered as f64, flow.seconds * f64::from(ready), flow.seconds);
            (self.seen_at, self.ready) = (Some(now), ready);
        }
    }

    /// Calls at a time in a replica, if one told.
    pub(crate) fn slots(&self) -> Option<f64> {
        self.slots
    }

    /// Calls a second and replica.
    pub(crate) fn per_replica(&self, now: Moment, slots: f64) -> Option<f64> {
        let told = self.told.rate(1.0).map(|rate| rate * slots);
        let seen = self.seen.rate(slots);
        let recent = self.seen_at.is_some_and(|at| now.since(at) <= RECENT);
        match (told, seen) {
            (Some(told), Some(seen)) if recent && told > seen * DOUBTFUL => Some(seen),
            (Some(told), _) => Some(told),
            (None, Some(seen)) => Some(seen),
            // Calls that run for minutes tell nothing for minutes, but that they do.
            (None, None) => {
                let at_most = self.seen.at_most(slots * f64::from(self.ready)).filter(|_| recent);
                at_most
                    .map(|limit| self.remembered.map_or(limit, |known| known.min(limit)))
                    .or(self.remembered)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::num::NonZeroU32;

    const SLOTS: f64 = 4.0;

    fn now() -> Moment {
        Moment::new(std::time::Instant::now(), Timestamp::UNIX_EPOCH)
    }

    fn work(ended: u64, milliseconds: u64) -> Work {
        let ran = Duration::from_millis(milliseconds) * u32::try_from(ended).unwrap();
        Work { replicas: NonZeroU32::MIN, slots: 4, busy: 4, ended, ran }
    }

    fn flow(answered: u64, saturated: bool) -> Flow {
        Flow { seconds: 2.0, arrived: answered, answered, saturated }
    }

    fn rate(capacity: &Capacity) -> Option<f64> {
        capacity.per_replica(now(), SLOTS).map(|rate| (rate * 10.0).round() / 10.0)
    }

    #[test]
    fn twenty_calls_or_three_seconds_of_calls_are_enough() {
        for (work, expected) in [
            (work(19, 100), None),
            (work(20, 100), Some(40.0)),
            (work(1, 2900), None),
            (work(1, 4000), Some(1.0)),
        ] {
            let mut capacity = Capacity::default();
            capacity.hear(now(), &work);
            assert_eq!(rate(&capacity), expected, "{work:?}");
        }
    }

    #[test]
    fn what_is_told_twice_counts_once() {
        let (mut capacity, at) = (Capacity::default(), now());
        (0..9).for_each(|_| capacity.hear(at, &work(10, 100)));
        assert_eq!(rate(&capacity), None);
    }

    #[test]
    fn without_the_replicas_words_it_is_seen_while_calls_wait() {
        let mut capacity = Capacity::default();
        capacity.watch(now(), flow(160, false), 2);
        assert_eq!(rate(&capacity), None);
        capacity.watch(now(), flow(160, true), 2);
        assert_eq!(rate(&capacity), Some(40.0));
    }

    #[test]
    fn calls_that_do_not_end_tell_that_replicas_are_not_faster() {
        for remembered in [None, Some(40.0)] {
            let mut capacity = Capacity::new(remembered);
            capacity.watch(now(), flow(0, true), 1);
            assert_eq!(rate(&capacity), remembered, "two seconds may be chance");
            (0..4).for_each(|_| capacity.watch(now(), flow(0, true), 1));
            let rate = rate(&capacity).unwrap();
            assert!((0.4..0.5).contains(&rate), "{rate}");
        }
    }

    #[test]
    fn what_is_seen_corrects_what_is_told_when_it_is_much_less() {
        let mut capacity = Capacity::default();
        capacity.hear(now(), &work(100, 100));
        capacity.watch(now(), flow(150, true), 2);
        assert_eq!(rate(&capacity), Some(40.0), "37.5 is near enough");
        let mut capacity = Capacity::default();
        capacity.hear(now(), &work(100, 100));
        capacity.watch(now(), flow(80, true), 2);
        assert_eq!(rate(&capacity), Some(20.0));
    }

    #[test]
    fn slower_calls_are_noticed_within_a_minute_or_two() {
        let mut capacity = Capacity::default();
        let began = now();
        for look in 0..120 {
            let work = if look < 60 { work(80, 100) } else { work(40, 200) };
            capacity.hear(began.after(Duration::from_secs(look * 2)), &work);
        }
        let rate = rate(&capacity).unwrap();
        assert!((20.0..23.0).contains(&rate), "{rate}");
    }

    #[test]
    fn what_was_known_earlier_counts_until_there_is_better() {
        let mut capacity = Capacity::new(Some(12.0));
        assert_eq!(rate(&capacity), Some(12.0));
        capacity.hear(now(), &work(100, 100));
        assert_eq!(rate(&capacity), Some(40.0));
    }
}
