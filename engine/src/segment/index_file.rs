//! The index file: what a segment knows about its Parquet file without reading it, and the key
//! index.
//!
//! ```text
//! offset  size  field                      (numbers are little-endian)
//!      0     8  magic "ANNALSIX"
//!      8     4  format version, 1
//!     12     4  column_count               columns of the table, without the four instants
//!     16     8  segment id
//!     24     4  table id
//!     28     4  row_count
//!     32     4  open_count                 rows still believed, which come first
//!     36     4  open_page_count            key pages of these rows
//!     40     4  closed_page_count          key pages of the closed rows
//!     44     4  pages_bytes                length of all key pages
//!     48     8  data_bytes                 length of the Parquet file
//!     56        checksums of the Parquet file: 4 bytes for every 16 KiB of it
//!               zone map: for every 4,096 rows 96 bytes and 17 for every column
//!               directory: 16 bytes a key page: first hash, offset (4), CRC-32C (4)
//!            4  CRC-32C of everything before
//!               key pages, without gaps
//! ```
//!
//! Everything before the key pages is the fixed part, read and judged as a whole when a segment is
//! first touched; its checksum also stands in the manifest. There is no padding: the lengths follow
//! from the counts.

use std::path::Path;
use std::sync::Arc;

use super::sink::{Part, seeded};
use super::{CHECKSUM_BYTES, SegmentId, SegmentMeta};
use crate::error::{Error, Result};
use crate::index::{KeySection, PAGE_BYTES_MAX, PageEntry, ZoneMap, zone_row_bytes};
use crate::schema::TableId;

/// The first bytes of an index file.
pub(super) const MAGIC: [u8; 8] = *b"ANNALSIX";
/// The format this code writes, and the newest it reads.
pub(super) const FORMAT_VERSION: u32 = 1;
/// The bytes of the header.
pub(super) const HEADER_BYTES: usize = 56;
/// The bytes of a directory entry.
pub(super) const DIRECTORY_ENTRY_BYTES: usize = 16;

/// The fields of the header that follow magic and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) column_count: u32,
    pub(super) id: SegmentId,
    pub(super) table: TableId,
    pub(super) row_count: u32,
    pub(super) open_count: u32,
    pub(super) open_page_count: u32,
    pub(super) closed_page_count: u32,
    pub(super) pages_bytes: u32,
    pub(super) data_bytes: u64,
}

