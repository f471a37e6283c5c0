//! Times of the week with other bounds.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use kube::KubeSchema;
use prpc_scaling::Bounds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::InvalidScaling;

/// A time of certain days with other bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = ("has(self.minReplicas) || has(self.maxReplicas)", "a schedule without minReplicas and maxReplicas changes nothing: set at least one"))]
pub struct Schedule {
    /// What it is called in explanations.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The days on which it begins; every day if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7))]
    pub days: Vec<Day>,
    /// When it begins, such as `08:00`.
    #[schemars(length(max = 5), regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub start: String,
    /// When it ends, such as `18:00`; on the next day if that is not later than the start.
    #[schemars(length(max = 5), regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub end: String,
    /// Whose clock counts, such as `Europe/Berlin`.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// Instead of the queue's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub min_replicas: Option<i32>,
    /// Instead of the queue's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: Option<i32>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

fn utc() -> String {
    "UTC".into()
}

impl Schedule {
    /// What the scaling is told.
    pub(super) fn schedule(
        &self,
        index: usize,
        min: i32,
        max: i32,
    ) -> Result<prpc_scaling::Schedule, InvalidScaling> {
        let invalid = |field: &str, what: String| InvalidScaling {
            path: format!("spec.scaling.schedules[{index}].{field}"),
            what,
        };
        let time = |field: &str, text: &str| {
            // The library also reads seconds.
            let read = if text.len() == 5 { text.parse::<Time>().ok() } else { None };
            read.ok_or_else(|| invalid(field, format!("{text:?} is no time of day such as 08:00")))
        };
        let zone = TimeZone::get(&self.time_zone).map_err(|_| {
            let zone = &self.time_zone;
            invalid("timeZone", format!("{zone:?} is no name of a time zone such as Europe/Berlin"))
        })?;
        let (min, max) = (self.min_replicas.unwrap_or(min), self.max_replicas.unwrap_or(max));
        let bounds = u32::try_from(min).ok().zip(u32::try_from(max).ok());
        let bounds = bounds.and_then(|(min, max)| Bounds::new(min, max)).ok_or_else(|| {
            invalid("minReplicas", format!("must not be greater than maxReplicas, {max} at that time"))
        })?;
        Ok(prpc_scaling::Schedule {
            name: self.name.as_str().into(),
            days: self.days.iter().map(|day| day.weekday()).collect(),
            start: time("start", &self.start)?,
            end: time("end", &self.end)?,
            zone,
            bounds,
        })
    }
}

impl Day {
    const fn weekday(self) -> Weekday {
        match self {
            Self::Monday => Weekday::Monday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
            Self::Thursday => Weekday::Thursday,
            Self::Friday => Weekday::Friday,
            Self::Saturday => Weekday::Saturday,
            Self::Sunday => Weekday::Sunday,
        }
    }
}
