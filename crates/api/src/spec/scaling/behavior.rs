//! How fast the number of pods changes: the shape and words of a HorizontalPodAutoscaler's `behavior`.

use std::borrow::Cow;
use std::num::NonZeroU32;

use prpc_scaling::{Amount, Rules, Select, Share, Step};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::seconds;

/// How fast the number of pods changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Behavior {
    /// Towards more pods.
    #[serde(default)]
    pub scale_up: ScaleUp,
    /// Towards fewer pods.
    #[serde(default)]
    pub scale_down: ScaleDown,
}

/// Towards more pods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaleUp {
    /// The lowest number that was wanted in this time is enough. A sleeping queue does not wait.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_window_seconds: i32,
    /// A change by a smaller part of the pods is left out, unless it leads to maxReplicas.
    #[serde(default = "a_tenth")]
    pub tolerance: Fraction,
    /// Which of the policies counts; `Disabled` allows no change.
    #[serde(default)]
    pub select_policy: SelectPolicy,
    /// How much may change in a time. What wakes a sleeping queue is not limited.
    #[serde(default = "doubled_or_ten_more")]
    #[schemars(length(min = 1, max = 10))]
    pub policies: Vec<ScalingPolicy>,
}

/// Towards fewer pods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScaleDown {
    /// The highest number that was wanted in this time is kept.
    #[serde(default = "three_minutes")]
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_window_seconds: i32,
    /// A change by a smaller part of the pods is left out, unless it leads to minReplicas.
    #[serde(default = "a_tenth")]
    pub tolerance: Fraction,
    /// Which of the policies counts; `Disabled` allows no change.
    #[serde(default)]
    pub select_policy: SelectPolicy,
    /// How much may change in a time.
    #[serde(default = "half")]
    #[schemars(length(min = 1, max = 10))]
    pub policies: Vec<ScalingPolicy>,
}

/// Which of several policies counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SelectPolicy {
    /// The one that allows the most.
    #[default]
    Max,
    /// The one that allows the least.
    Min,
    /// None: no change.
    Disabled,
}

/// How much may change in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScalingPolicy {
    /// Whether the value is a number of pods, or a percentage of those that there were when the time began.
    #[serde(rename = "type")]
    pub kind: PolicyType,
    /// How much.
    #[schemars(range(min = 1, max = 10_000))]
    pub value: i32,
    /// In which time.
    #[schemars(range(min = 1, max = 1800))]
    pub period_seconds: i32,
}

/// What a value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyType {
    /// A number of pods.
    Pods,
    /// A percentage of the pods.
    Percent,
}

/// A part of a whole, as text, such as `0.1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fraction(Share);

impl TryFrom<String> for Fraction {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let share = text.parse().ok().and_then(Share::new);
        share.map(Self).ok_or("a number from 0 to 1 as text, such as \"0.1\"")
    }
}

impl From<Fraction> for String {
    fn from(fraction: Fraction) -> Self {
        fraction.0.get().to_string()
    }
}

impl JsonSchema for Fraction {
    fn schema_name() -> Cow<'static, str> {
        "Fraction".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^(0(\.[0-9]+)?|1)$", "maxLength": 8})
    }
}

const fn three_minutes() -> i32 {
    180
}

fn a_tenth() -> Fraction {
    Fraction(Share::percent(10))
}

fn doubled_or_ten_more() -> Vec<ScalingPolicy> {
    let policy = |kind, value| ScalingPolicy { kind, value, period_seconds: 15 };
    vec![policy(PolicyType::Percent, 100), policy(PolicyType::Pods, 10)]
}

fn half() -> Vec<ScalingPolicy> {
    vec![ScalingPolicy { kind: PolicyType::Percent, value: 50, period_seconds: 60 }]
}

impl Default for ScaleUp {
    fn default() -> Self {
        Self {
            stabilization_window_seconds: 0,
            tolerance: a_tenth(),
            select_policy: SelectPolicy::default(),
            policies: doubled_or_ten_more(),
        }
    }
}

impl Default for ScaleDown {
    fn default() -> Self {
        Self {
            stabilization_window_seconds: three_minutes(),
            tolerance: a_tenth(),
            select_policy: SelectPolicy::default(),
            policies: half(),
        }
    }
}

impl ScaleUp {
    /// What the scaling is told.
    pub(super) fn rules(&self) -> Rules {
        let window = self.stabilization_window_seconds;
        rules(window, self.tolerance, self.select_policy, &self.policies)
    }
}

impl ScaleDown {
    /// What the scaling is told.
    pub(super) fn rules(&self) -> Rules {
        let window = self.stabilization_window_seconds;
        rules(window, self.tolerance, self.select_policy, &self.policies)
    }
}

fn rules(window: i32, tolerance: Fraction, select: SelectPolicy, policies: &[ScalingPolicy]) -> Rules {
    let step = |policy: &ScalingPolicy| {
        // The schema has none below one.
        let value = NonZeroU32::new(policy.value.max(1).unsigned_abs()).unwrap_or(NonZeroU32::MIN);
        let amount = match policy.kind {
            PolicyType::Pods => Amount::Replicas(value),
            PolicyType::Percent => Amount::Percent(value),
        };
        Step { amount, period: seconds(policy.period_seconds) }
    };
    Rules {
        window: seconds(window),
        tolerance: tolerance.0,
        select: match select {
            SelectPolicy::Max => Select::Max,
            SelectPolicy::Min => Select::Min,
            SelectPolicy::Disabled => Select::Disabled,
        },
        steps: policies.iter().map(step).collect(),
    }
}