impl Header {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(MAGIC);
        bytes.extend(FORMAT_VERSION.to_le_bytes());
        bytes.extend(self.column_count.to_le_bytes());
        bytes.extend(self.id.0.to_le_bytes());
        let counts = [
            self.table,
            self.row_count,
            self.open_count,
            self.open_page_count,
            self.closed_page_count,
            self.pages_bytes,
        ];
        counts.iter().for_each(|count| bytes.extend(count.to_le_bytes()));
        bytes.extend(self.data_bytes.to_le_bytes());
    }

    /// Reads a header, of which nothing but the version is believed before the checksum of the
    /// fixed part is.
    pub(super) fn decode(path: &Path, bytes: &[u8; HEADER_BYTES]) -> Result<Header> {
        let u32_at = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        if bytes[..8] != MAGIC {
            return Err(Error::corrupt(path, 0, "this is not the index of a segment"));
        }
        if u32_at(8) != FORMAT_VERSION {
            // A flipped bit in the version and a newer format look alike: both leave the segment
            // unread.
            let what = format!("format version {}, expected {FORMAT_VERSION}", u32_at(8));
            return Err(Error::corrupt(path, 8, what));
        }
        Ok(Header {
            column_count: u32_at(12),
            id: SegmentId(u64_at(16)),
            table: u32_at(24),
            row_count: u32_at(28),
            open_count: u32_at(32),
            open_page_count: u32_at(36),
            closed_page_count: u32_at(40),
            pages_bytes: u32_at(44),
            data_bytes: u64_at(48),
        })
    }

    /// Holds the header against what the manifest says of the segment and the table.
    pub(super) fn judge(&self, path: &Path, meta: &SegmentMeta, column_count: usize) -> Result<()> {
        let claims = [
            (12, "column count", u64::from(self.column_count), column_count as u64),
            (16, "segment id", self.id.0, meta.id.0),
            (24, "table id", self.table.into(), meta.table.into()),
            (28, "row count", self.row_count.into(), meta.row_count.into()),
            (32, "open row count", self.open_count.into(), meta.open_count.into()),
            (48, "length of the data file", self.data_bytes, meta.data_bytes),
        ];
        for (offset, what, found, expected) in claims {
            if found != expected {
                let what = format!("the {what} is {found}, expected {expected}");
                return Err(Error::corrupt(path, offset, what));
            }
        }
        let fixed_bytes = meta.index_bytes.checked_sub(u64::from(self.pages_bytes));
        if fixed_bytes != Some(self.layout().fixed_bytes) {
            return Err(Error::corrupt(path, 36, "the counts do not fit the length of the file"));
        }
        Ok(())
    }

    fn page_count(&self) -> u64 {
        u64::from(self.open_page_count) + u64::from(self.closed_page_count)
    }

    /// Where the parts lie. Counts have 32 bits, so nothing overflows once `data_bytes` was judged.
    pub(super) fn layout(&self) -> Layout {
        let checksum_count = self.data_bytes.div_ceil(CHECKSUM_BYTES);
        let block_count = u64::from(self.row_count.div_ceil(super::BLOCK_ROWS));
        let zone_bytes = zone_row_bytes(self.column_count as usize) as u64;
        let zones_at = (HEADER_BYTES as u64).saturating_add(checksum_count.saturating_mul(4));
        let directory_at = zones_at.saturating_add(block_count.saturating_mul(zone_bytes));
        let crc_at = directory_at.saturating_add(self.page_count() * DIRECTORY_ENTRY_BYTES as u64);
        Layout { zones_at, directory_at, crc_at, fixed_bytes: crc_at.saturating_add(4) }
    }
}

/// The offsets of the parts of the fixed part, and its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) zones_at: u64,
    pub(super) directory_at: u64,
    pub(super) crc_at: u64,
    pub(super) fixed_bytes: u64,
}

