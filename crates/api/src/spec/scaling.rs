//! How many pods there are.

mod behavior;
mod schedule;
mod target;

use std::num::NonZeroU32;
use std::time::Duration;

use kube::KubeSchema;
use prpc_scaling::{Bounds, Policy, Rules, Select};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use behavior::{Behavior, Fraction, PolicyType, ScaleDown, ScaleUp, ScalingPolicy, SelectPolicy};
pub use schedule::{Day, Schedule};
pub use target::{Fallback, FallbackPolicy, Paused, Target, WhenInVain};

/// How many pods there are, by the queue's backlog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(
    validation = ("self.minReplicas <= self.maxReplicas", "minReplicas must not be greater than maxReplicas"),
    validation = ("!has(self.fallback) || !has(self.fallback.replicas) || self.fallback.replicas <= self.maxReplicas", "fallback.replicas must not be greater than maxReplicas"),
    validation = ("!has(self.schedules) || self.schedules.all(s, (has(s.minReplicas) ? s.minReplicas : self.minReplicas) <= (has(s.maxReplicas) ? s.maxReplicas : self.maxReplicas))", "minReplicas of a schedule must not be greater than maxReplicas at that time: set both in the schedule"),
)]
pub struct Scaling {
    /// Who decides: `Managed` follows the backlog, `External` follows `spec.replicas`, which `kubectl scale` and a
    /// HorizontalPodAutoscaler write. `Recommend` is like `External`, and tells what `Managed` would do.
    #[serde(default)]
    pub mode: ScalingMode,
    /// At least so many; 0 lets an idle queue sleep.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1000))]
    pub min_replicas: i32,
    /// At most so many.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: i32,
    /// A direction in which the number does not change. The bounds hold all the same.
    #[serde(default)]
    pub paused: Paused,
    /// What the number is computed for, once it is known how many calls come in and how many a pod answers.
    #[serde(default)]
    pub target: Target,
    /// Calls, waiting and in work, for each pod, as long as no rates are known; five times the worker's concurrency if
    /// not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub backlog_per_replica: Option<i32>,
    /// Seconds without any call before the last pod goes, if minReplicas is 0.
    #[serde(default = "three_hundred")]
    #[schemars(range(min = 0, max = 86_400))]
    pub idle_seconds: i32,
    /// Seconds between two looks at the backlog.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 300))]
    pub poll_interval_seconds: i32,
    /// How fast the number changes, as in a HorizontalPodAutoscaler.
    #[serde(default)]
    pub behavior: Behavior,
    /// What is done while the backlog is unknown. Never wakes a sleeping queue, and puts none to sleep.
    #[serde(default)]
    pub fallback: Fallback,
    /// What is done when more pods do not answer more calls, because something behind them is the bottleneck.
    #[serde(default)]
    pub effectiveness: WhenInVain,
    /// Times of the week with other bounds; of those that hold, the first counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub schedules: Vec<Schedule>,
}

const fn one() -> i32 {
    1
}
const fn two() -> i32 {
    2
}
const fn ten() -> i32 {
    10
}
const fn three_hundred() -> i32 {
    300
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            mode: ScalingMode::default(),
            min_replicas: one(),
            max_replicas: ten(),
            paused: Paused::default(),
            target: Target::default(),
            backlog_per_replica: None,
            idle_seconds: three_hundred(),
            poll_interval_seconds: two(),
            behavior: Behavior::default(),
            fallback: Fallback::default(),
            effectiveness: WhenInVain::default(),
            schedules: Vec::new(),
        }
    }
}

/// Why there is no policy in a scaling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct InvalidScaling {
    /// The path of the field.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

/// Calls at a time in a pod when nothing says otherwise: the original's default.
const CONCURRENCY: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);
/// A sample may be older than this many looks before it is too old, for a look takes its time.
const LOOKS: u32 = 2;

