//! Sorting by numbers that lie about evenly: hashes, or instants at which rows began.
//!
//! A comparison of two items tells one bit of their order, a digit of a number tells as many as it has. Items are dealt out to
//! buckets by the first bits of their numbers, all at once and then bucket by bucket within the cache of a core, until few are left
//! in each: these are sorted by comparison (McIlroy, Bostic and McIlroy, "Engineering Radix Sort", 1993).

/// Buckets of the first deal have about so many items: they fit the cache of a core.
const BUCKET_LEN: usize = 1_024;
/// The most bits of a number that tell its bucket in the first deal: so many places are written to in turn.
const BUCKET_BITS_MAX: u32 = 10;
/// The same for the deals within a bucket.
const INNER_BITS_MAX: u32 = 9;
/// Items are dealt to buckets of about so many in the end ...
const SMALL_LEN: usize = 2;
/// ... and no further if there are no more than so many.
const SMALL_LEN_MAX: usize = 10;

/// `count` items by `order`, which starts with numbers. `firsts` are the first numbers of the items.
///
/// The more evenly the numbers lie, the less is left to compare; however they lie, an item is dealt out once for each few bits that
/// tell it from others.
pub(crate) fn sorted_by_numbers<T: Copy + Default, K: Ord, const N: usize>(
    count: usize,
    firsts: impl Iterator<Item = u64>,
    items: impl Iterator<Item = T>,
    order: impl Fn(&T) -> ([u64; N], K),
) -> Vec<T> {
    let bucket = bucket_of(count);
    // Where the next item of each bucket goes; in the end, where each bucket ends.
    let mut next = counts_of(firsts.map(&bucket), count);
    turn_to_starts(&mut next);
    let mut sorted = vec![T::default(); count];
    // Not a loop, as a loop over nested iterators writes each item to memory and reads it back.
    items.for_each(|item| {
        let place = &mut next[bucket(order(&item).0[0])];
        sorted[*place] = item;
        *place += 1;
    });
    let mut inner = Inner { order, dealt: Vec::new() };
    for_each_bucket(&mut sorted, &next, &mut |of_bucket| inner.sort(of_bucket, 0));
    sorted
}

/// The items of some lists, sorted in the same way, in lists that follow one another. For large items: their memory is not written to
/// before they are dealt out, and a list is let go of when it has been.
pub(crate) fn lists_sorted_by_numbers<T: Copy + Default, K: Ord, const N: usize>(
    lists: Vec<Vec<T>>,
    order: impl Fn(&T) -> ([u64; N], K),
) -> Vec<Vec<T>> {
    let count = lists.iter().map(Vec::len).sum();
    let bucket_of_number = bucket_of(count);
    let bucket = |item: &T| bucket_of_number(order(item).0[0]);
    let counts = counts_of(lists.iter().flatten().map(bucket), count);
    let mut sorted: Vec<Vec<T>> = counts.into_iter().map(Vec::with_capacity).collect();
    for list in lists {
        list.iter().for_each(|item| sorted[bucket(item)].push(*item));
    }
    sorted.retain(|list| !list.is_empty());
    let mut inner = Inner { order: &order, dealt: Vec::new() };
    sorted.iter_mut().for_each(|list| inner.sort(list, 0));
    sorted
}

/// The bucket of the first deal that a number tells, for so many items.
fn bucket_of(count: usize) -> impl Fn(u64) -> usize {
    let bits = bits_of(count);
    move |number| number.checked_shr(u64::BITS - bits).unwrap_or(0) as usize
}

/// How many bits of a number tell its bucket in the first deal of so many items.
fn bits_of(count: usize) -> u32 {
    (count / BUCKET_LEN).max(1).ilog2().min(BUCKET_BITS_MAX)
}

/// How many items each bucket of the first deal gets.
fn counts_of(buckets: impl Iterator<Item = usize>, count: usize) -> Vec<usize> {
    let mut counts = vec![0; 1 << bits_of(count)];
    buckets.for_each(|bucket| counts[bucket] += 1);
    counts
}

