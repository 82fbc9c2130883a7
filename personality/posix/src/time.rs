//! Time: the clock, sleeping, and the calendar.

use core::time::Duration;

use crate::{Result, parse_number, sys};

/// A time in seconds and nanoseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Timespec {
    /// Seconds; negative before 1970.
    pub sec: i64,
    /// Nanoseconds from 0 to 999,999,999.
    pub nsec: u32,
}

/// The current time.
pub fn now() -> Timespec {
    sys::now()
}

/// The time since some moment in the past; it never goes backwards.
pub fn monotonic() -> Duration {
    sys::monotonic()
}

/// Waits. Errors: [`EINTR`](crate::Errno::EINTR) when a signal arrives that is noted or handled.
pub fn sleep(duration: Duration) -> Result<()> {
    sys::sleep(duration)
}

/// Seconds in a day.
const DAY: i64 = 86_400;

/// The names of the months, three letters each.
pub const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// The names of the days of the week, three letters each, from Sunday.
pub const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// A date and time of the Gregorian calendar, UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DateTime {
    /// The year.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, 1 to 31.
    pub day: u8,
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute, 0 to 59.
    pub minute: u8,
    /// The second, 0 to 59.
    pub second: u8,
    /// The day of the week, 0 for Sunday.
    pub weekday: u8,
    /// The day of the year, 1 to 366.
    pub yearday: u16,
}

impl DateTime {
    /// From seconds since 1970-01-01 00:00 UTC.
    pub fn from_seconds(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY);
        let rest = seconds.rem_euclid(DAY);
        // Years are counted from March, so that the leap day is a year's last.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_index + 2) / 5 + 1;
        let month = if month_index < 10 {
            month_index + 3
        } else {
            month_index - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            year,
            month: month as u8,
            day: day as u8,
            hour: (rest / 3600) as u8,
            minute: (rest / 60 % 60) as u8,
            second: (rest % 60) as u8,
            weekday: (days + 4).rem_euclid(7) as u8,
            yearday: (days - days_before(year, 1, 1) + 1) as u16,
        }
    }

    /// From `YYYY-MM-DDThh:mm:ss`, with a blank for the `T` and a `Z` behind it if one likes.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b"Z").unwrap_or(text);
        let number = |range| parse_number(text.get(range)?);
        let separators = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
        let good = separators
            .iter()
            .all(|&(at, byte)| text.get(at..=at) == Some(&byte[..]))
            && matches!(text.get(10), Some(b'T' | b' '))
            && text.len() == 19;
        if !good {
            return None;
        }
        let date = Self {
            year: number(0..4)? as i64,
            month: number(5..7)? as u8,
            day: number(8..10)? as u8,
            hour: 0,
            minute: 0,
            second: 0,
            weekday: 0,
            yearday: 0,
        };
        let same = Self::from_seconds(date.to_seconds());
        let time = Self {
            hour: number(11..13)? as u8,
            minute: number(14..16)? as u8,
            second: number(17..19)? as u8,
            ..same
        };
        // The 31st of a shorter month is another day.
        let valid = (date.month, date.day) == (same.month, same.day)
            && time.hour < 24
            && time.minute < 60
            && time.second < 61;
        valid.then_some(time)
    }

    /// Seconds since 1970-01-01 00:00 UTC; weekday and day of the year are not looked at.
    pub fn to_seconds(&self) -> i64 {
        days_before(self.year, self.month, self.day) * DAY
            + i64::from(self.hour) * 3600
            + i64::from(self.minute) * 60
            + i64::from(self.second)
    }
}

/// Days from 1970-01-01 to a date.
fn days_before(year: i64, month: u8, day: u8) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_index = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_index + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_date_is_read_and_one_that_cannot_be_is_not() {
        let time = DateTime::parse(b"2026-11-22T15:30:05Z").unwrap();
        assert_eq!(DateTime::from_seconds(time.to_seconds()), time);
        assert_eq!(DateTime::parse(b"2024-02-29 00:00:00").unwrap().yearday, 60);
        for text in [
            "2026-02-29 00:00:00",
            "2026-13-01 00:00:00",
            "2026-00-01 00:00:00",
            "2026-01-01 24:00:00",
            "2026-01-01 00:60:00",
            "2026-01-01",
            "26-1-1 0:0:0",
            "",
        ] {
            assert_eq!(DateTime::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn dates_and_seconds_convert_both_ways() {
        for seconds in [
            0,
            951_782_400,
            1_709_164_800,
            -1,
            1_763_763_000,
            4_102_444_799,
        ] {
            assert_eq!(DateTime::from_seconds(seconds).to_seconds(), seconds);
        }
        let leap = DateTime::from_seconds(951_782_400);
        assert_eq!(
            (leap.year, leap.month, leap.day, leap.yearday),
            (2000, 2, 29, 60)
        );
        assert_eq!(WEEKDAYS[usize::from(leap.weekday)], "Tue");
    }
}
