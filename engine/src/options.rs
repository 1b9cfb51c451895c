//! What an embedder can set when opening a database.

use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::disk::{Disk, RealDisk};
use crate::wal::SyncMode;

/// How a database is opened. No option changes an answer; they trade memory, speed and what survives a power cut.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) memtable_bytes: usize,
    pub(crate) memtable_count_max: usize,
    pub(crate) cache_bytes: usize,
    pub(crate) transaction_bytes_max: usize,
    pub(crate) sync: SyncMode,
    pub(crate) background: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            memtable_bytes: 192 << 20,
            memtable_count_max: 2,
            cache_bytes: 256 << 20,
            transaction_bytes_max: 256 << 20,
            sync: SyncMode::Commit,
            background: true,
            clock: Arc::new(SystemClock),
            disk: Arc::new(RealDisk::default()),
        }
    }
}

impl Options {
    /// A memtable that holds more bytes than this is flushed. 192 MiB unless told otherwise.
    pub fn memtable_bytes(mut self, bytes: usize) -> Options {
        self.memtable_bytes = bytes;
        self
    }

    /// The most bytes of decoded columns and index pages kept in memory. 256 MiB unless told otherwise.
    pub fn cache_bytes(mut self, bytes: usize) -> Options {
        self.cache_bytes = bytes;
        self
    }

    /// The most bytes that one transaction may hold; a larger one is refused. 256 MiB unless told otherwise.
    pub fn transaction_bytes_max(mut self, bytes: usize) -> Options {
        self.transaction_bytes_max = bytes;
        self
    }

    /// What survives a power cut once a commit has returned. [`SyncMode::Commit`] unless told otherwise.
    pub fn sync(mut self, mode: SyncMode) -> Options {
        self.sync = mode;
        self
    }

    /// Whether a thread flushes and compacts in the background. Without it, a commit that finds the memtables full flushes
    /// them itself, and compaction happens in [`crate::Database::maintain`] and [`crate::Database::compact`] alone.
    pub fn background(mut self, is_on: bool) -> Options {
        self.background = is_on;
        self
    }

    /// Where system time comes from. The wall clock unless told otherwise.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Options {
        self.clock = clock;
        self
    }

    /// Where files live. The operating system's file system unless told otherwise.
    pub fn disk(mut self, disk: Arc<dyn Disk>) -> Options {
        self.disk = disk;
        self
    }
}
