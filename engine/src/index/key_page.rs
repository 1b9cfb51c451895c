//! One page of the key index: the rows of some thousand neighbouring key hashes in at most 4 KiB.
//!
//! ```text
//! offset  size  field
//!      0     2  entry_count   distinct fragments in the page, at least 1
//!      2     2  row_count     rows in the page, at least entry_count
//!      4     1  shift         fragment = (hash - first hash of the page) >> shift
//!      5     1  row_bits      width of a row number, 1 to 32
//!      6        entry_count x 20 bits: fragments, strictly ascending
//!               row_count x 1 bit: 1 where an entry's last row stands
//!               row_count x row_bits bits: row numbers, counted from the section's first row
//!               zero bits up to the next byte
//! ```
//!
//! The first hash of a page stands in the directory. Two hashes whose fragments agree share an
//! entry: a look-up may find rows of another key (about once in 3,000 look-ups of a hash that is
//! not there), but misses none. The width of 20 bits is a balance: 16 would save 0.1 bytes a row at
//! five rows a key and find sixteen times as many strangers, each of which costs the decoding of a
//! block.

use super::bits::{self, BitWriter};

/// The most bytes of a page.
pub(crate) const PAGE_BYTES_MAX: usize = 4096;
/// The width of a fragment.
pub(crate) const FRAGMENT_BITS: u32 = 20;
/// The bytes before the bit stream.
pub(crate) const PAGE_HEADER_BYTES: usize = 6;

/// How many bits a row number below `row_count` needs.
pub(super) fn row_bits(row_count: u32) -> u32 {
    (u32::BITS - row_count.saturating_sub(1).leading_zeros()).max(1)
}

/// Whether a page with so many distinct hashes and rows keeps within [`PAGE_BYTES_MAX`].
pub(super) fn fits(hash_count: usize, row_count: usize, row_bits: u32) -> bool {
    let bits = hash_count * FRAGMENT_BITS as usize + row_count * (1 + row_bits as usize);
    bits <= (PAGE_BYTES_MAX - PAGE_HEADER_BYTES) * 8
}

/// The bytes of a page with these (hash, row) pairs, which are sorted, not empty and fit.
pub(super) fn encode(pairs: &[(u64, u32)], row_bits: u32) -> Vec<u8> {
    let (first, last) = (pairs[0].0, pairs[pairs.len() - 1].0);
    let shift = (u64::BITS - (last - first).leading_zeros()).saturating_sub(FRAGMENT_BITS);
    let fragment = |hash: u64| (hash - first) >> shift;
    let is_last =
        |i: usize| pairs.get(i + 1).is_none_or(|next| fragment(next.0) != fragment(pairs[i].0));
    let entry_count = (0..pairs.len()).filter(|i| is_last(*i)).count();
    let mut bytes = Vec::with_capacity(PAGE_BYTES_MAX);
    bytes.extend((entry_count as u16).to_le_bytes());
    bytes.extend((pairs.len() as u16).to_le_bytes());
    bytes.extend([shift as u8, row_bits as u8]);
    let mut writer = BitWriter::new(bytes);
    for (i, pair) in pairs.iter().enumerate().filter(|(i, _)| is_last(*i)) {
        debug_assert!(is_last(i));
        writer.push(fragment(pair.0), FRAGMENT_BITS);
    }
    (0..pairs.len()).for_each(|i| writer.push(u64::from(is_last(i)), 1));
    pairs.iter().for_each(|pair| writer.push(u64::from(pair.1), row_bits));
    let bytes = writer.finish();
    assert!(bytes.len() <= PAGE_BYTES_MAX, "a key page outgrew its bound");
    bytes
}

/// A page that was judged and can be searched.
#[derive(Debug)]
pub(crate) struct KeyPage {
    /// The bytes of the file and the slack that bit access needs.
    bytes: Vec<u8>,
    first_hash: u64,
    entry_count: usize,
    row_count: usize,
    shift: u32,
    row_bits: u32,
}

/// A place between two entries: how many entries, and how many rows, lie before it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    entry: usize,
    row: usize,
}

