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
}
