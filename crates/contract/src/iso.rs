//! Responsibility: dates and times as ISO 8601 text, in the forms of Python's `isoformat`.

use std::fmt;

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::value::{Date, DateTime, Time, TimeDelta, Zone};

/// `2024-02-29`
pub(crate) struct Day(pub(crate) Date);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

/// `01:02:03.000004`
pub(crate) struct Clock(pub(crate) Time);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", Seconds(self.0), self.0.micro())
    }
}

/// `01:02:03.000004`, or `01:02:03` for a whole second.
pub(crate) struct ShortClock(pub(crate) Time);

impl fmt::Display for ShortClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.micro() == 0 { Seconds(self.0).fmt(f) } else { Clock(self.0).fmt(f) }
    }
}

struct Seconds(Time);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.0.hour(), self.0.minute(), self.0.second())
    }
}

/// `+03:00`, with seconds and microseconds where they are not zero.
struct Offset(TimeDelta);

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.total_micros();
        let (size, sign) = (micros.unsigned_abs(), if micros < 0 { '-' } else { '+' });
        let (seconds, micros) = (size / 1_000_000, size % 1_000_000);
        write!(f, "{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60)?;
        if seconds % 60 > 0 || micros > 0 {
            write!(f, ":{:02}", seconds % 60)?;
        }
        if micros > 0 { write!(f, ".{micros:06}") } else { Ok(()) }
    }
}

/// `datetime.isoformat()`.
///
/// # Errors
/// The zone is named and there are no data for it.
pub(crate) fn datetime(value: &DateTime) -> Result<String, String> {
    let local = format!("{}T{}", Day(value.date), ShortClock(value.time));
    Ok(match value.zone.as_deref() {
        None => local,
        Some(Zone::Fixed { offset, .. }) => local + &Offset(*offset).to_string(),
        Some(Zone::Named(name)) => {
            let zone = find(name)?.to_ambiguous_timestamp(civil_datetime(value));
            let (AmbiguousOffset::Unambiguous { offset }
            | AmbiguousOffset::Gap { before: offset, .. }
            | AmbiguousOffset::Fold { before: offset, .. }) = zone.offset();
            local + &span(offset).to_string()
        }
    })
}

/// `time.isoformat()`. A named zone shows only if its distance from UTC is always the same, as in Python.
///
/// # Errors
/// The zone is named and there are no data for it.
pub(crate) fn time(value: Time, zone: Option<&Zone>) -> Result<String, String> {
    let local = ShortClock(value).to_string();
    Ok(match zone {
        None => local,
        Some(Zone::Fixed { offset, .. }) => local + &Offset(*offset).to_string(),
        Some(Zone::Named(name)) => {
            let zone = find(name)?;
            let changes = zone.following(jiff::Timestamp::MIN).next().is_some();
            if changes {
                local
            } else {
                local + &span(zone.to_offset(jiff::Timestamp::UNIX_EPOCH)).to_string()
            }
        }
    })
}

fn find(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name)
        .map_err(|_| format!("cannot send a time in the zone {name}: it is not known to the server"))
}

fn civil_datetime(value: &DateTime) -> civil::DateTime {
    let (date, time) = (value.date, value.time);
    // Python's years, months and so on all fit; jiff's range is wider.
    let date = civil::Date::new(date.year() as i16, date.month() as i8, date.day() as i8)
        .unwrap_or(civil::Date::ZERO);
    date.at(time.hour() as i8, time.minute() as i8, time.second() as i8, time.micro() as i32 * 1000)
}

fn span(offset: jiff::tz::Offset) -> Offset {
    let seconds = i64::from(offset.seconds());
    Offset(
        TimeDelta::new(seconds.div_euclid(86_400), seconds.rem_euclid(86_400), 0).unwrap_or(TimeDelta::ZERO),
    )
}

/// Reads `2024-02-29`.
pub(crate) fn read_date(text: &str) -> Option<Date> {
    let mut parts = text.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    Date::new(digits(year, 4)? as u16, digits(month, 2)? as u8, digits(day, 2)? as u8)
}

