//! What a scan will touch, as far as it can be told without opening a file.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::DataType as ArrowType;
use serde::Serialize;

use super::bitmap::index_names;
use super::bounds::PrunedBy;
use super::request::Request;
use crate::memtable::Memtable;
use crate::partition::Partition;
use crate::segment::SegmentMeta;
use crate::version::TableVersion;

/// The bytes of the four period columns of a row.
const PERIOD_BYTES: u64 = 32;
/// A cut, or an unflushed assertion, divides what it meets of its key: at most so many versions come to those there were.
const VERSIONS_PER_CUT: u64 = 2;

/// What a scan will touch, from the manifest and the memtables alone: no file is opened for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ScanEstimate {
    /// The scan gives no more rows than this.
    pub row_count_max: u64,
    /// About the bytes in memory of the wanted columns of so many rows.
    pub byte_count: u64,
    /// Whether the filter fixes the whole key: then only the blocks that hold the key are read.
    pub is_look_up: bool,
    /// Partitions of the table that have segments, `current` among them.
    pub partition_count: u64,
    /// The partitions of which segments are kept, in order of time, `current` last.
    pub partitions_kept: Vec<PartitionEstimate>,
    /// Segments of the table.
    pub segment_count: u64,
    /// Segments that must be looked into.
    pub segment_kept_count: u64,
    /// Segments that are passed over because none of their rows meets the clause on valid time.
    pub segment_pruned_by_valid_time_count: u64,
    /// Of the others, those in which none meets the clause on system time.
    pub segment_pruned_by_system_time_count: u64,
    /// Of the others, those in which some meet one clause and some the other, but none meets both.
    pub segment_pruned_by_both_count: u64,
    /// Unflushed assertions that will be looked through.
    pub memtable_row_count: u64,
    /// The names of the indexes that decide a condition of the filter for some of these segments.
    pub indexes: Vec<String>,
}

/// What a scan will touch of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartitionEstimate {
    /// Its name, such as `2024-03` or `current`.
    pub partition: String,
    /// Its segments that are kept.
    pub segment_kept_count: u64,
    /// The rows in them.
    pub row_count: u64,
    /// The bytes of their Parquet files.
    pub bytes: u64,
}

impl ScanEstimate {
    pub(crate) fn new(
        request: &Request,
        table: &TableVersion,
        memtables: &[Arc<Memtable>],
        commit_number: u64,
    ) -> ScanEstimate {
        let whole = request.selection.of_whole();
        let unflushed = memtables.iter().flat_map(|m| m.chunks(table.schema.id, commit_number));
        let mut estimate = ScanEstimate {
            is_look_up: request.key.is_some(),
            memtable_row_count: unflushed.map(|assertions| assertions.len() as u64).sum(),
            ..ScanEstimate::default()
        };
        let mut kept: BTreeMap<Partition, Option<PartitionEstimate>> = BTreeMap::new();
        let (mut row_count, mut cut_count, mut decoded_bytes) = (0, 0, 0);
        let mut entries = Vec::new();
        for entry in &table.segments {
            let meta = entry.segment().meta();
            let partition = kept.entry(meta.partition).or_default();
            estimate.segment_count += 1;
            match whole.prune(&meta.zone) {
                Err(PrunedBy::ValidTime) => estimate.segment_pruned_by_valid_time_count += 1,
                Err(PrunedBy::SystemTime) => estimate.segment_pruned_by_system_time_count += 1,
                Err(PrunedBy::Both) => estimate.segment_pruned_by_both_count += 1,
                Ok(_) => {
                    entries.push(&**entry);
                    estimate.segment_kept_count += 1;
                    row_count += u64::from(meta.row_count);
                    cut_count += entry.cut_count();
                    decoded_bytes += meta.decoded_bytes;
                    partition.get_or_insert_with(|| PartitionEstimate::none_of(meta)).add(meta);
                }
            }
        }
        estimate.partition_count = kept.len() as u64;
        estimate.partitions_kept = kept.into_values().flatten().collect();
        estimate.indexes = index_names(request, table, &entries);
        estimate.row_count_max = estimate.bound(request, row_count, cut_count);
        let row_bytes = row_bytes(request, row_count, decoded_bytes);
        estimate.byte_count = estimate.row_count_max.saturating_mul(row_bytes);
        estimate
    }

    /// The most rows that can come of the kept rows and cuts of segments, and of the unflushed assertions.
    fn bound(&self, request: &Request, row_count: u64, cut_count: u64) -> u64 {
        let unflushed = self.memtable_row_count;
        let versions = match request.selection.point {
            Some(_) if self.is_look_up => 1.min(row_count + unflushed),
            // At one instant of both times at most one of the versions of a row or put is visible.
            Some(_) => row_count + unflushed,
            None => row_count + unflushed + VERSIONS_PER_CUT * (cut_count + unflushed),
        };
        versions.min(request.limit.map_or(u64::MAX, |limit| limit as u64))
    }
}

impl PartitionEstimate {
    fn none_of(meta: &SegmentMeta) -> PartitionEstimate {
        let partition = meta.partition.name();
        PartitionEstimate { partition, segment_kept_count: 0, row_count: 0, bytes: 0 }
    }

    fn add(&mut self, meta: &SegmentMeta) {
        self.segment_kept_count += 1;
        self.row_count += u64::from(meta.row_count);
        self.bytes += meta.data_bytes;
    }
}

/// About the bytes that the wanted columns of one row take. Columns of text and bytes share what the others leave of
/// `decoded_bytes`, the bytes of `row_count` whole rows.
fn row_bytes(request: &Request, row_count: u64, decoded_bytes: u64) -> u64 {
    // What a value of unknown length takes where there are no rows to tell.
    const TEXT_BYTES: u64 = 16;
    let width = |number: &usize| {
        request.schema.columns.get(*number).map_or(Some(8), |column| {
            match column.data_type.arrow() {
                ArrowType::Utf8 | ArrowType::Binary => None,
                ArrowType::Boolean => Some(1),
                other => Some(other.primitive_width().unwrap_or(16) as u64),
            }
        })
    };
    let all: Vec<Option<u64>> = (0..request.schema.columns.len()).map(|n| width(&n)).collect();
    let fixed: u64 = all.iter().flatten().sum();
    let text_count = all.iter().filter(|width| width.is_none()).count() as u64;
    let text_bytes = match decoded_bytes.checked_div(row_count) {
        Some(row) if text_count > 0 => row.saturating_sub(fixed + PERIOD_BYTES) / text_count,
        _ => TEXT_BYTES,
    };
    request.columns.iter().map(|number| width(number).unwrap_or(text_bytes)).sum()
}

impl fmt::Display for ScanEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.partitions_kept.iter().map(|p| p.partition.as_str()).collect();
        write!(
            f,
            "{}at most {} rows, partitions {} of {} ({}), segments {} of {} (pruned by valid time {}, by system \
             time {}, by both {}), memtable rows {}",
            if self.is_look_up { "look-up of a key, " } else { "" },
            self.row_count_max,
            names.len(),
            self.partition_count,
            if names.is_empty() { "none".to_owned() } else { names.join(", ") },
            self.segment_kept_count,
            self.segment_count,
            self.segment_pruned_by_valid_time_count,
            self.segment_pruned_by_system_time_count,
            self.segment_pruned_by_both_count,
            self.memtable_row_count
        )?;
        match self.indexes.is_empty() {
            true => Ok(()),
            false => write!(f, ", indexes {}", self.indexes.join(", ")),
        }
    }
}
