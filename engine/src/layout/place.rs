//! Versions with their place: partition, section, order.

use std::cmp::Reverse;
use std::ops::Range;

use crate::partition::{Partition, PartitionFinder, PartitionWidth};
use crate::time::Rect;

/// A time partition that gets at least so many open rows and as many closed ones gets two segments.
const SECTION_ROW_COUNT_MIN: usize = 4_096;

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
/// There are millions at a time. They stay where they were put; what is sorted is small and read from front to back.
#[derive(Debug)]
pub(crate) struct Placement {
    finder: PartitionFinder,
    rows: Vec<Placed>,
    /// For each row the prefix of its key and its class.
    ranks: Vec<(u64, Class)>,
    /// How many rows each class has.
    row_counts: Vec<usize>,
    /// Partitions whose rows go there however few they are.
    homes: Vec<Partition>,
}

/// Rows of one partition's open section (even) or closed section (odd): twice the number of the partition in
/// [`Placement::finder`], and one more for closed rows.
type Class = u32;

/// What orders the rows of a class: start, then the prefix of the key; and the position of the row in [`Placement::rows`]. What
/// one transaction began is then in the order of keys, which makes a column of keys half as long.
type SortKey = (i64, u64, u32);

impl Placement {
    /// For about so many versions.
    pub(crate) fn new(width: PartitionWidth, row_count: usize) -> Placement {
        Placement {
            finder: PartitionFinder::new(width),
            rows: Vec::with_capacity(row_count),
            ranks: Vec::with_capacity(row_count),
            row_counts: vec![0; 2],
            homes: Vec::new(),
        }
    }

    /// Rows of this partition go there however few they are: they come from there.
    pub(crate) fn keep_home(&mut self, partition: Partition) {
        self.homes.push(partition);
    }

    /// Adds a version, with the prefix of its key.
    pub(crate) fn push(&mut self, key_prefix: u64, placed: Placed) {
        let number = self.finder.number_of_end(placed.rect.end());
        let class = 2 * number + usize::from(!placed.rect.is_open());
        if class >= self.row_counts.len() {
            self.row_counts.resize(2 * self.finder.met().len(), 0);
        }
        self.row_counts[class] += 1;
        self.ranks.push((key_prefix, class as Class));
        self.rows.push(placed);
    }

    /// Splits the rows by the partition that they will live in, each group in the order of a segment.
    ///
    /// Groups of fewer than `direct_row_count_min` rows stay together in `current`; with 0 every row goes to its partition. Groups
    /// come in order of time, `current` last.
    pub(crate) fn into_groups(self, direct_row_count_min: usize) -> Groups {
        let Placement { rows, ranks, finder, row_counts, homes } = self;
        let partitions = finder.met();
        // The partition that a class goes to, and whether its two sections get segments of their own there.
        let target = |class: usize| {
            let (open, closed) = (row_counts[class & !1], row_counts[class | 1]);
            let own = partitions[class / 2];
            let is_direct = open + closed >= direct_row_count_min || homes.contains(&own);
            let is_split = open.min(closed) >= SECTION_ROW_COUNT_MIN;
            match is_direct && !own.is_current() {
                true => (own, is_split),
                false => (Partition::CURRENT, false),
            }
        };
        let mut classes: Vec<usize> = (0..row_counts.len()).collect();
        classes.sort_by_key(|class| (target(*class), class % 2, Reverse(partitions[class / 2])));
        let mut groups: Vec<(Partition, Range<usize>)> = Vec::new();
        // Where the next row of each class goes.
        let mut next = vec![0; row_counts.len()];
        let mut at = 0;
        for class in &classes {
            next[*class] = at;
            at += row_counts[*class];
            let (partition, is_split) = target(*class);
            match groups.last_mut() {
                Some((last, range)) if *last == partition && !is_split => range.end = at,
                _ => groups.push((partition, at - row_counts[*class]..at)),
            }
        }
        groups.retain(|(_, range)| !range.is_empty());
        let mut order: Vec<SortKey> = vec![(0, 0, 0); rows.len()];
        for (row, (key_prefix, class)) in (0..).zip(ranks) {
            let at = &mut next[class as usize];
            order[*at] = (rows[row as usize].rect.start(), key_prefix, row);
            *at += 1;
        }
        let mut rest = &mut order[..];
        for class in classes {
            let (of_class, others) = rest.split_at_mut(row_counts[class]);
            of_class.sort_unstable();
            rest = others;
        }
        Groups { rows, order, groups }
    }
}

/// Versions in the order of segments, split by partition.
#[derive(Debug)]
pub(crate) struct Groups {
    rows: Vec<Placed>,
    order: Vec<SortKey>,
    groups: Vec<(Partition, Range<usize>)>,
}

/// Versions that will lie one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    rows: &'a [Placed],
    order: &'a [SortKey],
}

impl Groups {
    /// How many versions there are.
    pub(crate) fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// The versions in the order in which they were placed, each with its number.
    pub(crate) fn as_placed(&self) -> impl Iterator<Item = (u32, &Placed)> {
        (0..).zip(&self.rows)
    }

    /// Each partition with its rows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Partition, Run<'_>)> {
        self.groups.iter().map(|(partition, range)| {
            (*partition, Run { rows: &self.rows, order: &self.order[range.clone()] })
        })
    }
}

impl<'a> Run<'a> {
    /// The versions, in their order.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &'a Placed> + use<'a> {
        let rows = self.rows;
        self.order.iter().map(|(_, _, row)| &rows[*row as usize])
    }

    /// The numbers of the versions: how many were placed before each.
    pub(crate) fn numbers(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.order.iter().map(|(_, _, number)| *number)
    }

    /// Itself in parts of so many versions; the last may have fewer.
    pub(crate) fn parts(&self, row_count: usize) -> impl Iterator<Item = Run<'a>> + use<'a> {
        let rows = self.rows;
        self.order.chunks(row_count).map(move |order| Run { rows, order })
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
        let mut placement = Placement::new(PartitionWidth::Month, rows.len());
        rows.into_iter().for_each(|row| placement.push(0, row));
        let groups = placement.into_groups(direct_row_count_min);
        let shown: Vec<(String, Vec<u32>)> = groups
            .iter()
            .map(|(partition, rows)| {
                (partition.name(), rows.rows().map(|placed| placed.row).collect())
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
