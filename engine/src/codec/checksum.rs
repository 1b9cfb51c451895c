//! The checksum of every block: CRC-32C, seeded with what the block is.

/// The CRC-32C of the eight little-endian bytes of `seed` followed by `bytes`.
///
/// The seed says what the block is (which file, which place in it), so that a block that is whole
/// but stale, or lies where another belongs, fails like a damaged one.
pub(crate) fn checksum(seed: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&seed.to_le_bytes()), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_castagnoli_checksum_of_seed_and_bytes() {
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(checksum(u64::from_le_bytes(*b"12345678"), b"9"), 0xE306_9283);
        assert_ne!(checksum(1, b"block"), checksum(2, b"block"));
    }
}
