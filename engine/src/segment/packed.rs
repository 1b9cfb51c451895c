//! The periods of a block in little memory: what the cache holds for look-ups of single rows.
//!
//! Look-ups meet blocks in no order, and every block that is not in the cache has to be decoded for the sake of one row. So what
//! they have decoded is kept in a form that takes a third to a half of the memory, from which one row is read in some nanoseconds.
//! Each column is packed by itself, to numbers of the least width: places in a list of distinct values (few transactions begin or
//! end the rows of a block), or multiples of a step above a least value (days, seconds).

use super::{PeriodBlock, Periods};
use crate::time::Rect;

/// A column with more distinct values than this is not packed by a list of them.
const DISTINCT_COUNT_MAX: usize = 1_024;
/// A list that takes no more bits a value than this is good enough not to look further.
const WIDTH_GOOD: u32 = 16;
/// Slots of the table in which distinct values are looked for; a power of two.
const SLOT_COUNT: usize = 4 * DISTINCT_COUNT_MAX;
/// A slot that holds nothing.
const EMPTY: u16 = u16::MAX;

/// The four instants of each row of a block.
#[derive(Debug)]
pub(super) struct PackedPeriods {
    valid_from: PackedColumn,
    valid_to: PackedColumn,
    system_from: PackedColumn,
    system_to: PackedColumn,
}

impl PackedPeriods {
    pub(super) fn new(block: &PeriodBlock) -> PackedPeriods {
        let Periods { valid_from, valid_to, system_from, system_to } = block;
        PackedPeriods {
            valid_from: PackedColumn::new(valid_from, i64::MIN),
            valid_to: PackedColumn::new(valid_to, i64::MAX),
            system_from: PackedColumn::new(system_from, i64::MIN),
            system_to: PackedColumn::new(system_to, i64::MAX),
        }
    }

    /// The extent of a row in both times.
    pub(super) fn rect(&self, row: usize) -> Rect {
        Rect {
            valid_from: self.valid_from.get(row),
            valid_to: self.valid_to.get(row),
            system_from: self.system_from.get(row),
            system_to: self.system_to.get(row),
        }
    }

    /// The bytes it takes in memory, estimated.
    pub(super) fn memory_bytes(&self) -> usize {
        let columns = [&self.valid_from, &self.valid_to, &self.system_from, &self.system_to];
        size_of::<PackedPeriods>() + columns.map(PackedColumn::byte_count).iter().sum::<usize>()
    }
}

/// Instants as numbers of one width.
#[derive(Debug)]
struct PackedColumn {
    meaning: Meaning,
    width: u32,
    words: Vec<u64>,
}

/// What a number stands for.
#[derive(Debug)]
enum Meaning {
    /// The place of the value in this list.
    Listed(Vec<i64>),
    /// 0: `unbounded`. Any other: one step less than so many above `base`.
    Steps { base: i64, step: u64, unbounded: i64 },
    /// The value itself.
    Plain,
}

impl PackedColumn {
    fn new(values: &[i64], unbounded: i64) -> PackedColumn {
        let mut steps = None;
        if let Some((list, places)) = distinct(values) {
            let width = width_of(list.len().saturating_sub(1) as u64);
            let bits = list.len() * u64::BITS as usize + values.len() * width as usize;
            let is_small = bits < values.len() * WIDTH_GOOD as usize;
            if !is_small {
                steps = Steps::of(values, unbounded);
            }
            let steps_width = steps.as_ref().map_or(u64::BITS, |steps| steps.width);
            if is_small || bits < values.len() * steps_width as usize {
                let words = pack(places.into_iter().map(u64::from), values.len(), width);
                return PackedColumn { meaning: Meaning::Listed(list), width, words };
            }
        }
        let steps = steps.or_else(|| Steps::of(values, unbounded));
        match steps {
            Some(Steps { base, step, width }) => {
                let above = |value: i64| value.wrapping_sub(base) as u64;
                let (count, values) = (values.len(), values.iter());
                // Microseconds have no other step than 1, and divisions are slow.
                let words = if step == 1 {
                    let number =
                        |value: &i64| if *value == unbounded { 0 } else { above(*value) + 1 };
                    pack(values.map(number), count, width)
                } else {
                    let number = |value: &i64| {
                        if *value == unbounded { 0 } else { above(*value) / step + 1 }
                    };
                    pack(values.map(number), count, width)
                };
                PackedColumn { meaning: Meaning::Steps { base, step, unbounded }, width, words }
            }
            None => {
                let words = values.iter().map(|value| *value as u64).collect();
                PackedColumn { meaning: Meaning::Plain, width: u64::BITS, words }
            }
        }
    }

    fn get(&self, row: usize) -> i64 {
        let number = self.number(row);
        match &self.meaning {
            Meaning::Listed(list) => list[number as usize],
            Meaning::Steps { unbounded, .. } if number == 0 => *unbounded,
            Meaning::Steps { base, step, .. } => base.wrapping_add(((number - 1) * step) as i64),
            Meaning::Plain => number as i64,
        }
    }

    fn number(&self, row: usize) -> u64 {
        if self.width == 0 {
            return 0;
        }
        let at = row * self.width as usize;
        let (word, shift) = (at / 64, at as u32 % 64);
        let mut number = self.words[word] >> shift;
        if shift + self.width > u64::BITS {
            number |= self.words[word + 1] << (u64::BITS - shift);
        }
        number & (u64::MAX >> (u64::BITS - self.width))
    }

