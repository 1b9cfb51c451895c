//! Which older rows a memtable's assertions cut.

use std::sync::Arc;

use crate::codec::Keys;
use crate::error::Result;
use crate::memtable::{Chunk, KeyedRows, RowRef, key_of};
use crate::schema::TableSchema;
use crate::segment::{BLOCK_ROWS, PeriodBlock, Section, Segment};
use crate::supersession::{Cut, LivePieces};
use crate::time::Rect;
use crate::version::SegmentEntry;

/// The assertions of one flush, grouped by key and ready to be met with segments.
///
/// What is asked of a group is kept together: rows of segments meet the groups in no order, and each would otherwise be gathered
/// from the batches of as many transactions as there are assertions.
pub(crate) struct Assertions<'a> {
    schema: &'a TableSchema,
    /// The hash of every group, ascending.
    hashes: Vec<u64>,
    groups: Vec<Group>,
    /// What the assertions of one group after another cut, oldest first.
    cuts: Vec<Cut>,
    /// The key of every group.
    keys: Keys,
    /// What the assertions together cover in valid time.
    valid_from: i64,
    valid_to: i64,
}

/// The assertions about one key.
struct Group {
    /// Where its cuts begin, and where they end.
    from: u32,
    to: u32,
    /// What they cover in valid time, gaps included.
    valid_from: i64,
    valid_to: i64,
}

impl<'a> Assertions<'a> {
    pub(crate) fn new(
        schema: &'a TableSchema,
        chunks: &[Arc<Chunk>],
        rows: &KeyedRows,
    ) -> Assertions<'a> {
        let keys = Keys { offsets: vec![0], bytes: Vec::new() };
        let (valid_from, valid_to) = (i64::MAX, i64::MIN);
        let (hashes, groups, cuts) = (Vec::new(), Vec::new(), Vec::new());
        let mut all = Assertions { schema, hashes, groups, cuts, keys, valid_from, valid_to };
        for (hash, group) in rows.groups() {
            // A row of an event table has a number of its own, so that only a delete can concern an older row.
            let is_delete = |chunk: u32| !chunks[chunk as usize].is_put();
            if !schema.is_event || group.iter().any(|entry| is_delete(entry.1.0)) {
                all.push(hash, chunks, group);
            }
        }
        all
    }

    fn push(&mut self, hash: u64, chunks: &[Arc<Chunk>], group: &[(u64, RowRef)]) {
        let from = self.cuts.len();
        let cuts = group.iter().map(|(_, (chunk, row))| chunks[*chunk as usize].cut(*row as usize));
        self.cuts.extend(cuts);
        let cuts = &self.cuts[from..];
        let group_from = cuts.iter().map(|cut| cut.from).min().unwrap_or(i64::MAX);
        let group_to = cuts.iter().map(|cut| cut.to).max().unwrap_or(i64::MIN);
        self.valid_from = self.valid_from.min(group_from);
        self.valid_to = self.valid_to.max(group_to);
        self.hashes.push(hash);
        self.groups.push(Group {
            from: from as u32,
            to: self.cuts.len() as u32,
            valid_from: group_from,
            valid_to: group_to,
        });
        self.keys.bytes.extend_from_slice(key_of(chunks, group[0].1));
        // A memtable numbers its rows with 32 bits and is flushed long before their keys take 4 GiB.
        self.keys.offsets.push(self.keys.bytes.len() as u32);
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
        let (mut found, mut live) = (Vec::new(), LivePieces::new());
        for block in matches.chunk_by(|a, b| a.0 / BLOCK_ROWS == b.0 / BLOCK_ROWS) {
            let number = block[0].0 / BLOCK_ROWS;
            let periods = segment.periods(number)?;
            let first = number * BLOCK_ROWS;
            let rows: Vec<u32> = block.iter().map(|(row, _)| row - first).collect();
            let keys = segment.keys_of(self.schema, number, &rows)?;
            let mut earlier = earlier.within(first, first + BLOCK_ROWS).peekable();
            for (at, &(row, group)) in block.iter().enumerate() {
                if keys.get(at) == self.keys.get(group as usize) {
                    while earlier.next_if(|(other, _)| *other < row).is_some() {}
                    // Another group of the same hash may ask for the same row.
                    let of_row = earlier.peek().filter(|(other, _)| *other == row);
                    let of_row = of_row.map_or(&[][..], |(_, cuts)| cuts);
                    let rect = periods.rect((row - first) as usize);
                    self.cut_row(&mut live, (rect, row), of_row, group, &mut found);
                }
            }
        }
        Ok(found)
    }

    /// The open rows of a segment whose hash is that of a group of which an assertion overlaps them in valid time, with the
    /// group. Few rows of a key overlap a new assertion about it, so this is where most are passed over, keys unread.
    fn overlapping_matches(&self, segment: &Segment) -> Result<Vec<(u32, u32)>> {
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
            let Some(periods) = slot else { return };
            if self.overlaps(group, periods.valid_from[at], periods.valid_to[at]) {
                matches.push((row, group as u32));
            }
        })?;
        failure.map_or(Ok(matches), Err)
    }

    /// Whether an assertion of a group overlaps `[from, to)`.
    fn overlaps(&self, group: usize, from: i64, to: i64) -> bool {
        let group = &self.groups[group];
        group.valid_from < to
            && group.valid_to > from
            && self.cuts_of(group).iter().any(|cut| cut.from < to && cut.to > from)
    }

    fn cuts_of(&self, group: &Group) -> &[Cut] {
        &self.cuts[group.from as usize..group.to as usize]
    }

    fn cut_row(
        &self,
        live: &mut LivePieces<()>,
        (rect, row): (Rect, u32),
        earlier: &[Cut],
        group: u32,
        found: &mut Vec<(u32, Cut)>,
    ) {
        live.clear();
        live.insert((), rect.valid_from, rect.valid_to, rect.system_from);
        for cut in earlier {
            live.cut(*cut, &mut |(), _| ());
        }
        for &cut in self.cuts_of(&self.groups[group as usize]) {
            if live.cut(cut, &mut |(), _| ()) {
                let from = cut.from.max(rect.valid_from);
                found.push((row, Cut { from, to: cut.to.min(rect.valid_to), ..cut }));
            }
        }
    }
}
