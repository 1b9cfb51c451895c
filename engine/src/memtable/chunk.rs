//! The rows that one statement of one transaction asserted about one table.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;

use crate::codec::Keys;
use crate::schema::{EVENT_ID, TableSchema};
use crate::supersession::Cut;

/// What rows of a chunk assert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The keys have these values over these periods.
    Put,
    /// The keys have no values over these periods.
    Delete,
}

/// Rows asserted together; never changed once it is in a memtable.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) operation: Operation,
    /// The entry of the table that it was stated with.
    pub(crate) schema: Arc<TableSchema>,
    /// All columns of the table for a put, the key columns alone for a delete.
    pub(crate) batch: RecordBatch,
    pub(crate) keys: Keys,
    pub(crate) hashes: Vec<u64>,
    pub(crate) valid_from: Vec<i64>,
    pub(crate) valid_to: Vec<i64>,
    pub(crate) system_time: i64,
    pub(crate) commit_number: u64,
}

impl Chunk {
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The row as the cut that it makes in older versions of its key.
    pub(crate) fn cut(&self, row: usize) -> Cut {
        Cut { at: self.system_time, from: self.valid_from[row], to: self.valid_to[row] }
    }

    pub(crate) fn is_put(&self) -> bool {
        self.operation == Operation::Put
    }

    /// The number that the next row of an event table gets after these; `None` for rows that have no such number.
    pub(crate) fn next_event_id(&self) -> Option<i64> {
        let first = self.batch.schema_ref().fields().first().filter(|f| f.name() == EVENT_ID);
        first.filter(|_| self.is_put())?;
        let ids = self.batch.column(0).as_primitive_opt::<Int64Type>()?;
        ids.values().last().map(|id| id + 1)
    }

    /// Bytes of memory, for the budget: arrays as Arrow counts them, and the fixed cost of a chunk of any size.
    pub(crate) fn byte_count(&self) -> usize {
        const CHUNK_BYTES: usize = 512;
        const COLUMN_BYTES: usize = 192;
        // Hash, two period ends, chain link, chunk number and a slot in the index.
        const ROW_BYTES: usize = 8 + 16 + 4 + 4 + 16;
        CHUNK_BYTES
            + self.batch.num_columns() * COLUMN_BYTES
            + self.batch.get_array_memory_size()
            + self.keys.byte_count()
            + self.len() * ROW_BYTES
    }
}
