//! Value bitmaps: for a column of a segment, which rows hold each of its values; made on request, for columns of few values.
//!
//! One file for a segment and an index, beside the segment's own; `docs/format/bitmap.md` describes it. It is written once, from an
//! immutable segment, and goes with the segment or with the index. Values are kept exactly, so that the bitmap of a value has the
//! rows that hold it and no other: whatever cuts a row or hides it leaves its values as they are.
//!
//! It is not an index of the table: rows in memory are in none, and a segment may have no bitmaps yet, or never, where they would
//! not be worth their space ([`ColumnRows`]). Whoever reads without them reads more and answers the same.

mod build;
mod file;
mod format;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::segment::SegmentId;

pub(crate) use build::ColumnRows;
pub(crate) use file::{BitmapFile, Wanted, discard_bitmap, write_bitmap};

/// The number of an index, never used twice in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct IndexId(pub(crate) u64);

impl fmt::Display for IndexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What the manifest holds of the bitmaps of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BitmapMeta {
    /// The segment whose rows they are of; its number and that of the index name the file.
    pub(crate) segment: SegmentId,
    /// The index that they belong to.
    pub(crate) index: IndexId,
    /// The length of the file; 0 if there is none, because bitmaps would not be worth their space.
    pub(crate) bytes: u64,
    /// The length of the file's fixed part, the checksum at its end included.
    pub(crate) fixed_bytes: u64,
    /// That checksum, so that another or an older file fails.
    pub(crate) checksum: u32,
}

impl BitmapMeta {
    /// That a segment is passed over by an index.
    pub(crate) fn unfit(segment: SegmentId, index: IndexId) -> BitmapMeta {
        BitmapMeta { segment, index, bytes: 0, fixed_bytes: 0, checksum: 0 }
    }

    /// Whether there is a file.
    pub(crate) fn has_file(&self) -> bool {
        self.bytes > 0
    }
}
