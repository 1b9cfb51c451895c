//! The files of a partition on their way out of the database, and back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{MANIFEST_FILE, MANIFEST_SEED, PartitionManifest, read_manifest};
use crate::codec::checksum;
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
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

/// Makes `dir` the folder of a partition: its segments' files, then the manifest. All of it is durable when it returns the checksum of
/// the manifest. What an earlier attempt has left there is replaced; a folder that holds anything else is refused.
pub(crate) fn take_out(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    manifest: &PartitionManifest,
    segments: &[Arc<Segment>],
    transfer: Transfer,
) -> Result<u32> {
    check_replaceable(disk.as_ref(), dir, manifest)?;
    disk.create_dir_all(dir)?;
    clear_folder(disk.as_ref(), dir)?;
    for segment in segments {
        transfer_segment(disk, segment, dir, transfer)?;
    }
    let bytes = manifest.encode()?;
    let file = disk.create(&dir.join(MANIFEST_FILE))?;
    file.append(&bytes)?;
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok(checksum(MANIFEST_SEED, &bytes))
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

/// An error unless the folder is missing, empty, or was begun or finished for the same partition and then not put on record.
fn check_replaceable(disk: &dyn Disk, dir: &Path, manifest: &PartitionManifest) -> Result<()> {
    let is_ours = |name: &String| {
        let stem = name.strip_suffix(".parquet").or_else(|| name.strip_suffix(".index"));
        let is_segment = stem.is_some_and(|stem| {
            stem.len() == 16 && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        is_segment || name == MANIFEST_FILE
    };
    let names = disk.list(dir)?;
    if let Some(other) = names.iter().find(|name| !is_ours(name)) {
        let dir = dir.display();
        return Err(Error::invalid(format!("{dir} is not empty: it holds `{other}`")));
    }
    if !names.iter().any(|name| name == MANIFEST_FILE) {
        return Ok(());
    }
    match read_manifest(disk, dir) {
        Ok((found, _)) if !found.is_of_same_partition(manifest) => {
            let (dir, partition) = (dir.display(), &found.partition);
            Err(Error::invalid(format!("{dir} holds another partition, {partition}")))
        }
        // Cut off while it was written.
        Err(error) if error.kind() != ErrorKind::Corrupt => Err(error),
        _ => Ok(()),
    }
}

/// Removes the files of a folder, durably. The manifest goes first: what is left is no partition.
pub(crate) fn clear_folder(disk: &dyn Disk, dir: &Path) -> Result<()> {
    let mut names = disk.list(dir)?;
    names.sort_by_key(|name| name != MANIFEST_FILE);
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
