//! Writing a journal. Every frame is one append; when to sync is for the user of the journal to
//! say.

use std::path::Path;
use std::sync::Arc;

use super::frame::{Frame, Kind, PAYLOAD_BYTES_MAX, frame_bytes};
use super::header::{HEADER_BYTES, Identity};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};

/// The buffer for frames is let go when it has grown beyond this.
const BUFFER_BYTES_KEPT: usize = 4 << 20;

/// The writer of one journal. After a failed append or sync nothing may be appended any more: half
/// a frame may be there.
#[derive(Debug)]
pub(crate) struct Writer {
    file: Arc<dyn DiskFile>,
    number: u64,
    seed: u64,
    sequence: u64,
    length: u64,
    durable: u64,
    buffer: Vec<u8>,
}

impl Writer {
    /// Makes the file, which must not exist, with its header. When this returns, file and header
    /// are durable.
    pub(crate) fn create(
        disk: &dyn Disk,
        path: &Path,
        identity: &Identity,
        first_sequence: u64,
    ) -> Result<Writer> {
        let file = disk.create(path)?;
        file.append(&identity.encode(first_sequence))?;
        file.sync()?;
        disk.sync_dir(path.parent().unwrap_or(Path::new("")))?;
        Ok(Writer {
            file,
            number: identity.number,
            seed: identity.seed(),
            sequence: first_sequence,
            length: HEADER_BYTES as u64,
            durable: HEADER_BYTES as u64,
            buffer: Vec::new(),
        })
    }

    /// The number of the file in the row of journals.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// How many bytes the file has.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// How long the file would be with one more payload of this length.
    pub(crate) fn length_with(&self, payload_length: usize) -> u64 {
        self.length.saturating_add(frame_bytes(payload_length) as u64)
    }

    /// The sequence number of the next frame.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence
    }

    /// The file, to be synced without holding the writer.
    pub(crate) fn file(&self) -> Arc<dyn DiskFile> {
        Arc::clone(&self.file)
    }

    /// Appends one frame and returns its sequence number. Nothing is synced.
    ///
    /// An error of kind `Exhausted` for a payload longer than [`PAYLOAD_BYTES_MAX`], before
    /// anything is written; otherwise that of the disk.
    pub(crate) fn append(&mut self, kind: Kind, payload: &[u8]) -> Result<u64> {
        check_length(payload)?;
        let sequence = self.sequence;
        let (offset, durable) = (self.length, self.durable);
        // A promise of bytes behind the frame itself would make its reader take it for damage.
        assert!(durable <= offset && kind.0 != 0);
        Frame { offset, sequence, durable, kind, payload }.encode(self.seed, &mut self.buffer);
        self.file.append(&self.buffer)?;
        self.length += self.buffer.len() as u64;
        if self.buffer.capacity() > BUFFER_BYTES_KEPT {
            self.buffer = Vec::new();
        }
        if kind != Kind::SEAL {
            self.sequence += 1;
        }
        Ok(sequence)
    }

    /// Records that a sync has made the first `byte_count` bytes durable; the frames from now on
    /// promise it.
    pub(crate) fn promise(&mut self, byte_count: u64) {
        self.durable = self.durable.max(byte_count.min(self.length));
    }

    /// Makes all frames durable.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if self.durable < self.length {
            self.file.sync()?;
            self.promise(self.length);
        }
        Ok(())
    }

    /// Makes all frames durable, then writes the seal that promises them, and makes that durable.
    /// Nothing may follow.
    ///
    /// `next` is the number of the file that the row goes on with, which must be durable already,
    /// or 0.
    pub(crate) fn seal(&mut self, next: u64) -> Result<()> {
        self.sync()?;
        self.append(Kind::SEAL, &next.to_le_bytes())?;
        self.sync()
    }
}

/// Refuses a payload that no frame can hold.
pub(crate) fn check_length(payload: &[u8]) -> Result<()> {
    if payload.len() <= PAYLOAD_BYTES_MAX {
        return Ok(());
    }
    let length = payload.len();
    Err(Error::exhausted(format!(
        "{length} bytes are more than a frame holds ({PAYLOAD_BYTES_MAX})"
    )))
}
