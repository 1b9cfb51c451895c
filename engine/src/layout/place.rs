//! Versions with their place: partition, section, order.

use std::cmp::Reverse;
use std::mem::take;

use crate::codec::lists_sorted_by_numbers;
use crate::partition::{Partition, PartitionFinder, PartitionWidth};
use crate::time::Rect;

/// A time partition that gets at least so many open rows and as many closed ones gets two segments.
const SECTION_ROW_COUNT_MIN: usize = 4_096;
/// Memory for rows of a class is taken for so many at a time.
const PIECE_ROW_COUNT: usize = 512;

/// A version on its way into a segment: its extent, and where its values are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Placed {
    pub(crate) rect: Rect,
    /// The hash of its key.
    pub(crate) hash: u64,
    /// The prefix of its key.
    pub(crate) key_prefix: u64,
    /// The batch that holds its values.
    pub(crate) source: u32,
    /// The row in that batch.
    pub(crate) row: u32,
}

/// Versions of many partitions on their way into segments.
///
/// There are millions at a time. Each is put behind those of its class at once, so that whoever sorts or reads a class reads memory
/// from front to back.
#[derive(Debug)]
pub(crate) struct Placement {
    finder: PartitionFinder,
    /// Rows of one partition's open section (even) or closed section (odd): at twice the number of the partition in `finder`, and
    /// one more for closed rows.
    classes: Vec<Class>,
    /// Partitions whose rows go there however few they are.
    homes: Vec<Partition>,
}

/// Rows of one section of one partition, in pieces of [`PIECE_ROW_COUNT`]: a vector that grows would copy all it has.
#[derive(Debug)]
struct Class {
    pieces: Vec<Vec<Placed>>,
    /// The first start and the last.
    first: i64,
    last: i64,
}

impl Default for Class {
    fn default() -> Class {
        Class { pieces: Vec::new(), first: i64::MAX, last: i64::MIN }
    }
}

impl Class {
    fn push(&mut self, placed: Placed) {
        let start = placed.rect.start();
        (self.first, self.last) = (self.first.min(start), self.last.max(start));
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE_ROW_COUNT => piece.push(placed),
            _ => {
                let mut piece = Vec::with_capacity(PIECE_ROW_COUNT);
                piece.push(placed);
                self.pieces.push(piece);
            }
        }
    }

    fn append(&mut self, other: Class) {
        self.pieces.extend(other.pieces);
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
    }

    fn len(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    fn rows(&self) -> impl Iterator<Item = &Placed> {
        self.pieces.iter().flatten()
    }

    /// The rows by start, then by the prefix of the key. What one transaction began is then in the order of keys, which makes a
    /// column of keys half as long. They are let go of as they are copied.
    fn into_sorted(self) -> Vec<Vec<Placed>> {
        // Most starts lie evenly between the first and the last.
        let first = self.first;
        let shift = self.last.abs_diff(first).leading_zeros().min(u64::BITS - 1);
        let number = |row: &Placed| row.rect.start().abs_diff(first) << shift;
        let order = |row: &Placed| ([number(row), row.key_prefix], (row.source, row.row));
        lists_sorted_by_numbers(self.pieces, order)
    }
}

impl Placement {
    pub(crate) fn new(width: PartitionWidth) -> Placement {
        let classes = vec![Class::default(), Class::default()];
        Placement { finder: PartitionFinder::new(width), classes, homes: Vec::new() }
    }

    /// Rows of this partition go there however few they are: they come from there.
    pub(crate) fn keep_home(&mut self, partition: Partition) {
        self.homes.push(partition);
    }

    /// Adds a version.
    pub(crate) fn push(&mut self, placed: Placed) {
        let class = self.class_of(&placed);
        self.classes[class].push(placed);
    }

    fn class_of(&mut self, placed: &Placed) -> usize {
        let number = self.finder.number_of_end(placed.rect.end());
        let class = 2 * number + usize::from(!placed.rect.is_open());
        if class >= self.classes.len() {
            self.classes.resize_with(2 * self.finder.met().len(), Class::default);
        }
        class
    }

