//! Versions with their place: partition, section, order.

use std::cmp::Reverse;
use std::collections::HashMap;

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

/// Splits versions by the partition that they will live in, each group in the order of a segment.
///
/// Groups of fewer than `direct_row_count_min` rows stay together in `current`; with 0 every row goes to its partition.
/// Groups come in order of time, `current` last.
pub(crate) fn group_by_partition(
    placed: Vec<Placed>,
    width: PartitionWidth,
    direct_row_count_min: usize,
) -> Vec<(Partition, Vec<Placed>)> {
    let mut finder = PartitionFinder::new(width);
    let mut homes: Vec<(Partition, Placed)> =
        placed.into_iter().map(|placed| (finder.of_end(placed.rect.end()), placed)).collect();
    let mut counts: HashMap<Partition, usize> = HashMap::new();
    for (home, _) in &homes {
        *counts.entry(*home).or_default() += 1;
    }
    let target = |home: Partition| {
        if counts[&home] >= direct_row_count_min { home } else { Partition::CURRENT }
    };
    homes.sort_unstable_by_key(|(home, placed)| {
        let section = !placed.rect.is_open();
        let tie = (placed.hash, placed.rect, placed.source, placed.row);
        (target(*home), section, Reverse(*home), placed.rect.start(), tie)
    });
    let mut groups: Vec<(Partition, Vec<Placed>)> = Vec::new();
    for (home, placed) in homes {
        let partition = target(home);
        match groups.last_mut() {
            Some((last, rows)) if *last == partition => rows.push(placed),
            _ => groups.push((partition, vec![placed])),
        }
    }
    groups
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
        let groups = group_by_partition(rows, PartitionWidth::Month, direct_row_count_min);
        let shown: Vec<(String, Vec<u32>)> = groups
            .iter()
            .map(|(partition, rows)| (partition.name(), rows.iter().map(|p| p.row).collect()))
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
