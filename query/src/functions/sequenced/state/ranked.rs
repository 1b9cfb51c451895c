//! Extremes and distinct values, by rank: all values are sorted once, and from then on a number stands for each, whatever its
//! type.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{SortOptions, partition, sort_to_indices, take};
use datafusion::common::Result;

use super::{Answer, Overflow, State};

/// The values of a column, numbered in their order; equal values have one number.
pub(super) struct Ranks {
    /// The rank of each row; that of a NULL means nothing.
    of_row: Vec<u32>,
    /// The value of each rank.
    pub(super) values: ArrayRef,
}

impl Ranks {
    pub(super) fn of(values: &ArrayRef) -> Result<Ranks> {
        let options = SortOptions { descending: false, nulls_first: false };
        let sorted = sort_to_indices(values, Some(options), None)?;
        let sorted = sorted.slice(0, values.len() - values.logical_null_count());
        let in_order = take(values, &sorted, None)?;
        let (mut of_row, mut firsts) = (vec![0; values.len()], Vec::new());
        for (rank, equal) in (0..).zip(partition(std::slice::from_ref(&in_order))?.ranges()) {
            firsts.push(equal.start as u32);
            for row in &sorted.values()[equal] {
                of_row[*row as usize] = rank;
            }
        }
        let values = take(&in_order, &UInt32Array::from(firsts), None)?;
        Ok(Ranks { of_row, values })
    }
}

/// How many different values there are.
pub(super) struct DistinctCount {
    ranks: Vec<u32>,
    /// How many rows have the value of a rank.
    row_counts: Vec<u32>,
    distinct_count: i64,
}

impl DistinctCount {
    pub(super) fn new(ranks: Ranks) -> DistinctCount {
        let row_counts = vec![0; ranks.values.len()];
        DistinctCount { ranks: ranks.of_row, row_counts, distinct_count: 0 }
    }
}

impl State for DistinctCount {
    fn add(&mut self, row: usize) {
        let row_count = &mut self.row_counts[self.ranks[row] as usize];
        self.distinct_count += i64::from(*row_count == 0);
        *row_count += 1;
    }

    fn remove(&mut self, row: usize) {
        let row_count = &mut self.row_counts[self.ranks[row] as usize];
        *row_count -= 1;
        self.distinct_count -= i64::from(*row_count == 0);
    }

    fn answer(&self) -> Result<Answer, Overflow> {
        Ok(Some(self.distinct_count.into()))
    }
}

/// The smallest or the greatest value; NULL without rows.
pub(super) struct Extreme {
    ranks: Vec<u32>,
    /// How many rows have a rank, for those that some row has.
    row_counts: BTreeMap<u32, u32>,
    is_max: bool,
}

impl Extreme {
    pub(super) fn new(ranks: Ranks, is_max: bool) -> Extreme {
        Extreme { ranks: ranks.of_row, row_counts: BTreeMap::new(), is_max }
    }
}

impl State for Extreme {
    fn add(&mut self, row: usize) {
        *self.row_counts.entry(self.ranks[row]).or_insert(0) += 1;
    }

    fn remove(&mut self, row: usize) {
        let rank = self.ranks[row];
        match self.row_counts.get_mut(&rank) {
            Some(row_count) if *row_count > 1 => *row_count -= 1,
            _ => {
                self.row_counts.remove(&rank);
            }
        }
    }

    fn answer(&self) -> Result<Answer, Overflow> {
        let mut ranks = self.row_counts.keys();
        let rank = if self.is_max { ranks.next_back() } else { ranks.next() };
        Ok(rank.map(|rank| i128::from(*rank)))
    }
}
