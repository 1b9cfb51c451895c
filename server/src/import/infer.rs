//! The types of a new table's columns, told from the first rows of its first file.
//!
//! A column gets the narrowest type that holds every value seen without losing any of it: an integer with a leading zero or a
//! plus sign is TEXT, because BIGINT would forget how it was written, and so is an integer of a mixed column that a double
//! cannot hold. JSON numbers and booleans are taken as they are; a JSON string is TEXT unless all of a column's strings are
//! dates or instants, for which JSON has no type of its own.

use annals_engine::DataType;

use super::cell::Cell;
use super::instant::{parse_date, parse_instant};

/// How many rows of the first file decide.
pub(crate) const SAMPLE_ROW_COUNT: usize = 1_000;
/// The largest integer up to which a double holds every one.
const DOUBLE_INTEGER_MAX: u64 = 1 << 53;

/// What the values of a column seen so far could be.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    any: bool,
    boolean: bool,
    integer: bool,
    double: bool,
    date: bool,
    instant: bool,
    nested: bool,
    /// An integer was seen that a double cannot hold.
    large_integer: bool,
}

impl Evidence {
    /// Nothing seen yet.
    pub(crate) fn new() -> Evidence {
        Evidence {
            any: false,
            boolean: true,
            integer: true,
            double: true,
            date: true,
            instant: true,
            nested: false,
            large_integer: false,
        }
    }

    /// Takes one more value into account.
    pub(crate) fn see(&mut self, cell: Cell<'_>) {
        let text = match cell {
            Cell::Nested(_) => {
                (self.any, self.nested) = (true, true);
                return;
            }
            cell => cell.text().unwrap_or(if cell == Cell::Null { "" } else { "\u{fffd}" }),
        };
        if text.is_empty() {
            return;
        }
        self.any = true;
        let is_literal = matches!(cell, Cell::Text(_));
        self.boolean &= is_literal && is_boolean(text);
        let integer = if is_literal { plain_integer(text) } else { None };
        self.integer &= integer.is_some();
        self.large_integer |= integer.is_some_and(|v| v.unsigned_abs() > DOUBLE_INTEGER_MAX);
        self.double &= integer.is_some() || (is_literal && is_plain_double(text));
        self.date &= parse_date(text).is_some();
        self.instant &= parse_instant(text).is_some();
    }

    /// The type that holds them all.
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Evidence { any: false, .. } => DataType::Text,
            Evidence { nested: true, .. } => DataType::Json,
            Evidence { boolean: true, .. } => DataType::Boolean,
            Evidence { integer: true, .. } => DataType::BigInt,
            Evidence { double: true, large_integer: false, .. } => DataType::Double,
            Evidence { date: true, .. } => DataType::Date,
            Evidence { instant: true, .. } => DataType::Timestamp,
            _ => DataType::Text,
        }
    }
}

/// Whether the text says true or false.
pub(crate) fn is_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// An integer that is written as it would be written back; nothing for other text.
pub(crate) fn plain_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let is_plain = match digits {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if is_plain { text.parse().ok() } else { None }
}

/// Whether the text is a decimal fraction or has an exponent, with no leading zero, plus sign or name such as `inf`.
pub(crate) fn is_plain_double(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
    let is_plain = whole == "0" || (!whole.is_empty() && !whole.starts_with('0'));
    let has_fraction = digits.len() > whole.len();
    is_plain
        && has_fraction
        && whole.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], expect: DataType) {
        let mut evidence = Evidence::new();
        for text in texts {
            let cell = if text.is_empty() { Cell::Null } else { Cell::Text(text.as_bytes()) };
            evidence.see(cell);
        }
        assert_eq!(evidence.data_type(), expect, "for {texts:?}");
    }

    #[test]
    fn the_narrowest_type_that_loses_nothing() {
        check(&[], DataType::Text);
        check(&["", ""], DataType::Text);
        check(&["true", "", "FALSE"], DataType::Boolean);
        check(&["1", "", "-20"], DataType::BigInt);
        check(&["9223372036854775807"], DataType::BigInt);
        check(&["9223372036854775808"], DataType::Text);
        check(&["1", "2.5"], DataType::Double);
        check(&["9007199254740993", "2.5"], DataType::Text);
        check(&["2.5", "9007199254740993"], DataType::Text);
        check(&["1e3"], DataType::Double);
        check(&["NaN"], DataType::Text);
        check(&["2024-01-31", ""], DataType::Date);
        check(&["2024-01-31", "2024-01-31T10:00:00Z"], DataType::Timestamp);
        check(&["2024-02-30"], DataType::Text);
        check(&["1", "x"], DataType::Text);
        check(&["true", "1"], DataType::Text);
    }

    #[test]
    fn a_leading_zero_or_plus_is_text() {
        check(&["1", "007"], DataType::Text);
        check(&["+1"], DataType::Text);
        check(&["-0"], DataType::Text);
        check(&["00.5"], DataType::Text);
        check(&["0", "-1"], DataType::BigInt);
        check(&["0.5"], DataType::Double);
    }

    #[test]
    fn json_strings_are_dates_instants_or_text_and_nested_values_json() {
        let check = |cells: &[Cell<'_>], expect| {
            let mut evidence = Evidence::new();
            cells.iter().for_each(|cell| evidence.see(*cell));
            assert_eq!(evidence.data_type(), expect, "for {cells:?}");
        };
        let string = |text| Cell::JsonString { text, raw: "" };
        check(&[string("12")], DataType::Text);
        check(&[string("true")], DataType::Text);
        check(&[string("2024-01-31")], DataType::Date);
        check(&[Cell::Nested("[1]"), Cell::Text(b"1")], DataType::Json);
    }
}
