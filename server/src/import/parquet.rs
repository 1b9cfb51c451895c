//! Chunks of a Parquet file: its columns, converted to the types of the table without losing anything.

use std::fs::File;
use std::sync::Arc;

use annals_engine::DataType;
use annals_engine::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, new_null_array,
};
use annals_engine::arrow::compute::kernels::cmp::not_distinct;
use annals_engine::arrow::compute::{CastOptions, cast_with_options};
use annals_engine::arrow::datatypes::{DataType as ArrowType, TimeUnit};
use annals_engine::arrow::util::display::array_value_to_string;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::cell::Cell;
use super::chunk::{Chunk, Consumed};
use super::convert::ColumnBuilder;
use super::plan::{Binding, Plan};
use super::text::{CHUNK_ROW_COUNT, parse_op};
use crate::error::{Failure, Result};

/// Opens a Parquet file; a failure says that it is none.
fn open(file: File) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|error| Failure::new(format!("not a whole Parquet file: {error}")))
}

/// The columns of the file and the types that hold them.
pub(crate) fn infer(file: File) -> Result<Vec<(String, DataType)>> {
    let columns = open(file)?;
    let columns = columns.schema().fields().iter().map(|field| {
        let data_type = data_type_of(field.data_type()).ok_or_else(|| {
            Failure::new(format!(
                "column `{}` is of the Arrow type {}, for which there is no column type",
                field.name(),
                field.data_type()
            ))
        })?;
        Ok((field.name().clone(), data_type))
    });
    columns.collect()
}

/// The column type that holds every value of an Arrow type.
fn data_type_of(arrow: &ArrowType) -> Option<DataType> {
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
        ArrowType::Dictionary(_, values) => data_type_of(values)?,
        _ => return None,
    })
}

/// Makes chunks of the rows of one Parquet file.
pub(crate) struct ParquetChunks<'a> {
    plan: &'a Plan,
    binding: Binding,
    reader: ParquetRecordBatchReader,
    /// How many rows the file says it has.
    pub(crate) row_count: u64,
    /// How many rows were given out.
    pub(crate) rows_read: u64,
}

impl<'a> ParquetChunks<'a> {
    /// Finds the plan's columns in the file.
    pub(crate) fn new(plan: &'a Plan, file: File) -> Result<ParquetChunks<'a>> {
        let builder = open(file)?;
        let names: Vec<String> =
            builder.schema().fields().iter().map(|field| field.name().clone()).collect();
        let binding = plan.bind(&names)?;
        let row_count = builder.metadata().file_metadata().num_rows().unsigned_abs();
        let reader = builder.with_batch_size(CHUNK_ROW_COUNT).build()?;
        Ok(ParquetChunks { plan, binding, reader, row_count, rows_read: 0 })
    }

    /// The next rows; nothing at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>> {
        let Some(batch) = self.reader.next().transpose()? else { return Ok(None) };
        let first_row = self.rows_read;
        let length = batch.num_rows();
        self.rows_read += length as u64;
        let convert = |slot: usize, name: &str, data_type| {
            convert(batch.column(slot), data_type).map_err(|Misfit { row, value }| {
                let row = first_row + row as u64 + 1;
                Failure::new(format!("row {row}: column `{name}`: {value} is not a {data_type}"))
            })
        };
        let is_delete = self.binding.op.map(|slot| {
            let texts = convert(slot, "op", DataType::Text)?;
            let texts = texts.as_string::<i32>();
            let op = |row: usize| {
                let text = if texts.is_null(row) { "" } else { texts.value(row) };
                parse_op(text).ok_or_else(|| {
                    let row = first_row + row as u64 + 1;
                    Failure::new(format!("row {row}: \"{text}\" is neither put nor delete"))
                })
            };
            (0..length).map(op).collect::<Result<Vec<bool>>>()
        });
        let columns =
            self.plan.columns.iter().zip(&self.binding.columns).map(|(column, slot)| match slot {
                Some(slot) => convert(*slot, &column.name, column.data_type),
                None => Ok(new_null_array(&column.data_type.arrow(), length)),
            });
        let columns = columns.collect::<Result<_>>()?;
        let instants = |slot: Option<usize>, name: &Option<String>| {
            let name = name.as_deref().unwrap_or_default();
            slot.map(|slot| convert(slot, name, DataType::Timestamp)).transpose()
        };
        let request = &self.plan.request;
        let consumed = Consumed {
            valid_from: instants(self.binding.valid_from, &request.valid_from)?,
            valid_to: instants(self.binding.valid_to, &request.valid_to)?,
            is_delete: is_delete.transpose()?,
            system_times: instants(self.binding.system_time, &request.system_time)?,
        };
        let places = (first_row + 1..).take(length).collect();
        Chunk::new(self.plan, columns, consumed, places, "row").map(Some)
    }
}

/// The first value that a type cannot hold.
struct Misfit {
    row: usize,
    value: String,
}

/// The same values in another type. A cast that would change a value (a fraction to an integer, nanoseconds to
/// microseconds) is a misfit: it is found by casting back.
fn convert(array: &ArrayRef, data_type: DataType) -> Result<ArrayRef, Misfit> {
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
