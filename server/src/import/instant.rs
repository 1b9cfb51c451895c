//! Instants and dates of text files, read at the speed of a file.
//!
//! The common spellings, `2024-06-01T12:00:00Z` with up to six fractional digits and `2024-06-01`, are read here without a
//! general parser; whatever else there is goes to [`ValidTime::parse`], so that both accept and mean the same.

use annals_engine::ValidTime;

const DAY_US: i64 = 86_400_000_000;

/// Microseconds since 1970 of an instant, or the midnight of a date; nothing for other text.
pub(crate) fn parse_instant(text: &str) -> Option<i64> {
    let text = text.trim();
    fast_instant(text.as_bytes()).or_else(|| ValidTime::parse(text).ok().map(ValidTime::micros))
}

/// Days since 1970 of `YYYY-MM-DD`; nothing for other text.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
    civil_days(bytes)
}

fn fast_instant(text: &[u8]) -> Option<i64> {
    let (date, clock) = text.split_first_chunk::<10>()?;
    let day_us = i64::from(civil_days(date)?) * DAY_US;
    if clock.is_empty() {
        return Some(day_us);
    }
    let (clock, rest) = clock.split_first_chunk::<9>()?;
    let [b'T' | b' ', h1, h0, b':', m1, m0, b':', s1, s0] = *clock else { return None };
    let (hour, minute, second) = (number(&[h1, h0])?, number(&[m1, m0])?, number(&[s1, s0])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let rest = rest.strip_suffix(b"Z").unwrap_or(rest);
    let fraction_us = match rest {
        [] => 0,
        [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => {
            number(digits)? * 10_i64.pow(6 - digits.len() as u32)
        }
        _ => return None,
    };
    Some(day_us + ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction_us)
}

fn civil_days(text: &[u8; 10]) -> Option<i32> {
    let [y3, y2, y1, y0, b'-', m1, m0, b'-', d1, d0] = *text else { return None };
    let (year, month, day) = (number(&[y3, y2, y1, y0])?, number(&[m1, m0])?, number(&[d1, d0])?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year == 0 || day == 0 || day > month_days {
        return None;
    }
    // Days from civil, after Howard Hinnant: years begin in March, so that the leap day is a year's last.
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * 146_097 + day_of_era - 719_468).ok()
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_way_and_the_general_parser_agree() {
        let texts = [
            "2008-10-06T13:03:18Z",
            "1900-01-01T00:00:00Z",
            "2024-02-29 23:59:59.999999Z",
            "0001-01-01",
            "1969-12-31T23:59:59.5",
            "9999-12-31T23:59:59.999999Z",
            "2000-03-01T00:00:00.000001Z",
        ];
        for text in texts {
            let expect = ValidTime::parse(text).unwrap().micros();
            assert_eq!(fast_instant(text.as_bytes()), Some(expect), "for {text}");
        }
        assert_eq!(parse_instant("2024-06-01T12:00:00+02:00"), Some(1_717_236_000_000_000));
    }

    #[test]
    fn what_is_no_day_or_time_is_refused() {
        for text in ["2023-02-29", "2024-13-01", "2024-00-10", "2024-1-1", "0000-01-01", "", "x"] {
            assert_eq!(parse_date(text), None, "for {text}");
            assert_eq!(parse_instant(text), None, "for {text}");
        }
        for text in ["2024-01-01T24:00:01Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:00.Z"] {
            assert_eq!(parse_instant(text), None, "for {text}");
        }
    }
}
