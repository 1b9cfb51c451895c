//! Fixed-width numbers in a stream of bits, lowest bit first.

/// Zero bytes that must follow a stream in memory, so that [`get`] can load whole words.
pub(super) const SLACK_BYTES: usize = 8;

/// Writes numbers one behind the other.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    held: u64,
    held_bits: u32,
}

impl BitWriter {
    /// Appends to `bytes`.
    pub(super) fn new(bytes: Vec<u8>) -> BitWriter {
        BitWriter { bytes, held: 0, held_bits: 0 }
    }

    /// Appends the lowest `width` bits, at most 32, of `value`; the others must be zero.
    pub(super) fn push(&mut self, value: u64, width: u32) {
        debug_assert!(width <= 32 && value >> width == 0);
        self.held |= value << self.held_bits;
        self.held_bits += width;
        while self.held_bits >= 8 {
            self.bytes.push(self.held as u8);
            self.held >>= 8;
            self.held_bits -= 8;
        }
    }

    /// The bytes; bits that fill the last byte are zero.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.held_bits > 0 {
            self.bytes.push(self.held as u8);
        }
        self.bytes
    }
}

/// The `width` bits, at most 32, from bit `at` on. `bytes` must go on for [`SLACK_BYTES`] behind
/// the last bit asked for.
#[inline]
pub(super) fn get(bytes: &[u8], at: usize, width: u32) -> u64 {
    let byte = at / 8;
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[byte..byte + 8]);
    (u64::from_le_bytes(word) >> (at % 8)) & ((1 << width) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_come_back() {
        for width in 1..=32 {
            let values: Vec<u64> = (0..100u64)
                .map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - width))
                .collect();
            let mut writer = BitWriter::default();
            values.iter().for_each(|value| writer.push(*value, width));
            let mut bytes = writer.finish();
            assert_eq!(bytes.len(), (100 * width as usize).div_ceil(8));
            bytes.extend([0; SLACK_BYTES]);
            for (i, value) in values.iter().enumerate() {
                assert_eq!(get(&bytes, i * width as usize, width), *value);
            }
        }
    }
}
