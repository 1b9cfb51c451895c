//! An index of a table, as all versions share it.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::error::Error;
use crate::manifest::IndexEntry;

/// An index that was asked for, and what was seen of it since the database was opened.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) entry: IndexEntry,
    use_count: AtomicU64,
    /// Why bitmaps of a segment could not be made, when that was last tried.
    problem: Mutex<Option<Error>>,
}

impl Index {
    pub(crate) fn new(entry: IndexEntry) -> Index {
        Index { entry, use_count: AtomicU64::new(0), problem: Mutex::default() }
    }

    /// Counts a scan that reads less by it.
    pub(crate) fn count_use(&self) {
        self.use_count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn use_count(&self) -> u64 {
        self.use_count.load(Ordering::Relaxed)
    }

    pub(crate) fn note_problem(&self, error: Error) {
        *self.problem.lock() = Some(error);
    }

    pub(crate) fn problem(&self) -> Option<Error> {
        self.problem.lock().clone()
    }
}