    /// Adds the versions of another placement of the same width.
    pub(crate) fn append(&mut self, other: Placement) {
        for rows in other.classes {
            let Some(first) = rows.rows().next().copied() else { continue };
            let class = self.class_of(&first);
            self.classes[class].append(rows);
        }
        self.homes.extend(other.homes);
    }

    /// Splits the rows by the partition that they will live in.
    ///
    /// Groups of fewer than `direct_row_count_min` rows stay together in `current`; with 0 every row goes to its partition. Groups
    /// come in order of time, `current` last.
    pub(crate) fn into_groups(self, direct_row_count_min: usize) -> Vec<Group> {
        let Placement { mut classes, finder, homes } = self;
        let partitions = finder.met();
        let row_counts: Vec<usize> = classes.iter().map(Class::len).collect();
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
        let mut numbers: Vec<usize> = (0..classes.len()).filter(|at| row_counts[*at] > 0).collect();
        numbers.sort_by_key(|class| (target(*class), class % 2, Reverse(partitions[class / 2])));
        let mut groups: Vec<Group> = Vec::new();
        for number in numbers {
            let ((partition, is_split), class) = (target(number), take(&mut classes[number]));
            match groups.last_mut() {
                Some(last) if last.partition == partition && !is_split => last.classes.push(class),
                _ => groups.push(Group { partition, classes: vec![class] }),
            }
        }
        groups
    }
}

/// Versions of one partition that will lie together.
#[derive(Debug)]
pub(crate) struct Group {
    partition: Partition,
    /// One behind the other.
    classes: Vec<Class>,
}

/// The versions of a group in the order of segments, in lists that follow one another.
#[derive(Debug)]
pub(crate) struct SortedRows {
    lists: Vec<Vec<Placed>>,
}

/// Versions that will lie one after the other, in slices that follow one another.
#[derive(Clone, Debug)]
pub(crate) struct Run<'a> {
    slices: Vec<&'a [Placed]>,
}

impl Group {
    pub(crate) fn partition(&self) -> Partition {
        self.partition
    }

    /// How many versions there are.
    pub(crate) fn len(&self) -> usize {
        self.classes.iter().map(Class::len).sum()
    }

    /// The versions in their order. A class is sorted when its turn comes, so that there is one copy of it at a time.
    pub(crate) fn into_sorted(self) -> SortedRows {
        SortedRows { lists: self.classes.into_iter().flat_map(Class::into_sorted).collect() }
    }
}

impl SortedRows {
    /// All of them.
    pub(crate) fn run(&self) -> Run<'_> {
        Run { slices: self.lists.iter().map(Vec::as_slice).collect() }
    }
}

impl<'a> Run<'a> {
    /// How many versions there are.
    pub(crate) fn len(&self) -> usize {
        self.slices.iter().map(|slice| slice.len()).sum()
    }

    /// The versions, in their order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'a Placed> {
        self.slices.iter().copied().flatten()
    }

    /// Itself in parts of so many versions; the last may have fewer.
    pub(crate) fn parts(&self, row_count: usize) -> Vec<Run<'a>> {
        let mut parts: Vec<Run<'a>> = Vec::new();
        let mut room = 0;
        for slice in &self.slices {
            let mut rest = *slice;
            while !rest.is_empty() {
                if room == 0 {
                    parts.push(Run { slices: Vec::new() });
                    room = row_count;
                }
                let (taken, others) = rest.split_at(room.min(rest.len()));
                if let Some(part) = parts.last_mut() {
                    part.slices.push(taken);
                }
                room -= taken.len();
                rest = others;
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;
    const OPEN: i64 = i64::MAX;

    fn placed(row: u32, [valid_from, valid_to, system_from, system_to]: [i64; 4]) -> Placed {
        let rect = Rect { valid_from, valid_to, system_from, system_to };
        Placed { rect, hash: 0, key_prefix: 0, source: 0, row }
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
        let shown: Vec<(String, Vec<u32>)> = placement
            .into_groups(direct_row_count_min)
            .into_iter()
            .map(|group| {
                let (name, sorted) = (group.partition().name(), group.into_sorted());
                (name, sorted.run().rows().map(|placed| placed.row).collect())
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
