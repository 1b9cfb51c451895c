//! The search for frames behind damage, in time linear in the bytes searched, whatever they are.
//!
//! Any multiple of 8 may begin a frame: the lengths in front of it can't be trusted. Bytes that
//! look like frames and are none (a payload may hold anything, also by intent) must not cost a
//! checksum of their supposed length each. So the checksums of all prefixes are taken once, and
//! that of any range follows from two of them.

use super::frame::{FRAME_ALIGNMENT, Frame, candidate, frame_bytes};
use super::header::u32_at;
use crate::codec::checksum;

/// What the whole frames behind some damage say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Behind {
    /// The offset of the first.
    pub(super) first: Option<u64>,
    /// The largest promise of durability among them.
    pub(super) promised: u64,
}

/// Looks at every position from `from` (a multiple of 8) on.
pub(super) fn frames_behind(bytes: &[u8], from: usize, seed: u64) -> Behind {
    let mut behind = Behind::default();
    let prefixes = Prefixes::new(bytes, from);
    for at in (from..bytes.len()).step_by(FRAME_ALIGNMENT) {
        let Some(frame) = candidate(bytes, at, seed) else { continue };
        if prefixes.matches(bytes, &frame, seed) {
            behind.first.get_or_insert(frame.offset);
            behind.promised = behind.promised.max(frame.durable);
        }
    }
    behind
}

/// The CRC-32C of `bytes[from..from + 8 * i]` for every `i`.
struct Prefixes {
    from: usize,
    crcs: Vec<u32>,
}

impl Prefixes {
    fn new(bytes: &[u8], from: usize) -> Prefixes {
        let words = bytes[from..].chunks_exact(FRAME_ALIGNMENT);
        let mut crcs = Vec::with_capacity(words.len() + 1);
        let mut crc = 0;
        crcs.push(crc);
        for word in words {
            crc = crc32c::crc32c_append(crc, word);
            crcs.push(crc);
        }
        Prefixes { from, crcs }
    }

    /// The checksum of `start..end`, both multiples of 8 behind `from`.
    fn range(&self, start: usize, end: usize) -> u32 {
        let prefix = |at: usize| self.crcs[(at - self.from) / FRAME_ALIGNMENT];
        // crc(ab) = combine(crc(a), crc(b), |b|), which is linear: with 0 for crc(b) it is what a
        // contributes.
        prefix(end) ^ crc32c::crc32c_combine(prefix(start), 0, end - start)
    }

    fn matches(&self, bytes: &[u8], frame: &Frame<'_>, seed: u64) -> bool {
        let at = frame.offset as usize;
        let (body, end) = (at + FRAME_ALIGNMENT, at + frame_bytes(frame.payload.len()));
        let length_field = checksum(seed ^ frame.offset, &bytes[at + 4..body]);
        let crc = crc32c::crc32c_combine(length_field, self.range(body, end), end - body);
        crc == u32_at(bytes, at)
    }
}
