//! The rule: from what is known to a number of replicas, without memory.
//!
//! Once it is known how many calls come in each second and how many a replica answers, there are so many replicas that
//! the calls that come keep them busy to a share of their time, and that the backlog is worked off in a time:
//!
//! ```text
//! steady   = arrivals / utilization
//! catch up = outstanding / drain
//! needed   = (steady + catch up) / rate of a replica, but no more than have something to do
//! ```
//!
//! When that asks for more than there are, the calls that will have piled up until the new ones are ready count, too.
//! Before rates are known the backlog alone decides.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::observed::Sample;
use crate::policy::{Bounds, Policy};

/// A backlog with too old a call is worked off no faster than this.
const SHORTEST_DRAIN: Duration = Duration::from_secs(5);
/// Partitions are shared out evenly if that takes at most so many more replicas.
const EVEN: f64 = 1.2;
/// What a sum of fractions is off by.
const ROUNDING: f64 = 1e-9;

/// The two rates that a rule with foresight needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Calls that come in each second.
    pub arrivals: f64,
    /// Calls that a replica answers each second when it has enough to do.
    pub per_replica: f64,
}

/// What is known beside the sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// The rates, if both are known.
    pub rates: Option<Rates>,
    /// Calls at a time in a replica.
    pub slots: f64,
    /// From the decision for more replicas until they take calls.
    pub cold_start: Duration,
}

/// What made the recommendation differ from what the load asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// More than needed, because there must be so many.
    Min,
    /// Fewer than needed, because there may not be more.
    Max,
    /// Fewer than needed, because more would find nothing to take.
    Partitions,
    /// A few more than needed, so that each has as many partitions as the others.
    Alignment(NonZeroU32),
}

/// How many replicas the load asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recommendation {
    /// Within the bounds.
    pub replicas: u32,
    /// Without the bounds.
    pub unbounded: u64,
    /// The same before it was rounded up.
    pub exact: f64,
    /// What made a difference.
    pub limit: Option<Limit>,
}

/// How many replicas a queue needs that has `current` ones.
#[must_use]
pub fn recommend(
    policy: &Policy,
    bounds: Bounds,
    sample: &Sample,
    known: &Known,
    current: u32,
) -> Recommendation {
    let outstanding = sample.load.outstanding();
    let exact = match known.rates {
        Some(rates) => by_rates(policy, sample, known, rates, current),
        None => outstanding as f64 / f64::from(policy.backlog_per_replica.get()),
    };
    let unbounded = match outstanding {
        // What once came in wakes nobody.
        0 if current == 0 => 0,
        0 => ceil(exact),
        _ => ceil(exact).max(1),
    };
    let possible = sample.partitions.map_or(bounds, |partitions| bounds.at_most(partitions.get()));
    let bounded = possible.clamp(u32::try_from(unbounded).unwrap_or(u32::MAX));
    let replicas = sample.partitions.map_or(bounded, |partitions| evenly(bounded, partitions, possible));
    let limit = match u64::from(bounded) {
        fewer if fewer < unbounded && possible.max() < bounds.max() => Some(Limit::Partitions),
        fewer if fewer < unbounded => Some(Limit::Max),
        more if more > unbounded => Some(Limit::Min),
        _ => sample.partitions.filter(|_| replicas > bounded).map(Limit::Alignment),
    };
    Recommendation { replicas, unbounded, exact, limit }
}

/// How many the calls that come in need, and nothing else.
pub(crate) fn steady(policy: &Policy, rates: Rates) -> u32 {
    u32::try_from(ceil(exactly_steady(policy, rates))).unwrap_or(u32::MAX)
}

/// How many have something to do.
pub(crate) fn occupied(sample: &Sample, known: &Known) -> u32 {
    u32::try_from(ceil(sample.load.outstanding() as f64 / known.slots.max(1.0))).unwrap_or(u32::MAX)
}

pub(crate) fn exactly_steady(policy: &Policy, rates: Rates) -> f64 {
    // No share of time near zero is meant.
    rates.arrivals / policy.target.utilization.get().max(0.01) / rates.per_replica
}

fn by_rates(policy: &Policy, sample: &Sample, known: &Known, rates: Rates, current: u32) -> f64 {
    let outstanding = sample.load.outstanding() as f64;
    let drain = drain(policy, sample).as_secs_f64();
    let steady = exactly_steady(policy, rates);
    let mut needed = steady + outstanding / drain / rates.per_replica;
    if ceil(needed) > u64::from(current) {
        let missed = (rates.arrivals - rates.per_replica * f64::from(current)).max(0.0);
        needed += missed * known.cold_start.as_secs_f64() / drain / rates.per_replica;
    }
    needed.min((outstanding / known.slots.max(1.0)).max(steady))
}

fn drain(policy: &Policy, sample: &Sample) -> Duration {
    let drain = policy.target.drain.max(Duration::from_secs(1));
    let late = policy.target.oldest.zip(sample.oldest).is_some_and(|(limit, oldest)| oldest > limit);
    if late { (drain / 2).max(SHORTEST_DRAIN).min(drain) } else { drain }
}

/// The next number that divides the partitions without a rest, if it is near enough.
fn evenly(replicas: u32, partitions: NonZeroU32, bounds: Bounds) -> u32 {
    let near = (f64::from(replicas) * EVEN).floor().min(f64::from(bounds.max())) as u32;
    (replicas.max(1)..=near).find(|number| partitions.get().is_multiple_of(*number)).unwrap_or(replicas)
}

