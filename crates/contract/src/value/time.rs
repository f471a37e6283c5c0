//! Responsibility: dates, times and zones, within Python's ranges.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400;

/// A calendar date, years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A date, if there is one.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let length = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u8::from(leap),
            1..=12 => 31,
            _ => return None,
        };
        ((1..=9999).contains(&year) && (1..=length).contains(&day)).then_some(Self { year, month, day })
    }

    /// 1 to 9999.
    pub fn year(self) -> u16 {
        self.year
    }

    /// 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// 1 to 31.
    pub fn day(self) -> u8 {
        self.day
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i64 {
        // Years counted from March put the leap day last, so that months have a closed form.
        let months = i64::from(self.year) * 12 + i64::from(self.month) - 3;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
        year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + i64::from(self.day)
            - 719_469
    }

    fn from_days(days: i64) -> Option<Self> {
        let shifted = days + 719_468;
        let (era, rest) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (rest - rest / 1460 + rest / 36_524 - rest / 146_096) / 365;
        let day_of_year = rest - (365 * year + year / 4 - year / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let months = (era * 400 + year) * 12 + month + 2;
        Self::new(u16::try_from(months.div_euclid(12)).ok()?, (months.rem_euclid(12) + 1) as u8, day as u8)
    }
}

/// A time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    hour: u8,
    minute: u8,
    second: u8,
    micro: u32,
}

impl Time {
    /// A time, if there is one.
    pub fn new(hour: u8, minute: u8, second: u8, micro: u32) -> Option<Self> {
        (hour < 24 && minute < 60 && second < 60 && micro < 1_000_000).then_some(Self {
            hour,
            minute,
            second,
            micro,
        })
    }

    /// 0 to 23.
    pub fn hour(self) -> u8 {
        self.hour
    }

    /// 0 to 59.
    pub fn minute(self) -> u8 {
        self.minute
    }

    /// 0 to 59.
    pub fn second(self) -> u8 {
        self.second
    }

    /// 0 to 999999.
    pub fn micro(self) -> u32 {
        self.micro
    }

    /// Microseconds since midnight.
    pub fn micros(self) -> i64 {
        let seconds = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        seconds * 1_000_000 + i64::from(self.micro)
    }
}

/// A moment of a calendar, with or without zone. `fold` is not carried by the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateTime {
    /// The date.
    pub date: Date,
    /// The time of day.
    pub time: Time,
    /// The zone of an aware moment.
    pub zone: Option<Box<Zone>>,
}

/// A span of time in Python's normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeDelta {
    days: i32,
    seconds: u32,
    micros: u32,
}

impl TimeDelta {
    /// No time at all.
    pub const ZERO: Self = Self { days: 0, seconds: 0, micros: 0 };

    /// A span, if the parts are normalised and in Python's range.
    pub fn new(days: i64, seconds: i64, micros: i64) -> Option<Self> {
        let days = i32::try_from(days).ok().filter(|days| days.unsigned_abs() < 1_000_000_000)?;
        let seconds = u32::try_from(seconds).ok().filter(|seconds| i64::from(*seconds) < DAY)?;
        let micros = u32::try_from(micros).ok().filter(|micros| *micros < 1_000_000)?;
        Some(Self { days, seconds, micros })
    }

    /// Days, seconds, microseconds.
    pub fn parts(self) -> [i64; 3] {
        [self.days.into(), self.seconds.into(), self.micros.into()]
    }

    /// The whole span.
    pub fn total_micros(self) -> i128 {
        (i128::from(self.days) * i128::from(DAY) + i128::from(self.seconds)) * 1_000_000
            + i128::from(self.micros)
    }
}

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Zone {
    /// `datetime.timezone`, less than 24 hours from UTC.
    Fixed {
        /// Distance from UTC.
        offset: TimeDelta,
        /// Name, if one was given.
        name: Option<String>,
    },
    /// `zoneinfo.ZoneInfo`
    Named(String),
}

impl Zone {
    /// `datetime.timezone.utc`
    pub const UTC: Self = Self::Fixed { offset: TimeDelta::ZERO, name: None };

    /// A fixed zone, if the offset is allowed.
    pub fn fixed(offset: TimeDelta, name: Option<String>) -> Option<Self> {
        (offset.total_micros().unsigned_abs() < 86_400_000_000).then_some(Self::Fixed { offset, name })
    }

    /// A named zone, if the name is well formed.
    pub fn named(name: &str) -> Option<Self> {
        is_zone_name(name).then(|| Self::Named(name.into()))
    }
}

/// True for one to four parts of `[A-Za-z0-9_+-]{1,32}` joined by `/`.
pub fn is_zone_name(name: &str) -> bool {
    let part = |part: &str| {
        (1..=32).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    name.split('/').count() <= 4 && name.split('/').all(part)
}

/// A point in time: microseconds since 1970 in UTC, within Python's range of years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    const FIRST: i64 = -62_135_596_800_000_000;
    const LAST: i64 = 253_402_300_799_999_999;

    /// The present.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// From microseconds since 1970; times outside years 1 to 9999 become the nearest inside.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(Self::FIRST, Self::LAST))
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// As an aware datetime in UTC.
    pub fn to_utc(self) -> DateTime {
        let day = DAY * 1_000_000;
        let (days, rest) = (self.0.div_euclid(day), self.0.rem_euclid(day));
        let seconds = rest / 1_000_000;
        let time = Time {
            hour: (seconds / 3600) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            micro: (rest % 1_000_000) as u32,
        };
        let date = Date::from_days(days).unwrap_or(Date { year: 1970, month: 1, day: 1 });
        DateTime { date, time, zone: Some(Box::new(Zone::UTC)) }
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        let micros = |d: std::time::Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(match time.duration_since(UNIX_EPOCH) {
            Ok(after) => micros(after),
            Err(before) => -micros(before.duration()),
        })
    }
}

impl DateTime {
    /// The point in time, where zone data are not needed to tell (a naive value is taken as UTC).
    pub fn moment(&self) -> Option<Moment> {
        let offset = match self.zone.as_deref() {
            None => 0,
            Some(Zone::Fixed { offset, .. }) => i64::try_from(offset.total_micros()).ok()?,
            Some(Zone::Named(_)) => return None,
        };
        Some(Moment::from_micros(self.date.days() * DAY * 1_000_000 + self.time.micros() - offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_outside_the_calendar_do_not_exist() {
        assert!(Date::new(2024, 2, 29).is_some() && Date::new(2000, 2, 29).is_some());
        for (year, month, day) in
            [(2023, 2, 29), (1900, 2, 29), (0, 1, 1), (10_000, 1, 1), (2024, 13, 1), (2024, 4, 31)]
        {
            assert_eq!(Date::new(year, month, day), None);
        }
    }

    #[test]
    fn the_ends_of_time_stay_within_pythons_years() {
        let year = |micros| Moment::from_micros(micros).to_utc().date.year();
        assert_eq!((year(i64::MIN), year(0), year(i64::MAX)), (1, 1970, 9999));
    }

    #[test]
    fn zone_names_cannot_be_paths() {
        assert!(is_zone_name("America/Argentina/Buenos_Aires") && is_zone_name("Etc/GMT+3"));
        for name in ["", "/UTC", "UTC/", "../UTC", "a/b/c/d/e", "Ü", "a b", "a.b"] {
            assert!(!is_zone_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_is_the_same_after_it_was_a_calendar_date(micros in Moment::FIRST..=Moment::LAST) {
            prop_assert_eq!(Moment(micros).to_utc().moment(), Some(Moment(micros)));
        }
    }
}
