//! The one door to the file system: nothing outside this folder opens, lists, renames or removes a file.
//!
//! The engine sees only the traits [`Disk`] and [`DiskFile`], so that tests own the disk: [`MemoryDisk`] keeps what was
//! synced apart from what was only written and can be cut at any call.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Result;

mod memory;
mod real;

pub use memory::MemoryDisk;
pub use real::RealDisk;

/// A file system, or something that behaves like one.
///
/// Paths are taken as they are. A creation, renaming or removal survives a power cut only after [`Disk::sync_dir`] of the
/// folder; contents only after [`DiskFile::sync`].
pub trait Disk: Debug + Send + Sync + 'static {
    /// Makes a new, empty file for reading and writing; an error if the path exists.
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>>;
    /// Opens an existing file for reading, and for [`DiskFile::truncate`].
    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>>;
    /// The names (not paths) in a folder, sorted; empty if the folder does not exist.
    fn list(&self, dir: &Path) -> Result<Vec<String>>;
    /// Whether a file or folder is there.
    fn exists(&self, path: &Path) -> Result<bool>;
    /// Makes a folder and its parents; nothing happens where they exist. Syncs every parent that gained an entry.
    fn create_dir_all(&self, dir: &Path) -> Result<()>;
    /// Replaces `to` by `from`, atomically.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, dir: &Path) -> Result<()>;
    /// Makes the entries of a folder durable.
    fn sync_dir(&self, dir: &Path) -> Result<()>;
    /// Takes the exclusive lock that the file stands for, making the file if needed; held until the guard is dropped.
    /// An error of kind `Unavailable` if another process, or another guard, holds it.
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>>;
}

/// An open file. All calls take `&self` and may be made from several threads.
pub trait DiskFile: Debug + Send + Sync + 'static {
    /// The path it was opened with, for messages.
    fn path(&self) -> &PathBuf;
    /// The length in bytes.
    fn len(&self) -> Result<u64>;
    /// Appends all of `bytes` at the end.
    fn append(&self, bytes: &[u8]) -> Result<()>;
    /// Exactly `buffer.len()` bytes from `offset`; an error of kind `Corrupt` where the file ends before.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;
    /// Makes contents and length durable. After an error nothing is known about what was written since the last success.
    fn sync(&self) -> Result<()>;
    /// Cuts the file to `length` bytes. Used by recovery alone.
    fn truncate(&self, length: u64) -> Result<()>;
}

/// A held lock; dropping it lets go.
pub trait DiskLock: Debug + Send + Sync {}
