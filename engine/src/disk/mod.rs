//! The one door to the file system: nothing outside this folder opens, lists, renames or removes a
//! file.
//!
//! The engine sees only the traits [`Disk`] and [`DiskFile`], so that tests own the disk:
//! [`MemoryDisk`] keeps what was synced apart from what was only written, can be cut at any call
//! and can make any call fail.
//!
//! A failed call is an error of kind `Exhausted` where the disk or a quota is full and of kind `Io`
//! otherwise. Which failures stop all later writes is for the layers above to say: here a write is
//! only a write.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};

mod crash;
mod fault;
mod memory;
mod place;
#[expect(clippy::disallowed_methods, reason = "this is the one place that touches files")]
mod real;
#[cfg(test)]
mod tests;
mod tree;

pub use crash::{Keep, PendingChange, SECTOR_BYTES};
pub use fault::FaultKind;
pub use memory::MemoryDisk;
pub use place::is_url;
pub use real::RealDisk;

/// A file system, or something that behaves like one.
///
/// Paths are taken as they are. A creation, renaming or removal survives a power cut only after
/// [`Disk::sync_dir`] of the folder; contents only after [`DiskFile::sync`].
pub trait Disk: Debug + Send + Sync + 'static {
    /// Whether paths may be URLs of object storage, see [`is_url`]. Such a path is a name below which partitions can be archived.
    fn takes_urls(&self) -> bool {
        false
    }
    /// Makes a new, empty file for reading and writing; an error if the path exists.
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>>;
    /// Opens an existing file for reading, for [`DiskFile::truncate`] and for [`DiskFile::sync`];
    /// it can't be appended to.
    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>>;
    /// The names (not paths) in a folder, sorted; empty if the folder does not exist.
    fn list(&self, dir: &Path) -> Result<Vec<String>>;
    /// Whether a file or folder is there.
    fn exists(&self, path: &Path) -> Result<bool>;
    /// Makes a folder and its parents; nothing happens where they exist. Syncs every parent that
    /// gained an entry.
    fn create_dir_all(&self, dir: &Path) -> Result<()>;
    /// Replaces `to` by `from`, atomically.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Gives a file a second name, which must be free: both name the same bytes, and the file lives until both are removed. An error
    /// where the file system cannot do that, as between two of them.
    fn link(&self, from: &Path, to: &Path) -> Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, dir: &Path) -> Result<()>;
    /// Makes the entries of a folder durable.
    fn sync_dir(&self, dir: &Path) -> Result<()>;
    /// Takes the exclusive lock that the file stands for, making the file if needed; held until the
    /// guard is dropped. An error of kind `Unavailable` if another process, or another guard, holds
    /// it.
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>>;
}

/// An open file, which stays readable when its path is renamed or removed. All calls take `&self`
/// and may be made from several threads.
pub trait DiskFile: Debug + Send + Sync + 'static {
    /// The path it was opened with, for messages.
    fn path(&self) -> &PathBuf;
    /// The length in bytes.
    fn len(&self) -> Result<u64>;
    /// Whether the file holds nothing.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Appends all of `bytes` at the end; after an error any part of them may be there.
    fn append(&self, bytes: &[u8]) -> Result<()>;
    /// Exactly `buffer.len()` bytes from `offset`; an error of kind `Corrupt` where the file ends
    /// before.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;
    /// Makes contents and length durable. After an error nothing is known about what was written
    /// since the last success.
    fn sync(&self) -> Result<()>;
    /// Cuts the file to `length` bytes. Used by recovery alone.
    fn truncate(&self, length: u64) -> Result<()>;
}

/// A held lock; dropping it lets go.
pub trait DiskLock: Debug + Send + Sync {}

/// The error of a call that the operating system refused: full disks are told apart from all else.
fn failure(action: &str, path: &Path, source: &io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::exhausted(format!("cannot {action} {}: {source}", path.display()))
        }
        _ => Error::io(action, path, source),
    }
}

/// The error of a read that wants more than the file holds.
fn ends_early(path: &Path, length: u64, offset: u64, wanted: usize) -> Error {
    let what = format!("{wanted} bytes were expected here, but the file has {length} bytes");
    Error::corrupt(path, offset, what)
}
