//! Which older rows a memtable's assertions cut.

use std::slice;
use std::sync::Arc;

use crate::codec::{Keys, key_prefix, sorted_by_numbers};
use crate::error::Result;
use crate::memtable::{Chunk, KeyedRow, are_keys_short, key_of};
use crate::schema::TableSchema;
use crate::segment::{BLOCK_ROWS, PeriodBlock, Section, Segment};
use crate::supersession::{Cut, LivePieces};
use crate::time::Rect;
use crate::version::SegmentEntry;

/// So many rows' periods are gathered at a time.
const GATHER_COUNT: usize = 64;

/// The assertions of one flush, grouped by key and ready to be met with segments.
///
/// What is asked of a group is kept together: rows of segments meet the groups in no order, and each would otherwise be gathered
/// from the batches of as many transactions as there are assertions.
#[derive(Debug)]
pub(crate) struct Assertions {
    is_event: bool,
    /// The hash of every group, ascending.
    hashes: Vec<u64>,
    groups: Vec<Group>,
    /// What the assertions of one group after another cut, oldest first.
    cuts: Vec<Cut>,
    /// The key of every group.
    keys: Keys,
    /// Whether a key's prefix tells it from all others.
    are_keys_short: bool,
    /// What the assertions together cover in valid time.
    valid_from: i64,
    valid_to: i64,
}

/// The assertions about one key.
#[derive(Debug)]
struct Group {
    /// Where its cuts begin, and where they end.
    from: u32,
    to: u32,
    /// What they cover in valid time, gaps included.
    valid_from: i64,
    valid_to: i64,
    key_prefix: u64,
}

/// A row of a segment that a group may cut. It has what is asked next, since rows are visited in another order than groups.
#[derive(Clone, Copy, Debug, Default)]
struct Match {
    row: u32,
    group: u32,
    key_prefix: u64,
    /// The first of the cuts that overlap the row: mostly there is one.
    cut: Cut,
    /// Where the cuts that overlap the row begin and end. Cuts between them may not overlap it.
    from: u32,
    to: u32,
}

impl Match {
    /// The cuts that overlap the row, of all of them.
    fn cuts<'a>(&'a self, all: &'a [Cut]) -> &'a [Cut] {
        if self.to - self.from == 1 {
            return slice::from_ref(&self.cut);
        }
        &all[self.from as usize..self.to as usize]
    }
}

impl Assertions {
    /// None yet of those that the chunks of a table hold.
    pub(crate) fn new(schema: &TableSchema, chunks: &[Arc<Chunk>]) -> Assertions {
        let are_keys_short = are_keys_short(chunks);
        let keys = Keys { offsets: vec![0], bytes: Vec::new() };
        let (valid_from, valid_to) = (i64::MAX, i64::MIN);
        let (hashes, groups, cuts) = (Vec::new(), Vec::new(), Vec::new());
        let is_event = schema.is_event;
        Assertions { is_event, hashes, groups, cuts, keys, are_keys_short, valid_from, valid_to }
    }

    /// Adds the assertions about one key, whose hash is not less than those before.
    pub(crate) fn push(&mut self, chunks: &[Arc<Chunk>], group: &[KeyedRow]) {
        // A row of an event table has a number of its own, so that only a delete can concern an older row.
        let is_put = |row: &KeyedRow| chunks[row.row.0 as usize].is_put();
        if self.is_event && group.iter().all(is_put) {
            return;
        }
        let from = self.cuts.len();
        self.cuts.extend(group.iter().map(|row| row.cut(chunks)));
        let cuts = &self.cuts[from..];
        let group_from = cuts.iter().map(|cut| cut.from).min().unwrap_or(i64::MAX);
        let group_to = cuts.iter().map(|cut| cut.to).max().unwrap_or(i64::MIN);
        self.valid_from = self.valid_from.min(group_from);
        self.valid_to = self.valid_to.max(group_to);
        self.hashes.push(group[0].hash);
        self.groups.push(Group {
            from: from as u32,
            to: self.cuts.len() as u32,
            valid_from: group_from,
            valid_to: group_to,
            key_prefix: group[0].key_prefix,
        });
        self.keys.bytes.extend_from_slice(key_of(chunks, group[0].row));
        // A memtable numbers its rows with 32 bits and is flushed long before their keys take 4 GiB.
        self.keys.offsets.push(self.keys.bytes.len() as u32);
    }

    /// Adds the assertions about other keys of the same table, whose hashes are all greater.
    pub(crate) fn append(&mut self, mut others: Assertions) {
        if self.hashes.is_empty() {
            *self = others;
            return;
        }
        let (cuts, bytes) = (self.cuts.len() as u32, self.keys.bytes.len() as u32);
        self.hashes.append(&mut others.hashes);
        let moved = |group: Group| Group { from: group.from + cuts, to: group.to + cuts, ..group };
        self.groups.extend(others.groups.into_iter().map(moved));
        self.cuts.append(&mut others.cuts);
        self.keys.bytes.append(&mut others.keys.bytes);
        self.keys.offsets.extend(others.keys.offsets[1..].iter().map(|end| end + bytes));
        self.valid_from = self.valid_from.min(others.valid_from);
        self.valid_to = self.valid_to.max(others.valid_to);
    }

