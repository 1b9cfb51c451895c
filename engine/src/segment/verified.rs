//! The Parquet file as the Parquet crate sees it: no byte is handed out before the checksum of its
//! piece was verified.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::reader::{ChunkReader, Length};

use super::sink::{Failure, Part, seeded};
use super::{CHECKSUM_BYTES, SegmentId};
use crate::disk::DiskFile;
use crate::error::{Error, Result};

/// An open Parquet file with the checksums of its pieces.
#[derive(Debug)]
pub(super) struct VerifiedFile {
    id: SegmentId,
    file: Arc<dyn DiskFile>,
    byte_count: u64,
    checksums: Vec<u32>,
}

impl VerifiedFile {
    /// `file` is to have `byte_count` bytes, which is checked.
    pub(super) fn new(
        id: SegmentId,
        file: Arc<dyn DiskFile>,
        byte_count: u64,
        checksums: Vec<u32>,
    ) -> Result<VerifiedFile> {
        let found = file.len()?;
        if found != byte_count {
            let what = format!("the file has {found} bytes, expected {byte_count}");
            return Err(Error::corrupt(file.path(), found.min(byte_count), what));
        }
        Ok(VerifiedFile { id, file, byte_count, checksums })
    }

    /// The path, for messages.
    pub(super) fn path(&self) -> &std::path::Path {
        self.file.path()
    }

    /// How many pieces have a checksum.
    pub(super) fn piece_count(&self) -> usize {
        self.checksums.len()
    }

    /// The bytes it takes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.checksums.capacity() * 4 + size_of::<VerifiedFile>()
    }

    /// Reads and verifies whole pieces, from the `first`th to before the `end`th.
    pub(super) fn read_pieces(&self, first: usize, end: usize) -> Result<Vec<u8>> {
        let from = first as u64 * CHECKSUM_BYTES;
        let to = (end as u64 * CHECKSUM_BYTES).min(self.byte_count);
        let mut buffer = vec![0; to.saturating_sub(from) as usize];
        self.file.read_at(from, &mut buffer)?;
        for (piece, number) in buffer.chunks(CHECKSUM_BYTES as usize).zip(first..) {
            let computed = seeded(self.id, Part::Data, number, piece);
            let expected = self.checksums.get(number).copied();
            if expected != Some(computed) {
                let offset = number as u64 * CHECKSUM_BYTES;
                let expected = expected.unwrap_or_default();
                let what = format!("checksum {computed:08x}, expected {expected:08x}");
                return Err(Error::corrupt(self.path(), offset, what));
            }
        }
        Ok(buffer)
    }

    /// The numbers of the pieces that hold these bytes; an error where the file ends before them.
    fn pieces_of(&self, offset: u64, length: usize) -> Result<std::ops::Range<usize>> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.byte_count);
        let Some(end) = end else {
            let what = format!("{length} bytes are wanted where the file ends");
            return Err(Error::corrupt(self.path(), offset, what));
        };
        Ok((offset / CHECKSUM_BYTES) as usize..end.div_ceil(CHECKSUM_BYTES) as usize)
    }

    /// Exactly the bytes asked for, verified.
    fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        let pieces = self.pieces_of(offset, length)?;
        let skipped = (offset - pieces.start as u64 * CHECKSUM_BYTES) as usize;
        let bytes = Bytes::from(self.read_pieces(pieces.start, pieces.end)?);
        Ok(bytes.slice(skipped..skipped + length))
    }
}

/// How many pieces a [`Source`] keeps: one for each column that is decoded alongside others.
const TAIL_COUNT_MAX: usize = 32;
/// The bytes of a piece, as a length in memory.
const PIECE_BYTES: usize = CHECKSUM_BYTES as usize;

/// What the Parquet crate is given: the file, the place where an error is kept, and a count of the
/// bytes handed out.
#[derive(Clone, Debug)]
pub(super) struct Source {
    file: Arc<VerifiedFile>,
    failure: Failure,
    byte_count: Arc<AtomicU64>,
    /// The last piece of each of the latest reads. A column's next page begins in it, and pages are
    /// often smaller than a piece: without this a scan would read and verify each piece two or more
    /// times.
    tails: Arc<Mutex<VecDeque<(usize, Bytes)>>>,
}

impl Source {
    pub(super) fn new(file: Arc<VerifiedFile>) -> Source {
        Source {
            file,
            failure: Failure::default(),
            byte_count: Arc::default(),
            tails: Arc::default(),
        }
    }

    /// How many bytes were handed out: those of the pages read, still compressed.
    pub(super) fn byte_count(&self) -> u64 {
        self.byte_count.load(Ordering::Relaxed)
    }

    /// Exactly the bytes asked for, of which the first piece may be one that an earlier read kept.
    fn read(&self, offset: u64, length: usize) -> Result<Bytes> {
        let pieces = self.file.pieces_of(offset, length)?;
        let skipped = (offset - pieces.start as u64 * CHECKSUM_BYTES) as usize;
        let held = self.tails.lock().iter().find(|(number, _)| *number == pieces.start).cloned();
        let bytes = match held {
            Some((_, head)) if pieces.len() <= 1 => {
                return Ok(head.slice(skipped..skipped + length));
            }
            Some((_, head)) => {
                let rest = self.file.read_pieces(pieces.start + 1, pieces.end)?;
                let mut bytes = Vec::with_capacity(head.len() + rest.len());
                bytes.extend_from_slice(&head);
                bytes.extend_from_slice(&rest);
                Bytes::from(bytes)
            }
            None => Bytes::from(self.file.read_pieces(pieces.start, pieces.end)?),
        };
        if let Some(last) = pieces.last() {
            let tail = bytes.slice((bytes.len() - 1) / PIECE_BYTES * PIECE_BYTES..);
            let mut tails = self.tails.lock();
            tails.truncate(TAIL_COUNT_MAX - 1);
            tails.push_front((last, tail));
        }
        Ok(bytes.slice(skipped..skipped + length))
    }

    /// What a failed call of the Parquet crate means: the kept error of the file, or else that the
    /// verified bytes are no Parquet, or not of this table.
    pub(super) fn error(&self, error: impl std::fmt::Display) -> Error {
        self.failure.take_or(|| Error::corrupt(self.file.path(), 0, error))
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.file.byte_count
    }
}

impl ChunkReader for Source {
    type T = SourceReader;

    fn get_read(&self, start: u64) -> ParquetResult<SourceReader> {
        Ok(SourceReader { source: self.clone(), offset: start, held: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.byte_count.fetch_add(length as u64, Ordering::Relaxed);
        let read = self.read(start, length);
        read.map_err(|error| ParquetError::from(self.failure.keep(error)))
    }
}

/// Reads on from an offset, piece by piece.
#[derive(Debug)]
pub(super) struct SourceReader {
    source: Source,
    offset: u64,
    held: Bytes,
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.held.is_empty() {
            let file = &self.source.file;
            let piece_end = (self.offset / CHECKSUM_BYTES + 1) * CHECKSUM_BYTES;
            let length = piece_end.min(file.byte_count).saturating_sub(self.offset) as usize;
            if length == 0 {
                return Ok(0);
            }
            let read = file.read(self.offset, length);
            self.held = read.map_err(|error| self.source.failure.keep(error))?;
            self.offset += length as u64;
        }
        let taken = self.held.split_to(buffer.len().min(self.held.len()));
        buffer[..taken.len()].copy_from_slice(&taken);
        Ok(taken.len())
    }
}
