//! Values of a query as a column takes them.

use std::sync::Arc;

use annals_engine::{DataType, TableSchema, VALID_FROM, VALID_TO, ValidTime, Value};
use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options, concat};
use arrow::datatypes::{DataType as ArrowType, Float64Type};

use crate::error::{Error, Result};

/// The array as the column of this name takes it; an error that names the column and the value.
pub(super) fn converted(table: &TableSchema, name: &str, array: &ArrayRef) -> Result<ArrayRef> {
    let data_type = match name {
        VALID_FROM | VALID_TO => DataType::Timestamp,
        _ => table.columns[table.position(name)?].data_type,
    };
    convert(array, data_type)
        .map_err(|error| Error::new(error.kind(), format!("column `{name}`: {}", error.message())))
}

fn convert(array: &ArrayRef, data_type: DataType) -> Result<ArrayRef> {
    let target = data_type.arrow();
    if *array.data_type() == target {
        return Ok(array.clone());
    }
    let is_text =
        matches!(array.data_type(), ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View);
    if is_text
        && matches!(
            data_type,
            DataType::Uuid | DataType::Bytea | DataType::Date | DataType::Boolean
        )
    {
        return parsed(array, data_type);
    }
    if is_text && data_type == DataType::Timestamp {
        return instants(array);
    }
    if data_type == DataType::Uuid && matches!(array.data_type(), ArrowType::Binary) {
        return cast(array, &target);
    }
    if !arrow::compute::can_cast_types(array.data_type(), &target) {
        let message = format!("a value of type {} is not a {data_type}", array.data_type());
        return Err(Error::invalid(message));
    }
    cast(&rounded(array, &target)?, &target)
}

/// A number that goes into a column of integers, rounded half away from zero: a cast would cut its places off.
fn rounded(array: &ArrayRef, target: &ArrowType) -> Result<ArrayRef> {
    if !target.is_integer() {
        return Ok(array.clone());
    }
    match array.data_type() {
        ArrowType::Decimal128(..) => cast(array, &ArrowType::Decimal128(38, 0)),
        ArrowType::Decimal256(..) => cast(array, &ArrowType::Decimal256(76, 0)),
        ArrowType::Float32 | ArrowType::Float64 => {
            let floats = cast(array, &ArrowType::Float64)?;
            let whole: Float64Array = floats.as_primitive::<Float64Type>().unary(f64::round);
            Ok(Arc::new(whole))
        }
        _ => Ok(array.clone()),
    }
}

fn cast(array: &ArrayRef, target: &ArrowType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(array, target, &options)?)
}

fn text(array: &ArrayRef) -> Result<ArrayRef> {
    cast(array, &ArrowType::Utf8)
}

fn parsed(array: &ArrayRef, data_type: DataType) -> Result<ArrayRef> {
    let text = text(array)?;
    let parse = |value: Option<&str>| -> Result<ArrayRef> {
        match value {
            Some(value) => Ok(Value::parse(data_type, value)?.array(data_type)?),
            None => Ok(new_null_array(&data_type.arrow(), 1)),
        }
    };
    let values = text.as_string::<i32>().iter().map(parse).collect::<Result<Vec<_>>>()?;
    let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
    match values.is_empty() {
        true => Ok(new_null_array(&data_type.arrow(), 0)),
        false => Ok(concat(&values)?),
    }
}

fn instants(array: &ArrayRef) -> Result<ArrayRef> {
    let text = text(array)?;
    let parse = |value: Option<&str>| -> Result<Option<i64>> {
        value.map(|value| Ok(ValidTime::parse(value)?.micros())).transpose()
    };
    let micros = text.as_string::<i32>().iter().map(parse).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("UTC")))
}
