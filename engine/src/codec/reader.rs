//! A cursor over bytes from disk that judges instead of panicking.

use std::fmt;

use super::varint::{VARINT_BYTES_MAX, unzigzag};

/// What a decoder returns.
pub(crate) type Judged<T> = std::result::Result<T, Malformed>;

/// Bytes that no encoder writes: where in the decoded bytes, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The offset in the bytes that were given to the [`Reader`].
    pub(crate) at: usize,
    /// What is wrong, as a clause: `a varint has more than 64 bits`.
    pub(crate) what: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {} of the block)", self.what, self.at)
    }
}

/// A cursor over bytes. A failed read leaves it where it was.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The judgement that what lies here is wrong.
    pub(crate) fn malformed(&self, what: impl Into<String>) -> Malformed {
        Malformed { at: self.at, what: what.into() }
    }

    /// The next `count` bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Judged<&'a [u8]> {
        let left = &self.bytes[self.at..];
        let Some(bytes) = left.get(..count) else {
            let left = left.len();
            return Err(self.malformed(format!("{count} bytes are expected, {left} are left")));
        };
        self.at += count;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Judged<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Judged<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Judged<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Judged<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Judged<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// An integer as `put_varint` writes it, in its shortest form.
    pub(crate) fn varint(&mut self) -> Judged<u64> {
        let mut value = 0_u64;
        for (i, &byte) in self.bytes[self.at..].iter().take(VARINT_BYTES_MAX).enumerate() {
            let group = u64::from(byte & 0x7F);
            let shift = 7 * i as u32;
            if group << shift >> shift != group {
                return Err(self.malformed("a varint has more than 64 bits"));
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && i > 0 {
                    return Err(self.malformed("a varint is longer than it must be"));
                }
                self.at += i + 1;
                return Ok(value);
            }
        }
        Err(self.malformed("a varint has no end"))
    }

    /// A signed integer, zigzag in a varint.
    pub(crate) fn signed_varint(&mut self) -> Judged<i64> {
        self.varint().map(unzigzag)
    }

    /// A varint that counts things of which each takes at least `item_bytes_min` (>= 1) of the
    /// bytes left, so that a count never makes its reader allocate more than the input could hold.
    pub(crate) fn count(&mut self, item_bytes_min: usize) -> Judged<usize> {
        let mut ahead = self.clone();
        let count = ahead.varint()?;
        let most = ahead.remaining() / item_bytes_min;
        match usize::try_from(count) {
            Ok(count) if count <= most => {
                *self = ahead;
                Ok(count)
            }
            _ => Err(self.malformed(format!("{count} items do not fit in the bytes left"))),
        }
    }

    /// `count` 64-bit integers, as `put_i64s` writes them.
    pub(crate) fn i64s(&mut self, count: usize) -> Judged<Vec<i64>> {
        let byte_count = count.checked_mul(8).ok_or_else(|| self.malformed("a count overflows"))?;
        let (words, _) = self.bytes(byte_count)?.as_chunks::<8>();
        Ok(words.iter().map(|&word| i64::from_le_bytes(word)).collect())
    }

    /// UTF-8 text: its length in bytes as a varint, then the bytes.
    pub(crate) fn text(&mut self) -> Judged<&'a str> {
        let mut ahead = self.clone();
        let count = ahead.count(1)?;
        let bytes = ahead.bytes(count)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.malformed("text is not UTF-8"))?;
        *self = ahead;
        Ok(text)
    }

    /// Nothing may be left.
    pub(crate) fn finish(&self) -> Judged<()> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.malformed(format!("{left} bytes too many"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::varint::{put_varint, zigzag};
    use super::*;

    #[test]
    fn integers_come_back_and_take_their_shortest_form() {
        let mut edges = vec![0, 1, u64::MAX, u64::MAX - 1];
        edges.extend((0..64).flat_map(|bit| [1_u64 << bit, (1_u64 << bit) - 1]));
        for value in edges {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.varint(), Ok(value));
            assert_eq!(reader.finish(), Ok(()));
            let bits = 64 - value.leading_zeros() as usize;
            assert_eq!(bytes.len(), bits.div_ceil(7).max(1));
            assert_eq!(unzigzag(zigzag(value as i64)), value as i64);
        }
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
    }

    #[test]
    fn malformed_bytes_are_judged_and_leave_the_reader_in_place() {
        for bytes in [&[0x80][..], &[0x80, 0], &[0xFF; 10], &[0xFF; 20], &[]] {
            let mut reader = Reader::new(bytes);
            assert!(reader.varint().is_err(), "{bytes:?}");
            assert_eq!(reader.position(), 0);
        }
        let mut reader = Reader::new(&[1, 2, 3]);
        assert!(reader.u32().is_err() && reader.bytes(usize::MAX).is_err());
        assert!(reader.i64s(usize::MAX).is_err() && reader.finish().is_err());
        assert_eq!(reader.u8(), Ok(1));
        assert!(Reader::new(&[200, 1, 0]).count(1).is_err());
        assert!(Reader::new(&[2, 0xFF, 0xFF]).text().is_err());
        assert_eq!(Reader::new(&[2, b'o', b'k']).text(), Ok("ok"));
    }
}