impl Scaling {
    /// What the scaling is told, for pods with so many calls at a time.
    ///
    /// # Errors
    /// What contradicts itself, and is not let through by the schema; and what the schema cannot know, such as a time zone.
    pub fn policy(&self, concurrency: Option<u32>) -> Result<Policy, InvalidScaling> {
        let bounds = u32::try_from(self.min_replicas).ok().zip(u32::try_from(self.max_replicas).ok());
        let bounds = bounds.and_then(|(min, max)| Bounds::new(min, max)).ok_or_else(|| InvalidScaling {
            path: "spec.scaling".into(),
            what: "minReplicas must not be greater than maxReplicas".into(),
        })?;
        let schedules = self.schedules.iter().enumerate();
        let schedules = schedules
            .map(|(index, schedule)| schedule.schedule(index, self.min_replicas, self.max_replicas))
            .collect::<Result<_, _>>()?;
        let usual = Policy::new(bounds, concurrency.and_then(NonZeroU32::new).unwrap_or(CONCURRENCY));
        let said = self.backlog_per_replica.and_then(|calls| u32::try_from(calls).ok());
        let (failure_threshold, fallback) = self.fallback.fallback();
        let paused =
            |rules: Rules, off| if off { Rules { select: Select::Disabled, ..rules } } else { rules };
        Ok(Policy {
            schedules,
            backlog_per_replica: said.and_then(NonZeroU32::new).unwrap_or(usual.backlog_per_replica),
            target: self.target.target(),
            up: paused(self.behavior.scale_up.rules(), matches!(self.paused, Paused::ScaleUp | Paused::All)),
            down: paused(
                self.behavior.scale_down.rules(),
                matches!(self.paused, Paused::ScaleDown | Paused::All),
            ),
            idle: seconds(self.idle_seconds),
            freshness: self.poll_interval() * LOOKS,
            failure_threshold,
            fallback,
            effectiveness: self.effectiveness.effectiveness(),
            ..usual
        })
    }

    /// The time between two looks at the backlog.
    #[must_use]
    pub fn poll_interval(&self) -> Duration {
        seconds(self.poll_interval_seconds).max(Duration::from_secs(1))
    }
}

fn seconds(seconds: i32) -> Duration {
    Duration::from_secs(seconds.max(0).unsigned_abs().into())
}

/// Who decides how many pods there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScalingMode {
    /// The operator, by the backlog.
    #[default]
    Managed,
    /// Whoever writes `spec.replicas`; the operator tells what it would do.
    Recommend,
    /// Whoever writes `spec.replicas`.
    External,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Result<Policy, InvalidScaling> {
        serde_saphyr::from_str::<Scaling>(text).unwrap().policy(None)
    }

    #[test]
    fn what_a_manifest_leaves_open_is_what_the_scaling_takes_for_usual() {
        let usual = Policy::new(Bounds::new(1, 10).unwrap(), CONCURRENCY);
        assert_eq!(policy("{}"), Ok(usual.clone()));
        assert_eq!(Scaling::default().policy(None), Ok(usual));
    }

    #[test]
    fn one_word_of_a_direction_leaves_the_others_as_they_are() {
        let said = policy("behavior: {scaleDown: {stabilizationWindowSeconds: 5}}").unwrap();
        assert_eq!(said.down, Rules { window: Duration::from_secs(5), ..Rules::down() });
        assert_eq!(said.up, Rules::up());
    }

    #[test]
    fn a_paused_direction_is_switched_off() {
        for (paused, up, down) in [
            ("None", false, false),
            ("ScaleUp", true, false),
            ("ScaleDown", false, true),
            ("All", true, true),
        ] {
            let said = policy(&format!("paused: {paused}")).unwrap();
            let off = |rules: Rules| rules.select == Select::Disabled;
            assert_eq!((off(said.up), off(said.down)), (up, down), "{paused}");
        }
    }

    #[test]
    fn a_schedule_has_the_bounds_it_does_not_name_from_the_queue() {
        let said = policy(
            "{maxReplicas: 20, schedules: [{name: office, days: [Monday], start: '08:00', end: '18:00', timeZone: Europe/Berlin, minReplicas: 5}]}",
        );
        let schedules = said.unwrap().schedules;
        assert_eq!((schedules[0].bounds, &*schedules[0].name), (Bounds::new(5, 20).unwrap(), "office"));
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        let schedule =
            |change: &str| format!("schedules: [{{name: s, start: '08:00', end: '18:00', {change}}}]");
        for (text, path) in [
            ("minReplicas: 11".to_owned(), "spec.scaling"),
            (schedule("minReplicas: 11"), "spec.scaling.schedules[0].minReplicas"),
            (schedule("timeZone: Mars/Olympus"), "spec.scaling.schedules[0].timeZone"),
            (schedule("").replace("08:00", "8 am"), "spec.scaling.schedules[0].start"),
            (schedule("").replace("18:00", "18:00:01"), "spec.scaling.schedules[0].end"),
        ] {
            assert_eq!(policy(&text).unwrap_err().path, path, "{text}");
        }
    }
}
