//! The operating system's file system.
//!
//! Files are written in append mode and read by position, so handles share no cursor. Contents are
//! made durable by `fdatasync`, which covers the length; entries of a folder by `fsync` of the
//! folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, DiskFile, DiskLock, ends_early, failure};
use crate::error::{Error, Result};

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk {}

#[derive(Debug)]
struct RealFile {
    path: PathBuf,
    file: File,
}

/// The open file carries the lock: closing it, or the end of the process, lets go.
#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl DiskLock for RealLock {}

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(|source| failure("create", path, &source))?;
        Ok(Arc::new(RealFile { path: path.to_path_buf(), file }))
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        let file = File::open(path).map_err(|source| failure("open", path, &source))?;
        Ok(Arc::new(RealFile { path: path.to_path_buf(), file }))
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failure("list", dir, &source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| failure("list", dir, &source))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        path.try_exists().map_err(|source| failure("look up", path, &source))
    }

    fn create_dir_all(&self, dir: &Path) -> Result<()> {
        if dir.as_os_str().is_empty() || self.exists(dir)? {
            return Ok(());
        }
        // A relative path of one name has the parent "", which stands for the working folder.
        let parent = match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        self.create_dir_all(parent)?;
        match fs::create_dir(dir) {
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(|source| failure("create folder", dir, &source))?,
        }
        self.sync_dir(parent)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to).map_err(|source| {
            let action = format!("rename {} to", from.display());
            failure(&action, to, &source)
        })
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        fs::hard_link(from, to).map_err(|source| {
            let action = format!("link {} to", from.display());
            failure(&action, to, &source)
        })
    }

    fn remove(&self, path: &Path) -> Result<()> {
        fs::remove_file(path).map_err(|source| failure("remove", path, &source))
    }

    fn remove_dir(&self, dir: &Path) -> Result<()> {
        fs::remove_dir(dir).map_err(|source| failure("remove folder", dir, &source))
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        File::open(dir)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| failure("sync folder", dir, &source))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|source| failure("open", path, &source))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock { _file: file })),
            Err(TryLockError::WouldBlock) => Err(held(path)),
            Err(TryLockError::Error(source)) => Err(failure("lock", path, &source)),
        }
    }
}

/// The error of a lock that someone else holds.
pub(super) fn held(path: &Path) -> Error {
    Error::unavailable(format!(
        "{} is locked: the database is already open, in this or another process",
        path.display()
    ))
}

impl DiskFile for RealFile {
    fn path(&self) -> &PathBuf {
        &self.path
    }

    fn len(&self) -> Result<u64> {
        let metadata = self.file.metadata();
        metadata
            .map(|metadata| metadata.len())
            .map_err(|source| failure("read the length of", &self.path, &source))
    }

    fn append(&self, bytes: &[u8]) -> Result<()> {
        (&self.file).write_all(bytes).map_err(|source| failure("append to", &self.path, &source))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        match self.file.read_exact_at(buffer, offset) {
            Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                Err(ends_early(&self.path, self.len()?, offset, buffer.len()))
            }
            read => read.map_err(|source| failure("read", &self.path, &source)),
        }
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|source| failure("sync", &self.path, &source))
    }

    fn truncate(&self, length: u64) -> Result<()> {
        // Files are opened for reading only; the one that recovery cuts is opened once more to be
        // changed.
        OpenOptions::new()
            .write(true)
            .open(&self.path)
            .and_then(|file| file.set_len(length))
            .map_err(|source| failure("truncate", &self.path, &source))
    }
}
