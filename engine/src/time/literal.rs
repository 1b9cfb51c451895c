//! How instants are read and written: RFC 3339 in UTC, up to six fractional digits, nothing lost silently.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time as Clock};
use jiff::fmt::temporal::{Pieces, PiecesOffset};

use super::instant::ValidTime;
use crate::error::{Error, Result};

const DAY_US: i64 = 86_400_000_000;

/// Reads `2024-06-01T12:00:00.5+02:00`, `2024-06-01 12:00:00` (UTC) or `2024-06-01` (midnight UTC).
pub(super) fn parse_micros(text: &str) -> Result<i64> {
    let (civil, offset) = parse_civil(text.trim()).ok_or_else(|| {
        Error::invalid(format!("`{text}` is not an instant; expected such as 2024-06-01T12:00:00Z"))
    })?;
    if civil.subsec_nanosecond() % 1_000 != 0 {
        return Err(Error::invalid(format!("`{text}` is finer than a microsecond")));
    }
    let instant = ValidTime::from_micros(micros_of_civil(civil) - offset.as_secs() * 1_000_000);
    let checked = instant.checked().map(ValidTime::micros);
    checked.map_err(|_| Error::invalid(format!("`{text}` is outside the years 0001 to 9999")))
}

fn parse_civil(text: &str) -> Option<(DateTime, SignedDuration)> {
    let pieces = Pieces::parse(text).ok()?;
    if pieces.time_zone_annotation().is_some() {
        return None;
    }
    let offset = match pieces.offset() {
        None | Some(PiecesOffset::Zulu) => SignedDuration::ZERO,
        Some(PiecesOffset::Numeric(numeric)) => {
            SignedDuration::from_secs(numeric.offset().seconds().into())
        }
        Some(_) => return None,
    };
    Some((pieces.date().to_datetime(pieces.time().unwrap_or(Clock::midnight())), offset))
}

/// `Timestamp` of jiff ends a day before the year 9999 does, so the arithmetic is on civil days.
fn micros_of_civil(civil: DateTime) -> i64 {
    let since_midnight = civil.time().duration_since(Clock::midnight());
    days_of(civil.date()) * DAY_US + since_midnight.as_micros() as i64
}

/// Days from 1970-01-01 to `date`.
pub(crate) fn days_of(date: Date) -> i64 {
    date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}

/// The civil date (UTC) of an instant; instants outside jiff's years are clamped.
pub(crate) fn date_of(micros: i64) -> Date {
    let days = SignedDuration::from_hours(micros.div_euclid(DAY_US) * 24);
    let clamped = if micros < 0 { Date::MIN } else { Date::MAX };
    Date::constant(1970, 1, 1).checked_add(days).unwrap_or(clamped)
}

/// Writes `2024-06-01T12:00:00Z`, with exactly six fractional digits where the microsecond is not zero.
pub(super) fn write_micros(f: &mut fmt::Formatter<'_>, micros: i64) -> fmt::Result {
    let date = date_of(micros);
    let (second, below) = (micros.rem_euclid(DAY_US) / 1_000_000, micros.rem_euclid(1_000_000));
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    write!(f, "{date}T{hour:02}:{minute:02}:{second:02}")?;
    if below != 0 {
        write!(f, ".{below:06}")?;
    }
    f.write_str("Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let shown = match parse_micros(text) {
            Ok(micros) => ValidTime::from_micros(micros).to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expect, "for `{text}`");
    }

    #[test]
    fn instants_are_read_in_utc_and_written_back() {
        check("2024-06-01T12:00:00Z", "2024-06-01T12:00:00Z");
        check("2024-06-01T12:00:00.5+02:00", "2024-06-01T10:00:00.500000Z");
        check("2024-06-01 12:00:00", "2024-06-01T12:00:00Z");
        check("2024-06-01T12:00:00.000001", "2024-06-01T12:00:00.000001Z");
        check("2024-06-01", "2024-06-01T00:00:00Z");
        check("0001-01-01", "0001-01-01T00:00:00Z");
        check("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z");
        check("2024-06-01 12:00:00+02", "2024-06-01T10:00:00Z");
    }

    #[test]
    fn what_is_not_an_instant_is_named() {
        check("yesterday", "`yesterday` is not an instant; expected such as 2024-06-01T12:00:00Z");
        check("", "`` is not an instant; expected such as 2024-06-01T12:00:00Z");
        check(
            "2024-02-30",
            "`2024-02-30` is not an instant; expected such as 2024-06-01T12:00:00Z",
        );
        check(
            "2024-06-01T00:00:00.0000001Z",
            "`2024-06-01T00:00:00.0000001Z` is finer than a microsecond",
        );
        check("0000-12-31T23:00:00Z", "`0000-12-31T23:00:00Z` is outside the years 0001 to 9999");
    }
}
