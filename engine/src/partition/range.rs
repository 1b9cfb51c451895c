//! The ranges of time partitions, aligned in UTC, and their names.
//!
//! A version lives in the partition that holds the last microsecond before its end, where the end is the smaller of
//! `valid_to` and `system_to`; a version without an end lives in the partition `current`.

use std::fmt;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::time::{date_of, days_of};

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;

/// How wide the time partitions of a table are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionWidth {
    /// An hour, named such as `2024-03-15T07`.
    Hour,
    /// A day, named such as `2024-03-15`.
    Day,
    /// An ISO week from Monday on, named such as `2024-W10`.
    Week,
    /// A month, named such as `2024-03`.
    #[default]
    Month,
    /// A quarter, named such as `2024-Q1`.
    Quarter,
    /// A year, named such as `2024`.
    Year,
}

impl PartitionWidth {
    /// The name, as [`PartitionWidth::parse`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            PartitionWidth::Hour => "hour",
            PartitionWidth::Day => "day",
            PartitionWidth::Week => "week",
            PartitionWidth::Month => "month",
            PartitionWidth::Quarter => "quarter",
            PartitionWidth::Year => "year",
        }
    }

    /// Reads `hour`, `day`, `week`, `month`, `quarter` or `year`.
    pub fn parse(text: &str) -> Result<PartitionWidth> {
        match text.to_ascii_lowercase().as_str() {
            "hour" => Ok(PartitionWidth::Hour),
            "day" => Ok(PartitionWidth::Day),
            "week" => Ok(PartitionWidth::Week),
            "month" => Ok(PartitionWidth::Month),
            "quarter" => Ok(PartitionWidth::Quarter),
            "year" => Ok(PartitionWidth::Year),
            _ => Err(Error::invalid(format!(
                "`{text}` is not a partition width; expected hour, day, week, month, quarter or year"
            ))),
        }
    }
}

/// A time partition of a table.
///
/// The order is by time, with [`Partition::CURRENT`] after every range.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// The first instant of the range in microseconds since 1970; `i64::MAX` for `current`.
    from: i64,
    /// The first instant after the range; `i64::MAX` for `current`.
    to: i64,
}

impl Partition {
    /// The partition of versions without an end.
    pub const CURRENT: Partition = Partition { from: i64::MAX, to: i64::MAX };

    /// The partition of a version that ends at `end_us`, the smaller of its `valid_to` and `system_to`.
    pub fn of_end(end_us: i64, width: PartitionWidth) -> Partition {
        if end_us == i64::MAX {
            return Partition::CURRENT;
        }
        Partition::of_instant(end_us - 1, width)
    }

    /// The partition whose range contains the instant.
    fn of_instant(at_us: i64, width: PartitionWidth) -> Partition {
        match width {
            PartitionWidth::Hour => Partition::aligned(at_us, HOUR_US, 0),
            PartitionWidth::Day => Partition::aligned(at_us, DAY_US, 0),
            // 1970-01-01 was a Thursday: Mondays are 4 days after a multiple of 7.
            PartitionWidth::Week => Partition::aligned(at_us, 7 * DAY_US, 4 * DAY_US),
            PartitionWidth::Month => Partition::civil(at_us, 1),
            PartitionWidth::Quarter => Partition::civil(at_us, 3),
            PartitionWidth::Year => Partition::civil(at_us, 12),
        }
    }

    fn aligned(at_us: i64, width_us: i64, offset_us: i64) -> Partition {
        let from = (at_us - offset_us).div_euclid(width_us) * width_us + offset_us;
        Partition { from, to: from + width_us }
    }

    /// A range of so many whole months, counted from January.
    fn civil(at_us: i64, month_count: i8) -> Partition {
        let date = date_of(at_us);
        let month = (date.month() - 1) / month_count * month_count + 1;
        let first = Date::constant(date.year(), month, 1);
        let next = match month + month_count {
            13.. if date.year() == 9999 => {
                return Partition { from: micros_of(first), to: micros_of(Date::MAX) + DAY_US };
            }
            13.. => Date::constant(date.year() + 1, 1, 1),
            month => Date::constant(date.year(), month, 1),
        };
        Partition { from: micros_of(first), to: micros_of(next) }
    }

    /// Whether this is the partition of versions without an end.
    pub fn is_current(&self) -> bool {
        *self == Partition::CURRENT
    }

    /// The first instant of the range in microseconds since 1970; `i64::MAX` for `current`.
    pub fn from_us(&self) -> i64 {
        self.from
    }

    /// The first instant after the range in microseconds since 1970; `i64::MAX` for `current`.
    pub fn to_us(&self) -> i64 {
        self.to
    }

    /// Whether a version with this end belongs here.
    pub fn holds_end(&self, end_us: i64) -> bool {
        if self.is_current() {
            return end_us == i64::MAX;
        }
        self.from < end_us && end_us <= self.to
    }

