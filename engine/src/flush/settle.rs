//! Which older rows a memtable's assertions cut.

use std::sync::Arc;

use crate::error::Result;
use crate::memtable::{Chunk, KeyedRows, key_of};
use crate::schema::TableSchema;
use crate::segment::{BLOCK_ROWS, PeriodBlock, Section, Segment};
use crate::supersession::{Cut, LivePieces};
use crate::time::Rect;
use crate::version::SegmentEntry;

/// The assertions of one flush, grouped by key and ready to be met with segments.
pub(crate) struct Assertions<'a> {
    schema: &'a TableSchema,
    chunks: &'a [Arc<Chunk>],
    rows: &'a KeyedRows,
    /// The hash of every group, ascending, and where the group lies in `rows`.
    hashes: Vec<u64>,
    groups: Vec<(usize, usize)>,
    /// What each group covers in valid time, gaps included.
    covered: Vec<(i64, i64)>,
    /// What the assertions together cover in valid time.
    valid_from: i64,
    valid_to: i64,
}

impl<'a> Assertions<'a> {
    pub(crate) fn new(
        schema: &'a TableSchema,
        chunks: &'a [Arc<Chunk>],
        rows: &'a KeyedRows,
    ) -> Assertions<'a> {
        let (mut hashes, mut groups, mut covered) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = 0;
        for (hash, group) in rows.groups(chunks) {
            // A row of an event table has a number of its own, so that only a delete can concern an older row.
            let is_delete = |chunk: u32| !chunks[chunk as usize].is_put();
            if !schema.is_event || group.iter().any(|entry| is_delete(entry.1.0)) {
                hashes.push(hash);
                groups.push((at, at + group.len()));
                let cuts = group
                    .iter()
                    .map(|(_, (chunk, row))| chunks[*chunk as usize].cut(*row as usize));
                covered.push(cuts.fold((i64::MAX, i64::MIN), |(from, to), cut| {
                    (from.min(cut.from), to.max(cut.to))
                }));
            }
            at += group.len();
        }
        let valid_from = chunks.iter().flat_map(|chunk| &chunk.valid_from).min();
        let valid_to = chunks.iter().flat_map(|chunk| &chunk.valid_to).max();
        Assertions {
            schema,
            chunks,
            rows,
            hashes,
            groups,
            covered,
            valid_from: valid_from.copied().unwrap_or(i64::MAX),
            valid_to: valid_to.copied().unwrap_or(i64::MIN),
        }
    }

    /// The cuts that the assertions make in the rows of a segment, in the order in which they are made.
    pub(crate) fn cuts_in(&self, entry: &SegmentEntry) -> Result<Vec<(u32, Cut)>> {
        let segment = entry.segment();
        let Some(zone) = segment.meta().open_zone.as_ref() else { return Ok(Vec::new()) };
        if zone.valid_from.0 >= self.valid_to || zone.valid_to.1 <= self.valid_from {
            return Ok(Vec::new());
        }
        let mut matches = self.overlapping_matches(segment)?;
        matches.sort_unstable();
        let earlier = entry.cuts()?;
        let mut found = Vec::new();
        for block in matches.chunk_by(|a, b| a.0 / BLOCK_ROWS == b.0 / BLOCK_ROWS) {
            let number = block[0].0 / BLOCK_ROWS;
            let periods = segment.periods(number)?;
            let in_block = |(row, _): &(u32, usize)| row - number * BLOCK_ROWS;
            let rows: Vec<u32> = block.iter().map(in_block).collect();
            let keys = segment.keys_of(self.schema, number, &rows)?;
            for (at, &(row, group)) in block.iter().enumerate() {
                if keys.get(at) == self.key(group) {
                    let rect = periods.rect((row - number * BLOCK_ROWS) as usize);
                    self.cut_row(rect, row, earlier.of(row), group, &mut found);
                }
            }
        }
        Ok(found)
    }

    /// The open rows of a segment whose hash is that of a group and whose valid period overlaps what the group covers, with the
    /// group. Few rows of a key overlap a new assertion about it, so this is where most are passed over, keys unread.
    fn overlapping_matches(&self, segment: &Segment) -> Result<Vec<(u32, usize)>> {
        let mut blocks: Vec<Option<Arc<PeriodBlock>>> =
            vec![None; segment.meta().open_count.div_ceil(BLOCK_ROWS) as usize];
        let (mut matches, mut failure) = (Vec::new(), None);
        segment.for_each_match(Section::Open, &self.hashes, &mut |group, row| {
            if failure.is_some() {
                return;
            }
            let (block, at) = (row / BLOCK_ROWS, (row % BLOCK_ROWS) as usize);
            let slot = &mut blocks[block as usize];
            if slot.is_none() {
                match segment.periods(block) {
                    Ok(periods) => *slot = Some(periods),
                    Err(error) => failure = Some(error),
                }
            }
            let (from, to) = self.covered[group];
            let overlaps = |periods: &Arc<PeriodBlock>| {
                periods.valid_from[at] < to && periods.valid_to[at] > from
            };
            if slot.as_ref().is_some_and(overlaps) {
                matches.push((row, group));
            }
        })?;
        failure.map_or(Ok(matches), Err)
    }

    fn key(&self, group: usize) -> &[u8] {
        key_of(self.chunks, self.rows.at(self.groups[group].0))
    }

    fn cut_row(
        &self,
        rect: Rect,
        row: u32,
        earlier: &[Cut],
        group: usize,
        found: &mut Vec<(u32, Cut)>,
    ) {
        let mut live = LivePieces::new();
        live.insert((), rect.valid_from, rect.valid_to, rect.system_from);
        for cut in earlier {
            live.cut(*cut, &mut |(), _| ());
        }
        let (from, to) = self.groups[group];
        for at in from..to {
            let (chunk, row_in_chunk) = self.rows.at(at);
            let cut = self.chunks[chunk as usize].cut(row_in_chunk as usize);
            if live.cut(cut, &mut |(), _| ()) {
                let from = cut.from.max(rect.valid_from);
                found.push((row, Cut { from, to: cut.to.min(rect.valid_to), ..cut }));
            }
        }
    }
}
