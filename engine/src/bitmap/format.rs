//! The bytes of a bitmap file.
//!
//! ```text
//! offset  size  field                      (numbers are little-endian)
//!      0     8  magic "ANNALSBM"
//!      8     4  format version, 1
//!     12     4  row_count                  rows of the segment
//!     16     8  segment number
//!     24     8  index number
//!     32     4  value_count                distinct values, NULL not among them
//!     36     4  bitmaps_bytes              length of all bitmaps
//!     40        directory: an entry for NULL, then one for each value, ascending
//!            4  CRC-32C of everything before: the end of the fixed part
//!               bitmaps without gaps, in the order of the directory
//!
//! entry = value_bytes varint, value, row_count varint, bitmap_bytes varint, CRC-32C u32 of the bitmap
//! ```
//!
//! A value is encoded as in a key; NULL's is empty, and so is its bitmap where no row is NULL. A bitmap is Roaring's portable
//! serialization of the numbers of the rows. Lengths follow from the counts and from what the manifest says: there is no padding.

use std::cmp::Ordering;
use std::path::Path;

use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_64;

use super::build::{Sorted, VALUE_BYTES_MAX, VALUE_COUNT_MAX};
use super::{BitmapMeta, IndexId};
use crate::codec::{Judged, Reader, checksum, put_varint};
use crate::error::{Error, Result};
use crate::segment::SegmentId;

pub(super) const MAGIC: [u8; 8] = *b"ANNALSBM";
pub(super) const FORMAT_VERSION: u32 = 1;
pub(super) const HEADER_BYTES: usize = 40;
const CHECKSUM_BYTES: usize = 4;
/// What an entry takes at least: three lengths and a checksum.
const ENTRY_BYTES_MIN: usize = 7;

/// The checksum of a part of a file: 0 is the fixed part, and `n + 1` the bitmap of the `n`th entry.
fn seeded(segment: SegmentId, index: IndexId, part: u32, bytes: &[u8]) -> u32 {
    let mut place = [0; 20];
    place[..8].copy_from_slice(&segment.0.to_le_bytes());
    place[8..16].copy_from_slice(&index.0.to_le_bytes());
    place[16..].copy_from_slice(&part.to_le_bytes());
    checksum(xxh3_64(&place), bytes)
}

/// The bytes of a file, and what the manifest is to say of it.
pub(super) fn encode(
    segment: SegmentId,
    index: IndexId,
    rows: &Sorted<'_>,
) -> Result<(Vec<u8>, BitmapMeta)> {
    let nulls = (&[][..], rows.nulls);
    let values = rows.values.iter().map(|(value, bitmap)| (*value, *bitmap));
    let (mut directory, mut bitmaps) = (Vec::new(), Vec::new());
    for ((value, bitmap), part) in std::iter::once(nulls).chain(values).zip(1..) {
        let start = bitmaps.len();
        if !bitmap.is_empty() {
            let written = bitmap.serialize_into(&mut bitmaps);
            written.map_err(|error| Error::invalid(format!("a bitmap: {error}")))?;
        }
        put_varint(&mut directory, value.len() as u64);
        directory.extend_from_slice(value);
        put_varint(&mut directory, bitmap.len());
        put_varint(&mut directory, (bitmaps.len() - start) as u64);
        let sum = seeded(segment, index, part, &bitmaps[start..]);
        directory.extend_from_slice(&sum.to_le_bytes());
    }
    let too_long = |_| Error::exhausted("the bitmaps of a segment take 4 GiB or more");
    let bitmaps_bytes = u32::try_from(bitmaps.len()).map_err(too_long)?;
    let mut bytes = Vec::with_capacity(HEADER_BYTES + directory.len() + bitmaps.len() + 4);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&rows.row_count.to_le_bytes());
    bytes.extend_from_slice(&segment.0.to_le_bytes());
    bytes.extend_from_slice(&index.0.to_le_bytes());
    bytes.extend_from_slice(&(rows.values.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&bitmaps_bytes.to_le_bytes());
    bytes.extend_from_slice(&directory);
    let sum = seeded(segment, index, 0, &bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    let fixed_bytes = bytes.len() as u64;
    bytes.extend_from_slice(&bitmaps);
    let length = bytes.len() as u64;
    Ok((bytes, BitmapMeta { segment, index, bytes: length, fixed_bytes, checksum: sum }))
}

/// Where the bitmaps of a file lie and which values they are of.
#[derive(Debug)]
pub(super) struct Directory {
    row_count: u32,
    /// Where each value ends in `value_bytes`.
    value_ends: Vec<u32>,
    value_bytes: Vec<u8>,
    pub(super) entries: Vec<Entry>,
}

/// One bitmap of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// From the beginning of the file.
    pub(super) offset: u64,
    pub(super) bytes: u32,
    row_count: u32,
    checksum: u32,
}

