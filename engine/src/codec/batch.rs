//! Arrow record batches as bytes: the columns one after another, each as it lies in memory.
//!
//! ```text
//! batch  = row_count:u32  column*                  one for each field of the schema, not stored
//! column = flags:u8  [validity:bitmap]  values     flags: 0, or 1 where a validity bitmap follows
//! values = bitmap                                  BOOLEAN
//!        | row_count * width bytes                 numbers, dates, timestamps, UUIDs
//!        | (row_count + 1) * offset:u32  bytes     TEXT, BYTEA, JSON; the first offset is 0, the
//!                                                  last the number of bytes
//! bitmap = ceil(row_count / 8) bytes               lowest bit first; behind the last row all 0
//! ```

use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, BooleanArray, make_array};
use arrow::array::{BinaryArray, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::datatypes::{DataType as ArrowType, Field, SchemaRef, TimeUnit, ToByteSlice};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::reader::{Judged, Reader};
use crate::error::{Error, Result};

const WITHOUT_NULLS: u8 = 0;
const WITH_NULLS: u8 = 1;

/// How the values of a column lie in bytes.
#[derive(Clone, Copy)]
enum Layout {
    Bits,
    Fixed { width: usize },
    Variable,
}

fn layout(arrow: &ArrowType) -> Option<Layout> {
    let width = match arrow {
        ArrowType::Boolean => return Some(Layout::Bits),
        ArrowType::Utf8 | ArrowType::Binary => return Some(Layout::Variable),
        ArrowType::Int16 => 2,
        ArrowType::Int32 | ArrowType::Float32 | ArrowType::Date32 => 4,
        ArrowType::Int64 | ArrowType::Float64 => 8,
        ArrowType::Timestamp(TimeUnit::Microsecond, _) => 8,
        ArrowType::Decimal128(_, _) | ArrowType::FixedSizeBinary(16) => 16,
        _ => return None,
    };
    Some(Layout::Fixed { width })
}

/// Appends the bytes of a batch to `out`; what is sliced off its arrays is not written.
///
/// An error of kind `Invalid` names a column whose type no Annals table has, `Exhausted` a batch of
/// 2^32 rows or more.
pub(crate) fn encode_batch(batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
    let row_count = u32::try_from(batch.num_rows()).map_err(|_| {
        Error::exhausted(format!("a batch of {} rows is too large", batch.num_rows()))
    })?;
    out.reserve(byte_count_guess(batch));
    out.extend_from_slice(&row_count.to_le_bytes());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let Some(layout) = layout(column.data_type()) else {
            let (name, arrow) = (field.name(), column.data_type());
            return Err(Error::invalid(format!("column `{name}` has the unknown type {arrow}")));
        };
        encode_column(column, layout, out);
    }
    Ok(())
}

fn byte_count_guess(batch: &RecordBatch) -> usize {
    let column = |column: &ArrayRef| match column.data_type() {
        ArrowType::Utf8 | ArrowType::Binary => batch.num_rows() * 24,
        _ => batch.num_rows() * column.data_type().primitive_width().unwrap_or(16),
    };
    batch.columns().iter().map(column).sum::<usize>() + 16
}

fn encode_column(column: &ArrayRef, layout: Layout, out: &mut Vec<u8>) {
    match column.nulls().filter(|nulls| nulls.null_count() > 0) {
        None => out.push(WITHOUT_NULLS),
        Some(nulls) => {
            out.push(WITH_NULLS);
            put_bits(nulls.inner(), out);
        }
    }
    match layout {
        Layout::Bits => {
            if let Some(array) = column.as_any().downcast_ref::<BooleanArray>() {
                put_bits(array.values(), out);
            }
        }
        Layout::Fixed { width } => {
            let data = column.to_data();
            let start = data.offset() * width;
            out.extend_from_slice(&data.buffers()[0][start..start + data.len() * width]);
        }
        Layout::Variable => {
            if let Some(array) = column.as_any().downcast_ref::<StringArray>() {
                put_variable(array.value_offsets(), array.value_data(), out);
            } else if let Some(array) = column.as_any().downcast_ref::<BinaryArray>() {
                put_variable(array.value_offsets(), array.value_data(), out);
            }
        }
    }
}

