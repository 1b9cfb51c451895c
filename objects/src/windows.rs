//! What was read of objects lately, in pieces of one size.
//!
//! A request takes some ten milliseconds, whatever it asks for, and readers of Parquet go back and forth between columns. So pieces are
//! kept, few enough not to matter beside the engine's cache, and shared by all objects.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

/// The length of a piece; the last one of an object is shorter.
pub(crate) const PIECE_BYTES: u64 = 1 << 20;
/// So many pieces are kept.
const PIECE_COUNT_MAX: usize = 32;

/// The pieces that were read last.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    next_reader: AtomicU64,
    recent: Mutex<VecDeque<(Piece, Bytes)>>,
}

/// A piece of what one reader reads. Readers share nothing: an object may be another one for the next of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) reader: u64,
    pub(crate) number: u64,
}

impl Windows {
    /// The number of a new reader.
    pub(crate) fn register(&self) -> u64 {
        self.next_reader.fetch_add(1, Ordering::Relaxed)
    }

    /// The bytes of a piece, if they are kept.
    pub(crate) fn get(&self, piece: Piece) -> Option<Bytes> {
        let mut recent = self.recent.lock();
        let at = recent.iter().position(|(other, _)| *other == piece)?;
        let found = recent.remove(at)?;
        let bytes = found.1.clone();
        recent.push_back(found);
        Some(bytes)
    }

    /// Keeps the bytes of a piece for a while.
    pub(crate) fn insert(&self, piece: Piece, bytes: Bytes) {
        let mut recent = self.recent.lock();
        if recent.len() >= PIECE_COUNT_MAX {
            recent.pop_front();
        }
        recent.push_back((piece, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_for_longest_goes_first() {
        let windows = Windows::default();
        let reader = windows.register();
        assert_ne!(reader, windows.register());
        let piece = |number| Piece { reader, number };
        let count = PIECE_COUNT_MAX as u64;
        (0..count)
            .for_each(|number| windows.insert(piece(number), Bytes::from(vec![number as u8])));
        assert_eq!(windows.get(piece(0)).as_deref(), Some(&[0][..]));
        windows.insert(piece(count), Bytes::new());
        assert_eq!((windows.get(piece(1)), windows.get(piece(0)).is_some()), (None, true));
        assert_eq!(windows.get(Piece { reader: reader + 1, number: 0 }), None);
    }
}