/// The position of the entry of NULL.
pub(super) const NULL_ENTRY: usize = 0;

impl Directory {
    /// Judges the fixed part of a file, of which nothing but magic and version is believed before its checksum is.
    pub(super) fn decode(
        path: &Path,
        meta: &BitmapMeta,
        row_count: u32,
        fixed: &[u8],
    ) -> Result<Directory> {
        let corrupt = |offset: usize, what: String| Error::corrupt(path, offset as u64, what);
        if !fixed.starts_with(&MAGIC) {
            return Err(corrupt(0, "this is not a file of bitmaps".to_owned()));
        }
        let version = fixed.get(8..12).and_then(|bytes| bytes.try_into().ok());
        let version = version.map_or(0, u32::from_le_bytes);
        if version != FORMAT_VERSION {
            let what = format!("format version {version}, expected {FORMAT_VERSION}");
            return Err(corrupt(8, what));
        }
        let (covered, stored) =
            fixed.split_last_chunk::<CHECKSUM_BYTES>().unwrap_or((fixed, &[0; 4]));
        let computed = seeded(meta.segment, meta.index, 0, covered);
        for expected in [u32::from_le_bytes(*stored), meta.checksum] {
            if computed != expected {
                let what =
                    format!("checksum {computed:08x} of the fixed part, expected {expected:08x}");
                return Err(corrupt(covered.len(), what));
            }
        }
        let mut reader = Reader::new(covered);
        let decoded = Directory::read(&mut reader, meta, row_count);
        decoded.map_err(|malformed| corrupt(malformed.at, malformed.what))
    }

    fn read(reader: &mut Reader<'_>, meta: &BitmapMeta, row_count: u32) -> Judged<Directory> {
        reader.bytes(12)?;
        let at_row_count = reader.clone();
        let found = (reader.u32()?, reader.u64()?, reader.u64()?);
        if found != (row_count, meta.segment.0, meta.index.0) {
            let expected = (row_count, meta.segment.0, meta.index.0);
            let what = format!("rows, segment and index are {found:?}, expected {expected:?}");
            return Err(at_row_count.malformed(what));
        }
        let (value_count, bitmaps_bytes) = (reader.u32()? as usize, reader.u32()?);
        if value_count > VALUE_COUNT_MAX || value_count >= reader.remaining() / ENTRY_BYTES_MIN {
            return Err(reader.malformed(format!("{value_count} values are too many")));
        }
        let mut directory = Directory {
            row_count,
            value_ends: Vec::with_capacity(value_count + 1),
            value_bytes: Vec::new(),
            entries: Vec::with_capacity(value_count + 1),
        };
        let mut offset = meta.fixed_bytes;
        for position in 0..=value_count {
            let entry = directory.read_entry(reader, position, offset)?;
            offset += u64::from(entry.bytes);
            directory.entries.push(entry);
        }
        reader.finish()?;
        let rows: u64 = directory.entries.iter().map(|entry| u64::from(entry.row_count)).sum();
        if rows != u64::from(row_count) {
            return Err(reader.malformed(format!("{rows} rows have values, not {row_count}")));
        }
        if offset != meta.bytes || offset - meta.fixed_bytes != u64::from(bitmaps_bytes) {
            return Err(reader.malformed(format!("bitmaps end at {offset}, not at {}", meta.bytes)));
        }
        Ok(directory)
    }