/// The bytes of an index file, and the checksum of its fixed part.
pub(super) fn encode(
    header: &Header,
    checksums: &[u32],
    zones: &ZoneMap,
    directory: &[PageEntry],
    pages: &[u8],
) -> (Vec<u8>, u32) {
    let layout = header.layout();
    let mut bytes = Vec::with_capacity(layout.fixed_bytes as usize + pages.len());
    header.encode(&mut bytes);
    checksums.iter().for_each(|checksum| bytes.extend(checksum.to_le_bytes()));
    assert_eq!(bytes.len() as u64, layout.zones_at, "a checksum for every piece of the data file");
    zones.encode(&mut bytes);
    assert_eq!(bytes.len() as u64, layout.directory_at, "a zone for every block");
    for entry in directory {
        bytes.extend(entry.first_hash.to_le_bytes());
        bytes.extend(entry.offset.to_le_bytes());
        bytes.extend(entry.checksum.to_le_bytes());
    }
    assert_eq!(bytes.len() as u64, layout.crc_at, "a directory entry for every page");
    let checksum = seeded(header.id, Part::Fixed, 0, &bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes.extend(pages);
    (bytes, checksum)
}

/// The fixed part of an index file, judged.
#[derive(Debug)]
pub(super) struct Fixed {
    /// The checksums of the Parquet file's pieces.
    pub(super) checksums: Vec<u32>,
    pub(super) zones: Arc<ZoneMap>,
    pub(super) open: KeySection,
    pub(super) closed: KeySection,
    /// The directory of both sections.
    pub(super) pages: Vec<PageEntry>,
    /// Where the first key page starts, and how long all are.
    pages_at: u64,
    pages_bytes: u32,
}

impl Fixed {
    /// Judges the whole fixed part, whose header was judged before.
    pub(super) fn decode(
        path: &Path,
        header: &Header,
        bytes: &[u8],
        index_checksum: u32,
    ) -> Result<Fixed> {
        let layout = header.layout();
        let (covered, stored) = bytes.split_last_chunk::<4>().unwrap_or((bytes, &[0; 4]));
        let computed = seeded(header.id, Part::Fixed, 0, covered);
        let stored = u32::from_le_bytes(*stored);
        if computed != stored || bytes.len() as u64 != layout.fixed_bytes {
            let what = format!("checksum {computed:08x} of the fixed part, expected {stored:08x}");
            return Err(Error::corrupt(path, layout.crc_at, what));
        }
        if computed != index_checksum {
            let what =
                format!("an index of checksum {computed:08x}, expected {index_checksum:08x}");
            return Err(Error::corrupt(path, layout.crc_at, what));
        }
        let (zones_at, directory_at) = (layout.zones_at as usize, layout.directory_at as usize);
        let checksums = bytes[HEADER_BYTES..zones_at].as_chunks::<4>().0;
        let zones = ZoneMap::decode(&bytes[zones_at..directory_at], header.column_count as usize)
            .map_err(|what| Error::corrupt(path, layout.zones_at, what))?;
        let pages = decode_directory(&bytes[directory_at..layout.crc_at as usize], header)
            .map_err(|what| Error::corrupt(path, layout.directory_at, what))?;
        let first_hashes: Vec<u64> = pages.iter().map(|page| page.first_hash).collect();
        let (open, closed) = first_hashes.split_at(header.open_page_count as usize);
        let closed_count = header.row_count - header.open_count;
        Ok(Fixed {
            checksums: checksums.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect(),
            zones: Arc::new(zones),
            open: KeySection::new(open.to_vec(), 0, 0, header.open_count),
            closed: KeySection::new(
                closed.to_vec(),
                header.open_page_count,
                header.open_count,
                closed_count,
            ),
            pages,
            pages_at: layout.fixed_bytes,
            pages_bytes: header.pages_bytes,
        })
    }

    /// The bytes it takes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.checksums.capacity() * 4
            + self.zones.memory_bytes()
            + self.open.memory_bytes()
            + self.closed.memory_bytes()
            + self.pages.capacity() * size_of::<PageEntry>()
    }

    /// The offset of a page in the file and its length.
    pub(super) fn page_range(&self, number: u32) -> Option<(u64, usize)> {
        let at = number as usize;
        let entry = self.pages.get(at)?;
        let end = self.pages.get(at + 1).map_or(self.pages_bytes, |next| next.offset);
        let offset = self.pages_at + u64::from(entry.offset);
        Some((offset, (end - entry.offset) as usize))
    }
}

fn decode_directory(bytes: &[u8], header: &Header) -> Result<Vec<PageEntry>, &'static str> {
    let entries = bytes.as_chunks::<DIRECTORY_ENTRY_BYTES>().0;
    let (mut pages, mut end) = (Vec::with_capacity(entries.len()), 0u32);
    for entry in entries {
        let [first_hash, rest] = entry.as_chunks::<8>().0 else { return Err("impossible") };
        let rest = u64::from_le_bytes(*rest);
        let page = PageEntry {
            first_hash: u64::from_le_bytes(*first_hash),
            offset: rest as u32,
            checksum: (rest >> 32) as u32,
        };
        pages.push(page);
    }
    for (i, page) in pages.iter().enumerate() {
        let next = pages.get(i + 1).map_or(header.pages_bytes, |next: &PageEntry| next.offset);
        let length = next.checked_sub(page.offset).ok_or("key pages overlap")?;
        if page.offset != end || length == 0 || length as usize > PAGE_BYTES_MAX {
            return Err("key pages leave gaps or are too long");
        }
        end = next;
    }
    if end != header.pages_bytes {
        return Err("key pages do not fill the file");
    }
    let (open, closed) = pages.split_at(header.open_page_count as usize);
    let sorted = |pages: &[PageEntry]| pages.is_sorted_by_key(|page| page.first_hash);
    if !sorted(open) || !sorted(closed) {
        return Err("the directory of key pages is not sorted");
    }
    if open.is_empty() != (header.open_count == 0)
        || closed.is_empty() != (header.open_count == header.row_count)
    {
        return Err("a section has rows and no key pages, or key pages and no rows");
    }
    Ok(pages)
}
