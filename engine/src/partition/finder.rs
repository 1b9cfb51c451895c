//! Finding the partitions of many versions in a row.

use super::range::{Partition, PartitionWidth};

/// Finds partitions by end; remembers the last one, since neighbouring versions mostly end in the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartitionFinder {
    width: PartitionWidth,
    last: Partition,
}

impl PartitionFinder {
    pub(crate) fn new(width: PartitionWidth) -> PartitionFinder {
        PartitionFinder { width, last: Partition::CURRENT }
    }

    /// The partition of a version that ends at `end_us`.
    pub(crate) fn of_end(&mut self, end_us: i64) -> Partition {
        if !self.last.holds_end(end_us) {
            self.last = Partition::of_end(end_us, self.width);
        }
        self.last
    }
}
