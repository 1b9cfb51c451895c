//! The files of a partition on their way out of the database, and back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{MANIFEST_FILE, MANIFEST_SEED, PartitionManifest};
use crate::codec::checksum;
use crate::disk::{Disk, is_url};
use crate::error::{Error, Result};
use crate::segment::Segment;

/// What is copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// How files get to another folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transfer {
    /// They get a second name where the file system can do that: no byte is read.
    Link,
    /// They are copied, and the copies verified.
    Copy,
}

/// Says that a folder is not finished, and whose it is to become; written first, removed when the partition is on record there.
const UNFINISHED_FILE: &str = "unfinished.json";

/// Makes `dir` the folder of a partition: its segments' files, then the manifest. All of it is durable when it returns the checksum of
/// the manifest. The folder must be missing or empty, or be what an earlier attempt for the same partition has left.
pub(crate) fn take_out(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    manifest: &PartitionManifest,
    segments: &[Arc<Segment>],
    transfer: Transfer,
) -> Result<u32> {
    let identity = manifest.identity()?;
    if is_left(disk.as_ref(), dir, &identity)? {
        clear_folder(disk.as_ref(), dir)?;
    }
    disk.create_dir_all(dir)?;
    write(disk.as_ref(), &dir.join(UNFINISHED_FILE), &identity)?;
    disk.sync_dir(dir)?;
    for segment in segments {
        transfer_segment(disk, segment, dir, transfer)?;
    }
    let bytes = manifest.encode()?;
    write(disk.as_ref(), &dir.join(MANIFEST_FILE), &bytes)?;
    disk.sync_dir(dir)?;
    Ok(checksum(MANIFEST_SEED, &bytes))
}

/// The partition is on record in the folder. A mark that stays tells nobody anything.
pub(crate) fn finish(disk: &dyn Disk, dir: &Path) {
    let _ = disk.remove(&dir.join(UNFINISHED_FILE)).and_then(|()| disk.sync_dir(dir));
}

fn write(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    let file = disk.create(path)?;
    file.append(bytes)?;
    file.sync()
}

/// Whether the folder holds what an attempt of this identity has left; an error if it holds anything else.
fn is_left(disk: &dyn Disk, dir: &Path, identity: &[u8]) -> Result<bool> {
    let names = disk.list(dir)?;
    let Some(first) = names.first() else { return Ok(false) };
    let shown = dir.display();
    if !names.iter().any(|name| name == UNFINISHED_FILE) {
        return Err(Error::invalid(format!("{shown} is not empty: it holds `{first}`")));
    }
    let file = disk.open(&dir.join(UNFINISHED_FILE))?;
    let mut bytes = vec![0; file.len()?.min(identity.len() as u64 + 1) as usize];
    file.read_at(0, &mut bytes)?;
    // Cut off while the mark itself was written, it is alone there. In object storage nothing is there in part, and a mark is alone
    // while some other database writes the first of its files, too.
    let is_cut_off = names.len() == 1 && !is_url(dir);
    match bytes == identity || is_cut_off {
        true => Ok(true),
        false => {
            Err(Error::invalid(format!("{shown} is not empty: it is to hold another partition")))
        }
    }
}

/// Brings segments' files into the folder of their partition in the database; durable when it returns.
pub(crate) fn bring_in(
    disk: &Arc<dyn Disk>,
    segments: &[Arc<Segment>],
    dir: &Path,
    transfer: Transfer,
) -> Result<()> {
    disk.create_dir_all(dir)?;
    for segment in segments {
        transfer_segment(disk, segment, dir, transfer)?;
    }
    disk.sync_dir(dir)
}

fn transfer_segment(
    disk: &Arc<dyn Disk>,
    segment: &Segment,
    dir: &Path,
    transfer: Transfer,
) -> Result<()> {
    let mut is_copied = false;
    for from in segment.file_paths() {
        let to = dir.join(from.file_name().unwrap_or_default());
        // Not every file system has links, and none between two of them. A disk that fails does so at the copy, too.
        if transfer == Transfer::Copy || disk.link(&from, &to).is_err() {
            copy(disk.as_ref(), &from, &to)?;
            is_copied = true;
        }
    }
    if is_copied {
        let mut damages = Vec::new();
        segment.at(dir).verify(&mut |damage| damages.push(damage))?;
        damages.into_iter().next().map_or(Ok(()), Err)?;
    }
    Ok(())
}

fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> Result<()> {
    let source = disk.open(from)?;
    let target = disk.create(to)?;
    let length = source.len()?;
    let mut buffer = vec![0; COPY_BYTES.min(length as usize)];
    let mut at = 0;
    while at < length {
        let count = (COPY_BYTES as u64).min(length - at) as usize;
        source.read_at(at, &mut buffer[..count])?;
        target.append(&buffer[..count])?;
        at += count as u64;
    }
    target.sync()
}

/// Removes the files of a folder, durably. The manifest goes first: what is left is no partition.
pub(crate) fn clear_folder(disk: &dyn Disk, dir: &Path) -> Result<()> {
    let mut names = disk.list(dir)?;
    // The mark goes last: what is left is still an attempt.
    names.sort_by_key(|name| (name == UNFINISHED_FILE, name != MANIFEST_FILE));
    for name in &names {
        disk.remove(&dir.join(name))?;
    }
    if names.is_empty() { Ok(()) } else { disk.sync_dir(dir) }
}

/// Removes a folder and its files; one that is not there is passed over.
pub(crate) fn remove_folder(disk: &dyn Disk, dir: &Path) -> Result<()> {
    if !disk.exists(dir)? {
        return Ok(());
    }
    clear_folder(disk, dir)?;
    disk.remove_dir(dir)?;
    match dir.parent().map(PathBuf::from) {
        Some(parent) => disk.sync_dir(&parent),
        None => Ok(()),
    }
}