    fn byte_count(&self) -> usize {
        let list = if let Meaning::Listed(list) = &self.meaning { list.len() } else { 0 };
        (list + self.words.len()) * size_of::<u64>()
    }
}

/// How values are multiples of a step above the least.
struct Steps {
    base: i64,
    step: u64,
    width: u32,
}

impl Steps {
    /// `None` where values lie too far apart for it; user instants never do.
    fn of(values: &[i64], unbounded: i64) -> Option<Steps> {
        let (mut least, mut greatest) = (i64::MAX, i64::MIN);
        for value in values {
            least = least.min(if *value == unbounded { i64::MAX } else { *value });
            greatest = greatest.max(if *value == unbounded { i64::MIN } else { *value });
        }
        // Otherwise all are unbounded.
        let base = if least <= greatest { least } else { 0 };
        let range = greatest.max(base).wrapping_sub(base) as u64;
        let mut step = 0;
        for value in values.iter().filter(|value| **value != unbounded) {
            step = gcd(step, value.wrapping_sub(base) as u64);
            if step == 1 {
                break;
            }
        }
        let step = step.max(1);
        let greatest = (range / step).checked_add(1)?;
        Some(Steps { base, step, width: width_of(greatest) })
    }
}

/// The distinct values, and the place of each value among them; `None` if they are many.
fn distinct(values: &[i64]) -> Option<(Vec<i64>, Vec<u16>)> {
    let mut slots = [EMPTY; SLOT_COUNT];
    let (mut list, mut places) = (Vec::<i64>::new(), Vec::with_capacity(values.len()));
    let mut last = None;
    for value in values {
        // Neighbours are often alike.
        if let Some((before, place)) = last
            && before == *value
        {
            places.push(place);
            continue;
        }
        let hash = (*value as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut slot = (hash >> (u64::BITS - SLOT_COUNT.ilog2())) as usize;
        while slots[slot] != EMPTY && list[slots[slot] as usize] != *value {
            slot = (slot + 1) % SLOT_COUNT;
        }
        if slots[slot] == EMPTY {
            if list.len() == DISTINCT_COUNT_MAX {
                return None;
            }
            slots[slot] = list.len() as u16;
            list.push(*value);
        }
        places.push(slots[slot]);
        last = Some((*value, slots[slot]));
    }
    Some((list, places))
}

fn gcd(mut left: u64, mut right: u64) -> u64 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

/// How many bits a number needs that is at most `greatest`.
fn width_of(greatest: u64) -> u32 {
    u64::BITS - greatest.leading_zeros()
}

fn pack(numbers: impl Iterator<Item = u64>, count: usize, width: u32) -> Vec<u64> {
    let mut words = Vec::with_capacity((count * width as usize).div_ceil(64));
    if width == 0 {
        return words;
    }
    let (mut held, mut held_bits) = (0, 0);
    for number in numbers {
        held |= number << held_bits;
        held_bits += width;
        if held_bits >= u64::BITS {
            words.push(held);
            held_bits -= u64::BITS;
            held = number.checked_shr(width - held_bits).unwrap_or(0);
        }
    }
    if held_bits > 0 {
        words.push(held);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[i64], unbounded: i64, expect_bytes_max: usize) {
        let packed = PackedColumn::new(values, unbounded);
        let read: Vec<i64> = (0..values.len()).map(|row| packed.get(row)).collect();
        assert_eq!(read, values);
        assert!(packed.byte_count() <= expect_bytes_max, "{} bytes", packed.byte_count());
    }

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn every_value_comes_back() {
        check(&[], i64::MAX, 0);
        check(&[7], i64::MAX, 8);
        check(&[i64::MAX; 4_096], i64::MAX, 8);
        check(&[i64::MIN, i64::MAX, 0, -1, 1, i64::MIN], i64::MAX, 48);
        check(&[i64::MIN, i64::MAX - 1, 5, 6, 7, 8, 9, 10], i64::MIN, 64);
    }

    #[test]
    fn what_is_alike_takes_little_memory() {
        let random = |i: i64| (i.wrapping_mul(0x5851_F42D_4C95_7F2D) >> 20).unsigned_abs() as i64;
        let of = |value: &dyn Fn(i64) -> i64| (0..4_096).map(value).collect::<Vec<i64>>();
        // Days of forty years, some unbounded: fifteen bits.
        check(
            &of(&|i| if i % 9 == 0 { i64::MAX } else { random(i) % 15_000 * DAY }),
            i64::MAX,
            8_192,
        );
        // Microseconds of two years: forty-six bits.
        check(&of(&|i| random(i) % (730 * DAY)), i64::MIN, 23_552);
        // Three hundred transactions in no order: nine bits, and their times.
        check(&of(&|i| random(random(i) % 300)), i64::MAX, 4_608 + 2_400);
    }

    #[test]
    fn values_of_the_whole_range_come_back() {
        let values: Vec<i64> =
            (0..5_000_i64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64)).collect();
        check(&values, i64::MAX, 40_000);
        check(&values[..4_096], values[17], 32_768);
    }
}
