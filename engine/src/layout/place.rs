//! Versions with their place: partition, section, order.

use std::cmp::Reverse;
use std::ops::Range;

use crate::partition::{Partition, PartitionFinder, PartitionWidth};
use crate::time::Rect;

/// A version on its way into a segment: its extent, and where its values are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    pub(crate) rect: Rect,
    /// The hash of its key.
    pub(crate) hash: u64,
    /// The batch that holds its values.
    pub(crate) source: u32,
    /// The row in that batch.
    pub(crate) row: u32,
}

/// Versions of many partitions on their way into segments.
///
/// There are millions at a time, so they are kept once and ordered where they lie.
#[derive(Debug)]
pub(crate) struct Placement {
    finder: PartitionFinder,
    rows: Vec<(Home, Placed)>,
    /// The partitions met so far, in the order in which they were met, and how many rows each has.
    partitions: Vec<(Partition, usize)>,
    last: Home,
}

/// The partition that a row belongs to, as a position in [`Placement::partitions`].
type Home = u32;

impl Placement {
    pub(crate) fn new(width: PartitionWidth) -> Placement {
        let finder = PartitionFinder::new(width);
        Placement { finder, rows: Vec::new(), partitions: vec![(Partition::CURRENT, 0)], last: 0 }
    }

    pub(crate) fn push(&mut self, placed: Placed) {
        let partition = self.finder.of_end(placed.rect.end());
        if self.partitions[self.last as usize].0 != partition {
            let known = self.partitions.iter().position(|(other, _)| *other == partition);
            self.last = known.unwrap_or(self.partitions.len()) as Home;
            if known.is_none() {
                self.partitions.push((partition, 0));
            }
        }
        self.partitions[self.last as usize].1 += 1;
        self.rows.push((self.last, placed));
    }

    /// Splits the rows by the partition that they will live in, each group in the order of a segment.
    ///
    /// Groups of fewer than `direct_row_count_min` rows stay together in `current`; with 0 every row goes to its partition. Groups
    /// come in order of time, `current` last.
    pub(crate) fn into_groups(self, direct_row_count_min: usize) -> Groups {
        let Placement { mut rows, partitions, .. } = self;
        let target = |home: Home| {
            let (partition, row_count) = partitions[home as usize];
            if row_count >= direct_row_count_min { partition } else { Partition::CURRENT }
        };
        rows.sort_unstable_by_key(|(home, placed)| {
            let section = !placed.rect.is_open();
            let partition = Reverse(partitions[*home as usize].0);
            let tie = (placed.hash, placed.rect, placed.source, placed.row);
            (target(*home), section, partition, placed.rect.start(), tie)
        });
        let mut groups: Vec<(Partition, Range<usize>)> = Vec::new();
        for (at, (home, _)) in rows.iter().enumerate() {
            let partition = target(*home);
            match groups.last_mut() {
                Some((last, range)) if *last == partition => range.end = at + 1,
                _ => groups.push((partition, at..at + 1)),
            }
        }
        Groups { rows, groups }
    }
}

/// Versions in the order of segments, split by partition.
#[derive(Debug)]
pub(crate) struct Groups {
    rows: Vec<(Home, Placed)>,
    groups: Vec<(Partition, Range<usize>)>,
}

impl Groups {
    /// Each partition with its rows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Partition, &[(Home, Placed)])> {
        self.groups.iter().map(|(partition, range)| (*partition, &self.rows[range.clone()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;
    const OPEN: i64 = i64::MAX;

    fn placed(row: u32, [valid_from, valid_to, system_from, system_to]: [i64; 4]) -> Placed {
        let rect = Rect { valid_from, valid_to, system_from, system_to };
        Placed { rect, hash: 0, source: 0, row }
    }

    fn check(direct_row_count_min: usize, expect: &[(&str, &[u32])]) {
        let rows = vec![
            placed(0, [0, DAY, 0, OPEN]),
            placed(1, [0, OPEN, 0, DAY]),
            placed(2, [5, OPEN, 0, OPEN]),
            placed(3, [3, OPEN, 4, OPEN]),
            placed(4, [0, OPEN, 9, 40 * DAY]),
            placed(5, [0, 40 * DAY, 2, OPEN]),
        ];
        let mut placement = Placement::new(PartitionWidth::Month);
        rows.into_iter().for_each(|row| placement.push(row));
        let groups = placement.into_groups(direct_row_count_min);
        let shown: Vec<(String, Vec<u32>)> = groups
            .iter()
            .map(|(partition, rows)| {
                (partition.name(), rows.iter().map(|(_, placed)| placed.row).collect())
            })
            .collect();
        let expect: Vec<_> =
            expect.iter().map(|(name, r)| (name.to_string(), r.to_vec())).collect();
        assert_eq!(shown, expect);
    }

    #[test]
    fn every_version_goes_to_the_partition_of_its_end() {
        check(0, &[("1970-01", &[0, 1]), ("1970-02", &[5, 4]), ("current", &[3, 2])]);
    }

    #[test]
    fn small_groups_stay_in_current_behind_what_has_not_ended() {
        check(3, &[("current", &[3, 2, 5, 0, 4, 1])]);
    }
}
