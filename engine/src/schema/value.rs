//! One value of a column, for keys and predicates; how it is read from text and shown.

use std::fmt;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use jiff::civil::Date;

use super::data_type::DataType;
use crate::error::{Error, Result};
use crate::time::{ValidTime, days_of};

/// One value of a column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value.
    Null,
    /// Of `BOOLEAN`.
    Boolean(bool),
    /// Of `SMALLINT`, `INTEGER` or `BIGINT`.
    Int(i64),
    /// Of `REAL` or `DOUBLE PRECISION`.
    Double(f64),
    /// Of `DECIMAL`: `unscaled / 10^scale`.
    Decimal {
        /// All digits.
        unscaled: i128,
        /// How many of them stand after the point.
        scale: u8,
    },
    /// Of `TEXT` or `JSON`.
    Text(String),
    /// Of `BYTEA`.
    Bytes(Vec<u8>),
    /// Of `DATE`: days since 1970-01-01.
    Date(i32),
    /// Of `TIMESTAMP`: microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// Of `UUID`.
    Uuid([u8; 16]),
}

impl Value {
    /// Reads a value of the given type from text as CSV files and command lines write it.
    ///
    /// ```
    /// use annals_engine::{DataType, Value};
    ///
    /// assert_eq!(Value::parse(DataType::BigInt, "-42")?, Value::Int(-42));
    /// let error = Value::parse(DataType::BigInt, "4x2").unwrap_err();
    /// assert_eq!(error.to_string(), "`4x2` is not a BIGINT");
    /// # Ok::<(), annals_engine::Error>(())
    /// ```
    pub fn parse(data_type: DataType, text: &str) -> Result<Value> {
        let value = match data_type {
            DataType::Boolean => parse_boolean(text),
            DataType::SmallInt => text.parse::<i16>().ok().map(|v| Value::Int(v.into())),
            DataType::Integer => text.parse::<i32>().ok().map(|v| Value::Int(v.into())),
            DataType::BigInt => text.parse().ok().map(Value::Int),
            DataType::Real => text.parse::<f32>().ok().map(|v| Value::Double(v.into())),
            DataType::Double => text.parse().ok().map(Value::Double),
            DataType::Decimal { precision, scale } => parse_decimal(text, precision, scale),
            DataType::Text | DataType::Json => Some(Value::Text(text.to_owned())),
            DataType::Bytea => {
                parse_hex(text.strip_prefix("\\x").unwrap_or(text)).map(Value::Bytes)
            }
            DataType::Date => {
                text.parse::<Date>().ok().map(|date| Value::Date(days_of(date) as i32))
            }
            DataType::Timestamp => Some(Value::Timestamp(ValidTime::parse(text)?.micros())),
            DataType::Uuid => {
                let bytes = parse_hex(&text.replace('-', ""));
                bytes.and_then(|bytes| bytes.try_into().ok()).map(Value::Uuid)
            }
        };
        value.ok_or_else(|| Error::invalid(format!("`{text}` is not a {data_type}")))
    }

    /// The value as an Arrow array of length 1 of the given type; an error if it does not fit.
    pub fn array(&self, data_type: DataType) -> Result<ArrayRef> {
        let wrong = || Error::invalid(format!("`{self}` is not a {data_type}"));
        Ok(match (data_type, self) {
            (_, Value::Null) => new_null_array(&data_type.arrow(), 1),
            (DataType::Boolean, Value::Boolean(v)) => Arc::new(BooleanArray::from(vec![*v])),
            (DataType::SmallInt, Value::Int(v)) => {
                Arc::new(Int16Array::from(vec![i16::try_from(*v).map_err(|_| wrong())?]))
            }
            (DataType::Integer, Value::Int(v)) => {
                Arc::new(Int32Array::from(vec![i32::try_from(*v).map_err(|_| wrong())?]))
            }
            (DataType::BigInt, Value::Int(v)) => Arc::new(Int64Array::from(vec![*v])),
            (DataType::Real, Value::Double(v)) => Arc::new(Float32Array::from(vec![*v as f32])),
            (DataType::Real, Value::Int(v)) => Arc::new(Float32Array::from(vec![*v as f32])),
            (DataType::Double, Value::Double(v)) => Arc::new(Float64Array::from(vec![*v])),
            (DataType::Double, Value::Int(v)) => Arc::new(Float64Array::from(vec![*v as f64])),
            (DataType::Decimal { precision, scale }, value) => {
                let unscaled = value.unscaled(scale).filter(|v| fits(*v, precision));
                let array = Decimal128Array::from(vec![unscaled.ok_or_else(wrong)?]);
                Arc::new(array.with_precision_and_scale(precision, scale as i8)?)
            }
            (DataType::Text | DataType::Json, Value::Text(v)) => {
                Arc::new(StringArray::from(vec![v.as_str()]))
            }
            (DataType::Bytea, Value::Bytes(v)) => Arc::new(BinaryArray::from(vec![v.as_slice()])),
            (DataType::Date, Value::Date(v)) => Arc::new(Date32Array::from(vec![*v])),
            (DataType::Timestamp, Value::Timestamp(v)) => {
                Arc::new(TimestampMicrosecondArray::from(vec![*v]).with_timezone("UTC"))
            }
            (DataType::Uuid, Value::Uuid(v)) => {
                Arc::new(FixedSizeBinaryArray::try_from_iter([v].into_iter())?)
            }
            _ => return Err(wrong()),
        })
    }

