//! Times of the week with bounds of their own.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::policy::Bounds;

/// A part of certain days, by the clock of a time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// What it is called in explanations.
    pub name: Arc<str>,
    /// The days on which it begins; every day if there is none.
    pub days: Vec<Weekday>,
    /// When it begins.
    pub start: Time,
    /// When it ends: on the next day unless this is later than `start`.
    pub end: Time,
    /// Whose clock counts.
    pub zone: TimeZone,
    /// Between how many and how many, meanwhile.
    pub bounds: Bounds,
}

impl Schedule {
    /// Whether it is that time.
    #[must_use]
    pub fn holds(&self, wall: Timestamp) -> bool {
        let local = wall.to_zoned(self.zone.clone());
        let (day, time) = (local.weekday(), local.time());
        if self.start < self.end {
            return self.begins_on(day) && self.start <= time && time < self.end;
        }
        (self.begins_on(day) && self.start <= time) || (self.begins_on(day.previous()) && time < self.end)
    }

    fn begins_on(&self, day: Weekday) -> bool {
        self.days.is_empty() || self.days.contains(&day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;

    fn schedule(days: &[Weekday], start: Time, end: Time, zone: &str) -> Schedule {
        Schedule {
            name: "office".into(),
            days: days.to_vec(),
            start,
            end,
            zone: TimeZone::get(zone).unwrap(),
            bounds: Bounds::new(5, 50).unwrap(),
        }
    }

    fn holds(schedule: &Schedule, wall: &str) -> bool {
        schedule.holds(wall.parse().unwrap())
    }

    #[test]
    fn a_schedule_holds_on_its_days_by_the_clock_of_its_zone() {
        let days = [Weekday::Monday, Weekday::Friday];
        let office = schedule(&days, time(8, 0, 0, 0), time(18, 0, 0, 0), "Europe/Berlin");
        // 2 March 2026 is a Monday, and Berlin is one hour ahead of UTC.
        for (wall, expected) in [
            ("2026-03-02T06:59:59Z", false),
            ("2026-03-02T07:00:00Z", true),
            ("2026-03-02T16:59:59Z", true),
            ("2026-03-02T17:00:00Z", false),
            ("2026-03-03T12:00:00Z", false),
            ("2026-03-06T12:00:00Z", true),
            // Two hours ahead in summer.
            ("2026-07-06T06:00:00Z", true),
            ("2026-07-06T16:00:00Z", false),
        ] {
            assert_eq!(holds(&office, wall), expected, "{wall}");
        }
    }

    #[test]
    fn a_schedule_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let night = schedule(&[Weekday::Saturday], time(22, 0, 0, 0), time(6, 0, 0, 0), "UTC");
        // 7 March 2026 is a Saturday.
        for (wall, expected) in [
            ("2026-03-07T05:00:00Z", false),
            ("2026-03-07T22:00:00Z", true),
            ("2026-03-08T05:59:59Z", true),
            ("2026-03-08T06:00:00Z", false),
            ("2026-03-08T23:00:00Z", false),
        ] {
            assert_eq!(holds(&night, wall), expected, "{wall}");
        }
    }

    #[test]
    fn a_schedule_that_ends_when_it_begins_holds_for_a_whole_day() {
        let sunday = schedule(&[Weekday::Sunday], Time::midnight(), Time::midnight(), "UTC");
        for (wall, expected) in [
            ("2026-03-07T23:59:59Z", false),
            ("2026-03-08T00:00:00Z", true),
            ("2026-03-08T23:59:59Z", true),
            ("2026-03-09T00:00:00Z", false),
        ] {
            assert_eq!(holds(&sunday, wall), expected, "{wall}");
        }
    }
}
