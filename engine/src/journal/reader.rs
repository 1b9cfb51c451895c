//! Reading a journal: one verdict for every position.

use std::path::{Path, PathBuf};

use super::frame::{FRAME_ALIGNMENT, Frame, Kind, decode, frame_bytes};
use super::header::{HEADER_BYTES, Header, Identity};
use super::scan::frames_behind;
use crate::codec;
use crate::error::{Error, Result};

/// What lies at a position of a journal. Corruption is the fourth verdict, and an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    /// A frame, the next in the sequence.
    Frame(Frame<'a>),
    /// Nothing more, or only zeros.
    End {
        /// Where the frames end.
        offset: u64,
        /// How many zeros follow.
        zero_bytes: u64,
    },
    /// Damage to bytes that nothing says were durable. It may be cut; what was synced is all in
    /// front of it.
    TornTail {
        /// Where the damage begins, which is where the frames end.
        offset: u64,
        /// How many bytes there are from there on.
        byte_count: u64,
        /// What was found, as a clause.
        why: String,
    },
}

/// A torn tail that is cut when its journal is opened: bytes that were never known to be durable, left by a crash.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cut {
    /// The file.
    pub file: PathBuf,
    /// Its length after the cut.
    pub offset: u64,
    /// How many bytes are cut.
    pub byte_count: u64,
    /// What was found there, as a clause.
    pub why: String,
}

/// A file judged by its beginning.
#[derive(Debug)]
pub(crate) enum Opened<'a> {
    /// A journal.
    Journal(Reader<'a>),
    /// A file that was being made when the power failed: its header never became durable, so it
    /// held no frames.
    TornCreation,
}

/// A reader of the frames of one journal whose bytes are in memory.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    path: PathBuf,
    bytes: &'a [u8],
    seed: u64,
    first_sequence: u64,
    at: usize,
    sequence: u64,
    promised: u64,
    sealed: Option<u64>,
}

impl<'a> Reader<'a> {
    /// Judges the header of the journal whose bytes are `bytes`.
    ///
    /// An error is of kind `Corrupt`, or `Unavailable` for a newer version of the format.
    pub(crate) fn open(path: &Path, bytes: &'a [u8], identity: &Identity) -> Result<Opened<'a>> {
        match identity.judge(bytes) {
            Header::Valid { first_sequence } => Ok(Opened::Journal(Reader {
                path: path.to_path_buf(),
                bytes,
                seed: identity.seed(),
                first_sequence,
                at: HEADER_BYTES,
                sequence: first_sequence,
                promised: 0,
                sealed: None,
            })),
            Header::Newer { version } => Err(Error::unavailable(format!(
                "{} has format version {version}; this program reads up to {}",
                path.display(),
                super::VERSION
            ))),
            Header::Other(what) => Err(Error::corrupt(path, 0, what)),
            // No frame is appended before the header is durable, so a longer file had a header.
            Header::Damaged(_) if bytes.len() <= HEADER_BYTES => Ok(Opened::TornCreation),
            Header::Damaged(what) => Err(Error::corrupt(path, 0, what)),
        }
    }

    /// The sequence number that the header gives to the first frame.
    pub(crate) fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    /// The sequence number of the frame that would come next; that of the seal, once it was read.
    /// The next journal of the row begins with it.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence
    }

    /// Where the frames read so far end.
    pub(crate) fn offset(&self) -> u64 {
        self.at as u64
    }

    /// The number of the next file if the seal was read, 0 if the seal names none.
    pub(crate) fn sealed(&self) -> Option<u64> {
        self.sealed
    }

    /// The verdict at the present position; after a frame, the position moves behind it.
    pub(crate) fn next(&mut self) -> Result<Verdict<'a>> {
        if let Some(frame) = decode(self.bytes, self.at, self.seed) {
            return self.accept(frame).map(Verdict::Frame);
        }
        let rest = &self.bytes[self.at..];
        if self.sealed.is_some() && !rest.is_empty() {
            return Err(self.corrupt(format!("{} bytes follow the seal", rest.len())));
        }
        let zeros = rest.iter().all(|&byte| byte == 0);
        let offset = self.at as u64;
        let behind = match zeros {
            true => Default::default(),
            false => {
                frames_behind(self.bytes, self.at + FRAME_ALIGNMENT.min(rest.len()), self.seed)
            }
        };
        let promised = self.promised.max(behind.promised);
        if promised > offset {
            return Err(self.corrupt(match behind.first {
                Some(first) => format!("no valid frame, but one follows at {first}"),
                None => format!("no valid frame, but {promised} bytes were known to be durable"),
            }));
        }
        if zeros {
            return Ok(Verdict::End { offset, zero_bytes: rest.len() as u64 });
        }
        let why = match behind.first {
            Some(first) => format!("no valid frame; one at {first} was not durable either"),
            None => "no valid frame here or behind".to_string(),
        };
        Ok(Verdict::TornTail { offset, byte_count: rest.len() as u64, why })
    }

    fn accept(&mut self, frame: Frame<'a>) -> Result<Frame<'a>> {
        if self.sealed.is_some() {
            return Err(self.corrupt("a frame follows the seal"));
        }
        if frame.sequence != self.sequence {
            let (expected, found) = (self.sequence, frame.sequence);
            return Err(self.corrupt(format!("frame {found} stands where {expected} belongs")));
        }
        if frame.kind == Kind::SEAL {
            let mut payload = codec::Reader::new(frame.payload);
            let next = payload.u64().and_then(|next| payload.finish().map(|()| next));
            self.sealed = Some(next.map_err(|malformed| self.corrupt(malformed))?);
        } else {
            let next = self.sequence.checked_add(1);
            self.sequence = next.ok_or_else(|| self.corrupt("the sequence numbers end"))?;
        }
        self.promised = self.promised.max(frame.durable);
        self.at += frame_bytes(frame.payload.len());
        Ok(frame)
    }

    fn corrupt(&self, what: impl std::fmt::Display) -> Error {
        Error::corrupt(&self.path, self.at as u64, what)
    }
}