    fn read_entry(
        &mut self,
        reader: &mut Reader<'_>,
        position: usize,
        offset: u64,
    ) -> Judged<Entry> {
        let before = reader.clone();
        let value_len = reader.count(1)?;
        let value = reader.bytes(value_len)?;
        let is_in_order = match position {
            NULL_ENTRY => value.is_empty(),
            1 => !value.is_empty(),
            _ => self.value(position - 1) < value,
        };
        if !is_in_order || value.len() > VALUE_BYTES_MAX {
            return Err(before.malformed("values are not in their order, or too long"));
        }
        self.value_bytes.extend_from_slice(value);
        self.value_ends.push(self.value_bytes.len() as u32);
        let (row_count, bytes) = (reader.varint()?, reader.varint()?);
        let (Ok(row_count), Ok(bytes)) = (u32::try_from(row_count), u32::try_from(bytes)) else {
            return Err(before.malformed("a count has more than 32 bits"));
        };
        let checksum = reader.u32()?;
        if (row_count == 0) != (bytes == 0) || (row_count == 0 && position != NULL_ENTRY) {
            return Err(before.malformed("a value without rows, or rows without a bitmap"));
        }
        Ok(Entry { offset, bytes, row_count, checksum })
    }

    fn value(&self, position: usize) -> &[u8] {
        let start = position.checked_sub(1).map_or(0, |before| self.value_ends[before]);
        &self.value_bytes[start as usize..self.value_ends[position] as usize]
    }

    /// The positions of the entries of some values, both ascending: of those that a row has.
    pub(super) fn positions(&self, values: &[Vec<u8>]) -> Vec<usize> {
        let all = NULL_ENTRY + 1..self.entries.len();
        // The list of a join may be far longer than the directory.
        if values.len() > all.len() {
            let is_wanted =
                |value: &[u8]| values.binary_search_by(|other| other[..].cmp(value)).is_ok();
            return all.filter(|position| is_wanted(self.value(*position))).collect();
        }
        let mut positions: Vec<usize> =
            values.iter().filter_map(|value| self.position(value)).collect();
        positions.dedup();
        positions
    }

    fn position(&self, value: &[u8]) -> Option<usize> {
        let (mut low, mut high) = (NULL_ENTRY + 1, self.entries.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.value(middle).cmp(value) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The values of all entries but NULL's.
    pub(super) fn values(&self) -> impl Iterator<Item = &[u8]> {
        (1..self.entries.len()).map(|position| self.value(position))
    }

    /// Judges the bytes of the bitmap of an entry.
    pub(super) fn bitmap(
        &self,
        path: &Path,
        meta: &BitmapMeta,
        position: usize,
        bytes: &[u8],
    ) -> Result<RoaringBitmap> {
        let entry = &self.entries[position];
        let corrupt = |what: String| {
            Error::corrupt(path, entry.offset, format!("the bitmap of value {position}: {what}"))
        };
        let computed = seeded(meta.segment, meta.index, position as u32 + 1, bytes);
        if computed != entry.checksum {
            let what = format!("checksum {computed:08x}, expected {:08x}", entry.checksum);
            return Err(corrupt(what));
        }
        if bytes.is_empty() {
            return Ok(RoaringBitmap::new());
        }
        let mut left = bytes;
        let read = RoaringBitmap::deserialize_from(&mut left);
        let bitmap = read.map_err(|error| corrupt(error.to_string()))?;
        let is_within = bitmap.max().is_some_and(|row| row < self.row_count);
        if !left.is_empty() || bitmap.len() != u64::from(entry.row_count) || !is_within {
            return Err(corrupt("it has other rows than the directory says".to_owned()));
        }
        Ok(bitmap)
    }

    /// The bytes it takes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.value_ends.capacity() * 4
            + self.value_bytes.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + size_of::<Directory>()
    }
}
