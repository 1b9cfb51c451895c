//! Which older rows a memtable's assertions cut.

use std::slice;
use std::sync::Arc;

use super::extents::{Extent, Extents};
use crate::codec::{Keys, key_prefix, sorted_by_numbers};
use crate::error::Result;
use crate::memtable::{Chunk, KeyedRow, KeyedRows, are_keys_short, key_of};
use crate::schema::TableSchema;
use crate::segment::{BLOCK_ROWS, Section, Segment};
use crate::supersession::{Cut, LivePieces};
use crate::version::{LiveRows, SegmentEntry};

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
    /// The prefix of the key of every group.
    key_prefixes: Vec<u64>,
    /// Where the cuts of every group begin, and where those of the last end.
    starts: Vec<u32>,
    /// What the assertions of one group after another cut, each without what one before it has cut: later assertions about a key
    /// mostly concern what is cut already. No two cuts of a group overlap, and they come in the order of valid time.
    cuts: Vec<Cut>,
    /// The key of every group; none of any, if keys are short.
    keys: Keys,
    /// Whether the prefix of each key of the chunks tells it from all others.
    are_keys_short: bool,
    /// What no assertion of the latest group has cut.
    uncut: LivePieces<()>,
}

/// Assertions of which no more will come.
#[derive(Debug)]
pub(crate) struct SettledAssertions {
    all: Assertions,
    /// What the cuts cover in valid time.
    extents: Extents,
}

/// A row of a segment that a group may cut. It has what is asked next, since rows are visited in another order than groups.
#[derive(Clone, Copy, Debug, Default)]
struct Match {
    row: u32,
    group: u32,
    key_prefix: u64,
    /// The cut that may meet something of the row: mostly there is one.
    cut: Cut,
    /// Where they begin and end in [`Matches::cuts`], oldest first, if there are several.
    from: u32,
    to: u32,
}

/// The rows of a segment that are to be cut.
#[derive(Debug, Default)]
struct Matches {
    rows: Vec<Match>,
    cuts: Vec<Cut>,
}

impl Match {
    fn cut_count(&self) -> usize {
        (self.to - self.from) as usize
    }

    /// Whether there are cuts beside the first.
    fn is_cut_again(&self) -> bool {
        self.cut_count() > 1
    }

    /// The cuts that may meet something of the row, of those of all rows, if there are several.
    fn cuts<'a>(&self, all: &'a [Cut]) -> &'a [Cut] {
        &all[self.from as usize..self.to as usize]
    }
}

impl Assertions {
    /// None yet of those that the chunks of a table hold.
    pub(crate) fn new(schema: &TableSchema, chunks: &[Arc<Chunk>]) -> Assertions {
        Assertions {
            is_event: schema.is_event,
            hashes: Vec::new(),
            key_prefixes: Vec::new(),
            starts: vec![0],
            cuts: Vec::new(),
            keys: Keys { offsets: vec![0], bytes: Vec::new() },
            are_keys_short: are_keys_short(chunks),
            uncut: LivePieces::new(),
        }
    }

    /// Takes memory for so many more assertions about so many more keys: what grows bit by bit is copied each time. Most of an event
    /// table's are puts, which are not kept.
    pub(crate) fn reserve(&mut self, key_count: usize, row_count: usize) {
        if self.is_event {
            return;
        }
        self.hashes.reserve(key_count);
        self.key_prefixes.reserve(key_count);
        self.starts.reserve(key_count);
        self.cuts.reserve(row_count);
    }

    /// Adds the assertions about one key, a group of `rows`, whose hash is not less than those before.
    pub(crate) fn push(&mut self, chunks: &[Arc<Chunk>], rows: &KeyedRows, group: &[KeyedRow]) {
        // A row of an event table has a number of its own, so that only a delete can concern an older row.
        if self.is_event && group.iter().all(|row| rows.is_put(row)) {
            return;
        }
        let before = self.cuts.len();
        self.uncut.clear();
        self.uncut.insert((), i64::MIN, i64::MAX, -1);
        for (number, row) in (0..).zip(group) {
            let cut = rows.cut(row);
            // Pieces begin and end with the number of an assertion here: what one transaction asserts comes in an order, too.
            self.uncut.cut(Cut { at: number, ..cut }, &mut |(), met| {
                let (from, to) = (cut.from.max(met.valid_from), cut.to.min(met.valid_to));
                self.cuts.push(Cut { from, to, ..cut });
            });
        }
        self.cuts[before..].sort_unstable_by_key(|cut| cut.from);
        // A memtable is flushed long before it has 2^31 rows, which add at most two cuts each, or their keys take 4 GiB.
        self.starts.push(self.cuts.len() as u32);
        self.hashes.push(group[0].hash);
        self.key_prefixes.push(group[0].key_prefix);
        if !self.are_keys_short {
            self.keys.bytes.extend_from_slice(key_of(chunks, group[0].row));
            self.keys.offsets.push(self.keys.bytes.len() as u32);
        }
    }

