//! What to compact next.
//!
//! Two things cost readers: many small segments, and rows with many cuts. Segments of about one size are merged, so that a row is
//! rewritten once for each doubling of its segment and not each time a few rows arrive. Worn segments are rewritten, those of
//! several partitions together: what a cut leaves of a row often belongs to another partition, which takes it up at once.
//!
//! In time partitions, segments with open rows are merged among themselves, and closed ones among themselves. Only an open row
//! can be cut; so what has closed is not rewritten each time that others are cut.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::layout::SEGMENT_ROW_COUNT_MAX;
use crate::partition::Partition;
use crate::schema::TableId;
use crate::version::{SegmentEntry, TableVersion, Version};

/// The most rows that one compaction reads, unless a single segment has more.
const INPUT_ROW_COUNT_MAX: u64 = 1 << 20;
/// The most versions that these may stand for, if each cut adds one, with the same exception: so many places are held in memory.
const VERSION_COUNT_MAX: u64 = 3 << 19;
/// The most bytes that the rows it reads may take in memory, unless a single segment has more.
const INPUT_BYTES_MAX: u64 = 144 << 20;
/// So many small segments of `current` are merged if all are half worn: most of their rows move to time partitions then. One that
/// was just flushed is left out, since the rows it has would stay.
const WORN_RUN_COUNT_MAX: usize = 4;
/// So many are merged however little they are worn; fewer cost a reader little.
const CURRENT_RUN_COUNT_MAX: usize = 8;
/// So many small segments of a time partition are merged.
const PARTITION_RUN_COUNT_MAX: usize = 8;
/// Background compaction leaves groups smaller than this in `current`, where the next one finds them again.
const DIRECT_ROW_COUNT_MIN: usize = 8_192;

/// How many cuts make a segment worn.
struct Wear {
    cut_count_min: u64,
    /// They are at least so many for a hundred open rows ...
    percent_of_open: u64,
    /// ... and for a hundred rows: what is gained must be worth the rewriting.
    percent_of_all: u64,
}

/// A segment so worn is rewritten ...
const WORN: Wear = Wear { cut_count_min: 4_096, percent_of_open: 200, percent_of_all: 12 };
/// ... and those that are worn so much go with it.
const HALF_WORN: Wear = Wear { cut_count_min: 1_024, percent_of_open: 50, percent_of_all: 6 };
/// The most worn segments are also rewritten where all together have so many cuts for a hundred open rows. Wear grows everywhere
/// at once: without this all would be worn at once, too, after a time in which none was, and readers keep their cuts in memory.
const CUT_PERCENT_MAX: u64 = 75;

/// Segments to be replaced by what they add up to.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) table: TableId,
    pub(crate) inputs: Vec<Arc<SegmentEntry>>,
    /// Rows that ended go to their partition's own segment if they are at least so many, or if that partition is one of the inputs'.
    pub(crate) direct_row_count_min: usize,
    /// Partitions whose rows go there however few they are, beside those of the inputs.
    pub(crate) homes: Vec<Partition>,
}

impl Plan {
    /// The latest partition of the inputs.
    pub(crate) fn partition(&self) -> Partition {
        self.partitions().max().unwrap_or(Partition::CURRENT)
    }

    /// The bytes that its rows take in memory.
    pub(crate) fn decoded_bytes(&self) -> u64 {
        self.inputs.iter().map(|entry| entry.segment().meta().decoded_bytes).sum()
    }

    /// The partition of each input.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = Partition> {
        self.inputs.iter().map(|entry| entry.segment().meta().partition)
    }
}

/// One segment by itself, to be written without some of its rows.
pub(crate) fn plan_of(entry: &Arc<SegmentEntry>) -> Plan {
    plan_with(entry.segment().meta().table, vec![entry.clone()])
}

/// Some segments of a table, to be written as the background does it.
pub(super) fn plan_with(table: TableId, inputs: Vec<Arc<SegmentEntry>>) -> Plan {
    Plan { table, inputs, direct_row_count_min: DIRECT_ROW_COUNT_MIN, homes: Vec::new() }
}

/// The most useful background compaction of a table, if one is due.
pub(crate) fn next_plan(table: &TableVersion) -> Option<Plan> {
    let alike = by_likeness(table);
    let merge = alike.iter().find_map(|((partition, _), segments)| merge_of(*partition, segments));
    let inputs = merge.or_else(|| rewrite_of(&alike))?;
    Some(plan_with(table.schema.id, inputs))
}

/// Small segments of about one size, if there are many.
fn merge_of(
    partition: Partition,
    segments: &[Arc<SegmentEntry>],
) -> Option<Vec<Arc<SegmentEntry>>> {
    let mut small: Vec<_> = segments.iter().filter(|entry| is_small(entry)).cloned().collect();
    small.sort_by_key(row_count);
    let run_count_max = if !partition.is_current() {
        small.truncate(tier_len(&small));
        PARTITION_RUN_COUNT_MAX
    } else if small.len() < CURRENT_RUN_COUNT_MAX {
        small.retain(|entry| is_worn(entry, &HALF_WORN));
        WORN_RUN_COUNT_MAX
    } else {
        CURRENT_RUN_COUNT_MAX
    };
    if small.len() < run_count_max {
        return None;
    }
    let inputs = within_budget(small.clone());
    if inputs.len() > 1 {
        return Some(inputs);
    }
    // No two fit one compaction. In a time partition a worn one is rewritten with those of others, in `current` by itself: its cuts
    // are gone then, and what has ended moves on.
    small.retain(|entry| partition.is_current() && is_worn(entry, &HALF_WORN));
    small.truncate(1);
    (!small.is_empty()).then_some(small)
}

