//! From a column to the rows of each of its values.

use std::collections::{BTreeMap, HashMap};

use arrow::array::ArrayRef;
use arrow::compute::{filter, is_not_null};
use roaring::RoaringBitmap;

use crate::codec::encode_keys;
use crate::error::Result;

/// A column of more distinct values in one segment has too many for bitmaps to tell rows apart better than pages do.
pub(super) const VALUE_COUNT_MAX: usize = 4_096;
/// A column with a longer value, as a key encodes it, is no column of few values.
pub(super) const VALUE_BYTES_MAX: usize = 256;
/// A file no longer than this is always worth its space: a longer one must be no longer than the values themselves.
pub(super) const FILE_BYTES_SMALL: u64 = 16 * 1024;

/// The rows of each value of a column of a segment, while its blocks are read in order.
///
/// It gives up, and takes up no more memory, once there are more than 4,096 distinct values or one is longer than 256 bytes. So it holds
/// at most a megabyte of values, and bitmaps of at most about two bytes a row.
#[derive(Debug, Default)]
pub(crate) struct ColumnRows {
    row_count: u32,
    nulls: RoaringBitmap,
    slots: HashMap<Vec<u8>, usize>,
    bitmaps: Vec<RoaringBitmap>,
    plain_bytes: u64,
    is_unfit: bool,
}

/// The same once all rows are known.
#[derive(Debug, PartialEq)]
pub(super) struct Sorted<'a> {
    pub(super) row_count: u32,
    pub(super) nulls: &'a RoaringBitmap,
    /// Values as keys encode them, in their order.
    pub(super) values: BTreeMap<&'a [u8], &'a RoaringBitmap>,
}

impl ColumnRows {
    /// Takes the next rows; `false` once it has given up.
    pub(crate) fn push(&mut self, column: &ArrayRef) -> Result<bool> {
        if self.is_unfit {
            return Ok(false);
        }
        let present = is_not_null(column)?;
        let keys = encode_keys(&[filter(column, &present)?])?;
        let (mut at, mut last) = (0, None);
        for is_present in present.values() {
            let row = self.row_count;
            self.row_count += 1;
            if !is_present {
                self.nulls.insert(row);
                self.plain_bytes += 1;
                continue;
            }
            let value = keys.get(at);
            at += 1;
            self.plain_bytes += value.len() as u64;
            let slot = match last {
                Some((slot, before)) if before == value => slot,
                _ => match self.slot(value) {
                    Some(slot) => slot,
                    None => {
                        *self = ColumnRows { is_unfit: true, ..ColumnRows::default() };
                        return Ok(false);
                    }
                },
            };
            last = Some((slot, value));
            self.bitmaps[slot].insert(row);
        }
        Ok(true)
    }

    /// The place of a value's bitmap; `None` if there are too many values, or this one is too long.
    fn slot(&mut self, value: &[u8]) -> Option<usize> {
        if let Some(slot) = self.slots.get(value) {
            return Some(*slot);
        }
        let slot = self.bitmaps.len();
        if slot == VALUE_COUNT_MAX || value.len() > VALUE_BYTES_MAX {
            return None;
        }
        self.slots.insert(value.to_vec(), slot);
        self.bitmaps.push(RoaringBitmap::new());
        Some(slot)
    }

    /// The rows of each value, runs of them as runs; `None` if it gave up.
    pub(super) fn sorted(&mut self) -> Option<Sorted<'_>> {
        if self.is_unfit {
            return None;
        }
        self.nulls.optimize();
        for bitmap in &mut self.bitmaps {
            bitmap.optimize();
        }
        let bitmaps = &self.bitmaps;
        let values = self.slots.iter().map(|(value, slot)| (&value[..], &bitmaps[*slot]));
        let (row_count, nulls) = (self.row_count, &self.nulls);
        Some(Sorted { row_count, nulls, values: values.collect() })
    }

    /// The longest file that is worth its space.
    pub(super) fn file_bytes_max(&self) -> u64 {
        self.plain_bytes.max(FILE_BYTES_SMALL)
    }
}
