//! The header of a journal: which journal this is, and where its frames stand in the row of
//! journals.
//!
//! The magic, the version and the checksum keep their places in every version, so that a newer file
//! is told from a damaged one.

use xxhash_rust::xxh3::xxh3_64;

use crate::codec::checksum;

/// The length of a header.
pub(crate) const HEADER_BYTES: usize = 64;

/// The version of the format that this code writes, and the newest that it reads.
pub(crate) const VERSION: u32 = 1;

const CHECKSUM_AT: usize = 60;

/// Which journal a file is: what its user and its name say, and its header must confirm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// What kind of file it is, as its first eight bytes.
    pub(crate) magic: [u8; 8],
    /// The database it belongs to.
    pub(crate) database_id: u128,
    /// Its number in the row of journals; a number is never used twice for files that held frames.
    pub(crate) number: u64,
}

/// What the bytes of a header say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// A header of this very journal, whose first frame has this sequence number.
    Valid { first_sequence: u64 },
    /// A whole header of a newer version of the format.
    Newer { version: u32 },
    /// A whole header, but of another file.
    Other(&'static str),
    /// Not a header.
    Damaged(&'static str),
}

impl Identity {
    /// What checksums of frames begin with: a frame of another file fails.
    pub(super) fn seed(&self) -> u64 {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.database_id.to_le_bytes());
        bytes[16..].copy_from_slice(&self.number.to_le_bytes());
        xxh3_64(&bytes)
    }

    pub(super) fn encode(&self, first_sequence: u64) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(&self.magic);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[16..32].copy_from_slice(&self.database_id.to_le_bytes());
        header[32..40].copy_from_slice(&self.number.to_le_bytes());
        header[40..48].copy_from_slice(&first_sequence.to_le_bytes());
        let crc = checksum(0, &header[..CHECKSUM_AT]);
        header[CHECKSUM_AT..].copy_from_slice(&crc.to_le_bytes());
        header
    }

    /// Judges the beginning of a file.
    pub(super) fn judge(&self, bytes: &[u8]) -> Header {
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Header::Damaged("the header is cut short");
        };
        if checksum(0, &header[..CHECKSUM_AT]) != u32_at(header, CHECKSUM_AT) {
            return Header::Damaged("the checksum of the header does not match");
        }
        let version = u32_at(header, 8);
        let sequence = u64_at(header, 40);
        if header[..8] != self.magic {
            return Header::Other("this is another kind of file");
        }
        if version > VERSION {
            return Header::Newer { version };
        }
        if header[16..32] != self.database_id.to_le_bytes() {
            return Header::Other("the file belongs to another database");
        }
        if u64_at(header, 32) != self.number {
            return Header::Other("the file has another number than its name says");
        }
        if *header != self.encode(sequence) {
            return Header::Other("reserved bytes of the header are not zero");
        }
        Header::Valid { first_sequence: sequence }
    }
}

/// The little-endian integer at `at`, which the caller knows to be inside.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

/// The little-endian integer at `at`, which the caller knows to be inside.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}