fn ceil(exact: f64) -> u64 {
    // Rounds towards the nearest number that the type has.
    (exact - ROUNDING).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Load;

    const FOUR: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);

    fn policy(min: u32, max: u32) -> Policy {
        Policy::new(Bounds::new(min, max).unwrap(), FOUR)
    }

    fn sample(undelivered: u64, in_flight: u64) -> Sample {
        Load { undelivered, in_flight }.into()
    }

    fn known(rates: Option<(f64, f64)>, cold_start: u64) -> Known {
        let rates = rates.map(|(arrivals, per_replica)| Rates { arrivals, per_replica });
        Known { rates, slots: 4.0, cold_start: Duration::from_secs(cold_start) }
    }

    #[test]
    fn before_rates_are_known_the_backlog_is_shared_out_within_the_bounds() {
        let policy = policy(1, 10);
        for (undelivered, in_flight, replicas, limit) in [
            (0, 0, 1, Some(Limit::Min)),
            (1, 0, 1, None),
            (20, 0, 1, None),
            (20, 1, 2, None),
            (0, 60, 3, None),
            (200, 0, 10, None),
            (201, 0, 10, Some(Limit::Max)),
            (u64::MAX, u64::MAX, 10, Some(Limit::Max)),
        ] {
            let seen = recommend(&policy, policy.bounds, &sample(undelivered, in_flight), &known(None, 0), 1);
            assert_eq!((seen.replicas, seen.limit), (replicas, limit), "{undelivered} + {in_flight}");
        }
    }

    #[test]
    fn rates_tell_what_the_calls_that_come_need_and_the_backlog_adds_to_it() {
        // 40 calls a second and replica; a backlog is worked off in 10 s; replicas are busy to 80 %.
        let policy = policy(0, 100);
        for (outstanding, arrivals, current, replicas) in [
            (6, 60.0, 2, 2),
            (6, 65.0, 2, 3),
            (0, 60.0, 2, 2),
            // Keeping up is no reason to shrink, and a backlog is one to grow.
            (1000, 60.0, 2, 5),
            (10_000, 0.0, 0, 25),
            // No more than have something to do.
            (8, 0.5, 1, 1),
            (9, 400.0, 1, 13),
            (2, 0.1, 0, 1),
            // What once came in wakes nobody.
            (0, 60.0, 0, 0),
        ] {
            let known = known(Some((arrivals, 40.0)), 0);
            let seen = recommend(&policy, policy.bounds, &sample(outstanding, 0), &known, current);
            assert_eq!(seen.replicas, replicas, "{outstanding} {arrivals} {current}");
        }
    }

    #[test]
    fn calls_that_come_while_replicas_start_count_when_more_are_needed() {
        let policy = policy(0, 100);
        for (current, cold_start, replicas) in [(0, 0, 13), (0, 5, 18), (5, 5, 16), (13, 5, 13)] {
            let known = known(Some((400.0, 40.0)), cold_start);
            let seen = recommend(&policy, policy.bounds, &sample(100, 0), &known, current);
            assert_eq!(seen.replicas, replicas, "{current} {cold_start}");
        }
    }

    #[test]
    fn calls_that_wait_for_too_long_are_worked_off_faster() {
        let mut policy = policy(0, 100);
        policy.target.oldest = Some(Duration::from_secs(30));
        for (oldest, drain, replicas) in [(30, 10, 10), (31, 10, 20), (31, 60, 4), (31, 4, 25)] {
            policy.target.drain = Duration::from_secs(drain);
            let sample = Sample { oldest: Some(Duration::from_secs(oldest)), ..sample(4000, 0) };
            let seen = recommend(&policy, policy.bounds, &sample, &known(Some((0.0, 40.0)), 0), 1);
            assert_eq!(seen.replicas, replicas, "{oldest} {drain}");
        }
    }

    #[test]
    fn partitions_are_an_exact_upper_bound() {
        let policy = policy(1, 20);
        for partitions in 1..=64 {
            let sample = Sample { partitions: NonZeroU32::new(partitions), ..sample(u64::MAX, 0) };
            for rates in [None, Some((1e6, 40.0))] {
                let seen = recommend(&policy, policy.bounds, &sample, &known(rates, 0), 1);
                let limit = if partitions < 20 { Limit::Partitions } else { Limit::Max };
                assert_eq!((seen.replicas, seen.limit), (partitions.min(20), Some(limit)), "{partitions}");
            }
        }
    }

    #[test]
    fn partitions_are_shared_out_evenly_if_that_takes_few_more() {
        let policy = policy(0, 10);
        let twelve = NonZeroU32::new(12);
        let aligned = Some(Limit::Alignment(twelve.unwrap()));
        for (needed, replicas, limit) in
            [(0, 0, None), (1, 1, None), (5, 6, aligned), (6, 6, None), (7, 7, None), (10, 10, None)]
        {
            let sample = Sample { partitions: twelve, ..sample(needed * 20, 0) };
            let seen = recommend(&policy, policy.bounds, &sample, &known(None, 0), 1);
            assert_eq!((seen.replicas, seen.limit), (replicas, limit), "{needed}");
        }
    }
}
