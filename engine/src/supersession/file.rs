//! A supersession file: the cuts that one flush made in the rows of older segments.
//!
//! ```text
//! file    = header section*
//! header  = magic "ANNALSUP", format version u32, table u32, file number u64, zero u32, CRC-32C u32     (32 bytes)
//! section = entry*, CRC-32C u32                                                        one per segment
//! entry   = row varint (difference to the entry before), at, from, to: signed varints
//! ```
//!
//! `at` is the difference to the entry before, `from` and `to` are differences to `at`, in microseconds; 0 and 1 are added to
//! mark unbounded instants: see [`put_bound`]. Where a section lies, and how many entries it has, the manifest says.
//! Checksums are seeded with the file number and, for sections, the segment number.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::carve::Cut;
use crate::codec::{Judged, Reader, checksum, put_varint, zigzag};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::parallel;
use crate::schema::TableId;
use crate::segment::SegmentId;

const MAGIC: &[u8; 8] = b"ANNALSUP";
const FORMAT_VERSION: u32 = 1;
const HEADER_BYTES: u64 = 32;
const CHECKSUM_BYTES: u64 = 4;
/// Memory for a section is taken for so many bytes an entry: most have no more.
const ENTRY_BYTES_USUAL: usize = 16;

/// What the manifest knows of a supersession file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SupersessionMeta {
    pub(crate) id: u64,
    pub(crate) table: TableId,
    pub(crate) bytes: u64,
    pub(crate) sections: Vec<SupersessionSection>,
}

/// The cuts of one segment's rows in a supersession file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SupersessionSection {
    pub(crate) segment: SegmentId,
    pub(crate) offset: u64,
    /// The checksum at its end included.
    pub(crate) bytes: u64,
    pub(crate) cut_count: u64,
}

impl SupersessionMeta {
    /// Whether a section is about a segment for which `is_there` holds.
    pub(crate) fn concerns(&self, is_there: impl Fn(SegmentId) -> bool) -> bool {
        self.sections.iter().any(|section| is_there(section.segment))
    }

    pub(crate) fn cut_count(&self, segment: SegmentId) -> u64 {
        self.section(segment).map_or(0, |section| section.cut_count)
    }

    fn section(&self, segment: SegmentId) -> Option<&SupersessionSection> {
        self.sections.iter().find(|section| section.segment == segment)
    }
}

/// Writes a supersession file; durable when it returns, and garbage until the manifest names it. So many sections are encoded at a
/// time as there are threads.
pub(crate) fn write_supersessions(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    (id, table): (u64, TableId),
    cuts: &[(SegmentId, Vec<(u32, Cut)>)],
    thread_count: usize,
) -> Result<SupersessionMeta> {
    let encoded = parallel::map(
        thread_count,
        cuts,
        |(_, entries)| entries.len(),
        |(segment, entries)| Ok(section(section_seed(id, *segment), entries)),
    )?;
    let mut bytes = header(id, table);
    bytes.reserve_exact(encoded.iter().map(Vec::len).sum());
    let mut sections = Vec::with_capacity(cuts.len());
    for ((segment, entries), encoded) in cuts.iter().zip(encoded) {
        sections.push(SupersessionSection {
            segment: *segment,
            offset: bytes.len() as u64,
            bytes: encoded.len() as u64,
            cut_count: entries.len() as u64,
        });
        bytes.extend(encoded);
    }
    disk.create_dir_all(dir)?;
    let file = disk.create(&path_of(dir, id))?;
    file.append(&bytes)?;
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok(SupersessionMeta { id, table, bytes: bytes.len() as u64, sections })
}

fn path_of(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id:010}.supersessions"))
}

