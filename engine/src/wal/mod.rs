//! The write-ahead log: every transaction is a frame in a journal before it is anything else.
//!
//! ```text
//! wal/0000000001.wal  wal/0000000002.wal  ...       `docs/format/wal.md` has every byte
//! ```
//!
//! The sequence numbers of frames go on from file to file, and each file's header says with which
//! it begins. So a file that is missing, and a file that has lost its end, are seen when the next
//! one is read.
//!
//! Invariants:
//!
//! * A file is written only while it is the newest. When it is made, the one before is durable to
//!   its last byte.
//! * What was acknowledged in [`SyncMode::Commit`] is promised durable by a frame written before
//!   the acknowledgement.
//! * After a failed write or sync nothing is written any more, and no sync is repeated: what the
//!   operating system still holds in memory may look written and never reach the disk.
//! * Opening judges all files before it writes anything, cuts only a torn tail, only from the
//!   newest file or, where that has nothing yet, a torn seal from the one before, and reports it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::disk::Disk;
use crate::error::Result;
use crate::journal::{Identity, Kind};

mod log;
mod recovery;
#[cfg(test)]
mod tests;

pub use crate::journal::Cut;
pub(crate) use log::Wal;
pub use recovery::WalRecovery;

/// The first eight bytes of every file of the log.
pub(crate) const MAGIC: [u8; 8] = *b"ANNALSWL";

/// The kind of a frame that holds one transaction.
pub(crate) const TRANSACTION: Kind = Kind(1);

/// The number of the first file of a log.
pub(crate) const FIRST_FILE: u64 = 1;

/// When a transaction that was acknowledged is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncMode {
    /// Before it is acknowledged: it survives the end of the process, of the operating system and
    /// of power.
    #[default]
    Commit,
    /// At most about this long after it was acknowledged. It survives the end of the process; a
    /// power cut or the end of the operating system may take the transactions of the last interval,
    /// the newest ones first or whole groups of them, but never leaves a gap.
    Interval(Duration),
    /// When the operating system writes it, or a file of the log is full. It survives the end of
    /// the process; a power cut may take every transaction since the last flush, and never leaves a
    /// gap.
    Off,
}

/// Time that only goes forward, for [`SyncMode::Interval`]: how long since some fixed moment.
pub(crate) type Monotonic = Arc<dyn Fn() -> Duration + Send + Sync>;

/// How a log is run.
#[derive(Clone)]
pub(crate) struct WalOptions {
    pub(crate) sync: SyncMode,
    /// A file that would become longer is sealed first and the next is begun. A single longer frame
    /// has a file of its own.
    pub(crate) file_bytes_max: u64,
    pub(crate) now: Monotonic,
}

impl fmt::Debug for WalOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WalOptions { sync, file_bytes_max, .. } = self;
        write!(f, "WalOptions {{ sync: {sync:?}, file_bytes_max: {file_bytes_max} }}")
    }
}

/// A position in the whole log: the sequence number of a frame. It rises from frame to frame and
/// from file to file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lsn(pub(crate) u64);

/// Where the files of a log are, and whose they are.
#[derive(Clone, Debug)]
struct Home {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    database_id: u128,
}

impl Home {
    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:010}.wal"))
    }

    fn identity(&self, number: u64) -> Identity {
        Identity { magic: MAGIC, database_id: self.database_id, number }
    }

    /// The numbers of the files that are there, rising. Files of other names are none of the log's.
    fn numbers(&self) -> Result<Vec<u64>> {
        let names = self.disk.list(&self.dir)?;
        let number = |name: &String| {
            let number = name.strip_suffix(".wal")?.parse().ok()?;
            (*name == format!("{number:010}.wal")).then_some(number)
        };
        let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Removes the files of these numbers, durably, the oldest first.
    fn remove(&self, numbers: impl IntoIterator<Item = u64>) -> Result<()> {
        let mut any = false;
        for number in numbers {
            self.disk.remove(&self.path(number))?;
            any = true;
        }
        if any { self.disk.sync_dir(&self.dir) } else { Ok(()) }
    }
}
