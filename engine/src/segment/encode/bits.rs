//! Numbers of one width: packed, or as runs of equal ones; the hybrid of both that Parquet has for levels and dictionaries.

use crate::codec::put_varint;

/// So many equal numbers in a row are a run.
const RUN_LEN_MIN: usize = 8;

/// How many bits `value` takes.
pub(super) fn width_of(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Appends numbers of `width` bits each, the lowest bit first, filled up with zero bits to a whole byte.
pub(super) fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let (mut held, mut held_bits) = (0_u64, 0);
    for value in values {
        held |= value << held_bits;
        held_bits += width;
        if held_bits >= u64::BITS {
            out.extend_from_slice(&held.to_le_bytes());
            held_bits -= u64::BITS;
            // What did not fit any more; nothing of a value that did.
            held = value.checked_shr(width - held_bits).unwrap_or(0);
        }
    }
    out.extend_from_slice(&held.to_le_bytes()[..held_bits.div_ceil(8) as usize]);
}

/// Appends numbers of `width` bits as Parquet's hybrid: a run of equal ones is stored once, others are packed in groups of eight.
pub(super) fn put_hybrid(values: &[u32], width: u32, out: &mut Vec<u8>) {
    // What is packed begins here; it is whole groups but at the end.
    let (mut first, mut at) = (0, 0);
    while at < values.len() {
        let value = values[at];
        let run = values[at..].iter().take_while(|other| **other == value).count();
        // What fills the last group of those before.
        let fill = (at - first).wrapping_neg() % RUN_LEN_MIN;
        if run >= fill + RUN_LEN_MIN {
            put_packed(&values[first..at + fill], width, out);
            put_varint(out, ((run - fill) as u64) << 1);
            out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
            first = at + run;
        }
        at += run;
    }
    put_packed(&values[first..], width, out);
}

fn put_packed(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    put_varint(out, (groups as u64) << 1 | 1);
    let zeros = std::iter::repeat_n(0, groups * 8 - values.len());
    pack(values.iter().map(|value| u64::from(*value)).chain(zeros), width, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_width_are_packed_one_behind_the_other() {
        for width in 1..=64 {
            let mask = u64::MAX >> (64 - width);
            let value = |i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) & mask;
            let mut packed = Vec::new();
            pack((0..67).map(value), width, &mut packed);
            assert_eq!(packed.len(), (67 * width).div_ceil(8) as usize);
            let bit = |at: u64| u64::from(packed[at as usize / 8]) >> (at % 8) & 1;
            for i in 0..67 {
                let first = i * u64::from(width);
                let read = (0..u64::from(width)).map(|at| bit(first + at) << at).sum::<u64>();
                assert_eq!(read, value(i), "{width} bits, number {i}");
            }
        }
    }

    #[test]
    fn runs_are_stored_once_and_what_lies_between_in_groups_of_eight() {
        let mut out = Vec::new();
        put_hybrid(&[1; 100], 1, &mut out);
        assert_eq!(out, [0xC8, 1, 1]);
        out.clear();
        // Three and five of the run make a group, then there are eight more.
        let values = [&[1, 2, 3][..], &[7; 13]].concat();
        put_hybrid(&values, 3, &mut out);
        assert_eq!(out, [3, 0b1101_0001, 0b1111_1110, 0xFF, 16, 7]);
        out.clear();
        put_hybrid(&[], 3, &mut out);
        assert!(out.is_empty());
    }
}