    /// Adds the assertions about other keys of the same table, whose hashes are all greater.
    pub(crate) fn append(&mut self, mut others: Assertions) {
        if self.hashes.is_empty() {
            *self = others;
            return;
        }
        let (cuts, bytes) = (self.cuts.len() as u32, self.keys.bytes.len() as u32);
        self.hashes.append(&mut others.hashes);
        self.key_prefixes.append(&mut others.key_prefixes);
        self.starts.extend(others.starts[1..].iter().map(|end| end + cuts));
        self.cuts.append(&mut others.cuts);
        self.keys.bytes.append(&mut others.keys.bytes);
        self.keys.offsets.extend(others.keys.offsets[1..].iter().map(|end| end + bytes));
    }

    /// These, when all are there.
    pub(crate) fn settled(self) -> SettledAssertions {
        SettledAssertions { extents: Extents::new(&self.cuts), all: self }
    }

    /// Whether a row of a segment has the key of the group that it was found for.
    fn is_same_key(&self, key: &[u8], found: &Match) -> bool {
        key_prefix(key) == found.key_prefix
            && (self.are_keys_short || key == self.keys.get(found.group as usize))
    }
}

impl SettledAssertions {
    /// The cuts that the assertions make in the rows of a segment, in the order in which they are made.
    pub(crate) fn cuts_in(&self, entry: &SegmentEntry) -> Result<Vec<(u32, Cut)>> {
        let segment = entry.segment();
        let Some(zone) = segment.meta().open_zone.as_ref() else { return Ok(Vec::new()) };
        if !self.extents.may_meet(zone.valid_from.0, zone.valid_to.1) {
            return Ok(Vec::new());
        }
        let candidates = self.candidates(segment)?;
        let live = LiveBlocks::of(entry, &candidates)?;
        let Matches { rows: matches, cuts } = self.matches(segment, &candidates, &live);
        // Rows that match lie evenly among the open ones.
        let shift = u64::from(segment.meta().open_count).leading_zeros().min(u64::BITS - 1);
        let number = |found: &Match| u64::from(found.row) << shift;
        let order = |found: &Match| ([number(found)], found.group);
        let (count, numbers) = (matches.len(), matches.iter().map(number));
        let matches = sorted_by_numbers(count, numbers, matches.iter().copied(), order);
        let mut cutter = Cutter::new(&self.all, &cuts);
        for block in matches.chunk_by(|a, b| a.row / BLOCK_ROWS == b.row / BLOCK_ROWS) {
            let number = block[0].row / BLOCK_ROWS;
            let rows: Vec<u32> = block.iter().map(|found| found.row % BLOCK_ROWS).collect();
            let keys = segment.keys_of(number, &rows)?;
            cutter.cut_block(block, &keys, live.of_block(number));
        }
        Ok(cutter.made)
    }

    /// The open rows of a segment whose hash is that of a group, with the group.
    fn candidates(&self, segment: &Segment) -> Result<Vec<(u32, u32)>> {
        let mut candidates: Vec<(u32, u32)> = Vec::new();
        segment.for_each_match(Section::Open, &self.all.hashes, &mut |group, row| {
            candidates.push((group as u32, row));
        })?;
        Ok(candidates)
    }

    /// Those of the candidates of which an assertion overlaps what is live of the row. Few rows of a key overlap a new assertion about
    /// it, so this is where most are passed over, keys unread.
    fn matches(&self, segment: &Segment, candidates: &[(u32, u32)], live: &LiveBlocks) -> Matches {
        let extents = self.extents_of_open_rows(segment, live);
        let mut matches = Matches::default();
        let mut kept = Vec::new();
        for candidates in candidates.chunks(GATHER_COUNT) {
            // No step waits for what it reads itself, so that the processor has many of these reads done at once.
            let mut rows = [Extent::default(); GATHER_COUNT];
            for (extent, (_, row)) in rows.iter_mut().zip(candidates) {
                *extent = extents[*row as usize];
            }
            let mut near = [(0, 0); GATHER_COUNT];
            for (near, (row, (group, _))) in near.iter_mut().zip(rows.iter().zip(candidates)) {
                let at = *group as usize;
                let places = self.extents.near(self.all.starts[at]..self.all.starts[at + 1], *row);
                *near = (places.start, places.end);
            }
            for ((candidate, (from, to)), row) in candidates.iter().zip(near).zip(rows) {
                kept.clear();
                kept.extend((from..to).filter(|at| self.extents.is_near(*at, row)));
                self.push_match(*candidate, &kept, &mut matches);
            }
        }
        matches
    }

    /// What is live of each open row of a segment; of no use for those in whose block there is no candidate.
    fn extents_of_open_rows(&self, segment: &Segment, live: &LiveBlocks) -> Vec<Extent> {
        let scale = self.extents.scale();
        let mut extents = vec![Extent::NONE; segment.meta().open_count as usize];
        for (block, live) in &live.blocks {
            let first = (block * BLOCK_ROWS) as usize;
            let bounds = live.from().iter().zip(live.to());
            for (extent, (from, to)) in extents[first..].iter_mut().zip(bounds) {
                *extent = if from < to { scale.extent(*from, *to) } else { Extent::NONE };
            }
        }
        extents
    }

