//! Segments: immutable, sorted runs of versions of one table in one partition.
//!
//! A segment is two files, a Parquet file that any Parquet reader can open and an index file beside
//! it; `docs/format/segment.md` describes both. It comes in two sections: first the `open_count`
//! rows still believed (`system_to` unbounded), then the closed ones. Each section is sorted by
//! the partition of the end, then by start, the later of `valid_from` and `system_from`, so that what
//! an as-of query can see of a partition is a prefix.
//!
//! Every byte that is read from either file is verified by a checksum before it is used. Nothing is
//! read before a segment is first asked for something.

mod access;
mod core;
mod encode;
mod index_file;
mod mapped;
mod packed;
mod page_header;
mod pages;
mod place;
mod properties;
mod reader;
mod rows;
mod sink;
mod verified;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(crate) use crate::index::{ColumnZone, Zone, ZoneMap};
use crate::partition::Partition;
use crate::schema::TableId;
pub(crate) use encode::{BytesOf, Dictionary};
pub(crate) use mapped::ZoneColumn;
pub(crate) use reader::{Section, Segment};
pub(crate) use rows::{PeriodBlock, Periods, SegmentRows};
pub(crate) use writer::{SegmentWriter, decoded_bytes};

/// The rows of a block: what zone maps describe and what is decoded at once. Every block but a
/// segment's last is full.
pub(crate) const BLOCK_ROWS: u32 = 4096;
/// The most rows of a Parquet row group, which share their dictionaries.
const ROW_GROUP_ROWS: u32 = 32 * BLOCK_ROWS;
/// A row group ends, too, at the block with which its pages reach so many bytes: a writer holds them in memory.
const ROW_GROUP_BYTES: usize = 16 << 20;
/// The bytes of the Parquet file that share a checksum.
const CHECKSUM_BYTES: u64 = 16 * 1024;

/// The number of a segment, never used twice in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct SegmentId(pub(crate) u64);

impl SegmentId {
    fn data_path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{self}.parquet"))
    }

    fn index_path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{self}.index"))
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What the manifest holds of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentMeta {
    /// The segment's number, which names its files.
    pub(crate) id: SegmentId,
    /// The table whose rows it holds.
    pub(crate) table: TableId,
    /// The version of the table's entry that it was written with.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) schema_version: u32,
    /// The partition they lie in.
    pub(crate) partition: Partition,
    /// How many rows it has, at least 1.
    pub(crate) row_count: u32,
    /// How many of them, the first ones, are still believed.
    pub(crate) open_count: u32,
    /// The length of the Parquet file.
    pub(crate) data_bytes: u64,
    /// The bytes that its rows take in memory once they are decoded, about.
    pub(crate) decoded_bytes: u64,
    /// The length of the index file.
    pub(crate) index_bytes: u64,
    /// The CRC-32C of the index file's fixed part, so that another segment's or an older file
    /// fails.
    pub(crate) index_checksum: u32,
    /// The zone of all rows.
    pub(crate) zone: Zone,
    /// The zone of the rows still believed.
    pub(crate) open_zone: Option<Zone>,
    /// The zone of the closed rows.
    pub(crate) closed_zone: Option<Zone>,
}

impl SegmentMeta {
    /// How many blocks the rows make.
    pub(crate) fn block_count(&self) -> u32 {
        self.row_count.div_ceil(BLOCK_ROWS)
    }
}

/// Whether a version has nothing to say: then it is not stored.
fn is_zero(version: &u32) -> bool {
    *version == 0
}
