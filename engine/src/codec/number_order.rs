//! Sorting by numbers that lie about evenly: hashes, or instants at which rows began.

/// Buckets that are sorted by themselves have about so many items: they fit the cache of a core.
const BUCKET_LEN: usize = 1_024;
/// The most bits of a number that tell its bucket: so many places are written to in turn.
const BUCKET_BITS_MAX: u32 = 10;

/// `count` items by `order`, of which the first part is the number. `numbers` are those of the items.
///
/// The first bits of a number tell its bucket. The more evenly numbers lie, the less is left to sort in each.
pub(crate) fn sorted_by_number<T: Copy + Default, K: Ord>(
    count: usize,
    numbers: impl Iterator<Item = u64>,
    items: impl Iterator<Item = T>,
    order: impl Fn(&T) -> (u64, K),
) -> Vec<T> {
    let bits = (count / BUCKET_LEN).max(1).ilog2().min(BUCKET_BITS_MAX);
    let bucket = |number: u64| number.checked_shr(u64::BITS - bits).unwrap_or(0) as usize;
    // Where the next item of each bucket goes; in the end, where each bucket ends.
    let mut next = vec![0; 1 << bits];
    numbers.for_each(|number| next[bucket(number)] += 1);
    let mut start = 0;
    for next in &mut next {
        (*next, start) = (start, start + *next);
    }
    let mut sorted = vec![T::default(); count];
    for item in items {
        let place = &mut next[bucket(order(&item).0)];
        sorted[*place] = item;
        *place += 1;
    }
    let mut rest = &mut sorted[..];
    let mut start = 0;
    for end in next {
        let (of_bucket, others) = rest.split_at_mut(end - start);
        of_bucket.sort_unstable_by_key(&order);
        (rest, start) = (others, end);
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_any_number_come_in_order() {
        for count in [0, 1, 2, 2_047, 2_048, 100_000] {
            let hash = |i: u64| (i / 3 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let items: Vec<(u64, u64)> = (0..count).rev().map(|i| (hash(i), i)).collect();
            let hashes = items.iter().map(|item| item.0);
            let sorted = sorted_by_number(items.len(), hashes, items.iter().copied(), |i| *i);
            let mut expected = items;
            expected.sort_unstable();
            assert!(sorted == expected, "{count} items");
        }
    }
}
