//! The order of rows in a segment.
//!
//! Rows still believed come before closed ones. Inside a section rows go by the partition of their end, `current` first, then the
//! latest first (in a segment of a time partition, all are of one); then by start, the later of `valid_from` and
//! `system_from`. What an as-of query can see of a partition is then a prefix. Ties are in any order.

use std::cmp::Reverse;
use std::ops::Deref;

use super::Periods;
use crate::partition::{Partition, PartitionFinder};

/// Where a row belongs among the rows of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    is_closed: bool,
    partition: Reverse<Partition>,
    start: i64,
}

impl Place {
    pub(super) fn new<C: Deref<Target = [i64]>>(
        periods: &Periods<C>,
        row: usize,
        finder: &mut PartitionFinder,
    ) -> Place {
        Place {
            is_closed: periods.system_to[row] != i64::MAX,
            partition: Reverse(finder.of_end(periods.end(row))),
            start: periods.start(row),
        }
    }
}
