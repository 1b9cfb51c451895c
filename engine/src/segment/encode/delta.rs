//! Integers as packed differences: DELTA_BINARY_PACKED of Parquet.

use super::bits::{pack, width_of};
use crate::codec::{put_varint, zigzag};

/// A block has so many miniblocks; numbers of a miniblock have one width.
const MINIBLOCK_COUNT: usize = 4;
/// The numbers of a block of 32 bits each.
const BLOCK_LEN_32: usize = 128;
/// The numbers of a block of 64 bits each.
const BLOCK_LEN_64: usize = 256;

/// Appends integers of 32 bits.
pub(super) fn put_i32s(values: &[i32], out: &mut Vec<u8>) {
    put_header(BLOCK_LEN_32, values.len(), values.first().map_or(0, |value| (*value).into()), out);
    let mut deltas = [0; BLOCK_LEN_32];
    for block in windows(values, BLOCK_LEN_32) {
        let count = block.len() - 1;
        // Differences wrap as readers add them up: in 32 bits.
        let delta = |at: usize| block[at + 1].wrapping_sub(block[at]);
        let least = (0..count).map(delta).min().unwrap_or(0);
        for (at, above) in deltas[..count].iter_mut().enumerate() {
            *above = u64::from(delta(at).wrapping_sub(least) as u32);
        }
        put_block(least.into(), &mut deltas, count, out);
    }
}

/// Appends integers of 64 bits.
pub(super) fn put_i64s(values: &[i64], out: &mut Vec<u8>) {
    put_header(BLOCK_LEN_64, values.len(), values.first().copied().unwrap_or(0), out);
    let mut deltas = [0; BLOCK_LEN_64];
    for block in windows(values, BLOCK_LEN_64) {
        let count = block.len() - 1;
        let delta = |at: usize| block[at + 1].wrapping_sub(block[at]);
        let least = (0..count).map(delta).min().unwrap_or(0);
        for (at, above) in deltas[..count].iter_mut().enumerate() {
            *above = delta(at).wrapping_sub(least) as u64;
        }
        put_block(least, &mut deltas, count, out);
    }
}

/// The values that the differences of each block are between: the last of one is the first of the next.
fn windows<T>(values: &[T], block_len: usize) -> impl Iterator<Item = &[T]> {
    let firsts = (0..values.len().saturating_sub(1)).step_by(block_len);
    firsts.map(move |first| &values[first..(first + block_len + 1).min(values.len())])
}

fn put_header(block_len: usize, count: usize, first: i64, out: &mut Vec<u8>) {
    put_varint(out, block_len as u64);
    put_varint(out, MINIBLOCK_COUNT as u64);
    put_varint(out, count as u64);
    put_varint(out, zigzag(first));
}

/// Appends the least difference and how far the first `count` are above it. `above` is as long as a block.
fn put_block(least: i64, above: &mut [u64], count: usize, out: &mut Vec<u8>) {
    put_varint(out, zigzag(least));
    above[count..].fill(0);
    let miniblocks = above.chunks(above.len() / MINIBLOCK_COUNT);
    let widths = miniblocks.clone().map(|of| width_of(of.iter().fold(0, |all, one| all | one)));
    out.extend(widths.clone().map(|width| width as u8));
    // A miniblock without a value is not stored.
    let stored_count = count.div_ceil(above.len() / MINIBLOCK_COUNT);
    for (of_miniblock, width) in miniblocks.zip(widths).take(stored_count) {
        pack(of_miniblock.iter().copied(), width, out);
    }
}
