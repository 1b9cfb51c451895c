//! Finding the partitions of many versions in a row.

use super::range::{Partition, PartitionWidth};

/// For so many slices of time it is remembered which partition was found in them last; those so many apart share a place.
const SLICE_COUNT: usize = 1_024;
/// What comes before 1970 is counted as a great unsigned number: slices go on there as they do elsewhere.
const _: () = assert!(SLICE_COUNT.is_power_of_two());

/// Finds partitions by end, and numbers them in the order in which they are met, [`Partition::CURRENT`] first.
///
/// Calendars are slow, and versions of a few dozen partitions come in any order: what was met is looked up. Most of a slice of
/// time is of one partition, so that mostly the first look is the right one.
#[derive(Clone, Debug)]
pub(crate) struct PartitionFinder {
    width: PartitionWidth,
    met: Vec<Partition>,
    /// Where each partition that was met ends, ascending, and its number.
    ends: Vec<(i64, u32)>,
    /// The number of the partition that was found last in each slice of time, or in another that shares its place: a guess.
    slices: Vec<u32>,
    slice_bits: u32,
}

impl PartitionFinder {
    pub(crate) fn new(width: PartitionWidth) -> PartitionFinder {
        let current = Partition::CURRENT;
        PartitionFinder {
            width,
            met: vec![current],
            ends: vec![(current.to_us(), 0)],
            slices: vec![0; SLICE_COUNT],
            slice_bits: slice_bits(width),
        }
    }

    /// The partition of a version that ends at `end_us`.
    pub(crate) fn of_end(&mut self, end_us: i64) -> Partition {
        let number = self.number_of_end(end_us);
        self.met[number]
    }

    /// The number of the same.
    pub(crate) fn number_of_end(&mut self, end_us: i64) -> usize {
        let slice = (end_us >> self.slice_bits) as usize % SLICE_COUNT;
        let number = self.slices[slice] as usize;
        if self.met[number].holds_end(end_us) {
            return number;
        }
        let number = self.look_up(end_us);
        self.slices[slice] = number;
        number as usize
    }

    fn look_up(&mut self, end_us: i64) -> u32 {
        let at = self.ends.partition_point(|(end, _)| *end < end_us);
        match self.ends.get(at) {
            Some((_, number)) if self.met[*number as usize].holds_end(end_us) => *number,
            _ => {
                let (partition, number) =
                    (Partition::of_end(end_us, self.width), self.met.len() as u32);
                self.ends.insert(at, (partition.to_us(), number));
                self.met.push(partition);
                number
            }
        }
    }

    /// The partitions that were met, by their numbers.
    pub(crate) fn met(&self) -> &[Partition] {
        &self.met
    }
}

/// A slice has so many bits of microseconds: it is a seventh to a tenth of a partition.
fn slice_bits(width: PartitionWidth) -> u32 {
    match width {
        PartitionWidth::Hour => 29,
        PartitionWidth::Day => 33,
        PartitionWidth::Week => 36,
        PartitionWidth::Month => 38,
        PartitionWidth::Quarter => 40,
        PartitionWidth::Year => 42,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_found_again_whatever_was_met_between() {
        const HOUR: i64 = 3_600_000_000;
        let mut finder = PartitionFinder::new(PartitionWidth::Hour);
        // The last two share a place with the first, one of them as a slice of much later.
        let [same, round] = [5 * HOUR - 1_000, 5 * HOUR + ((SLICE_COUNT as i64) << 29)];
        let ends = [
            5 * HOUR,
            i64::MAX,
            HOUR + 1,
            5 * HOUR + 1,
            -HOUR,
            i64::MIN / 16,
            HOUR,
            9 * HOUR,
            same,
            round,
        ];
        for end in ends.iter().chain(ends.iter().rev()) {
            let found = finder.of_end(*end);
            assert_eq!(found, Partition::of_end(*end, PartitionWidth::Hour), "{end}");
            let number = finder.number_of_end(*end);
            assert_eq!(finder.met()[number], found);
        }
        assert_eq!(finder.met().len(), ends.len() - 1);
    }
}
