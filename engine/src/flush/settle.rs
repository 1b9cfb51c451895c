//! Which older rows a memtable's assertions cut.

use std::sync::Arc;

use crate::error::Result;
use crate::memtable::{Chunk, KeyedRows, key_of};
use crate::schema::TableSchema;
use crate::segment::{BLOCK_ROWS, Section};
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
        let (mut hashes, mut groups) = (Vec::new(), Vec::new());
        let mut at = 0;
        for (hash, group) in rows.groups(chunks) {
            // A row of an event table has a number of its own, so that only a delete can concern an older row.
            let is_delete = |chunk: u32| !chunks[chunk as usize].is_put();
            if !schema.is_event || group.iter().any(|entry| is_delete(entry.1.0)) {
                hashes.push(hash);
                groups.push((at, at + group.len()));
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
        let mut matches: Vec<(u32, usize)> = Vec::new();
        segment.for_each_match(Section::Open, &self.hashes, &mut |group, row| {
            matches.push((row, group));
        })?;
        matches.sort_unstable();
        let earlier = entry.cuts()?;
        let mut found = Vec::new();
        for block in matches.chunk_by(|a, b| a.0 / BLOCK_ROWS == b.0 / BLOCK_ROWS) {
            let number = block[0].0 / BLOCK_ROWS;
            let periods = segment.periods(number)?;
            let overlapping = block.iter().copied().filter(|&(row, _)| {
                let rect = periods.rect((row - number * BLOCK_ROWS) as usize);
                rect.valid_from < self.valid_to && rect.valid_to > self.valid_from
            });
            let overlapping: Vec<(u32, usize)> = overlapping.collect();
            if overlapping.is_empty() {
                continue;
            }
            let first = number * BLOCK_ROWS;
            let rows: Vec<u32> = overlapping.iter().map(|(row, _)| *row - first).collect();
            let keys = segment.keys_of(self.schema, number, &rows)?;
            for (at, &(row, group)) in overlapping.iter().enumerate() {
                if keys.get(at) == self.key(group) {
                    let rect = periods.rect((row - number * BLOCK_ROWS) as usize);
                    self.cut_row(rect, row, earlier.of(row), group, &mut found);
                }
            }
        }
        Ok(found)
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
