//! Batches as users give them, brought into the shape of the table.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType as ArrowType, Decimal128Type, TimestampMicrosecondType};

use crate::error::{Error, Result};
use crate::schema::{Column, DataType, TableSchema, VALID_FROM, VALID_TO};
use crate::time::ValidTime;

/// What stands for a column that a batch leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// The column's default, or NULL.
    Default,
    /// Nothing: every column must be given.
    Refused,
}

/// The columns of `numbers`, in that order, from a batch that names them; names that the table does not have are refused.
pub(super) fn table_columns(
    schema: &TableSchema,
    batch: &RecordBatch,
    numbers: &[usize],
    left_out: LeftOut,
) -> Result<Vec<ArrayRef>> {
    let batch_schema = batch.schema();
    for (at, field) in batch_schema.fields().iter().enumerate() {
        let name = field.name().as_str();
        if batch_schema.fields()[..at].iter().any(|other| other.name() == name) {
            return Err(Error::invalid(format!("column `{name}` is given twice")));
        }
        if name == VALID_FROM || name == VALID_TO {
            continue;
        }
        let number = schema.position(name)?;
        if !numbers.contains(&number) {
            return Err(Error::invalid(format!("column `{name}` cannot be given here")));
        }
    }
    let column = |number: &usize| {
        let column = &schema.columns[*number];
        if let Some(array) = batch.column_by_name(&column.name) {
            return conform(schema, column, array);
        }
        let default = match left_out {
            LeftOut::Default => column.default_value()?,
            LeftOut::Refused => None,
        };
        match default {
            Some(value) => repeat(&value.array(column.data_type)?, batch.num_rows()),
            None if column.nullable => {
                Ok(new_null_array(&column.data_type.arrow(), batch.num_rows()))
            }
            None => Err(Error::invalid(format!(
                "column `{}` of table `{}` is missing and cannot be NULL",
                column.name, schema.name
            ))),
        }
    };
    numbers.iter().map(column).collect()
}

/// So many times the one value of an array.
fn repeat(value: &ArrayRef, row_count: usize) -> Result<ArrayRef> {
    Ok(take(value, &UInt32Array::from(vec![0; row_count]), None)?)
}

fn conform(schema: &TableSchema, column: &Column, array: &ArrayRef) -> Result<ArrayRef> {
    let wanted = column.data_type.arrow();
    let array =
        if *array.data_type() == wanted { array.clone() } else { convert(column, array, &wanted)? };
    // Arrow does not hold the digits of an array against its type; files and wider types would not have room for more.
    if let DataType::Decimal { precision, .. } = column.data_type {
        let checked = array.as_primitive::<Decimal128Type>().validate_decimal_precision(precision);
        checked.map_err(|error| Error::invalid(format!("column `{}`: {error}", column.name)))?;
    }
    if !column.nullable && array.null_count() > 0 {
        let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or(0);
        return Err(Error::invalid(format!(
            "row {row} of table `{}`: column `{}` cannot be NULL",
            schema.name, column.name
        )));
    }
    Ok(array)
}

/// Converts between representations of one type: widths of integers, text encodings, units of time. A value that does not fit
/// is an error; a different type is one too.
fn convert(column: &Column, array: &ArrayRef, wanted: &ArrowType) -> Result<ArrayRef> {
    let given = array.data_type();
    let is_kin = given.is_null()
        || (given.is_integer() && wanted.is_integer())
        || (given.is_floating() && wanted.is_floating())
        || (is_text(given) && column.data_type.is_text())
        || (is_binary(given) && is_binary(wanted))
        || matches!((given, wanted), (ArrowType::Timestamp(..), ArrowType::Timestamp(..)))
        || matches!((given, wanted), (ArrowType::Decimal128(..), ArrowType::Decimal128(..)))
        || matches!((given, wanted), (ArrowType::Date64, ArrowType::Date32));
    if !is_kin {
        return Err(Error::invalid(format!(
            "column `{}` is {}, and was given {given}",
            column.name, column.data_type
        )));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let cast = |wanted: &ArrowType| {
        cast_with_options(array, wanted, &options)
            .map_err(|error| Error::invalid(format!("column `{}`: {error}", column.name)))
    };
    if let (ArrowType::Timestamp(_, None), ArrowType::Timestamp(unit, Some(zone))) = (given, wanted)
    {
        // What names no zone is UTC. Arrow would look the zone up, in tables that not every build has.
        let micros = cast(&ArrowType::Timestamp(*unit, None))?;
        let micros = micros.as_primitive::<TimestampMicrosecondType>().clone();
        return Ok(Arc::new(micros.with_timezone(zone.clone())));
    }
    cast(wanted)
}

fn is_text(data_type: &ArrowType) -> bool {
    match data_type {
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => true,
        ArrowType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn is_binary(data_type: &ArrowType) -> bool {
    matches!(data_type, ArrowType::Binary | ArrowType::LargeBinary | ArrowType::BinaryView)
}

/// A period column that a batch may have, as instants; NULL is `unbounded`.
pub(super) fn period_bound(
    schema: &TableSchema,
    batch: &RecordBatch,
    name: &str,
    unbounded: i64,
) -> Result<Option<Vec<i64>>> {
    let Some(array) = batch.column_by_name(name) else { return Ok(None) };
    let column = Column::new(name, DataType::Timestamp);
    let array = conform(schema, &column, array)?;
    let array = array.as_primitive::<TimestampMicrosecondType>();
    let mut instants: Vec<i64> = array.values().to_vec();
    for (row, instant) in instants.iter_mut().enumerate() {
        if array.is_null(row) {
            *instant = unbounded;
            continue;
        }
        let checked = ValidTime::from_micros(*instant).checked();
        checked.map_err(|error| error.context(format!("row {row} of table `{}`", schema.name)))?;
    }
    Ok(Some(instants))
}