    /// The digits of this number at another scale, if nothing is lost.
    fn unscaled(&self, scale: u8) -> Option<i128> {
        let (unscaled, own_scale) = match self {
            Value::Int(v) => (i128::from(*v), 0),
            Value::Decimal { unscaled, scale } => (*unscaled, *scale),
            _ => return None,
        };
        if own_scale <= scale {
            return unscaled.checked_mul(10_i128.checked_pow(u32::from(scale - own_scale))?);
        }
        let divisor = 10_i128.checked_pow(u32::from(own_scale - scale))?;
        (unscaled % divisor == 0).then_some(unscaled / divisor)
    }
}

fn fits(unscaled: i128, precision: u8) -> bool {
    10_i128
        .checked_pow(u32::from(precision))
        .is_some_and(|limit| unscaled.unsigned_abs() < limit.unsigned_abs())
}

fn parse_boolean(text: &str) -> Option<Value> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "on" | "1" => Some(Value::Boolean(true)),
        "false" | "f" | "no" | "off" | "0" => Some(Value::Boolean(false)),
        _ => None,
    }
}

fn parse_decimal(text: &str, precision: u8, scale: u8) -> Option<Value> {
    let (digits, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() && fraction.is_empty() && !digits.contains('0') {
        return None;
    }
    if fraction.len() > usize::from(scale) {
        return None;
    }
    let mut unscaled: i128 = 0;
    let padding = std::iter::repeat_n(b'0', usize::from(scale) - fraction.len());
    for byte in whole.bytes().chain(fraction.bytes()).chain(padding) {
        let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
        unscaled = unscaled.checked_mul(10)?.checked_add(digit)?;
    }
    let unscaled = if negative { -unscaled } else { unscaled };
    fits(unscaled, precision).then_some(Value::Decimal { unscaled, scale })
}

fn parse_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Boolean(v) => write!(f, "{v}"),
            Value::Int(v) => write!(f, "{v}"),
            Value::Double(v) => write!(f, "{v}"),
            Value::Decimal { unscaled, scale } => write_decimal(f, *unscaled, usize::from(*scale)),
            Value::Text(v) => f.write_str(v),
            Value::Bytes(v) => {
                f.write_str("\\x")?;
                v.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Value::Date(days) => {
                let instant = ValidTime::from_micros(i64::from(*days) * 86_400_000_000).to_string();
                f.write_str(instant.split('T').next().unwrap_or_default())
            }
            Value::Timestamp(micros) => ValidTime::from_micros(*micros).fmt(f),
            Value::Uuid(v) => {
                for (at, byte) in v.iter().enumerate() {
                    let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, unscaled: i128, scale: usize) -> fmt::Result {
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{fraction}") }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Boolean(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Double(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data_type: DataType, text: &str, expect: &str) {
        let shown = match Value::parse(data_type, text) {
            Ok(value) => {
                assert_eq!(value.array(data_type).unwrap().len(), 1);
                value.to_string()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expect);
    }

    #[test]
    fn values_are_read_and_shown() {
        let decimal = DataType::Decimal { precision: 5, scale: 2 };
        check(decimal, "-1.5", "-1.50");
        check(decimal, "0.070", "0.07");
        check(decimal, "999.99", "999.99");
        check(decimal, "1000", "`1000` is not a DECIMAL(5,2)");
        check(decimal, "1.234", "`1.234` is not a DECIMAL(5,2)");
        check(decimal, ".", "`.` is not a DECIMAL(5,2)");
        check(DataType::Date, "1969-12-31", "1969-12-31");
        check(DataType::SmallInt, "40000", "`40000` is not a SMALLINT");
        check(DataType::Bytea, "\\x00ff", "\\x00ff");
        check(DataType::Bytea, "é", "`é` is not a BYTEA");
        let uuid = "01234567-89ab-cdef-0123-456789abcdef";
        check(DataType::Uuid, uuid, uuid);
    }
}
