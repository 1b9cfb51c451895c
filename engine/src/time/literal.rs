//! How instants are read and written: RFC 3339 in UTC, up to six fractional digits, nothing lost silently.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::instant::ValidTime;
use crate::error::{Error, Result};

/// Reads `2024-06-01T12:00:00.5+02:00`, `2024-06-01 12:00:00` (UTC) or `2024-06-01` (midnight UTC).
pub(super) fn parse_micros(text: &str) -> Result<i64> {
    let timestamp = parse_timestamp(text.trim()).ok_or_else(|| {
        Error::invalid(format!("`{text}` is not an instant; expected such as 2024-06-01T12:00:00Z"))
    })?;
    let nanos_below_micro = timestamp.subsec_nanosecond().rem_euclid(1_000);
    if nanos_below_micro != 0 {
        return Err(Error::invalid(format!("`{text}` is finer than a microsecond")));
    }
    let instant = ValidTime::from_micros(timestamp.as_microsecond());
    instant
        .checked()
        .map(ValidTime::micros)
        .map_err(|_| Error::invalid(format!("`{text}` is outside the years 0001 to 9999")))
}

fn parse_timestamp(text: &str) -> Option<Timestamp> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    // PostgreSQL abbreviates whole-hour offsets: `2024-06-01 12:00:00+02` is not RFC 3339 but widely written.
    // A date alone parses as a `DateTime` at midnight too, so the order of attempts does not matter.
    let civil = text.parse::<DateTime>().ok().filter(|_| !has_offset(text));
    let civil = civil
        .or_else(|| text.parse::<Date>().ok().filter(|_| text.len() <= 10)?.at(0, 0, 0, 0).into());
    civil?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Whether something that looks like an offset follows the time of day.
fn has_offset(text: &str) -> bool {
    let clock = text.find(['T', 't', ' ']).map_or("", |at| &text[at + 1..]);
    clock.contains(['+', '-', 'Z', 'z', '['])
}

/// Writes `2024-06-01T12:00:00Z`, with exactly six fractional digits where the microsecond is not zero.
pub(super) fn write_micros(f: &mut fmt::Formatter<'_>, micros: i64) -> fmt::Result {
    let Ok(timestamp) = Timestamp::from_duration(SignedDuration::from_micros(micros)) else {
        return write!(f, "{micros} us since 1970");
    };
    let digits = if micros.rem_euclid(1_000_000) == 0 { 0 } else { 6 };
    write!(f, "{timestamp:.digits$}")
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