    /// Whether a segment of this partition may hold a version with this end: `current` also takes in, for a while, what belongs to
    /// time partitions but is too little for segments there.
    pub(crate) fn may_hold_end(&self, end_us: i64) -> bool {
        self.is_current() || self.holds_end(end_us)
    }

    /// The name, such as `2024-03` or `current`; the width is told by the range.
    pub fn name(&self) -> String {
        self.to_string()
    }

    /// Reads a name as [`Partition::name`] writes it.
    pub fn parse(text: &str) -> Result<Partition> {
        if text == "current" {
            return Ok(Partition::CURRENT);
        }
        parse_range(text)
            .ok_or_else(|| Error::invalid(format!("`{text}` is not the name of a partition")))
    }
}

fn parse_range(text: &str) -> Option<Partition> {
    let number = |range: std::ops::Range<usize>| -> Option<i8> { text.get(range)?.parse().ok() };
    let year: i16 = text.get(..4)?.parse().ok()?;
    let (first, width) = match (text.len(), text.as_bytes().get(5)) {
        (4, _) => (Date::new(year, 1, 1).ok()?, PartitionWidth::Year),
        (7, Some(b'Q')) => {
            (Date::new(year, number(6..7)?.checked_mul(3)? - 2, 1).ok()?, PartitionWidth::Quarter)
        }
        (8, Some(b'W')) => (
            ISOWeekDate::new(year, number(6..8)?, Weekday::Monday).ok()?.date(),
            PartitionWidth::Week,
        ),
        (7, _) => (Date::new(year, number(5..7)?, 1).ok()?, PartitionWidth::Month),
        (10, _) => (Date::new(year, number(5..7)?, number(8..10)?).ok()?, PartitionWidth::Day),
        (13, _) => {
            let date = Date::new(year, number(5..7)?, number(8..10)?).ok()?;
            let hour = number(11..13).filter(|hour| (0..24).contains(hour))?;
            let at = micros_of(date) + i64::from(hour) * HOUR_US;
            return Some(Partition::of_instant(at, PartitionWidth::Hour))
                .filter(|range| range.to_string() == text);
        }
        _ => return None,
    };
    Some(Partition::of_instant(micros_of(first), width)).filter(|range| range.to_string() == text)
}

fn micros_of(date: Date) -> i64 {
    days_of(date) * DAY_US
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_current() {
            return f.write_str("current");
        }
        let date = date_of(self.from);
        let (year, month, day) = (date.year(), date.month(), date.day());
        match (self.to - self.from) / HOUR_US {
            0..=1 => {
                let hour = (self.from - micros_of(date)) / HOUR_US;
                write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}")
            }
            2..=24 => write!(f, "{year:04}-{month:02}-{day:02}"),
            25..=168 => {
                let week = date.iso_week_date();
                write!(f, "{:04}-W{:02}", week.year(), week.week())
            }
            169..=744 => write!(f, "{year:04}-{month:02}"),
            745..=2_208 => write!(f, "{year:04}-Q{}", (month - 1) / 3 + 1),
            _ => write!(f, "{year:04}"),
        }
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ValidTime;

    fn check(end: &str, width: PartitionWidth, name: &str) {
        let end = ValidTime::parse(end).unwrap().micros();
        let partition = Partition::of_end(end, width);
        assert_eq!(partition.to_string(), name);
        assert!(partition.holds_end(end));
        assert_eq!(Partition::parse(name).unwrap(), partition);
    }

    #[test]
    fn a_version_lives_where_the_microsecond_before_its_end_lies() {
        check("2024-03-15T07:30:00Z", PartitionWidth::Hour, "2024-03-15T07");
        check("2024-03-15T07:00:00Z", PartitionWidth::Hour, "2024-03-15T06");
        check("2024-03-15T00:00:00Z", PartitionWidth::Day, "2024-03-14");
        check("2024-03-04T00:00:00.000001Z", PartitionWidth::Week, "2024-W10");
        check("2024-03-04T00:00:00Z", PartitionWidth::Week, "2024-W09");
        check("2024-12-31T00:00:00Z", PartitionWidth::Week, "2025-W01");
        check("2024-04-01T00:00:00Z", PartitionWidth::Month, "2024-03");
        check("2024-04-01T00:00:00Z", PartitionWidth::Quarter, "2024-Q1");
        check("2024-04-01T00:00:00.000001Z", PartitionWidth::Quarter, "2024-Q2");
        check("2025-01-01T00:00:00Z", PartitionWidth::Year, "2024");
        check("1969-07-20T20:17:00Z", PartitionWidth::Month, "1969-07");
        check("0001-01-01T00:00:00.000001Z", PartitionWidth::Year, "0001");
        check("9999-12-31T23:59:59.999999Z", PartitionWidth::Month, "9999-12");
    }

    #[test]
    fn what_names_no_partition_is_refused() {
        for text in [
            "",
            "2024-13",
            "2024-Q5",
            "2024-W60",
            "2024-02-30",
            "2024-03-15T24",
            "yesterday",
            "２０２４",
            "2024-Q0",
        ] {
            assert!(Partition::parse(text).is_err(), "{text}");
        }
    }
}
