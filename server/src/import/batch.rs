//! Chunks of Arrow batches: their columns, converted to the types of the table without losing anything.
//!
//! A batch says little about the bytes that its rows take: a dictionary, or a view, may name one long text a million times. So
//! it is cut into pieces before it is converted, by rows and by the bytes that they will have.

use annals_engine::DataType;
use annals_engine::arrow::array::{
    Array, ArrayRef, AsArray, MutableArrayData, RecordBatch, RecordBatchOptions, UInt32Array,
    make_array, new_null_array,
};
use annals_engine::arrow::compute::take;
use annals_engine::arrow::datatypes::{DataType as ArrowType, Schema};

use super::arrow_types::{Misfit, convert, is_convertible};
use super::chunk::{Chunk, Consumed, Places};
use super::plan::{Binding, Plan, PlannedColumn};
use super::text::parse_op;
use crate::error::{Failure, Kind, Result};

/// How many bytes the plain values of a piece may have, but for one of a single row.
const PLAIN_BYTES_MAX: usize = 32 << 20;

/// Makes chunks of batches that follow one another.
pub(crate) struct BatchChunks<'a> {
    plan: &'a Plan,
    binding: Binding,
    /// How many rows a piece has at most.
    row_count_max: usize,
    /// What is not given out yet of the last batch.
    rest: Option<RecordBatch>,
    /// How many rows were given out.
    pub(crate) rows_read: u64,
}

