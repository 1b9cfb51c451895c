//! The catalogue entry of an index.

use serde::{Deserialize, Serialize};

use crate::bitmap::IndexId;
use crate::schema::{ColumnId, TableId, TableSchema};

/// An index that was asked for. Which segments it has bitmaps of is told by the entries of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndexEntry {
    /// Never used twice; drawn from the numbers of files.
    pub(crate) id: IndexId,
    /// Unique in the database.
    pub(crate) name: String,
    pub(crate) table: TableId,
    /// The number of the column in its table, which stays whatever it is called.
    pub(crate) column: ColumnId,
    /// When it was made, in microseconds since 1970.
    pub(crate) created_us: i64,
}

impl IndexEntry {
    /// The position of the column in an entry of the table; `None` if it is not there.
    pub(crate) fn position_in(&self, schema: &TableSchema) -> Option<usize> {
        schema.position_of(self.column)
    }
}
