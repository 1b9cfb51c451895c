//! What a scan touched and what it could leave alone.

use std::fmt;
use std::ops::AddAssign;

use serde::Serialize;

/// Counts of one scan, complete once it has been read to its end. Those of its parts add up by `+=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ScanMetrics {
    /// Partitions of the table that have segments, `current` among them.
    pub partition_count: u64,
    /// Partitions of which a segment was read.
    pub partition_kept_count: u64,
    /// Segments of the table.
    pub segment_count: u64,
    /// Segments that were read.
    pub segment_kept_count: u64,
    /// Blocks (pages of 4,096 rows) of the segments that were read.
    pub block_count: u64,
    /// Blocks of which values were read.
    pub block_kept_count: u64,
    /// Blocks that an index ruled out, of those that zone maps had left.
    pub bitmap_pruned_block_count: u64,
    /// Unflushed assertions that were looked through.
    pub memtable_row_count: u64,
    /// Rows selected on both axes, before the filter, without those that an index rules out.
    pub visible_row_count: u64,
    /// Rows given out.
    pub row_count: u64,
    /// Bytes of columns decoded from segments rather than found in the cache.
    pub decoded_bytes: u64,
}

impl AddAssign for ScanMetrics {
    fn add_assign(&mut self, other: ScanMetrics) {
        self.partition_count += other.partition_count;
        self.partition_kept_count += other.partition_kept_count;
        self.segment_count += other.segment_count;
        self.segment_kept_count += other.segment_kept_count;
        self.block_count += other.block_count;
        self.block_kept_count += other.block_kept_count;
        self.bitmap_pruned_block_count += other.bitmap_pruned_block_count;
        self.memtable_row_count += other.memtable_row_count;
        self.visible_row_count += other.visible_row_count;
        self.row_count += other.row_count;
        self.decoded_bytes += other.decoded_bytes;
    }
}

impl fmt::Display for ScanMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "partitions {} of {}, segments {} of {}, blocks {} of {} (pruned by indexes {}), memtable rows {}, \
             visible rows {}, \
             rows {}, decoded bytes {}",
            self.partition_kept_count,
            self.partition_count,
            self.segment_kept_count,
            self.segment_count,
            self.block_kept_count,
            self.block_count,
            self.bitmap_pruned_block_count,
            self.memtable_row_count,
            self.visible_row_count,
            self.row_count,
            self.decoded_bytes
        )
    }
}
