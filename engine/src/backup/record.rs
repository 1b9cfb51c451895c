//! A file of one record: a journal of one frame and a seal.
//!
//! It is made under another name, synced and renamed, so that under its own it is there whole or not at all: unlike in a log, whatever
//! is not as it was written is damage.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::journal::{Identity, Kind, Opened, Reader, Verdict, Writer};

/// The kind of the frame.
pub(super) const RECORD: Kind = Kind(1);
/// What follows the name of a file that is being made.
pub(super) const UNFINISHED: &str = ".new";

/// The name of a file while it is being made.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(UNFINISHED);
    PathBuf::from(name)
}

/// Writes the file, in place of what was there; durable when this returns.
pub(super) fn write_record(
    disk: &dyn Disk,
    path: &Path,
    identity: &Identity,
    payload: &[u8],
) -> Result<()> {
    let made = unfinished(path);
    if disk.exists(&made)? {
        disk.remove(&made)?;
    }
    let mut writer = Writer::create(disk, &made, identity, 1)?;
    writer.append(RECORD, payload)?;
    writer.seal(0)?;
    disk.rename(&made, path)?;
    disk.sync_dir(path.parent().unwrap_or(Path::new("")))
}

/// The record in a file that is there.
pub(super) fn read_record(disk: &dyn Disk, path: &Path, identity: &Identity) -> Result<Vec<u8>> {
    let file = disk.open(path)?;
    let length = usize::try_from(file.len()?)
        .map_err(|_| Error::exhausted(format!("{} does not fit in memory", path.display())))?;
    let mut bytes = vec![0; length];
    file.read_at(0, &mut bytes)?;
    let corrupt = |offset, what: &str| Err(Error::corrupt(path, offset, what));
    let Opened::Journal(mut reader) = Reader::open(path, &bytes, identity)? else {
        return corrupt(0, "the header is damaged");
    };
    let payload = match reader.next()? {
        Verdict::Frame(frame) if frame.kind == RECORD => frame.payload.to_vec(),
        _ => return corrupt(reader.offset(), "the record is damaged"),
    };
    match reader.next()? {
        Verdict::Frame(frame) if frame.kind == Kind::SEAL => {}
        _ => return corrupt(reader.offset(), "the seal is damaged"),
    }
    match reader.next()? {
        Verdict::End { zero_bytes: 0, .. } => Ok(payload),
        _ => corrupt(reader.offset(), "bytes follow the seal"),
    }
}