impl<'a> BatchChunks<'a> {
    /// Finds the plan's columns among those of all batches.
    pub(crate) fn new(
        plan: &'a Plan,
        names: &[String],
        row_count_max: usize,
    ) -> Result<BatchChunks<'a>> {
        let mut binding = plan.bind(names)?;
        if plan.request.is_delete {
            // What a delete says about values is not looked at.
            let columns = binding.columns.iter_mut().zip(&plan.columns);
            columns.filter(|(_, column)| !column.is_key).for_each(|(slot, _)| *slot = None);
        }
        Ok(BatchChunks { plan, binding, row_count_max, rest: None, rows_read: 0 })
    }

    /// Takes the next batch, after all chunks of the one before. An error names a column whose type is unlike any of a table.
    pub(crate) fn feed(&mut self, batch: RecordBatch) -> Result<()> {
        self.check(&batch.schema())?;
        self.rest = Some(batch);
        Ok(())
    }

    /// An error names a column that is looked at and whose type is unlike any of a table.
    pub(crate) fn check(&self, schema: &Schema) -> Result<()> {
        for slot in self.slots() {
            let field = &schema.fields()[slot];
            if !is_convertible(field.data_type()) {
                return Err(Failure::of(
                    Kind::Unsupported,
                    format!(
                        "column `{}` is of the Arrow type {}, for which there is no column type",
                        field.name(),
                        field.data_type()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The positions of the columns that are looked at.
    pub(crate) fn slots(&self) -> impl Iterator<Item = usize> {
        let binding = &self.binding;
        let instants = [binding.valid_from, binding.valid_to, binding.system_time, binding.op];
        binding.columns.iter().copied().chain(instants).flatten()
    }

    /// The next chunk of the batch; nothing if there is no more of it.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>> {
        let Some(batch) = self.rest.take() else { return Ok(None) };
        if batch.num_rows() == 0 {
            return Ok(None);
        }
        let mut length = batch.num_rows().min(self.row_count_max);
        while length > 1 && self.plain_bytes(&batch, length) > PLAIN_BYTES_MAX {
            length /= 2;
        }
        if length < batch.num_rows() {
            self.rest = Some(batch.slice(length, batch.num_rows() - length));
        }
        self.chunk(&batch.slice(0, length)).map(Some)
    }

    /// Bytes that the first rows take where values are named instead of written, about.
    fn plain_bytes(&self, batch: &RecordBatch, length: usize) -> usize {
        let columns = self.slots().map(|slot| plain_bytes(&batch.column(slot).slice(0, length)));
        columns.fold(0, usize::saturating_add)
    }

    fn chunk(&mut self, batch: &RecordBatch) -> Result<Chunk> {
        let first = self.rows_read + 1;
        let length = batch.num_rows();
        self.rows_read += length as u64;
        let convert = |slot: usize, name: &str, data_type| {
            let column = convert(batch.column(slot), data_type);
            let column = column.and_then(|column| compact_array(&column));
            column.map_err(|Misfit { row, value }| {
                let row = first + row as u64;
                Failure::new(format!("row {row}: column `{name}`: {value} is not a {data_type}"))
            })
        };
        let is_delete = match self.binding.op {
            Some(slot) => Some(ops(&convert(slot, "op", DataType::Text)?, first)?),
            None => self.plan.request.is_delete.then(|| vec![true; length]),
        };
        let column = |(column, slot): (&PlannedColumn, &Option<usize>)| match slot {
            Some(slot) => convert(*slot, &column.name, column.data_type),
            None => left_out(column, length),
        };
        let columns = self.plan.columns.iter().zip(&self.binding.columns).map(column);
        let columns = columns.collect::<Result<_>>()?;
        let instants = |slot: Option<usize>, name: &Option<String>| {
            let name = name.as_deref().unwrap_or_default();
            slot.map(|slot| convert(slot, name, DataType::Timestamp)).transpose()
        };
        let request = &self.plan.request;
        let consumed = Consumed {
            valid_from: instants(self.binding.valid_from, &request.valid_from)?,
            valid_to: instants(self.binding.valid_to, &request.valid_to)?,
            is_delete,
            system_times: instants(self.binding.system_time, &request.system_time)?,
        };
        Chunk::new(self.plan, columns, consumed, Places::RowsFrom(first))
    }
}

fn ops(texts: &ArrayRef, first: u64) -> Result<Vec<bool>> {
    let texts = texts.as_string::<i32>();
    let op = |row: usize| {
        let text = if texts.is_null(row) { "" } else { texts.value(row) };
        parse_op(text).ok_or_else(|| {
            let row = first + row as u64;
            Failure::new(format!("row {row}: \"{text}\" is neither put nor delete"))
        })
    };
    (0..texts.len()).map(op).collect()
}

/// What stands for a column that no row gives a value.
fn left_out(column: &PlannedColumn, length: usize) -> Result<ArrayRef> {
    match &column.default {
        None => Ok(new_null_array(&column.data_type.arrow(), length)),
        Some(value) => {
            let value = value.array(column.data_type)?;
            Ok(take(&value, &UInt32Array::from(vec![0; length]), None)?)
        }
    }
}

/// Bytes that values take when they are written out, where an array names them.
fn plain_bytes(array: &ArrayRef) -> usize {
    let viewed = |lengths: &mut dyn Iterator<Item = u32>| {
        lengths.fold(0_usize, |sum, length| sum.saturating_add(length as usize))
    };
    match array.data_type() {
        ArrowType::Utf8View => viewed(&mut array.as_string_view().lengths()),
        ArrowType::BinaryView => viewed(&mut array.as_binary_view().lengths()),
        ArrowType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = dictionary.values();
            if values.is_empty() {
                return 0;
            }
            let keys = dictionary.normalized_keys();
            keys.iter().map(|at| plain_bytes_of(values, *at)).fold(0, usize::saturating_add)
        }
        _ => 0,
    }
}

fn plain_bytes_of(values: &ArrayRef, at: usize) -> usize {
    match values.data_type() {
        ArrowType::Utf8 => values.as_string::<i32>().value_length(at) as usize,
        ArrowType::LargeUtf8 => values.as_string::<i64>().value_length(at) as usize,
        ArrowType::Binary => values.as_binary::<i32>().value_length(at) as usize,
        ArrowType::LargeBinary => values.as_binary::<i64>().value_length(at) as usize,
        ArrowType::Utf8View => values.as_string_view().value(at).len(),
        ArrowType::BinaryView => values.as_binary_view().value(at).len(),
        ArrowType::FixedSizeBinary(width) => width.unsigned_abs() as usize,
        _ => 16,
    }
}

/// The same rows in memory of their own, so that nothing else is kept with them.
pub(crate) fn compact(rows: &RecordBatch) -> Result<RecordBatch> {
    let columns = rows.columns().iter().map(copy).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(rows.schema(), columns, &options)?)
}

/// The array, in memory of its own if it lies in much more than it needs: of a whole message, say, that has other columns too.
fn compact_array(array: &ArrayRef) -> Result<ArrayRef, Misfit> {
    let needed = array.to_data().get_slice_memory_size().unwrap_or(usize::MAX);
    let is_tight = array.get_buffer_memory_size() / 2 <= needed.saturating_add(1024);
    Ok(if is_tight { array.clone() } else { copy(array) })
}

fn copy(array: &ArrayRef) -> ArrayRef {
    let data = array.to_data();
    let mut copy = MutableArrayData::new(vec![&data], false, data.len());
    match copy.try_extend(0, 0, data.len()) {
        Ok(()) => make_array(copy.freeze()),
        // Offsets that held the whole hold its rows.
        Err(_) => array.clone(),
    }
}
