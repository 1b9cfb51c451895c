//! One frame: how a payload becomes bytes, and when bytes are a frame.
//!
//! ```text
//!  0  checksum:u32      CRC-32C of bytes 4.. of the frame, padding included; seeded
//!  4  length:u32        of the payload, at most 2^30 - 1
//!  8  sequence:u64      consecutive in the file, and on into the next
//! 16  durable:u64       how many bytes of this file were durable when it was written, <= its offset
//! 24  kind:u8           never 0
//! 25  mark:u56          the low 56 bits of the seed, so that other bytes seldom look like a frame
//! 32  payload           then zeros up to a multiple of 8
//! ```
//!
//! The seed is the XXH3 of database id and file number, XORed with the offset of the frame. Bytes
//! are a frame if and only if mark and checksum match, so a copy in another place is none.

use super::header::{u32_at, u64_at};
use crate::codec::checksum;

/// The most bytes that one payload may have.
pub(crate) const PAYLOAD_BYTES_MAX: usize = (1 << 30) - 1;

/// The bytes of a frame in front of its payload.
pub(super) const FRAME_HEADER_BYTES: usize = 32;

/// Frames begin at multiples of this.
pub(super) const FRAME_ALIGNMENT: usize = 8;

/// What a payload is. The user of the journal numbers its own kinds from 1; the highest are the
/// journal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) u8);

impl Kind {
    /// No payload: the frame is there for the promise it makes.
    pub(crate) const PROMISE: Kind = Kind(254);
    /// The last frame: everything before it is durable. Its payload is the number of the next file,
    /// 0 if there is none yet.
    pub(crate) const SEAL: Kind = Kind(255);
}

/// A frame that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Where it begins in its file.
    pub(crate) offset: u64,
    /// Its number in the row of journals.
    pub(crate) sequence: u64,
    /// How many bytes of its file were durable when it was written.
    pub(crate) durable: u64,
    /// What the payload is.
    pub(crate) kind: Kind,
    /// What was written.
    pub(crate) payload: &'a [u8],
}

/// How long a frame with a payload of this length is.
pub(super) fn frame_bytes(payload_length: usize) -> usize {
    (FRAME_HEADER_BYTES + payload_length).next_multiple_of(FRAME_ALIGNMENT)
}

impl Frame<'_> {
    /// Writes the bytes of the frame to `out`, replacing what is there. The payload is copied once.
    pub(super) fn encode(&self, seed: u64, out: &mut Vec<u8>) {
        // The writer refuses longer payloads; a length that does not fit its field would corrupt
        // the journal.
        assert!(self.payload.len() <= PAYLOAD_BYTES_MAX);
        let seed = seed ^ self.offset;
        out.clear();
        out.reserve(frame_bytes(self.payload.len()));
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.sequence.to_le_bytes());
        out.extend_from_slice(&self.durable.to_le_bytes());
        out.extend_from_slice(&(seed << 8 | u64::from(self.kind.0)).to_le_bytes());
        out.extend_from_slice(self.payload);
        out.resize(frame_bytes(self.payload.len()), 0);
        let crc = checksum(seed, &out[4..]);
        out[..4].copy_from_slice(&crc.to_le_bytes());
    }
}

/// The fields of what may be a frame at `at`, not yet checked against its checksum; `None` if it
/// can't be one.
pub(super) fn candidate(bytes: &[u8], at: usize, seed: u64) -> Option<Frame<'_>> {
    let left = bytes.get(at..)?;
    if left.len() < FRAME_HEADER_BYTES {
        return None;
    }
    let length = u32_at(left, 4) as usize;
    let (kind, mark) = (left[24], u64_at(left, 24) >> 8);
    let durable = u64_at(left, 16);
    if length > PAYLOAD_BYTES_MAX || kind == 0 || durable > at as u64 {
        return None;
    }
    if mark != (seed ^ at as u64) << 8 >> 8 {
        return None;
    }
    let whole = left.get(..frame_bytes(length))?;
    let (payload, padding) = whole[FRAME_HEADER_BYTES..].split_at(length);
    if padding.iter().any(|&byte| byte != 0) {
        return None;
    }
    Some(Frame { offset: at as u64, sequence: u64_at(left, 8), durable, kind: Kind(kind), payload })
}

/// The frame at `at`, if there is one.
pub(super) fn decode(bytes: &[u8], at: usize, seed: u64) -> Option<Frame<'_>> {
    let frame = candidate(bytes, at, seed)?;
    let end = at + frame_bytes(frame.payload.len());
    let matches = checksum(seed ^ at as u64, &bytes[at + 4..end]) == u32_at(bytes, at);
    matches.then_some(frame)
}
