//! Where the Parquet writer writes to: a file, with a checksum taken of every [`CHECKSUM_BYTES`] on
//! the way.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{CHECKSUM_BYTES, SegmentId};
use crate::codec::checksum;
use crate::disk::DiskFile;
use crate::error::{Error, Result};

/// Bytes gathered before they are given to the file.
const APPEND_BYTES: usize = 16 * CHECKSUM_BYTES as usize;

/// What a checksum covers, part of its seed: a block that turns up in another place, or in another
/// segment, fails.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// A block of the Parquet file.
    Data = 1,
    /// The fixed part of the index file.
    Fixed = 2,
    /// A page of the key index.
    KeyPage = 3,
}

/// The checksum of the `number`th piece of a part of a segment.
pub(super) fn seeded(id: SegmentId, part: Part, number: usize, bytes: &[u8]) -> u32 {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&id.0.to_le_bytes());
    place[8..12].copy_from_slice(&(part as u32).to_le_bytes());
    place[12..].copy_from_slice(&(number as u32).to_le_bytes());
    checksum(xxhash_rust::xxh3::xxh3_64(&place), bytes)
}

/// The first error of a file, kept because the Parquet crate turns errors into text.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    /// Keeps the error, if it is the first, and gives one to hand to the Parquet crate.
    pub(super) fn keep(&self, error: Error) -> io::Error {
        let text = error.to_string();
        self.0.lock().get_or_insert(error);
        io::Error::other(text)
    }

    /// The kept error, or else what `otherwise` makes.
    pub(super) fn take_or(&self, otherwise: impl FnOnce() -> Error) -> Error {
        self.0.lock().take().unwrap_or_else(otherwise)
    }
}

/// The Parquet file while it is written.
#[derive(Debug)]
pub(super) struct Sink {
    id: SegmentId,
    file: Arc<dyn DiskFile>,
    pending: Vec<u8>,
    checksums: Vec<u32>,
    byte_count: u64,
    failure: Failure,
}

impl Sink {
    pub(super) fn new(id: SegmentId, file: Arc<dyn DiskFile>, failure: Failure) -> Sink {
        let pending = Vec::with_capacity(APPEND_BYTES);
        Sink { id, file, pending, checksums: Vec::new(), byte_count: 0, failure }
    }

    /// Writes what is pending, of which all but the end of the file is whole blocks.
    fn append_pending(&mut self) -> Result<()> {
        for block in self.pending.chunks(CHECKSUM_BYTES as usize) {
            let number = self.checksums.len();
            self.checksums.push(seeded(self.id, Part::Data, number, block));
        }
        self.file.append(&self.pending)?;
        self.byte_count += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Writes the rest and makes the file durable; gives its block checksums and its length.
    pub(super) fn finish(mut self) -> Result<(Vec<u32>, u64)> {
        self.append_pending()?;
        self.file.sync()?;
        Ok((self.checksums, self.byte_count))
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(APPEND_BYTES - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        if self.pending.len() == APPEND_BYTES {
            self.append_pending().map_err(|error| self.failure.keep(error))?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
