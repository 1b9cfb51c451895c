//! How the blocks of a scan are dealt out to parts that are read side by side.
//!
//! Parts are of about one size in blocks, and each is a row of neighbours, so that what is decoded together stays together.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::version::SegmentEntry;

/// A part has at least so many blocks (65,536 rows): to hand rows from thread to thread costs more than it gains below that.
const PART_BLOCK_COUNT_MIN: usize = 16;

/// Some neighbouring blocks of a segment.
#[derive(Clone, Debug)]
pub(super) struct BlockRange {
    pub(super) entry: Arc<SegmentEntry>,
    pub(super) blocks: Range<u32>,
}

impl BlockRange {
    pub(super) fn all(entry: Arc<SegmentEntry>) -> BlockRange {
        let blocks = 0..entry.segment().meta().block_count();
        BlockRange { entry, blocks }
    }
}

/// Deals ranges out to at most `part_count_max` parts, at least one; the first has `first_count` blocks elsewhere.
pub(super) fn deal(
    ranges: VecDeque<BlockRange>,
    first_count: usize,
    part_count_max: usize,
) -> Vec<VecDeque<BlockRange>> {
    let block_count: usize = ranges.iter().map(|range| range.blocks.len()).sum();
    let sizes = sizes(block_count, first_count, part_count_max);
    let mut ranges = ranges.into_iter();
    let mut left: Option<BlockRange> = None;
    let deal_one = |size: usize| {
        let (mut hand, mut room) = (VecDeque::new(), size);
        while room > 0 {
            let Some(mut range) = left.take().or_else(|| ranges.next()) else { break };
            let count = range.blocks.len().min(room);
            let cut = range.blocks.start + count as u32;
            if cut < range.blocks.end {
                left =
                    Some(BlockRange { entry: range.entry.clone(), blocks: cut..range.blocks.end });
                range.blocks.end = cut;
            }
            room -= count;
            hand.push_back(range);
        }
        hand
    };
    sizes.into_iter().map(deal_one).collect()
}

/// The blocks of each part.
fn sizes(block_count: usize, first_count: usize, part_count_max: usize) -> Vec<usize> {
    let all = block_count + first_count;
    let part_count = (all / PART_BLOCK_COUNT_MIN).min(part_count_max).max(1);
    let first = all.div_ceil(part_count).saturating_sub(first_count).min(block_count);
    let mut sizes = vec![first];
    let mut left = block_count - first;
    for others in (1..part_count).rev() {
        let size = left.div_ceil(others);
        if size > 0 {
            sizes.push(size);
        }
        left -= size;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::sizes;

    #[test]
    fn parts_are_of_about_one_size_and_few_blocks_are_one_part() {
        assert_eq!(sizes(0, 0, 8), [0]);
        assert_eq!(sizes(31, 0, 8), [31]);
        assert_eq!(sizes(100, 0, 0), [100]);
        assert_eq!(sizes(32, 0, 8), [16, 16]);
        assert_eq!(sizes(100, 0, 3), [34, 33, 33]);
        assert_eq!(sizes(90, 10, 4), [15, 25, 25, 25]);
        assert_eq!(sizes(40, 100, 4), [0, 14, 13, 13]);
        assert_eq!(sizes(0, 100, 4), [0]);
    }
}