fn header(id: u64, table: TableId) -> Vec<u8> {
    let mut bytes = Vec::from(*MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&table.to_le_bytes());
    bytes.extend_from_slice(&id.to_le_bytes());
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    let sum = checksum(id, &bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

fn section_seed(id: u64, segment: SegmentId) -> u64 {
    id ^ segment.0.rotate_left(32)
}

/// The entries and their checksum.
fn section(seed: u64, entries: &[(u32, Cut)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES_USUAL);
    let (mut last_row, mut last_at) = (0, 0);
    for &(row, cut) in entries {
        put_varint(&mut bytes, u64::from(row - last_row));
        put_varint(&mut bytes, zigzag(cut.at.wrapping_sub(last_at)));
        put_bound(&mut bytes, cut.from, cut.at);
        put_bound(&mut bytes, cut.to, cut.at);
        (last_row, last_at) = (row, cut.at);
    }
    let sum = checksum(seed, &bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// 0 stands for unbounded below, 1 for unbounded above, anything else for the difference to `at`, zigzag, plus 2.
fn put_bound(bytes: &mut Vec<u8>, bound: i64, at: i64) {
    match bound {
        i64::MIN => put_varint(bytes, 0),
        i64::MAX => put_varint(bytes, 1),
        // User instants lie within 2^58, so that adding 2 cannot overflow.
        bound => put_varint(bytes, zigzag(bound - at) + 2),
    }
}

fn read_bound(reader: &mut Reader<'_>, at: i64) -> Judged<i64> {
    Ok(match reader.varint()? {
        0 => i64::MIN,
        1 => i64::MAX,
        other => at.wrapping_add(crate::codec::unzigzag(other - 2)),
    })
}

/// A supersession file that the manifest names.
#[derive(Debug)]
pub(crate) struct SupersessionFile {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    meta: SupersessionMeta,
}

impl SupersessionFile {
    /// Touches no file.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: &Path, meta: SupersessionMeta) -> SupersessionFile {
        SupersessionFile { disk, path: path_of(dir, meta.id), meta }
    }

    pub(crate) fn meta(&self) -> &SupersessionMeta {
        &self.meta
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the cuts of one segment, which has `row_count` rows.
    pub(crate) fn read(
        &self,
        segment: SegmentId,
        row_count: u32,
        cuts: &mut Vec<(u32, Cut)>,
    ) -> Result<()> {
        let Some(section) = self.meta.section(segment) else { return Ok(()) };
        let file = self.disk.open(&self.path)?;
        let length = file.len()?;
        if length != self.meta.bytes || section.offset + section.bytes > length {
            let what = format!("it has {length} bytes, and {} were written", self.meta.bytes);
            return Err(Error::corrupt(&self.path, length.min(self.meta.bytes), what));
        }
        let mut bytes = vec![0; section.bytes as usize];
        file.read_at(section.offset, &mut bytes)?;
        let (body, sum) = bytes.split_at(bytes.len().saturating_sub(CHECKSUM_BYTES as usize));
        let expected = checksum(section_seed(self.meta.id, segment), body).to_le_bytes();
        let corrupt = |what: &str| Error::corrupt(&self.path, section.offset, what);
        if sum != expected {
            return Err(corrupt("the checksum of a section does not match"));
        }
        let mut reader = Reader::new(body);
        let parsed = read_section(&mut reader, section.cut_count, row_count, cuts);
        parsed.and_then(|()| reader.finish()).map_err(|malformed| {
            Error::corrupt(&self.path, section.offset + malformed.at as u64, malformed.what)
        })
    }

    /// Reads every byte of the file and checks it.
    pub(crate) fn verify(&self) -> Result<()> {
        let file = self.disk.open(&self.path)?;
        let mut bytes = vec![0; HEADER_BYTES as usize];
        file.read_at(0, &mut bytes)?;
        if bytes != header(self.meta.id, self.meta.table) {
            return Err(Error::corrupt(&self.path, 0, "the header does not match"));
        }
        let mut end = HEADER_BYTES;
        for section in &self.meta.sections {
            if section.offset != end {
                return Err(Error::corrupt(&self.path, end, "sections do not join"));
            }
            end += section.bytes;
            self.read(section.segment, u32::MAX, &mut Vec::new())?;
        }
        if end != self.meta.bytes {
            return Err(Error::corrupt(&self.path, end, "bytes follow the last section"));
        }
        Ok(())
    }

    /// Removes the file; nobody may read it any more.
    pub(crate) fn remove(&self) -> Result<()> {
        self.disk.remove(&self.path)
    }
}

fn read_section(
    reader: &mut Reader<'_>,
    cut_count: u64,
    row_count: u32,
    cuts: &mut Vec<(u32, Cut)>,
) -> Judged<()> {
    let (mut row, mut at) = (0_u64, 0_i64);
    for _ in 0..cut_count {
        row = row.saturating_add(reader.varint()?);
        at = at.wrapping_add(reader.signed_varint()?);
        let (from, to) = (read_bound(reader, at)?, read_bound(reader, at)?);
        let is_row = u32::try_from(row).ok().filter(|row| *row < row_count);
        let row = is_row.ok_or_else(|| reader.malformed("a cut of a row that is not there"))?;
        cuts.push((row, Cut { at, from, to }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemoryDisk;

    #[test]
    fn cuts_come_back_as_they_were_written_and_every_flipped_bit_is_found() {
        let disk = Arc::new(MemoryDisk::new());
        let shared: Arc<dyn Disk> = disk.clone();
        let dir = Path::new("/db/s");
        let cut = |at, from, to| Cut { at, from, to };
        let first =
            vec![(0, cut(5, i64::MIN, i64::MAX)), (7, cut(-5, 2, i64::MAX)), (7, cut(9, 1, 2))];
        let cuts = [(SegmentId(3), first.clone()), (SegmentId(4), vec![(9, cut(1, 0, 1))])];
        let meta = write_supersessions(&shared, dir, (11, 2), &cuts, 2).unwrap();
        let file = SupersessionFile::new(shared, dir, meta.clone());
        let mut found = Vec::new();
        file.read(SegmentId(3), 8, &mut found).unwrap();
        assert_eq!(found, first);
        assert!(file.read(SegmentId(3), 7, &mut Vec::new()).is_err());
        file.verify().unwrap();
        for bit in 0..meta.bytes * 8 {
            disk.flip_bit(file.path(), bit).unwrap();
            let error = file.verify().unwrap_err();
            assert!(error.file().is_some() && error.offset().is_some(), "{error}");
            disk.flip_bit(file.path(), bit).unwrap();
        }
    }
}