    /// Adds a row with cuts at these places, if there are any.
    fn push_match(&self, (group, row): (u32, u32), places: &[u32], found: &mut Matches) {
        let [first, others @ ..] = places else { return };
        let from = found.cuts.len() as u32;
        if !others.is_empty() {
            found.cuts.extend(places.iter().map(|at| self.all.cuts[*at as usize]));
            found.cuts[from as usize..].sort_unstable_by_key(|cut| cut.at);
        }
        found.rows.push(Match {
            row,
            group,
            key_prefix: self.all.key_prefixes[group as usize],
            cut: self.all.cuts[*first as usize],
            from,
            to: from + places.len() as u32,
        });
    }
}

/// What is live in the blocks of a segment that have candidates, in the order of blocks.
struct LiveBlocks {
    blocks: Vec<(u32, LiveRows)>,
}

impl LiveBlocks {
    fn of(entry: &SegmentEntry, candidates: &[(u32, u32)]) -> Result<LiveBlocks> {
        let block_count = entry.segment().meta().open_count.div_ceil(BLOCK_ROWS);
        let mut is_wanted = vec![false; block_count as usize];
        candidates.iter().for_each(|(_, row)| is_wanted[(row / BLOCK_ROWS) as usize] = true);
        let wanted = (0..block_count).filter(|block| is_wanted[*block as usize]);
        let wanted: Vec<u32> = wanted.collect();
        let live = entry.live_rows(&wanted)?;
        Ok(LiveBlocks { blocks: wanted.into_iter().zip(live).collect() })
    }

    /// A block that has candidates.
    fn of_block(&self, number: u32) -> &LiveRows {
        let at = self.blocks.partition_point(|(block, _)| *block < number);
        &self.blocks[at].1
    }
}

/// Cuts the rows of a segment, block by block.
struct Cutter<'a> {
    assertions: &'a Assertions,
    /// [`Matches::cuts`].
    cuts: &'a [Cut],
    /// Those of the rows of one block, in their order: brought together at once, since each row has its own elsewhere.
    cuts_of_block: Vec<Cut>,
    pieces: LivePieces<()>,
    /// The cuts that met something, each with its row, in the order in which they were made.
    made: Vec<(u32, Cut)>,
}

impl<'a> Cutter<'a> {
    fn new(assertions: &'a Assertions, cuts: &'a [Cut]) -> Cutter<'a> {
        let (cuts_of_block, pieces, made) = (Vec::new(), LivePieces::new(), Vec::new());
        Cutter { assertions, cuts, cuts_of_block, pieces, made }
    }

    /// Cuts some rows of a block, in their order. There is a key for each of them, and what is live of every row of the block.
    fn cut_block(&mut self, rows: &[Match], keys: &Keys, live: &LiveRows) {
        self.cuts_of_block.clear();
        for found in rows.iter().filter(|found| found.is_cut_again()) {
            self.cuts_of_block.extend_from_slice(found.cuts(self.cuts));
        }
        let (mut rest, mut gaps) = (&self.cuts_of_block[..], live.gaps().peekable());
        for (at, found) in rows.iter().enumerate() {
            let row = found.row % BLOCK_ROWS;
            let mut own = slice::from_ref(&found.cut);
            if found.is_cut_again() {
                (own, rest) = rest.split_at(found.cut_count());
            }
            if !self.assertions.is_same_key(keys.get(at), found) {
                continue;
            }
            while gaps.next_if(|(other, _)| *other < row).is_some() {}
            // Another group of the same hash may ask for the same row.
            let of_row = gaps.peek().filter(|(other, _)| *other == row);
            let of_row = of_row.map_or(&[][..], |(_, cuts)| cuts);
            let bounds = (live.from()[row as usize], live.to()[row as usize]);
            let note = &mut |cut: Cut| self.made.push((found.row, cut));
            cut_row(&mut self.pieces, bounds, of_row, own, note);
        }
    }
}

/// Notes the cuts, of those in `own`, that meet something of a row that is live between two instants, but for some gaps.
fn cut_row(
    live: &mut LivePieces<()>,
    (from, to): (i64, i64),
    gaps: &[Cut],
    own: &[Cut],
    note: &mut impl FnMut(Cut),
) {
    let mut note = |cut: &Cut| note(Cut { from: cut.from.max(from), to: cut.to.min(to), ..*cut });
    let is_met = |cut: &&Cut| cut.from < to && cut.to > from;
    if gaps.is_empty() {
        own.iter().filter(is_met).for_each(note);
        return;
    }
    live.clear();
    live.insert((), from, to, i64::MIN);
    for gap in gaps {
        live.cut(*gap, &mut |(), _| ());
    }
    for cut in own.iter().filter(is_met) {
        if live.cut(*cut, &mut |(), _| ()) {
            note(cut);
        }
    }
}
