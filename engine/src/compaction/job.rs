//! Reads the segments of a plan and writes what they add up to.

use std::sync::Arc;

use arrow::array::Array;

use super::policy::Plan;
use crate::codec::{encode_keys, key_prefix};
use crate::error::Result;
use crate::layout::{Placed, Placement, SortedRows, Source, write_groups};
use crate::schema::TableSchema;
use crate::segment::{BLOCK_ROWS, SegmentId, SegmentMeta};
use crate::supersession::{Cut, SupersessionSet, carve};
use crate::version::{Files, SegmentEntry, TableVersion};

/// What a compaction has written, and from which rows; durable, and garbage until the manifest names it.
#[derive(Debug)]
pub(crate) struct Compacted {
    pub(crate) segments: Vec<SegmentMeta>,
    /// The rows of so many of the segments, and of so many more, and so on.
    rows: Vec<(usize, SortedRows)>,
    /// For each input, the number of the first batch that its rows were taken from: a batch is a block.
    first_batches: Vec<u32>,
}

/// Writes the segments that replace a plan's inputs, with the columns of `schema`, whatever entries of the table the inputs were written
/// with before it. Rows that are named in `left_out`, ascending, for an input are not in them; there
/// may be fewer lists than inputs.
pub(crate) fn compact(
    files: &Files,
    schema: &TableSchema,
    plan: &Plan,
    left_out: &[Vec<u32>],
    next_id: &mut dyn FnMut() -> u64,
) -> Result<Compacted> {
    compact_until(files, schema, (plan, i64::MAX), left_out, next_id)
}

/// The same as of a system instant: what began later is not there, what ended later has not ended.
pub(crate) fn compact_until(
    files: &Files,
    schema: &TableSchema,
    (plan, until): (&Plan, i64),
    left_out: &[Vec<u32>],
    next_id: &mut dyn FnMut() -> u64,
) -> Result<Compacted> {
    let (mut sources, mut first_batches) = (Vec::new(), Vec::new());
    let mut placement = Placement::new(schema.partition_width);
    let homes = plan.partitions().chain(plan.homes.iter().copied());
    homes.for_each(|partition| placement.keep_home(partition));
    for (at, entry) in plan.inputs.iter().enumerate() {
        first_batches.push(sources.len() as u32);
        let left_out = left_out.get(at).map_or(&[][..], Vec::as_slice);
        read_segment((entry, until), left_out, &mut sources, &mut placement)?;
    }
    let groups = (&sources[..], placement.into_groups(plan.direct_row_count_min));
    let (mut segments, mut rows) = (Vec::new(), Vec::new());
    for group in write_groups(files, schema, groups, next_id, 1, |rows| rows)? {
        rows.push((group.segments.len(), group.rows));
        segments.extend(group.segments);
    }
    Ok(Compacted { segments, rows, first_batches })
}

/// Appends the values of a segment, block by block, and places the versions that its rows stand for.
fn read_segment(
    (entry, until): (&SegmentEntry, i64),
    left_out: &[u32],
    sources: &mut Vec<Source>,
    placement: &mut Placement,
) -> Result<()> {
    let segment = entry.segment();
    let schema = segment.schema();
    let cuts = entry.cuts()?;
    let mut left_out = left_out.iter().copied().peekable();
    segment.read_blocks_uncached(&mut |block, mut columns, periods| {
        let key_columns: Vec<_> = schema.key.iter().map(|at| columns[*at].clone()).collect();
        let keys = encode_keys(&key_columns)?;
        let first = block * BLOCK_ROWS;
        let (source, row_count) = (sources.len() as u32, periods.len());
        let mut with_cuts = cuts.within(first, first + row_count as u32).peekable();
        for row in 0..row_count as u32 {
            let of_row = with_cuts.next_if(|(other, _)| *other == first + row);
            if left_out.next_if_eq(&(first + row)).is_some() {
                continue;
            }
            let of_row = of_row.map_or(&[][..], |(_, cuts)| cuts);
            let Some(rect) = periods.rect(row as usize).until(until) else { continue };
            let hash = keys.hash(row as usize);
            let key_prefix = key_prefix(keys.get(row as usize));
            let of_row = of_row.iter().filter(|cut| cut.at <= until);
            carve(rect, of_row.copied(), &mut |rect| {
                placement.push(Placed { rect, hash, key_prefix, source, row });
            });
        }
        // Decoding grows its buffers by doubling, and all of an input stays in memory until the output is written.
        drop(key_columns);
        columns.iter_mut().for_each(Array::shrink_to_fit);
        sources.push(Source { columns, row_count, schema: schema.clone() });
        Ok(())
    })
}

