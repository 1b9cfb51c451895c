//! The values of a column as text and as JSON.

use std::fmt::Write;

use annals_engine::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray,
    PrimitiveArray, StringArray,
};
use annals_engine::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use annals_engine::arrow::util::display::array_value_to_string;
use annals_engine::{ValidTime, Value};
use serde::de::IgnoredAny;

/// The largest integer up to which readers of JSON that hold numbers as doubles read every one.
const JSON_INTEGER_MAX: u64 = 1 << 53;

/// The values of one column of a batch.
pub(crate) struct Cells<'a> {
    array: &'a ArrayRef,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Boolean(&'a BooleanArray),
    SmallInt(&'a PrimitiveArray<Int16Type>),
    Integer(&'a PrimitiveArray<Int32Type>),
    BigInt(&'a PrimitiveArray<Int64Type>),
    Count(&'a PrimitiveArray<UInt64Type>),
    Real(&'a PrimitiveArray<Float32Type>),
    Double(&'a PrimitiveArray<Float64Type>),
    Decimal(&'a Decimal128Array, u8),
    Text(&'a StringArray),
    Json(&'a StringArray),
    Bytes(&'a BinaryArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Instant(&'a PrimitiveArray<TimestampMicrosecondType>),
    Uuid(&'a FixedSizeBinaryArray),
    /// A type that no column of a table has: lists, intervals.
    Other,
}

impl<'a> Cells<'a> {
    /// The values of an array; `is_json` says that its texts are JSON.
    pub(crate) fn new(array: &'a ArrayRef, is_json: bool) -> Cells<'a> {
        let kind = match array.data_type() {
            DataType::Boolean => Kind::Boolean(array.as_boolean()),
            DataType::Int16 => Kind::SmallInt(array.as_primitive()),
            DataType::Int32 => Kind::Integer(array.as_primitive()),
            DataType::Int64 => Kind::BigInt(array.as_primitive()),
            DataType::UInt64 => Kind::Count(array.as_primitive()),
            DataType::Float32 => Kind::Real(array.as_primitive()),
            DataType::Float64 => Kind::Double(array.as_primitive()),
            DataType::Decimal128(_, scale) => {
                let scale = u8::try_from(*scale).unwrap_or_default();
                Kind::Decimal(array.as_primitive::<Decimal128Type>(), scale)
            }
            DataType::Utf8 if is_json => Kind::Json(array.as_string()),
            DataType::Utf8 => Kind::Text(array.as_string()),
            DataType::Binary => Kind::Bytes(array.as_binary()),
            DataType::Date32 => Kind::Date(array.as_primitive()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Kind::Instant(array.as_primitive()),
            DataType::FixedSizeBinary(16) => Kind::Uuid(array.as_fixed_size_binary()),
            _ => Kind::Other,
        };
        Cells { array, kind }
    }

    /// Whether there is no value.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.array.is_null(row)
    }

    /// Whether the values are numbers, which are aligned to the right.
    pub(crate) fn are_numbers(&self) -> bool {
        matches!(
            self.kind,
            Kind::SmallInt(_)
                | Kind::Integer(_)
                | Kind::BigInt(_)
                | Kind::Count(_)
                | Kind::Real(_)
                | Kind::Double(_)
                | Kind::Decimal(..)
        )
    }

    /// Adds the value as CSV and tables show it; nothing for NULL.
    pub(crate) fn text(&self, row: usize, to: &mut String) {
        if self.is_null(row) {
            return;
        }
        // Writing to a `String` cannot fail.
        let _ = match &self.kind {
            Kind::Boolean(array) => write!(to, "{}", array.value(row)),
            Kind::SmallInt(array) => write!(to, "{}", array.value(row)),
            Kind::Integer(array) => write!(to, "{}", array.value(row)),
            Kind::BigInt(array) => write!(to, "{}", array.value(row)),
            Kind::Count(array) => write!(to, "{}", array.value(row)),
            Kind::Real(array) => write!(to, "{:?}", array.value(row)),
            Kind::Double(array) => write!(to, "{:?}", array.value(row)),
            Kind::Decimal(array, scale) => {
                write!(to, "{}", Value::Decimal { unscaled: array.value(row), scale: *scale })
            }
            Kind::Text(array) | Kind::Json(array) => {
                to.push_str(array.value(row));
                Ok(())
            }
            Kind::Bytes(array) => {
                to.push_str("\\x");
                array.value(row).iter().try_for_each(|byte| write!(to, "{byte:02x}"))
            }
            Kind::Date(array) => write!(to, "{}", Value::Date(array.value(row))),
            Kind::Instant(array) => write!(to, "{}", ValidTime::from_micros(array.value(row))),
            Kind::Uuid(array) => {
                let bytes = array.value(row).try_into().unwrap_or_default();
                write!(to, "{}", Value::Uuid(bytes))
            }
            Kind::Other => {
                write!(to, "{}", array_value_to_string(self.array, row).unwrap_or_default())
            }
        };
    }

    /// Adds the value as JSON.
    pub(crate) fn json(&self, row: usize, to: &mut String) {
        if self.is_null(row) {
            to.push_str("null");
            return;
        }
        let is_bare = match &self.kind {
            Kind::Json(array) => {
                json_value(array.value(row), to);
                return;
            }
            Kind::Boolean(_) | Kind::SmallInt(_) | Kind::Integer(_) => true,
            Kind::BigInt(array) => array.value(row).unsigned_abs() <= JSON_INTEGER_MAX,
            Kind::Count(array) => array.value(row) <= JSON_INTEGER_MAX,
            // JSON has no word for these.
            Kind::Real(array) => array.value(row).is_finite(),
            Kind::Double(array) => array.value(row).is_finite(),
            _ => false,
        };
        if is_bare {
            self.text(row, to);
            return;
        }
        if let Kind::Text(array) = &self.kind {
            json_string(array.value(row), to);
            return;
        }
        // Bytes begin with a backslash, and what others hold is not known.
        if let Kind::Other | Kind::Bytes(_) = &self.kind {
            let mut text = String::new();
            self.text(row, &mut text);
            json_string(&text, to);
            return;
        }
        to.push('"');
        self.text(row, to);
        to.push('"');
    }
}

/// Adds the text of a JSON column on one line; as a string if it is not JSON after all.
fn json_value(text: &str, to: &mut String) {
    match serde_json::from_str::<IgnoredAny>(text) {
        // Inside a string of JSON a line break is always escaped, so these are white space.
        Ok(_) => to.extend(text.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c })),
        Err(_) => json_string(text, to),
    }
}

/// Adds a text as a JSON string.
pub(crate) fn json_string(text: &str, to: &mut String) {
    // A string is always JSON.
    to.push_str(&serde_json::to_string(text).unwrap_or_default());
}