impl KeyPage {
    /// Judges the bytes of a page of a section of `section_rows` rows; says what is wrong with
    /// them.
    pub(crate) fn decode(
        mut bytes: Vec<u8>,
        first_hash: u64,
        section_rows: u32,
    ) -> Result<KeyPage, &'static str> {
        if bytes.len() < PAGE_HEADER_BYTES || bytes.len() > PAGE_BYTES_MAX {
            return Err("the length of a key page is impossible");
        }
        let byte_count = bytes.len();
        let entry_count = usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        let row_count = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        let (shift, row_bits) = (u32::from(bytes[4]), u32::from(bytes[5]));
        if entry_count == 0 || entry_count > row_count || shift > 44 {
            return Err("the header of a key page is impossible");
        }
        if row_bits != self::row_bits(section_rows) {
            return Err("the width of row numbers in a key page does not fit the section");
        }
        let bit_count = entry_count * FRAGMENT_BITS as usize + row_count * (1 + row_bits as usize);
        if PAGE_HEADER_BYTES + bit_count.div_ceil(8) != byte_count {
            return Err("the length of a key page differs from its counts");
        }
        if !bit_count.is_multiple_of(8) && bytes[byte_count - 1] >> (bit_count % 8) != 0 {
            return Err("the padding of a key page is not zero");
        }
        bytes.extend([0; bits::SLACK_BYTES]);
        let page = KeyPage { bytes, first_hash, entry_count, row_count, shift, row_bits };
        page.judge(section_rows)?;
        Ok(page)
    }

    fn judge(&self, section_rows: u32) -> Result<(), &'static str> {
        if (1..self.entry_count).any(|i| self.fragment(i - 1) >= self.fragment(i)) {
            return Err("the fragments of a key page are not ascending");
        }
        let marks = (0..self.row_count).filter(|row| self.mark(*row)).count();
        if marks != self.entry_count || !self.mark(self.row_count - 1) {
            return Err("the marks of a key page do not fit its entries");
        }
        if (0..self.row_count).any(|i| self.row(i) >= section_rows) {
            return Err("a row number in a key page is beyond the section");
        }
        Ok(())
    }

    /// The bytes it takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + size_of::<KeyPage>()
    }

    /// How many rows it names.
    pub(crate) fn row_count(&self) -> usize {
        self.row_count
    }

    fn bits(&self) -> &[u8] {
        &self.bytes[PAGE_HEADER_BYTES..]
    }

    fn fragment(&self, entry: usize) -> u64 {
        bits::get(self.bits(), entry * FRAGMENT_BITS as usize, FRAGMENT_BITS)
    }

    fn marks_at(&self) -> usize {
        self.entry_count * FRAGMENT_BITS as usize
    }

    fn mark(&self, row: usize) -> bool {
        bits::get(self.bits(), self.marks_at() + row, 1) == 1
    }

    /// The number at position `row` of the page's list of rows.
    pub(crate) fn row(&self, row: usize) -> u32 {
        let at = self.marks_at() + self.row_count + row * self.row_bits as usize;
        bits::get(self.bits(), at, self.row_bits) as u32
    }

    /// The rows whose hash may be `hash`, which is not below the page's first; searched from `from`
    /// on, which must not lie behind them. The place returned lies before them, so that the same
    /// hash can be asked for again.
    pub(super) fn find(&self, hash: u64, from: Place) -> (Place, std::ops::Range<usize>) {
        let wanted = (hash - self.first_hash) >> self.shift;
        let entry = self.lower_bound(wanted, from.entry);
        let row = self.skip_marks(from.row, entry - from.entry);
        let place = Place { entry, row };
        if entry == self.entry_count || self.fragment(entry) != wanted {
            return (place, 0..0);
        }
        (place, row..self.skip_marks(row, 1))
    }

    /// Hands out every entry: the least and the greatest hash that it may stand for, and where its rows are.
    pub(super) fn for_each_entry(&self, each: &mut dyn FnMut(u64, u64, std::ops::Range<usize>)) {
        let mut row = 0;
        for entry in 0..self.entry_count {
            let least = self.first_hash.saturating_add(self.fragment(entry) << self.shift);
            let greatest = least.saturating_add((1 << self.shift) - 1);
            let end = self.skip_marks(row, 1);
            each(least, greatest, row..end);
            row = end;
        }
    }

    /// The first entry from `from` on whose fragment is not below `wanted`; quick when it is near.
    fn lower_bound(&self, wanted: u64, from: usize) -> usize {
        let (mut low, mut step) = (from, 1);
        while low + step <= self.entry_count && self.fragment(low + step - 1) < wanted {
            low += step;
            step *= 2;
        }
        let mut high = (low + step - 1).min(self.entry_count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.fragment(middle) < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The position behind the `count`th mark from position `row` on.
    fn skip_marks(&self, mut row: usize, mut count: usize) -> usize {
        while count > 0 && row < self.row_count {
            let width = (self.row_count - row).min(32);
            let mut marks = bits::get(self.bits(), self.marks_at() + row, width as u32);
            let ones = marks.count_ones() as usize;
            if ones < count {
                count -= ones;
                row += width;
                continue;
            }
            (1..count).for_each(|_| marks &= marks - 1);
            return row + marks.trailing_zeros() as usize + 1;
        }
        row
    }
}