/// Cuts of the rows of segments, as a supersession file has them.
pub(crate) type CutsBySegment = Vec<(SegmentId, Vec<(u32, Cut)>)>;

impl Compacted {
    /// The cuts that flushes have made in the inputs of the plan since it was chosen, as cuts of the rows that take their place.
    ///
    /// A cut of a row is a cut of each open version that the row stood for: of its part of the valid period, and nothing
    /// where the cut meets none of it.
    pub(crate) fn late_cuts(&self, plan: &Plan, table: &TableVersion) -> Result<CutsBySegment> {
        let late = plan.inputs.iter().map(|entry| cuts_since(entry, table));
        let late = LateCuts::new(late.collect::<Result<Vec<_>>>()?, &self.first_batches);
        let mut found = Vec::new();
        let Some(late) = late else { return Ok(found) };
        let mut segments = self.segments.iter();
        for (segment_count, rows) in &self.rows {
            let run = rows.run();
            let mut rows = run.rows();
            for meta in segments.by_ref().take(*segment_count) {
                let mut of_segment = Vec::new();
                for (at, placed) in (0..meta.row_count).zip(rows.by_ref()) {
                    if at < meta.open_count {
                        of_segment.extend(late.of_version(placed).map(|cut| (at, cut)));
                    }
                }
                if !of_segment.is_empty() {
                    found.push((meta.id, of_segment));
                }
            }
        }
        Ok(found)
    }
}

/// Cuts that were made in the inputs of a compaction while it ran.
struct LateCuts<'a> {
    /// For each input, those of its rows.
    cuts: Vec<SupersessionSet>,
    first_batches: &'a [u32],
    /// One bit a row of the inputs, which a core's cache holds: most have no late cut.
    is_cut: Vec<u64>,
}

impl<'a> LateCuts<'a> {
    /// `None` if there are none.
    fn new(cuts: Vec<SupersessionSet>, first_batches: &'a [u32]) -> Option<LateCuts<'a>> {
        let mut is_cut = Vec::new();
        for (set, first_batch) in cuts.iter().zip(first_batches) {
            for (row, _) in set.within(0, u32::MAX) {
                let bit = *first_batch as usize * BLOCK_ROWS as usize + row as usize;
                if is_cut.len() <= bit / 64 {
                    is_cut.resize(bit / 64 + 1, 0);
                }
                is_cut[bit / 64] |= 1 << (bit % 64);
            }
        }
        (!is_cut.is_empty()).then_some(LateCuts { cuts, first_batches, is_cut })
    }

    /// Those that meet a version, of its part of the valid period.
    fn of_version(&self, placed: &Placed) -> impl Iterator<Item = Cut> {
        let Placed { rect, source, row, .. } = *placed;
        let bit = source as usize * BLOCK_ROWS as usize + row as usize;
        let word = self.is_cut.get(bit / 64).copied().unwrap_or(0);
        let cuts = if word >> (bit % 64) & 1 == 1 { self.of_row(source, row) } else { &[] };
        let (from, to) = (rect.valid_from, rect.valid_to);
        let cuts = cuts.iter().filter(move |cut| cut.from < to && cut.to > from);
        cuts.map(move |cut| Cut { from: cut.from.max(from), to: cut.to.min(to), ..*cut })
    }

    /// Those of a row of the inputs.
    fn of_row(&self, source: u32, row: u32) -> &[Cut] {
        let input = self.first_batches.partition_point(|first| *first <= source) - 1;
        let row = (source - self.first_batches[input]) * BLOCK_ROWS + row;
        self.cuts[input].within(row, row + 1).next().map_or(&[], |(_, cuts)| cuts)
    }
}

/// What was cut from a segment since `then`.
fn cuts_since(then: &Arc<SegmentEntry>, table: &TableVersion) -> Result<SupersessionSet> {
    let meta = then.segment().meta();
    let now = table.segments.iter().find(|entry| entry.segment().meta().id == meta.id);
    let files = now.map_or(&[][..], |now| &now.files()[then.files().len()..]);
    let mut cuts = Vec::new();
    for file in files {
        file.read(meta.id, meta.row_count, &mut cuts)?;
    }
    Ok(SupersessionSet::new(cuts))
}
