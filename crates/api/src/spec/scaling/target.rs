//! What the number of pods is computed for, and what is done when it cannot be computed.

use std::num::NonZeroU32;

use prpc_scaling::{Effectiveness, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::seconds;

/// What the number of pods is computed for, once it is known how many calls come in and how many a pod answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Seconds in which a backlog is worked off.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 86_400))]
    pub drain_seconds: i32,
    /// How busy pods are with the calls that come in.
    #[serde(default = "eighty")]
    #[schemars(range(min = 10, max = 100))]
    pub utilization_percent: i32,
    /// If a call is older, backlogs are worked off in half of drainSeconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub max_message_age_seconds: Option<i32>,
}

const fn ten() -> i32 {
    10
}
const fn eighty() -> i32 {
    80
}

impl Default for Target {
    fn default() -> Self {
        Self { drain_seconds: ten(), utilization_percent: eighty(), max_message_age_seconds: None }
    }
}

impl Target {
    /// What the scaling is told.
    pub(super) fn target(&self) -> prpc_scaling::Target {
        prpc_scaling::Target {
            drain: seconds(self.drain_seconds),
            utilization: Share::percent(self.utilization_percent.clamp(1, 100).try_into().unwrap_or(100)),
            oldest: self.max_message_age_seconds.map(seconds),
        }
    }
}

/// What is done while the backlog is unknown. Never wakes a sleeping queue, and puts none to sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fallback {
    /// Looks in a row that failed before the policy applies; until then the number stays.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1000))]
    pub failure_threshold: i32,
    /// What is done.
    #[serde(default)]
    pub policy: FallbackPolicy,
    /// The number that `AtLeast`, `AtMost` and `Static` mean.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub replicas: i32,
}

const fn three() -> i32 {
    3
}
const fn one() -> i32 {
    1
}

impl Default for Fallback {
    fn default() -> Self {
        Self { failure_threshold: three(), policy: FallbackPolicy::default(), replicas: one() }
    }
}

/// What is done while the backlog is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FallbackPolicy {
    /// The number stays.
    #[default]
    Hold,
    /// So many or more.
    AtLeast,
    /// So many or fewer.
    AtMost,
    /// Exactly so many.
    Static,
}

impl Fallback {
    /// How many looks, and what then.
    pub(super) fn fallback(self) -> (NonZeroU32, prpc_scaling::Fallback) {
        let replicas = self.replicas.max(0).unsigned_abs();
        let threshold = NonZeroU32::new(self.failure_threshold.max(1).unsigned_abs());
        let fallback = match self.policy {
            FallbackPolicy::Hold => prpc_scaling::Fallback::Hold,
            FallbackPolicy::AtLeast => prpc_scaling::Fallback::AtLeast(replicas),
            FallbackPolicy::AtMost => prpc_scaling::Fallback::AtMost(replicas),
            FallbackPolicy::Static => prpc_scaling::Fallback::Static(replicas),
        };
        (threshold.unwrap_or(NonZeroU32::MIN), fallback)
    }
}

/// What is done when more pods do not answer more calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenInVain {
    /// It is not watched.
    Off,
    /// It is told.
    #[default]
    Report,
    /// It is told, and no pods are added for five minutes.
    Hold,
}

impl WhenInVain {
    /// What the scaling is told.
    pub(super) const fn effectiveness(self) -> Effectiveness {
        match self {
            Self::Off => Effectiveness::Off,
            Self::Report => Effectiveness::Report,
            Self::Hold => Effectiveness::Hold,
        }
    }
}

/// A direction in which the number of pods does not change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Paused {
    /// None: it changes in both.
    #[default]
    #[serde(rename = "None")]
    Nothing,
    /// No pods are added.
    ScaleUp,
    /// No pods are taken away.
    ScaleDown,
    /// Neither.
    All,
}