/// Reads `01:02:03` with or without a fraction of six digits.
pub(crate) fn read_time(text: &str) -> Option<Time> {
    let (clock, micros) = text.split_once('.').unwrap_or((text, "000000"));
    let mut parts = clock.splitn(3, ':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    Time::new(digits(hour, 2)? as u8, digits(minute, 2)? as u8, digits(second, 2)? as u8, digits(micros, 6)?)
}

/// Reads what `datetime.isoformat()` writes for a naive value or one with a distance from UTC.
pub(crate) fn read_datetime(text: &str) -> Option<DateTime> {
    let (date, rest) = text.split_once('T')?;
    let (time, zone) = match rest.find(['+', '-']) {
        Some(at) => (&rest[..at], Some(Box::new(Zone::fixed(read_offset(&rest[at..])?, None)?))),
        None => (rest, None),
    };
    Some(DateTime { date: read_date(date)?, time: read_time(time)?, zone })
}

fn read_offset(text: &str) -> Option<TimeDelta> {
    let (sign, size) = text.split_at_checked(1)?;
    let size = if size.len() == 5 { read_time(&format!("{size}:00"))? } else { read_time(size)? };
    let micros = if sign == "-" { -size.micros() } else { size.micros() };
    let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    TimeDelta::new(days, rest / 1_000_000, rest % 1_000_000)
}

fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str, clock: &str, zone: &str) -> Result<String, String> {
        let zone = Some(Box::new(Zone::named(zone).unwrap()));
        datetime(&DateTime { date: read_date(date).unwrap(), time: read_time(clock).unwrap(), zone })
    }

    #[test]
    fn a_named_zone_shows_the_distance_that_python_shows_with_fold_0() {
        for (date, clock, zone, expected) in [
            ("2024-07-01", "12:00:00", "Europe/Berlin", "2024-07-01T12:00:00+02:00"),
            ("2024-12-01", "12:00:00.5".trim_end_matches(".5"), "Europe/Berlin", "2024-12-01T12:00:00+01:00"),
            ("2024-03-31", "02:30:00", "Europe/Berlin", "2024-03-31T02:30:00+01:00"),
            ("2024-10-27", "02:30:00", "Europe/Berlin", "2024-10-27T02:30:00+02:00"),
            ("1800-01-01", "00:00:00", "Europe/Moscow", "1800-01-01T00:00:00+02:30:17"),
            ("2024-01-01", "00:00:00", "UTC", "2024-01-01T00:00:00+00:00"),
        ] {
            assert_eq!(at(date, clock, zone).as_deref(), Ok(expected));
        }
        assert!(at("2024-01-01", "00:00:00", "Nowhere/Town").unwrap_err().contains("Nowhere/Town"));
    }

    #[test]
    fn a_time_shows_a_named_zone_only_if_its_distance_never_changes() {
        let noon = read_time("12:00:00").unwrap();
        for (zone, expected) in
            [("Europe/Berlin", "12:00:00"), ("UTC", "12:00:00+00:00"), ("Etc/GMT-3", "12:00:00+03:00")]
        {
            assert_eq!(time(noon, Zone::named(zone).as_ref()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for (offset, text) in [
            (TimeDelta::ZERO, "2024-02-29T23:59:58.000007+00:00"),
            (TimeDelta::new(-1, 86_399, 999_999).unwrap(), "2024-02-29T23:59:58.000007-00:00:00.000001"),
            (TimeDelta::new(0, 9017, 0).unwrap(), "2024-02-29T23:59:58.000007+02:30:17"),
        ] {
            let zone = Zone::fixed(offset, None).map(Box::new);
            let value = DateTime {
                date: read_date("2024-02-29").unwrap(),
                time: read_time("23:59:58.000007").unwrap(),
                zone,
            };
            assert_eq!(datetime(&value).as_deref(), Ok(text));
            assert_eq!(read_datetime(text), Some(value));
        }
    }

    #[test]
    fn other_texts_are_not_read() {
        for text in [
            "",
            "2024-02-30T00:00:00",
            "2024-02-29 00:00:00",
            "2024-02-29T24:00:00",
            "2024-02-29T00:00:00+24:00",
            "2024-02-29T00:00:00.1",
            "2024-02-29T00:00",
            "2024-02-29T00:00:00+é:00",
        ] {
            assert_eq!(read_datetime(text), None, "{text}");
        }
    }
}