fn put_bits(bits: &BooleanBuffer, out: &mut Vec<u8>) {
    let start = out.len();
    let sliced = bits.sliced();
    out.extend_from_slice(&sliced[..bits.len().div_ceil(8)]);
    let over = bits.len() % 8;
    if over > 0
        && out.len() > start
        && let Some(last) = out.last_mut()
    {
        *last &= (1 << over) - 1;
    }
}

fn put_variable(offsets: &[i32], values: &[u8], out: &mut Vec<u8>) {
    // Arrow's offsets are never empty, rise, and stay within the values.
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    if first == 0 {
        out.extend_from_slice(offsets.to_byte_slice());
    } else {
        let rebased: Vec<i32> = offsets.iter().map(|offset| offset - first).collect();
        out.extend_from_slice(rebased.to_byte_slice());
    }
    out.extend_from_slice(&values[first as usize..last as usize]);
}

/// Appends 64-bit integers; `Reader::i64s` reads them.
pub(crate) fn put_i64s(out: &mut Vec<u8>, values: &[i64]) {
    out.extend_from_slice(values.to_byte_slice());
}

/// Reads a batch of the given schema. Everything is judged: lengths, offsets, UTF-8, bits behind
/// the last row, and nulls where the schema allows none.
pub(crate) fn decode_batch(reader: &mut Reader<'_>, schema: &SchemaRef) -> Judged<RecordBatch> {
    let row_count = reader.u32()? as usize;
    let mut columns = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        columns.push(decode_column(reader, field, row_count)?);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|source| reader.malformed(source.to_string()))
}

fn decode_column(reader: &mut Reader<'_>, field: &Field, row_count: usize) -> Judged<ArrayRef> {
    let arrow = field.data_type();
    let Some(layout) = layout(arrow) else {
        return Err(reader.malformed(format!("column `{}` has no known type", field.name())));
    };
    let nulls = match reader.u8()? {
        WITHOUT_NULLS => None,
        WITH_NULLS => {
            let bits = BooleanBuffer::new(take_bits(reader, row_count)?, 0, row_count);
            Some(NullBuffer::new(bits))
        }
        flags => return Err(reader.malformed(format!("{flags} are no flags of a column"))),
    };
    let data = ArrayData::builder(arrow.clone()).len(row_count).nulls(nulls);
    let data = match layout {
        Layout::Bits => data.add_buffer(take_bits(reader, row_count)?),
        Layout::Fixed { width } => {
            let byte_count = row_count.checked_mul(width);
            let byte_count = byte_count.ok_or_else(|| reader.malformed("a column overflows"))?;
            data.add_buffer(Buffer::from(reader.bytes(byte_count)?))
        }
        Layout::Variable => {
            let (offsets, values) = take_variable(reader, row_count)?;
            data.add_buffer(offsets).add_buffer(values)
        }
    };
    // Building judges that offsets rise and stay in range, and that text is UTF-8.
    let data = data.build().map_err(|source| reader.malformed(source.to_string()))?;
    Ok(make_array(data))
}

fn take_bits(reader: &mut Reader<'_>, row_count: usize) -> Judged<Buffer> {
    let bits = reader.bytes(row_count.div_ceil(8))?;
    let over = row_count % 8;
    match bits.last() {
        Some(last) if over > 0 && last >> over != 0 => {
            Err(reader.malformed("a bitmap has bits behind its last row"))
        }
        _ => Ok(Buffer::from(bits)),
    }
}

fn take_variable(reader: &mut Reader<'_>, row_count: usize) -> Judged<(Buffer, Buffer)> {
    let byte_count = row_count.checked_add(1).and_then(|count| count.checked_mul(4));
    let byte_count = byte_count.ok_or_else(|| reader.malformed("a column overflows"))?;
    let offsets = reader.bytes(byte_count)?;
    let (words, _) = offsets.as_chunks::<4>();
    let edge = |word: Option<&[u8; 4]>| word.map_or(0, |&word| u32::from_le_bytes(word));
    if edge(words.first()) != 0 {
        return Err(reader.malformed("the first offset is not 0"));
    }
    let values = reader.bytes(edge(words.last()) as usize)?;
    Ok((Buffer::from(offsets), Buffer::from(values)))
}
