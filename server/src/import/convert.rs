//! Turns the text of a column into an Arrow array, cell by cell, and says which cell does not fit.

use std::sync::Arc;

use annals_engine::arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    FixedSizeBinaryBuilder, Float32Builder, Float64Builder, Int16Builder, Int32Builder,
    Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use annals_engine::{DataType, Value};
use serde::de::IgnoredAny;

use super::cell::Cell;
use super::infer::{is_boolean, plain_integer};
use super::instant::{parse_date, parse_instant};
use crate::error::{Failure, Result};

/// Gathers one column of a chunk.
pub(crate) struct ColumnBuilder {
    array: Builder,
    data_type: DataType,
    /// Whether a value must be written as it would be written back: asked of columns whose type was told from a sample, so
    /// that a `007` behind the sample does not silently become `7`.
    is_strict: bool,
}

enum Builder {
    Boolean(BooleanBuilder),
    SmallInt(Int16Builder),
    Integer(Int32Builder),
    BigInt(Int64Builder),
    Real(Float32Builder),
    Double(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Json(StringBuilder),
    Bytea(BinaryBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Uuid(FixedSizeBinaryBuilder),
}

/// Runs an expression with the array builder of whatever type.
macro_rules! each_builder {
    ($builder:expr, $array:ident => $do:expr) => {
        match $builder {
            Builder::Boolean($array) => $do,
            Builder::SmallInt($array) => $do,
            Builder::Integer($array) => $do,
            Builder::BigInt($array) => $do,
            Builder::Real($array) => $do,
            Builder::Double($array) => $do,
            Builder::Decimal($array) => $do,
            Builder::Text($array) | Builder::Json($array) => $do,
            Builder::Bytea($array) => $do,
            Builder::Date($array) => $do,
            Builder::Timestamp($array) => $do,
            Builder::Uuid($array) => $do,
        }
    };
}

impl ColumnBuilder {
    /// An empty column; an error for a type of which text files know nothing.
    pub(crate) fn new(data_type: DataType, is_strict: bool) -> Result<ColumnBuilder> {
        let array = match data_type {
            DataType::Boolean => Builder::Boolean(BooleanBuilder::new()),
            DataType::SmallInt => Builder::SmallInt(Int16Builder::new()),
            DataType::Integer => Builder::Integer(Int32Builder::new()),
            DataType::BigInt => Builder::BigInt(Int64Builder::new()),
            DataType::Real => Builder::Real(Float32Builder::new()),
            DataType::Double => Builder::Double(Float64Builder::new()),
            DataType::Decimal { .. } => {
                Builder::Decimal(Decimal128Builder::new().with_data_type(data_type.arrow()))
            }
            DataType::Text => Builder::Text(StringBuilder::new()),
            DataType::Json => Builder::Json(StringBuilder::new()),
            DataType::Bytea => Builder::Bytea(BinaryBuilder::new()),
            DataType::Date => Builder::Date(Date32Builder::new()),
            DataType::Timestamp => {
                Builder::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            DataType::Uuid => Builder::Uuid(FixedSizeBinaryBuilder::new(16)),
            other => return Err(Failure::new(format!("{other} cannot be read from text"))),
        };
        Ok(ColumnBuilder { array, data_type, is_strict })
    }

    /// Whether the cell becomes NULL in a column of this type: no value, or no text where only text may be empty.
    pub(crate) fn is_null(&self, cell: &Cell<'_>) -> bool {
        match cell {
            Cell::Null => true,
            Cell::Text(text) => text.is_empty() && self.data_type != DataType::Text,
            _ => false,
        }
    }

    /// Adds NULL.
    pub(crate) fn push_null(&mut self) {
        each_builder!(&mut self.array, array => array.append_null());
    }

    /// Adds the cell; false, and nothing is added, if it is not a value of this type.
    pub(crate) fn push(&mut self, cell: Cell<'_>) -> bool {
        if self.is_null(&cell) {
            self.push_null();
            return true;
        }
        self.push_value(cell).is_some()
    }

    fn push_value(&mut self, cell: Cell<'_>) -> Option<()> {
        let text = match (&self.array, cell) {
            (Builder::Json(_), Cell::JsonString { raw, .. }) => raw,
            (Builder::Json(_), Cell::Nested(raw)) => raw,
            (_, Cell::Nested(_)) => return None,
            (_, cell) => cell.text()?,
        };
        let strict = self.is_strict;
        match &mut self.array {
            Builder::Boolean(array) if strict && !is_boolean(text) => {
                let _ = array;
                return None;
            }
            Builder::BigInt(array) if strict => array.append_value(plain_integer(text)?),
            Builder::BigInt(array) => array.append_value(text.trim().parse().ok()?),
            Builder::SmallInt(array) => array.append_value(text.trim().parse().ok()?),
            Builder::Integer(array) => array.append_value(text.trim().parse().ok()?),
            Builder::Real(array) => array.append_value(text.trim().parse().ok()?),
            Builder::Double(array) => {
                let value: f64 = text.trim().parse().ok()?;
                // `inf` and `NaN` are words in a column of numbers, unless its type was stated.
                if strict && !value.is_finite() {
                    return None;
                }
                array.append_value(value);
            }
            Builder::Text(array) => array.append_value(text),
            Builder::Json(array) => {
                serde_json::from_str::<IgnoredAny>(text).ok()?;
                array.append_value(text);
            }
            Builder::Date(array) => array.append_value(parse_date(text.trim())?),
            Builder::Timestamp(array) => array.append_value(parse_instant(text)?),
            // The rare types are read as the engine reads them.
            rare => match (rare, Value::parse(self.data_type, text.trim()).ok()?) {
                (Builder::Boolean(array), Value::Boolean(value)) => array.append_value(value),
                (Builder::Decimal(array), Value::Decimal { unscaled, .. }) => {
                    array.append_value(unscaled);
                }
                (Builder::Bytea(array), Value::Bytes(value)) => array.append_value(value),
                (Builder::Uuid(array), Value::Uuid(value)) => array.append_value(value).ok()?,
                _ => return None,
            },
        }
        Some(())
    }

    /// The column, and an empty builder in its place. Buffers grow by doubling; what is not used of them is given back, for
    /// the database keeps the column until it is flushed.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        each_builder!(&mut self.array, array => {
            let mut column = array.finish();
            column.shrink_to_fit();
            Arc::new(column)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data_type: DataType, strict: bool, text: &str, expect: Option<&str>) {
        let mut column = ColumnBuilder::new(data_type, strict).unwrap();
        let fits = column.push(Cell::Text(text.as_bytes()));
        let array = column.finish();
        assert_eq!(array.len(), usize::from(fits), "for {text}");
        let shown = fits.then(|| {
            annals_engine::arrow::util::display::array_value_to_string(&array, 0).unwrap()
        });
        assert_eq!(shown.as_deref(), expect, "for {text} as {data_type}");
    }

    #[test]
    fn what_fits_is_converted_and_what_does_not_is_refused() {
        check(DataType::BigInt, false, "007", Some("7"));
        check(DataType::BigInt, true, "007", None);
        check(DataType::BigInt, true, "9223372036854775808", None);
        check(DataType::SmallInt, false, "40000", None);
        check(DataType::Boolean, false, "t", Some("true"));
        check(DataType::Boolean, true, "t", None);
        check(DataType::Boolean, true, "True", Some("true"));
        check(DataType::Double, true, "1.5e3", Some("1500.0"));
        check(DataType::Double, true, "inf", None);
        check(DataType::Decimal { precision: 6, scale: 2 }, false, "4200.5", Some("4200.50"));
        check(DataType::Decimal { precision: 6, scale: 2 }, false, "0.001", None);
        check(DataType::Date, true, "2024-02-30", None);
        check(DataType::Json, true, "{\"a\":1}", Some("{\"a\":1}"));
        check(DataType::Json, true, "{a}", None);
        check(DataType::Text, true, "", Some(""));
        check(DataType::BigInt, true, "", Some(""));
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_refused() {
        let mut column = ColumnBuilder::new(DataType::Text, false).unwrap();
        assert!(!column.push(Cell::Text(b"\xff")));
    }
}
