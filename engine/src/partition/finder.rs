//! Finding the partitions of many versions in a row.

use super::range::{Partition, PartitionWidth};

/// Finds partitions by end, and numbers them in the order in which they are met, [`Partition::CURRENT`] first.
///
/// Calendars are slow, and versions of a few dozen partitions come in any order: what was met is looked up.
#[derive(Clone, Debug)]
pub(crate) struct PartitionFinder {
    width: PartitionWidth,
    met: Vec<Partition>,
    /// Where each partition that was met ends, ascending, and its number.
    ends: Vec<(i64, u32)>,
    last: usize,
}

impl PartitionFinder {
    pub(crate) fn new(width: PartitionWidth) -> PartitionFinder {
        let current = Partition::CURRENT;
        PartitionFinder { width, met: vec![current], ends: vec![(current.to_us(), 0)], last: 0 }
    }

    /// The partition of a version that ends at `end_us`.
    pub(crate) fn of_end(&mut self, end_us: i64) -> Partition {
        let number = self.number_of_end(end_us);
        self.met[number]
    }

    /// The number of the same.
    pub(crate) fn number_of_end(&mut self, end_us: i64) -> usize {
        if self.met[self.last].holds_end(end_us) {
            return self.last;
        }
        let at = self.ends.partition_point(|(end, _)| *end < end_us);
        self.last = match self.ends.get(at) {
            Some((_, number)) if self.met[*number as usize].holds_end(end_us) => *number as usize,
            _ => {
                let partition = Partition::of_end(end_us, self.width);
                self.ends.insert(at, (partition.to_us(), self.met.len() as u32));
                self.met.push(partition);
                self.met.len() - 1
            }
        };
        self.last
    }

    /// The partitions that were met, by their numbers.
    pub(crate) fn met(&self) -> &[Partition] {
        &self.met
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_found_again_whatever_was_met_between() {
        const HOUR: i64 = 3_600_000_000;
        let mut finder = PartitionFinder::new(PartitionWidth::Hour);
        let ends =
            [5 * HOUR, i64::MAX, HOUR + 1, 5 * HOUR + 1, -HOUR, i64::MIN / 16, HOUR, 9 * HOUR];
        for end in ends.iter().chain(ends.iter().rev()) {
            let found = finder.of_end(*end);
            assert_eq!(found, Partition::of_end(*end, PartitionWidth::Hour), "{end}");
            let number = finder.number_of_end(*end);
            assert_eq!(finder.met()[number], found);
        }
        assert_eq!(finder.met().len(), ends.len());
    }
}