/// Sorts what fits the cache of a core.
struct Inner<T, F> {
    order: F,
    /// Items are dealt out into this.
    dealt: Vec<T>,
}

impl<T: Copy + Default, F> Inner<T, F> {
    /// Sorts items of which all numbers before the one `at` are equal.
    fn sort<K: Ord, const N: usize>(&mut self, items: &mut [T], mut at: usize)
    where
        F: Fn(&T) -> ([u64; N], K),
    {
        let order = &self.order;
        let ends_of = |at: usize| {
            let numbers = items.iter().map(|item| order(item).0[at]);
            numbers.fold((u64::MAX, 0), |(least, most), one| (one.min(least), one.max(most)))
        };
        let (mut least, mut most) = (0, 0);
        while items.len() > SMALL_LEN_MAX && at < N {
            (least, most) = ends_of(at);
            if least < most {
                break;
            }
            at += 1;
        }
        if items.len() <= SMALL_LEN_MAX || at == N {
            return items.sort_unstable_by_key(order);
        }
        let bits = (items.len() / SMALL_LEN).ilog2().min(INNER_BITS_MAX);
        let shift = (u64::BITS - (most - least).leading_zeros()).saturating_sub(bits);
        let bucket = |item: &T| ((order(item).0[at] - least) >> shift) as usize;
        let mut next = vec![0; 1 << bits];
        items.iter().for_each(|item| next[bucket(item)] += 1);
        turn_to_starts(&mut next);
        if self.dealt.len() < items.len() {
            self.dealt.resize(items.len(), T::default());
        }
        for item in &*items {
            let place = &mut next[bucket(item)];
            self.dealt[*place] = *item;
            *place += 1;
        }
        items.copy_from_slice(&self.dealt[..items.len()]);
        for_each_bucket(items, &next, &mut |of_bucket| self.sort(of_bucket, at));
    }
}

/// Turns the count of each bucket into the place of its first item.
fn turn_to_starts(counts: &mut [usize]) {
    let mut start = 0;
    for count in counts {
        (*count, start) = (start, start + *count);
    }
}

/// Calls `each` with every bucket of two items and more, of which `ends` are the ends.
fn for_each_bucket<T>(items: &mut [T], ends: &[usize], each: &mut dyn FnMut(&mut [T])) {
    let (mut rest, mut start) = (items, 0);
    for end in ends {
        let (of_bucket, others) = rest.split_at_mut(end - start);
        if of_bucket.len() > 1 {
            each(of_bucket);
        }
        (rest, start) = (others, *end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(items: Vec<(u64, u64)>, what: &str) {
        let expected = {
            let mut items = items.clone();
            items.sort_unstable();
            items
        };
        let (firsts, all) = (items.iter().map(|item| item.0), items.iter().copied());
        let by_one = sorted_by_numbers(items.len(), firsts, all, |i| ([i.0], i.1));
        assert!(by_one == expected, "{} {what} items, one number", items.len());
        let lists = items.chunks(1_000).map(Vec::from).collect();
        let lists = lists_sorted_by_numbers(lists, |i: &(u64, u64)| ([i.0], i.1));
        assert!(lists.concat() == expected, "{} {what} items, in lists", items.len());
        let (firsts, all) = (items.iter().map(|item| item.0), items.iter().copied());
        let by_two = sorted_by_numbers(items.len(), firsts, all, |i| ([i.0, i.1], ()));
        assert!(by_two == expected, "{} {what} items, two numbers", items.len());
    }

    #[test]
    fn items_of_any_number_come_in_order() {
        for count in [0, 1, 2, 2_047, 2_048, 100_000] {
            let hash = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let of = |number: fn(u64) -> u64| (0..count).rev().map(move |i| (number(i), hash(i)));
            check(of(|i| (i / 3 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect(), "even");
            check(of(|_| 7).collect(), "equal");
            check(of(|i| if i % 5 == 0 { u64::MAX } else { i / 700 }).collect(), "lumped");
            check(of(|i| 1 << (i % 64)).collect(), "doubling");
            check(of(|i| u64::MAX - i).collect(), "close");
        }
    }
}
