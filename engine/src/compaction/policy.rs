//! What to compact next.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::layout::SEGMENT_ROW_COUNT_MAX;
use crate::partition::Partition;
use crate::schema::TableId;
use crate::version::{SegmentEntry, TableVersion, Version};

/// The most rows that one compaction reads, unless a single segment has more.
const INPUT_ROW_COUNT_MAX: u64 = 1 << 20;
/// The most bytes that the rows it reads may take in memory, unless a single segment has more.
const INPUT_BYTES_MAX: u64 = 192 << 20;
/// So many small segments of `current` are merged; fewer cost a reader little.
const CURRENT_RUN_COUNT_MAX: usize = 4;
/// So many small segments of a time partition are merged.
const PARTITION_RUN_COUNT_MAX: usize = 6;
/// Background compaction leaves groups smaller than this in `current`, where the next one finds them again.
const DIRECT_ROW_COUNT_MIN: usize = 8_192;
/// A segment is rewritten when at least so many cuts lie on it ...
const WORN_CUT_COUNT_MIN: u64 = 4_096;
/// ... and they are at least this part of its open rows.
const WORN_PART: u64 = 4;

/// Segments of one partition to be replaced by what they add up to.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) table: TableId,
    pub(crate) partition: Partition,
    pub(crate) inputs: Vec<Arc<SegmentEntry>>,
    /// Rows that ended go to their partition's own segment if they are at least so many.
    pub(crate) direct_row_count_min: usize,
}

/// The most useful background compaction of a table, if one is due.
pub(crate) fn next_plan(table: &TableVersion) -> Option<Plan> {
    let plan = |partition, inputs| Plan {
        table: table.schema.id,
        partition,
        inputs,
        direct_row_count_min: DIRECT_ROW_COUNT_MIN,
    };
    for (partition, segments) in by_partition(table) {
        let is_small = |entry: &&Arc<SegmentEntry>| {
            row_count(entry) < SEGMENT_ROW_COUNT_MAX as u64 / 2
                || row_count(entry) <= cut_count(entry)
        };
        let mut small: Vec<_> = segments.iter().filter(is_small).cloned().collect();
        small.sort_by_key(row_count);
        let run_count_max =
            if partition.is_current() { CURRENT_RUN_COUNT_MAX } else { PARTITION_RUN_COUNT_MAX };
        if !partition.is_current() {
            small.truncate(tier_len(&small));
        }
        if small.len() >= run_count_max {
            let inputs = within_budget(small);
            if inputs.len() > 1 {
                return Some(plan(partition, inputs));
            }
        }
        let worn: Vec<_> = segments.into_iter().filter(|entry| is_worn(entry)).collect();
        if !worn.is_empty() {
            return Some(plan(partition, within_budget(worn)));
        }
    }
    None
}

/// How many of the segments, which come smallest first, are of about one size: each at most twice what those before it add up
/// to. Merging only these, a row is rewritten once for each doubling of its segment and not each time a few rows arrive.
fn tier_len(segments: &[Arc<SegmentEntry>]) -> usize {
    let mut sum = 0;
    let is_above = |entry: &Arc<SegmentEntry>| {
        let is_above = sum > 0 && row_count(entry) > 2 * sum;
        sum += row_count(entry);
        is_above
    };
    segments.iter().position(is_above).unwrap_or(segments.len())
}

/// How far compaction is behind: the most segments in `current` of any table for which something is due. A table for which
/// nothing is due owes nothing, however many segments it has: nobody would wait for an end.
pub(crate) fn debt(version: &Version) -> usize {
    let in_current = |table: &Arc<TableVersion>| {
        let is_current = |entry: &&Arc<SegmentEntry>| entry.segment().meta().partition.is_current();
        table.segments.iter().filter(is_current).count()
    };
    let owing = version.tables.values().filter(|table| next_plan(table).is_some());
    owing.map(in_current).max().unwrap_or(0)
}

/// The next step towards a table whose every version is a plain row in its own partition, in as few segments as can be.
pub(crate) fn next_full_plan(table: &TableVersion) -> Option<Plan> {
    by_partition(table).into_iter().find_map(|(partition, mut segments)| {
        segments.sort_by_key(row_count);
        let is_dirty = segments.iter().any(|entry| is_dirty(entry));
        let mergeable = segments.len() > 1
            && row_count(&segments[0]) + row_count(&segments[1]) <= SEGMENT_ROW_COUNT_MAX as u64;
        if !is_dirty && !mergeable {
            return None;
        }
        if is_dirty {
            segments.sort_by_key(|entry| !self::is_dirty(entry));
        }
        let inputs = within_budget(segments);
        let table = table.schema.id;
        Some(Plan { table, partition, inputs, direct_row_count_min: 0 })
    })
}

/// `current` first, then the latest first: what a compaction moves goes to earlier partitions, which come later.
fn by_partition(table: &TableVersion) -> Vec<(Partition, Vec<Arc<SegmentEntry>>)> {
    let mut partitions: BTreeMap<Partition, Vec<Arc<SegmentEntry>>> = BTreeMap::new();
    for entry in &table.segments {
        partitions.entry(entry.segment().meta().partition).or_default().push(entry.clone());
    }
    partitions.into_iter().rev().collect()
}

fn row_count(entry: &Arc<SegmentEntry>) -> u64 {
    entry.segment().meta().row_count.into()
}

fn cut_count(entry: &Arc<SegmentEntry>) -> u64 {
    entry.cut_count()
}

fn is_worn(entry: &SegmentEntry) -> bool {
    let cut_count = entry.cut_count();
    let open_count = u64::from(entry.segment().meta().open_count);
    cut_count >= WORN_CUT_COUNT_MIN && cut_count * WORN_PART >= open_count
}

/// Whether a row of the segment is cut, or has ended and is not in its partition.
fn is_dirty(entry: &SegmentEntry) -> bool {
    let meta = entry.segment().meta();
    let has_ended = meta.zone.valid_to.0 != i64::MAX || meta.zone.system_to.0 != i64::MAX;
    entry.cut_count() > 0 || (meta.partition.is_current() && has_ended)
}

/// As many segments, in the order given, as one compaction may read; at least one.
fn within_budget(segments: Vec<Arc<SegmentEntry>>) -> Vec<Arc<SegmentEntry>> {
    let (mut rows, mut bytes) = (0, 0);
    let mut taken = Vec::new();
    for entry in segments {
        rows += row_count(&entry);
        bytes += entry.segment().meta().decoded_bytes;
        if !taken.is_empty() && (rows > INPUT_ROW_COUNT_MAX || bytes > INPUT_BYTES_MAX) {
            break;
        }
        taken.push(entry);
    }
    taken
}
