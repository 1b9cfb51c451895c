//! The cuts of one segment's rows, ready for look-up by row.

use super::carve::Cut;

/// Cuts ordered by row, and for one row in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SupersessionSet {
    rows: Vec<u32>,
    cuts: Vec<Cut>,
}

impl SupersessionSet {
    /// From entries in the order in which the cuts were made.
    pub(crate) fn new(mut entries: Vec<(u32, Cut)>) -> SupersessionSet {
        entries.sort_by_key(|(row, _)| *row);
        let (rows, cuts) = entries.into_iter().unzip();
        SupersessionSet { rows, cuts }
    }

    /// These cuts and later ones. One pass over both: each flush adds to the cuts of every segment that it concerns.
    pub(crate) fn with(&self, newer: &SupersessionSet) -> SupersessionSet {
        if self.rows.is_empty() {
            return newer.clone();
        }
        let count = self.rows.len() + newer.rows.len();
        let mut all =
            SupersessionSet { rows: Vec::with_capacity(count), cuts: Vec::with_capacity(count) };
        let mut at = 0;
        for (row, cut) in newer.iter() {
            // What is older goes first, also for the same row.
            let until = at + self.rows[at..].iter().take_while(|older| **older <= row).count();
            all.rows.extend_from_slice(&self.rows[at..until]);
            all.cuts.extend_from_slice(&self.cuts[at..until]);
            all.rows.push(row);
            all.cuts.push(cut);
            at = until;
        }
        all.rows.extend_from_slice(&self.rows[at..]);
        all.cuts.extend_from_slice(&self.cuts[at..]);
        all
    }

    /// The cuts of one row, oldest first.
    pub(crate) fn of(&self, row: u32) -> &[Cut] {
        let first = self.rows.partition_point(|other| *other < row);
        let count = self.rows[first..].partition_point(|other| *other == row);
        &self.cuts[first..first + count]
    }

    /// The rows in `[from, to)` that have cuts, each with its cuts.
    pub(crate) fn within(&self, from: u32, to: u32) -> impl Iterator<Item = (u32, &[Cut])> {
        let mut at = self.rows.partition_point(|row| *row < from);
        std::iter::from_fn(move || {
            let row = *self.rows.get(at).filter(|row| **row < to)?;
            let count = self.rows[at..].iter().take_while(|other| **other == row).count();
            let cuts = &self.cuts[at..at + count];
            at += count;
            Some((row, cuts))
        })
    }

    /// The bytes it takes in memory, estimated.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.rows.len() * (size_of::<u32>() + size_of::<Cut>())
    }

    /// All entries: by row, and for one row in the order in which they were made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Cut)> + '_ {
        self.rows.iter().copied().zip(self.cuts.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_found_by_row_in_the_order_in_which_they_were_made() {
        let cut = |at| Cut { at, from: 0, to: 1 };
        let set = SupersessionSet::new(vec![(7, cut(1)), (3, cut(2)), (7, cut(3)), (9, cut(4))]);
        assert_eq!(set.of(7), [cut(1), cut(3)]);
        assert_eq!(set.of(8), []);
        let within: Vec<_> = set.within(4, 9).map(|(row, cuts)| (row, cuts.len())).collect();
        assert_eq!(within, [(7, 2)]);
    }

    #[test]
    fn later_cuts_come_behind_earlier_ones_of_their_row() {
        let cut = |at| Cut { at, from: 0, to: 1 };
        let (older, newer) = (vec![(3, cut(1)), (7, cut(2))], vec![(1, cut(3)), (3, cut(4))]);
        let both = SupersessionSet::new(older.clone()).with(&SupersessionSet::new(newer.clone()));
        assert_eq!(both, SupersessionSet::new([older, newer].concat()));
        let all: Vec<_> = both.iter().map(|(row, cut)| (row, cut.at)).collect();
        assert_eq!(all, [(1, 3), (3, 1), (3, 4), (7, 2)]);
    }
}
