//! What the cuts of a segment have left of its open rows.
//!
//! A flush holds its assertions against every open row of a key. Most of these rows have lost something by then, and a row that has
//! lost all of it, or the part in question, need not be looked at again. So what a flush keeps of a block is not how it was written
//! and what has been cut since, but what that comes to: two instants a row, and the gaps between them that a few rows have.

use std::sync::Arc;

use super::segment_entry::SegmentEntry;
use crate::error::Result;
use crate::segment::BLOCK_ROWS;
use crate::supersession::{Cut, SupersessionSet};

/// So many blocks are decoded at a time: a row group.
const DECODE_BLOCK_COUNT: usize = 32;

/// What is live of the open rows of one block, after the cuts of all files of its segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveRows {
    /// So many files of the segment are counted in, the oldest first.
    file_count: usize,
    spans: Arc<Spans>,
}

/// The part of valid time that is live of each open row of a block, from the first to the last live instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spans {
    /// A row of which nothing is live begins where it ends, or later.
    from: Vec<i64>,
    to: Vec<i64>,
    /// Cuts that lie between the bounds of their row, which is counted from the first of the block.
    gaps: SupersessionSet,
}

impl LiveRows {
    /// Where what is live of each open row begins.
    pub(crate) fn from(&self) -> &[i64] {
        &self.spans.from
    }

    /// Where it ends; not behind where it begins if nothing is live.
    pub(crate) fn to(&self) -> &[i64] {
        &self.spans.to
    }

    /// The rows, counted from the first of the block, of which something between the bounds is not live, with the cuts to blame.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = (u32, &[Cut])> {
        self.spans.gaps.within(0, BLOCK_ROWS)
    }

    fn memory_bytes(&self) -> usize {
        let Spans { from, to, gaps } = &*self.spans;
        size_of::<Spans>() + (from.len() + to.len()) * size_of::<i64>() + gaps.memory_bytes()
    }
}

impl Spans {
    /// These without what some rows, counted from the first of the block, have lost since.
    fn without<'a>(&self, cuts: impl Iterator<Item = (u32, &'a [Cut])>) -> Spans {
        let (mut from, mut to) = (self.from.clone(), self.to.clone());
        let mut gaps: Vec<(u32, Cut)> = self.gaps.iter().collect();
        let mut trim = |row: u32, cut: Cut| {
            let at = row as usize;
            // Closed rows lie behind the open ones, and nobody cuts them.
            let (Some(from), Some(to)) = (from.get_mut(at), to.get_mut(at)) else { return false };
            if cut.from <= *from {
                *from = cut.to.max(*from);
            } else if cut.to >= *to {
                *to = cut.from.min(*to);
            }
            *from < cut.from && cut.to < *to
        };
        for (row, cuts) in cuts {
            gaps.extend(cuts.iter().map(|cut| (row, *cut)).filter(|(row, cut)| trim(*row, *cut)));
        }
        // Bounds may have come to lie in a gap, or passed it.
        gaps.retain(|(row, cut)| trim(*row, *cut));
        Spans { from, to, gaps: SupersessionSet::new(gaps) }
    }
}

impl SegmentEntry {
    /// What is live of the open rows of some blocks, which are named in ascending order.
    ///
    /// What is worked out is kept in the cache: of a block that is there no period is read again, and no cut but those of files that
    /// have been added since.
    pub(crate) fn live_rows(&self, blocks: &[u32]) -> Result<Vec<LiveRows>> {
        let segment = self.segment();
        // An older version of the segment may be asked after a later one.
        let is_of_past = |held: &Arc<LiveRows>| held.file_count <= self.files().len();
        let remembered = |block: &u32| segment.remembered(*block).filter(is_of_past);
        let held: Vec<Option<Arc<LiveRows>>> = blocks.iter().map(remembered).collect();
        let missing = blocks.iter().zip(&held).filter(|(_, held)| held.is_none());
        let missing: Vec<u32> = missing.map(|(block, _)| *block).collect();
        let mut written = self.rows_as_written(&missing)?.into_iter();
        let known = |held: &Option<Arc<LiveRows>>| match held {
            Some(held) => Some((**held).clone()),
            None => written.next(),
        };
        let mut all: Vec<LiveRows> = held.iter().filter_map(known).collect();
        self.count_newer_files_in(blocks, &mut all)?;
        for ((block, live), held) in blocks.iter().zip(&all).zip(held) {
            if held.is_none_or(|held| held.file_count < live.file_count) {
                segment.remember(*block, Arc::new(live.clone()), live.memory_bytes())?;
            }
        }
        Ok(all)
    }