/// The worn segments of all partitions, the most worn first, if it is time: so the fewest rows are rewritten for each cut.
fn rewrite_of(alike: &[Alike]) -> Option<Vec<Arc<SegmentEntry>>> {
    let lasting = alike.iter().flat_map(|((partition, _), segments)| {
        // A small segment of `current` is merged before long, whatever its wear.
        segments.iter().filter(|entry| !partition.is_current() || !is_small(entry))
    });
    let (mut open_count, mut cut_count, mut half_worn) = (0, 0, Vec::new());
    for entry in lasting {
        open_count += u64::from(entry.segment().meta().open_count);
        cut_count += entry.cut_count();
        if is_worn(entry, &HALF_WORN) {
            half_worn.push(entry.clone());
        }
    }
    let is_due = cut_count * 100 >= open_count * CUT_PERCENT_MAX
        || half_worn.iter().any(|entry| is_worn(entry, &WORN));
    half_worn.sort_by_key(|entry| Reverse(cut_percent(entry)));
    (is_due && !half_worn.is_empty()).then(|| within_budget(half_worn))
}

/// How many of the segments, which come smallest first, are of about one size: each at most what those before it add up to, so
/// that a merge at least doubles the segment that each row is in.
fn tier_len(segments: &[Arc<SegmentEntry>]) -> usize {
    let mut sum = 0;
    let is_above = |entry: &Arc<SegmentEntry>| {
        let is_above = sum > 0 && row_count(entry) > sum;
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

/// The next step towards a table whose every version is a plain row in its own partition, in as few segments as can be, none of which
/// has values of columns that were dropped.
pub(crate) fn next_full_plan(table: &TableVersion) -> Option<Plan> {
    let alike = by_likeness(table);
    let all = alike.iter().flat_map(|(_, segments)| segments);
    let dirty = all.filter(|entry| is_dirty(entry) || has_dropped_columns(entry, table));
    let mut inputs = within_budget(dirty.cloned().collect());
    if inputs.is_empty() {
        let merge = |(_, segments): &Alike| {
            let mut segments = segments.clone();
            segments.sort_by_key(row_count);
            let inputs = within_budget(segments);
            (inputs.len() > 1).then_some(inputs)
        };
        inputs = alike.iter().find_map(merge)?;
    }
    Some(Plan { direct_row_count_min: 0, ..plan_with(table.schema.id, inputs) })
}

/// Segments that are merged with one another: of one partition, and in time partitions with open rows or without.
type Alike = ((Partition, bool), Vec<Arc<SegmentEntry>>);

/// `current` first, then the latest first: what a compaction moves goes to earlier partitions, which come later.
fn by_likeness(table: &TableVersion) -> Vec<Alike> {
    let mut alike: BTreeMap<(Partition, bool), Vec<Arc<SegmentEntry>>> = BTreeMap::new();
    for entry in &table.segments {
        let meta = entry.segment().meta();
        let is_open = meta.open_count > 0 || meta.partition.is_current();
        alike.entry((meta.partition, is_open)).or_default().push(entry.clone());
    }
    alike.into_iter().rev().collect()
}

fn row_count(entry: &Arc<SegmentEntry>) -> u64 {
    entry.segment().meta().row_count.into()
}

fn is_small(entry: &Arc<SegmentEntry>) -> bool {
    row_count(entry) < SEGMENT_ROW_COUNT_MAX as u64 / 2 || row_count(entry) <= entry.cut_count()
}

/// How many cuts there are for a hundred open rows.
fn cut_percent(entry: &Arc<SegmentEntry>) -> u64 {
    entry.cut_count() * 100 / u64::from(entry.segment().meta().open_count).max(1)
}

fn is_worn(entry: &SegmentEntry, wear: &Wear) -> bool {
    let (meta, cut_count) = (entry.segment().meta(), entry.cut_count());
    cut_count >= wear.cut_count_min
        && cut_count * 100 >= u64::from(meta.open_count) * wear.percent_of_open
        && cut_count * 100 >= u64::from(meta.row_count) * wear.percent_of_all
}

/// Whether a row of the segment is cut, or has ended and is not in its partition.
fn is_dirty(entry: &SegmentEntry) -> bool {
    let meta = entry.segment().meta();
    let has_ended = meta.zone.valid_to.0 != i64::MAX || meta.zone.system_to.0 != i64::MAX;
    entry.cut_count() > 0 || (meta.partition.is_current() && has_ended)
}

/// Whether the segment has values that the table does not show any more.
fn has_dropped_columns(entry: &SegmentEntry, table: &TableVersion) -> bool {
    !table.schema.has_all_of(entry.segment().schema())
}

/// As many segments, in the order given, as one compaction may read; at least one, if there is one.
pub(super) fn within_budget(segments: Vec<Arc<SegmentEntry>>) -> Vec<Arc<SegmentEntry>> {
    let (mut rows, mut versions, mut bytes) = (0, 0, 0);
    let mut taken = Vec::new();
    for entry in segments {
        rows += row_count(&entry);
        versions += row_count(&entry) + entry.cut_count();
        bytes += entry.segment().meta().decoded_bytes;
        let is_full =
            rows > INPUT_ROW_COUNT_MAX || versions > VERSION_COUNT_MAX || bytes > INPUT_BYTES_MAX;
        if !taken.is_empty() && is_full {
            break;
        }
        taken.push(entry);
    }
    taken
}
