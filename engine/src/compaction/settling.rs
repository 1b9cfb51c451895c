//! Bringing together what belongs to a partition, before it leaves.
//!
//! A version belongs to the partition of its end wherever it lies: rows that ended may wait in `current`, and a cut may end a row of
//! any segment. Segments that hold such versions are rewritten, until the partition's own segments hold all of it and nothing else.

use super::policy::{self, Plan};
use crate::error::Result;
use crate::partition::Partition;
use crate::schema::TableId;
use crate::segment::BLOCK_ROWS;
use crate::supersession::{Cut, carve};
use crate::version::{SegmentEntry, TableVersion};

/// Ends of versions in microseconds: after the first, up to the second.
type EndRange = (i64, i64);

/// The next step towards a table in which the versions of some partitions are plain rows of their own segments; none once they are.
/// `is_for_others`, if these segments shall have the columns that the table has now: readers that know nothing of it cannot tell.
pub(crate) fn settling_plan(
    table: &TableVersion,
    partitions: &[Partition],
    is_for_others: bool,
) -> Result<Option<Plan>> {
    let mut inputs = Vec::new();
    for entry in &table.segments {
        let meta = entry.segment().meta();
        let is_older = is_for_others && meta.schema_version != table.schema.version;
        if (is_older && partitions.contains(&meta.partition)) || must_settle(entry, partitions)? {
            inputs.push(entry.clone());
        }
    }
    let inputs = policy::within_budget(inputs);
    let id: TableId = table.schema.id;
    let plan = || Plan { homes: partitions.to_vec(), ..policy::plan_with(id, inputs.clone()) };
    Ok((!inputs.is_empty()).then(plan))
}

/// The partitions in which versions of a table end up to an instant, in segments; those named by a segment may turn out to be empty.
pub(crate) fn partitions_ended(table: &TableVersion, until_us: i64) -> Result<Vec<Partition>> {
    let width = table.schema.partition_width;
    let mut found = std::collections::BTreeSet::new();
    for entry in &table.segments {
        found.insert(entry.segment().meta().partition);
        if entry.segment().meta().partition.is_current() || entry.cut_count() > 0 {
            for_each_end(entry, (i64::MIN, until_us), &mut |end| {
                found.insert(Partition::of_end(end, width));
            })?;
        }
    }
    found.retain(|partition| !partition.is_current() && partition.to_us() <= until_us);
    Ok(found.into_iter().collect())
}

fn must_settle(entry: &SegmentEntry, partitions: &[Partition]) -> Result<bool> {
    let own = entry.segment().meta().partition;
    if partitions.contains(&own) {
        return Ok(entry.cut_count() > 0);
    }
    let from = partitions.iter().map(Partition::from_us).min().unwrap_or(i64::MAX);
    let to = partitions.iter().map(Partition::to_us).max().unwrap_or(i64::MIN);
    let mut holds_one = false;
    if own.is_current() || entry.cut_count() > 0 {
        for_each_end(entry, (from, to), &mut |end| {
            holds_one |= partitions.iter().any(|partition| partition.holds_end(end));
        })?;
    }
    Ok(holds_one)
}

/// Calls `each` with the end of every version of a segment that ends in the range. Zone maps keep other blocks from being read.
fn for_each_end(entry: &SegmentEntry, range: EndRange, each: &mut dyn FnMut(i64)) -> Result<()> {
    let is_within = |end: i64| range.0 < end && end <= range.1;
    let overlaps = |(least, greatest): (i64, i64)| least <= range.1 && greatest > range.0;
    // A cut ends what it meets at its instant, and what is left before it where it begins.
    let ends_within = |cut: &Cut| is_within(cut.at) || is_within(cut.from);
    let (segment, cuts) = (entry.segment(), entry.cuts()?);
    let meta = segment.meta();
    if !overlaps(meta.zone.end) && !cuts.iter().any(|(_, cut)| ends_within(&cut)) {
        return Ok(());
    }
    let zones = segment.zones()?;
    for (block, zone) in (0..).zip(&zones.blocks) {
        let first = block * BLOCK_ROWS;
        let of_block = || cuts.within(first, first + BLOCK_ROWS);
        let is_cut = || of_block().any(|(_, cuts)| cuts.iter().any(ends_within));
        if !overlaps(zone.end) && !is_cut() {
            continue;
        }
        let periods = segment.periods(block)?;
        let mut with_cuts = of_block().peekable();
        for row in 0..periods.len() {
            let of_row = with_cuts.next_if(|(other, _)| *other == first + row as u32);
            let of_row = of_row.map_or(&[][..], |(_, cuts)| cuts);
            carve(periods.rect(row), of_row.iter().copied(), &mut |version| {
                if is_within(version.end()) {
                    each(version.end());
                }
            });
        }
    }
    Ok(())
}