    /// The open rows of some blocks before anything was cut.
    fn rows_as_written(&self, blocks: &[u32]) -> Result<Vec<LiveRows>> {
        let (segment, mut all) = (self.segment(), Vec::with_capacity(blocks.len()));
        for blocks in blocks.chunks(DECODE_BLOCK_COUNT) {
            let periods = segment.valid_periods_uncached(blocks)?;
            for (block, (from, to)) in blocks.iter().zip(periods) {
                let open_count = segment.meta().open_count.saturating_sub(block * BLOCK_ROWS);
                let count = from.len().min(open_count as usize);
                let (from, to) = (from[..count].to_vec(), to[..count].to_vec());
                let spans = Arc::new(Spans { from, to, gaps: SupersessionSet::default() });
                all.push(LiveRows { file_count: 0, spans });
            }
        }
        Ok(all)
    }

    /// Takes away what the files have cut that are not counted in yet.
    fn count_newer_files_in(&self, blocks: &[u32], all: &mut [LiveRows]) -> Result<()> {
        let files = self.files();
        let known = all.iter().map(|live| live.file_count).min().unwrap_or(files.len());
        let (id, row_count) = (self.segment().meta().id, self.segment().meta().row_count);
        for (number, file) in files.iter().enumerate().skip(known) {
            let mut cuts = Vec::new();
            file.read(id, row_count, &mut cuts)?;
            let cuts = SupersessionSet::new(cuts);
            for (block, live) in blocks.iter().zip(&mut *all) {
                if live.file_count > number {
                    continue;
                }
                live.file_count = number + 1;
                let first = block * BLOCK_ROWS;
                let mut of_block = cuts.within(first, first.saturating_add(BLOCK_ROWS)).peekable();
                if of_block.peek().is_some() {
                    let of_block = of_block.map(|(row, cuts)| (row - first, cuts));
                    live.spans = Arc::new(live.spans.without(of_block));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: i64 = i64::MAX;

    /// Rows and what is cut from them.
    type Cuts = Vec<(u32, i64, i64)>;

    /// What is left of rows that all cover `[0, 100)`, and the gaps in it.
    fn left(cuts: &[(u32, i64, i64)]) -> (Vec<(i64, i64)>, Cuts) {
        let spans = Spans { from: vec![0; 4], to: vec![100; 4], gaps: SupersessionSet::default() };
        let step = |spans: Spans, &(row, from, to): &(u32, i64, i64)| {
            spans.without([(row, &[Cut { at: 1, from, to }][..])].into_iter())
        };
        let at_once = cuts.iter().map(|&(row, from, to)| (row, Cut { at: 1, from, to }));
        let at_once = SupersessionSet::new(at_once.collect());
        let together = spans.without(at_once.within(0, 4));
        let spans = cuts.iter().fold(spans, step);
        let shown = |spans: &Spans| {
            let bounds = spans.from.iter().copied().zip(spans.to.iter().copied()).collect();
            (bounds, spans.gaps.iter().map(|(row, cut)| (row, cut.from, cut.to)).collect())
        };
        assert_eq!(shown(&spans), shown(&together));
        shown(&spans)
    }

    #[test]
    fn cuts_at_either_end_move_the_bounds() {
        let (bounds, gaps) = left(&[(0, 0, 10), (1, 90, 100), (2, -5, 7), (2, 60, OPEN)]);
        assert_eq!(bounds, [(10, 100), (0, 90), (7, 60), (0, 100)]);
        assert_eq!(gaps, []);
    }

    #[test]
    fn nothing_is_live_of_a_row_that_was_cut_whole() {
        let (bounds, _) = left(&[(0, 0, 100), (1, i64::MIN, OPEN), (2, 0, 50), (2, 50, OPEN)]);
        assert!(bounds[..3].iter().all(|(from, to)| from >= to), "{bounds:?}");
        assert_eq!(bounds[3], (0, 100));
    }

    #[test]
    fn a_gap_is_kept_until_a_bound_meets_it() {
        assert_eq!(left(&[(1, 20, 30)]).1, [(1, 20, 30)]);
        let (bounds, gaps) = left(&[(1, 20, 30), (1, 25, OPEN), (3, 50, 60), (3, 0, 70)]);
        assert_eq!(bounds[1], (0, 20));
        assert_eq!(bounds[3], (70, 100));
        assert_eq!(gaps, []);
    }
}
