//! From the types of Arrow to those of a table, without losing anything.

use std::sync::Arc;

use annals_engine::DataType;
use annals_engine::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use annals_engine::arrow::compute::kernels::cmp::not_distinct;
use annals_engine::arrow::compute::{CastOptions, cast_with_options};
use annals_engine::arrow::datatypes::{DataType as ArrowType, TimeUnit};
use annals_engine::arrow::util::display::array_value_to_string;

use super::cell::Cell;
use super::convert::ColumnBuilder;

/// The column type that holds every value of an Arrow type.
pub(crate) fn data_type_of(arrow: &ArrowType) -> Option<DataType> {
    Some(match arrow {
        ArrowType::Boolean => DataType::Boolean,
        ArrowType::Int8 | ArrowType::Int16 | ArrowType::UInt8 => DataType::SmallInt,
        ArrowType::Int32 | ArrowType::UInt16 => DataType::Integer,
        ArrowType::Int64 | ArrowType::UInt32 => DataType::BigInt,
        ArrowType::UInt64 => DataType::Decimal { precision: 20, scale: 0 },
        ArrowType::Float16 | ArrowType::Float32 => DataType::Real,
        ArrowType::Float64 => DataType::Double,
        ArrowType::Decimal32(precision, scale)
        | ArrowType::Decimal64(precision, scale)
        | ArrowType::Decimal128(precision, scale) => {
            DataType::Decimal { precision: *precision, scale: u8::try_from(*scale).ok()? }
        }
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View | ArrowType::Null => {
            DataType::Text
        }
        ArrowType::FixedSizeBinary(16) => DataType::Uuid,
        ArrowType::Binary
        | ArrowType::LargeBinary
        | ArrowType::BinaryView
        | ArrowType::FixedSizeBinary(_) => DataType::Bytea,
        ArrowType::Date32 | ArrowType::Date64 => DataType::Date,
        ArrowType::Timestamp(..) => DataType::Timestamp,
        ArrowType::Dictionary(_, values) if !matches!(**values, ArrowType::Dictionary(..)) => {
            data_type_of(values)?
        }
        _ => return None,
    })
}

/// Whether values of an Arrow type can be converted at all: single ones can, lists and structures of them cannot.
pub(crate) fn is_convertible(arrow: &ArrowType) -> bool {
    match arrow {
        ArrowType::Dictionary(_, values) if values.is_primitive() => true,
        arrow => arrow.is_primitive() || data_type_of(arrow).is_some(),
    }
}

/// The first value that a type cannot hold.
pub(crate) struct Misfit {
    /// Its row in the array.
    pub(crate) row: usize,
    /// As a message shows it.
    pub(crate) value: String,
}

/// The same values in another type. A cast that would change a value (a fraction to an integer, nanoseconds to
/// microseconds) is a misfit: it is found by casting back.
pub(crate) fn convert(array: &ArrayRef, data_type: DataType) -> Result<ArrayRef, Misfit> {
    let target = data_type.arrow();
    if *array.data_type() == target {
        return Ok(array.clone());
    }
    let array = plain(array)?;
    if *array.data_type() == ArrowType::Utf8 && !data_type.is_text() {
        return parse_texts(&array, data_type);
    }
    let (cast_to, is_instant) = match &target {
        ArrowType::Timestamp(unit, _) => (ArrowType::Timestamp(*unit, None), true),
        target => (target.clone(), false),
    };
    let there = cast(&array, &cast_to)?;
    let back = cast(&there, array.data_type())?;
    let same = not_distinct(&back, &array).unwrap_or_else(|_| BooleanArray::new_null(array.len()));
    if let Some(row) = (0..array.len()).find(|row| same.is_null(*row) || !same.value(*row)) {
        return Err(misfit(&array, row));
    }
    Ok(if is_instant { with_utc(&there) } else { there })
}

fn cast(array: &ArrayRef, to: &ArrowType) -> Result<ArrayRef, Misfit> {
    let options = CastOptions { safe: true, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(|_| misfit(array, 0))
}

fn misfit(array: &ArrayRef, row: usize) -> Misfit {
    let value = match array.len() {
        0 => array.data_type().to_string(),
        _ => array_value_to_string(array, row).unwrap_or_else(|_| array.data_type().to_string()),
    };
    Misfit { row, value: Cell::Text(value.as_bytes()).show() }
}

fn parse_texts(array: &ArrayRef, data_type: DataType) -> Result<ArrayRef, Misfit> {
    let mut column = ColumnBuilder::new(data_type, false).map_err(|_| misfit(array, 0))?;
    let texts = array.as_string::<i32>();
    for (row, text) in texts.iter().enumerate() {
        if !column.push(text.map_or(Cell::Null, |text| Cell::Text(text.as_bytes()))) {
            return Err(misfit(array, row));
        }
    }
    Ok(column.finish())
}

/// The values without a dictionary, in the plain layout of text, and instants without the name of a zone: an instant is
/// the same whatever zone it is shown in.
fn plain(array: &ArrayRef) -> Result<ArrayRef, Misfit> {
    match array.data_type() {
        ArrowType::Dictionary(_, values) => plain(&cast(array, values)?),
        ArrowType::LargeUtf8 | ArrowType::Utf8View => cast(array, &ArrowType::Utf8),
        ArrowType::BinaryView => cast(array, &ArrowType::Binary),
        ArrowType::Timestamp(unit, Some(_)) => {
            let unit = *unit;
            let data = array.to_data().into_builder().data_type(ArrowType::Timestamp(unit, None));
            let data = data.build().map_err(|_| misfit(array, 0))?;
            Ok(match unit {
                TimeUnit::Second => Arc::new(TimestampSecondArray::from(data)),
                TimeUnit::Millisecond => Arc::new(TimestampMillisecondArray::from(data)),
                TimeUnit::Microsecond => Arc::new(TimestampMicrosecondArray::from(data)),
                TimeUnit::Nanosecond => Arc::new(TimestampNanosecondArray::from(data)),
            })
        }
        _ => Ok(array.clone()),
    }
}

fn with_utc(array: &ArrayRef) -> ArrayRef {
    match array.as_any().downcast_ref::<TimestampMicrosecondArray>() {
        Some(instants) => Arc::new(instants.clone().with_timezone("UTC")),
        None => array.clone(),
    }
}