    /// The cuts that the assertions make in the rows of a segment, in the order in which they are made.
    pub(crate) fn cuts_in(&self, entry: &SegmentEntry) -> Result<Vec<(u32, Cut)>> {
        let segment = entry.segment();
        let Some(zone) = segment.meta().open_zone.as_ref() else { return Ok(Vec::new()) };
        if zone.valid_from.0 >= self.valid_to || zone.valid_to.1 <= self.valid_from {
            return Ok(Vec::new());
        }
        let matches = self.overlapping_matches(segment)?;
        // Rows that match lie evenly among the open ones.
        let shift = u64::from(segment.meta().open_count).leading_zeros().min(u64::BITS - 1);
        let number = |found: &Match| u64::from(found.row) << shift;
        let order = |found: &Match| ([number(found)], found.group);
        let (count, numbers) = (matches.len(), matches.iter().map(number));
        let matches = sorted_by_numbers(count, numbers, matches.iter().copied(), order);
        let earlier = entry.cuts()?;
        let (mut found, mut live) = (Vec::new(), LivePieces::new());
        for block in matches.chunk_by(|a, b| a.row / BLOCK_ROWS == b.row / BLOCK_ROWS) {
            let number = block[0].row / BLOCK_ROWS;
            let periods = segment.periods(number)?;
            let first = number * BLOCK_ROWS;
            let rows: Vec<u32> = block.iter().map(|found| found.row - first).collect();
            let keys = segment.keys_of(number, &rows)?;
            let mut earlier = earlier.within(first, first + BLOCK_ROWS).peekable();
            for (at, found_row) in block.iter().enumerate() {
                let row = found_row.row;
                if self.is_same_key(keys.get(at), found_row) {
                    while earlier.next_if(|(other, _)| *other < row).is_some() {}
                    // Another group of the same hash may ask for the same row.
                    let of_row = earlier.peek().filter(|(other, _)| *other == row);
                    let of_row = of_row.map_or(&[][..], |(_, cuts)| cuts);
                    let rect = periods.rect((row - first) as usize);
                    let own = found_row.cuts(&self.cuts);
                    cut_row(&mut live, (rect, row), of_row, own, &mut found);
                }
            }
        }
        Ok(found)
    }

    /// Whether a row of a segment has the key of the group that it was found for.
    fn is_same_key(&self, key: &[u8], found: &Match) -> bool {
        key_prefix(key) == found.key_prefix
            && (self.are_keys_short || key == self.keys.get(found.group as usize))
    }

    /// The open rows of a segment whose hash is that of a group of which an assertion overlaps them in valid time, with the
    /// group. Few rows of a key overlap a new assertion about it, so this is where most are passed over, keys unread.
    fn overlapping_matches(&self, segment: &Segment) -> Result<Vec<Match>> {
        let mut candidates: Vec<(u32, u32)> = Vec::new();
        segment.for_each_match(Section::Open, &self.hashes, &mut |group, row| {
            candidates.push((group as u32, row));
        })?;
        let mut blocks: Vec<Option<Arc<PeriodBlock>>> =
            vec![None; segment.meta().open_count.div_ceil(BLOCK_ROWS) as usize];
        for (_, row) in &candidates {
            let slot = &mut blocks[(row / BLOCK_ROWS) as usize];
            if slot.is_none() {
                *slot = Some(segment.periods(row / BLOCK_ROWS)?);
            }
        }
        let mut matches = Vec::new();
        let mut extents = [(0, 0); GATHER_COUNT];
        for candidates in candidates.chunks(GATHER_COUNT) {
            // Nothing here depends on what is read, so that the processor waits for many of these reads at once.
            for (extent, (_, row)) in extents.iter_mut().zip(candidates) {
                if let Some(periods) = &blocks[(row / BLOCK_ROWS) as usize] {
                    let at = (row % BLOCK_ROWS) as usize;
                    *extent = (periods.valid_from[at], periods.valid_to[at]);
                }
            }
            for ((valid_from, valid_to), &(group, row)) in extents.into_iter().zip(candidates) {
                let key_prefix = self.groups[group as usize].key_prefix;
                if let Some((from, to)) = self.overlapping(group as usize, valid_from, valid_to) {
                    let cut = self.cuts[from as usize];
                    matches.push(Match { row, group, key_prefix, cut, from, to });
                }
            }
        }
        Ok(matches)
    }

    /// Where the cuts of a group that overlap `[from, to)` begin and end, if there are any.
    fn overlapping(&self, group: usize, from: i64, to: i64) -> Option<(u32, u32)> {
        let group = &self.groups[group];
        if group.valid_from >= to || group.valid_to <= from {
            return None;
        }
        let cuts = &self.cuts[group.from as usize..group.to as usize];
        // Which cuts overlap follows no pattern: looking at all without a branch takes less time than guessing wrong twice.
        let (mut first, mut last) = (u32::MAX, 0);
        for (at, cut) in (group.from..).zip(cuts) {
            let overlaps = (cut.from < to) & (cut.to > from);
            first = first.min(if overlaps { at } else { u32::MAX });
            last = if overlaps { at + 1 } else { last };
        }
        (first < last).then_some((first, last))
    }
}

/// Adds the cuts, of those in `own`, that still meet something of a row after those that were made in it earlier.
fn cut_row(
    live: &mut LivePieces<()>,
    (rect, row): (Rect, u32),
    earlier: &[Cut],
    own: &[Cut],
    found: &mut Vec<(u32, Cut)>,
) {
    live.clear();
    live.insert((), rect.valid_from, rect.valid_to, rect.system_from);
    for cut in earlier {
        live.cut(*cut, &mut |(), _| ());
    }
    for &cut in own {
        if live.cut(cut, &mut |(), _| ()) {
            let from = cut.from.max(rect.valid_from);
            found.push((row, Cut { from, to: cut.to.min(rect.valid_to), ..cut }));
        }
    }
}
