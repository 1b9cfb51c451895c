//! What flush, compaction and scans ask of a segment beside its columns: keys, versions, everything once.

use std::ops::Deref;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::buffer::ScalarBuffer;
use arrow::compute::take;
use arrow::datatypes::DataType as ArrowType;

use super::rows::instants;
use super::{BLOCK_ROWS, PeriodBlock, Periods, Segment};
use crate::codec::{Keys, encode_keys};
use crate::error::{Error, Result};
use crate::time::Rect;

/// So many blocks are decoded at a time when a segment is read once: a quarter of a row group.
const READ_BLOCK_COUNT: usize = 8;

impl<C: Deref<Target = [i64]>> Periods<C> {
    /// The extent of a row in both times.
    pub(crate) fn rect(&self, row: usize) -> Rect {
        Rect {
            valid_from: self.valid_from[row],
            valid_to: self.valid_to[row],
            system_from: self.system_from[row],
            system_to: self.system_to[row],
        }
    }
}

impl Segment {
    /// How many rows a block has.
    pub(crate) fn block_len(&self, block: u32) -> usize {
        let first = block.saturating_mul(BLOCK_ROWS);
        self.meta().row_count.saturating_sub(first).min(BLOCK_ROWS) as usize
    }

    /// The encoded keys of some rows of a block, counted from the block's first, in the order given.
    pub(crate) fn keys_of(&self, block: u32, rows: &[u32]) -> Result<Keys> {
        // Whatever else of the table was changed since: the key has the same columns, of the same types and in the same order.
        let schema = self.schema();
        let mut columns: Vec<usize> = schema.key.clone();
        columns.sort_unstable();
        let values = self.stored_columns(&[block], &columns)?.pop().unwrap_or_default();
        // A row named twice, as rows whose hashes collide are, would make a part look like the whole.
        let is_whole =
            rows.len() == self.block_len(block) && rows.is_sorted_by(|left, right| left < right);
        let indices = UInt32Array::from(rows.to_vec());
        let key_column = |at: &usize| -> Result<ArrayRef> {
            let array = &values[columns.partition_point(|other| other < at)];
            Ok(if is_whole { array.clone() } else { take(array, &indices, None)? })
        };
        let key: Vec<ArrayRef> = schema.key.iter().map(key_column).collect::<Result<_>>()?;
        encode_keys(&key)
    }

    /// Where the valid period of each row of several blocks begins and ends, past the cache; the blocks are named in ascending order.
    pub(crate) fn valid_periods_uncached(
        &self,
        blocks: &[u32],
    ) -> Result<Vec<(ScalarBuffer<i64>, ScalarBuffer<i64>)>> {
        let core = self.core()?;
        let first = self.schema().columns.len();
        let decoded = core.decode(blocks, &[first, first + 1])?;
        let bounds = decoded.batches.iter().map(|batch| {
            let [from, to] = batch.columns() else { return None };
            Some((instants(from, i64::MIN)?, instants(to, i64::MAX)?))
        });
        let bounds: Option<Vec<_>> = bounds.collect();
        bounds.ok_or_else(|| {
            Error::corrupt(core.data.path(), 0, "the instants are not of microseconds")
        })
    }

    /// Hands out a column block by block, past the cache, until `each` has enough and says `false`.
    pub(crate) fn read_column_uncached(
        &self,
        column: usize,
        each: &mut dyn FnMut(&ArrayRef) -> Result<bool>,
    ) -> Result<()> {
        let core = self.open_core()?;
        let blocks: Vec<u32> = (0..self.meta().block_count()).collect();
        for window in blocks.chunks(READ_BLOCK_COUNT) {
            for batch in core.decode(window, &[column])?.batches {
                if !each(batch.column(0))? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Hands out every block with its number, columns (of the schema it was written with) and periods, past the cache.
    ///
    /// Columns of text and bytes that are not of the key come as numbers and the values they stand for, where they are stored
    /// like that: many rows then take little memory.
    pub(crate) fn read_blocks_uncached(
        &self,
        each: &mut dyn FnMut(u32, Vec<ArrayRef>, PeriodBlock) -> Result<()>,
    ) -> Result<()> {
        let core = self.open_core()?;
        let schema = self.schema();
        let column_count = schema.columns.len();
        let columns: Vec<usize> = (0..column_count + 4).collect();
        let is_bytes = |at: &usize| {
            let data_type = schema.columns[*at].data_type.arrow();
            matches!(data_type, ArrowType::Utf8 | ArrowType::Binary) && !schema.key.contains(at)
        };
        let as_numbers: Vec<usize> = (0..column_count).filter(is_bytes).collect();
        let blocks: Vec<u32> = (0..self.meta().block_count()).collect();
        for window in blocks.chunks(READ_BLOCK_COUNT) {
            let decoded = core.decode_with(window, &columns, &as_numbers)?;
            for (block, batch) in window.iter().zip(decoded.batches) {
                let (_, mut values, _) = batch.into_parts();
                let instants = values.split_off(column_count);
                let periods: PeriodBlock = Periods::from_arrays(&instants).ok_or_else(|| {
                    let path = &self.file_paths()[0];
                    Error::corrupt(path, 0, "the instants are not of microseconds")
                })?;
                each(*block, values, periods)?;
            }
        }
        Ok(())
    }
}
