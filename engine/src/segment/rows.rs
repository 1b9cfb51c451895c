//! Rows on their way into a segment, and periods on their way out of it.

use std::ops::Deref;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, TimestampMicrosecondArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};

use crate::index::Zone;
use crate::time::Rect;

/// The four instants of some rows, in microseconds; unbounded is `i64::MIN` as a start and
/// `i64::MAX` as an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Periods<C = Vec<i64>> {
    pub(crate) valid_from: C,
    pub(crate) valid_to: C,
    pub(crate) system_from: C,
    pub(crate) system_to: C,
}

impl Default for Periods {
    /// No rows. Written out for vectors alone, so that `Periods::default()` needs no type beside
    /// it.
    fn default() -> Periods {
        let [valid_from, valid_to, system_from, system_to] = [const { Vec::new() }; 4];
        Periods { valid_from, valid_to, system_from, system_to }
    }
}

/// The instants of one block, as they were decoded: nothing is copied where nothing is unbounded.
pub(crate) type PeriodBlock = Periods<ScalarBuffer<i64>>;

/// Versions to be written: the table's columns, the four instants and the hash of the key of each
/// row.
#[derive(Clone, Debug)]
pub(crate) struct SegmentRows {
    /// The table's columns, as `TableSchema::arrow` has them; text and bytes may be numbers (`UInt32`) of distinct values.
    pub(crate) columns: Vec<ArrayRef>,
    /// The instants of each row.
    pub(crate) periods: Periods,
    /// The hash of each row's key.
    pub(crate) key_hashes: Vec<u64>,
}

impl<C: Deref<Target = [i64]>> Periods<C> {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.system_to.len()
    }

    /// The four columns, in the order of the fields.
    pub(crate) fn columns(&self) -> [&[i64]; 4] {
        [&self.valid_from, &self.valid_to, &self.system_from, &self.system_to]
    }

    /// The instant from which a row can be visible: the later of its two starts.
    pub(crate) fn start(&self, row: usize) -> i64 {
        self.valid_from[row].max(self.system_from[row])
    }

    /// The instant from which no reader of the present of either axis sees a row: the earlier of
    /// its two ends.
    pub(crate) fn end(&self, row: usize) -> i64 {
        self.valid_to[row].min(self.system_to[row])
    }

    /// The zone of the rows from `from` to `to`; `None` if there are none.
    pub(crate) fn zone(&self, from: usize, to: usize) -> Option<Zone> {
        Zone::of(self.columns().map(|column| &column[from..to]))
    }

    /// The bytes it takes in memory, estimated.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.len() * 4 * size_of::<i64>() + size_of::<PeriodBlock>()
    }
}

impl Periods {
    /// No rows, and room for so many.
    pub(crate) fn with_capacity(row_count: usize) -> Periods {
        Periods {
            valid_from: Vec::with_capacity(row_count),
            valid_to: Vec::with_capacity(row_count),
            system_from: Vec::with_capacity(row_count),
            system_to: Vec::with_capacity(row_count),
        }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, rect: &Rect) {
        self.valid_from.push(rect.valid_from);
        self.valid_to.push(rect.valid_to);
        self.system_from.push(rect.system_from);
        self.system_to.push(rect.system_to);
    }

    /// The instants as Arrow columns in which NULL stands for unbounded.
    pub(super) fn into_arrays(self) -> [ArrayRef; 4] {
        [
            nullable(self.valid_from, i64::MIN),
            nullable(self.valid_to, i64::MAX),
            nullable(self.system_from, i64::MIN),
            nullable(self.system_to, i64::MAX),
        ]
    }
}

impl PeriodBlock {
    /// The instants that four Arrow columns hold; `None` if one is not of microseconds.
    pub(super) fn from_arrays(columns: &[ArrayRef]) -> Option<PeriodBlock> {
        let [valid_from, valid_to, system_from, system_to] = columns else { return None };
        Some(Periods {
            valid_from: instants(valid_from, i64::MIN)?,
            valid_to: instants(valid_to, i64::MAX)?,
            system_from: instants(system_from, i64::MIN)?,
            system_to: instants(system_to, i64::MAX)?,
        })
    }
}

fn nullable(values: Vec<i64>, unbounded: i64) -> ArrayRef {
    let nulls = values
        .contains(&unbounded)
        .then(|| NullBuffer::from_iter(values.iter().map(|value| *value != unbounded)));
    let array = TimestampMicrosecondArray::new(ScalarBuffer::from(values), nulls);
    Arc::new(array.with_timezone("UTC"))
}

/// The instants of a column; `None` if it is not one of microseconds.
pub(super) fn instants(column: &ArrayRef, unbounded: i64) -> Option<ScalarBuffer<i64>> {
    let column = column.as_any().downcast_ref::<TimestampMicrosecondArray>()?;
    if column.null_count() == 0 {
        return Some(column.values().clone());
    }
    Some(column.iter().map(|instant| instant.unwrap_or(unbounded)).collect())
}
