//! Integers in as few bytes as they need: LEB128, and zigzag for signed ones.

/// The most bytes a 64-bit integer takes.
pub(crate) const VARINT_BYTES_MAX: usize = 10;

/// Appends `value` in groups of seven bits, the lowest first; the high bit of a byte says that more
/// follow.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Maps small integers of either sign to small unsigned ones: 0, -1, 1, -2 to 0, 1, 2, 3.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
