//! Bringing the files of a state from one folder to another: by a second name where the file system can do that, else by copying.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::unfinished;
use crate::archive::{MANIFEST_FILE, MANIFEST_SEED};
use crate::codec::checksum;
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{ManifestState, SealedEntry};
use crate::partition::PartitionState;
use crate::segment::Segment;
use crate::supersession::SupersessionFile;
use crate::version::{Files, Version};

/// Bytes that are copied at a time.
const COPY_BYTES: u64 = 1 << 20;

/// Files that are judged together.
#[derive(Debug)]
pub(super) enum Item {
    Segment(Arc<Segment>),
    Supersessions(Arc<SupersessionFile>),
    /// What the folder of a detached partition says of itself.
    Partition(PartitionFile),
}

/// A `partition.json`.
#[derive(Debug)]
pub(super) struct PartitionFile {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    checksum: u32,
}

/// Whose files are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    Database,
    /// Here points share a folder that each database has for itself: a partition that was detached twice has two files that say so.
    Backups,
}

/// Everything that a state names in its folder, in an order that depends on the state alone. Touches no file.
pub(super) fn items_of(files: &Files, state: &ManifestState, home: Home) -> Vec<Item> {
    let version = Version::open(files, state);
    let mut items = Vec::new();
    let mut supersessions = BTreeMap::new();
    for entry in version.segments() {
        items.push(Item::Segment(entry.segment().clone()));
        supersessions.extend(entry.files().iter().map(|file| (file.meta().id, file.clone())));
    }
    items.extend(supersessions.into_values().map(Item::Supersessions));
    let sealed = version.tables.values().flat_map(|table| table.sealed.values());
    for sealed in sealed.filter(|sealed| is_detached(&sealed.entry)) {
        let (Some(location), Some(checksum)) = (&sealed.entry.location, sealed.entry.checksum)
        else {
            continue;
        };
        items.extend(sealed.segments.iter().map(|entry| Item::Segment(entry.segment().clone())));
        let name = match home {
            Home::Database => MANIFEST_FILE.to_owned(),
            Home::Backups => format!("{checksum:08x}-{MANIFEST_FILE}"),
        };
        let path = files.dir.join(location).join(name);
        items.push(Item::Partition(PartitionFile { disk: files.disk.clone(), path, checksum }));
    }
    items
}

/// Whether a partition that left lies in the folder of the database, and so is part of its backups.
pub(super) fn is_detached(entry: &SealedEntry) -> bool {
    entry.state == PartitionState::Detached
}

impl Item {
    /// Its files.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        match self {
            Item::Segment(segment) => segment.file_paths().to_vec(),
            Item::Supersessions(file) => vec![file.path().to_path_buf()],
            Item::Partition(file) => vec![file.path.clone()],
        }
    }

    /// Reads every byte and holds it against everything else; the error is the first damage.
    pub(super) fn verify(&self) -> Result<()> {
        match self {
            Item::Segment(segment) => {
                let mut first = None;
                segment.verify(&mut |damage| {
                    first.get_or_insert(damage);
                })?;
                first.map_or(Ok(()), Err)
            }
            Item::Supersessions(file) => file.verify(),
            Item::Partition(file) => file.verify(),
        }
    }
}

impl PartitionFile {
    fn verify(&self) -> Result<()> {
        let file = self.disk.open(&self.path)?;
        let length = usize::try_from(file.len()?).map_err(|_| {
            Error::exhausted(format!("{} does not fit in memory", self.path.display()))
        })?;
        let mut bytes = vec![0; length];
        file.read_at(0, &mut bytes)?;
        match checksum(MANIFEST_SEED, &bytes) == self.checksum {
            true => Ok(()),
            false => Err(Error::corrupt(&self.path, 0, "it is not what was put on record")),
        }
    }
}

/// Judges what was brought from one folder to another. Damage that was there before is told of the file that it was in.
pub(super) fn judge(from: &Item, to: &Item) -> Result<()> {
    let Err(error) = to.verify() else { return Ok(()) };
    if error.kind() == ErrorKind::Corrupt {
        from.verify()?;
    }
    Err(error)
}

/// Files on their way, and how they went.
#[derive(Debug)]
pub(super) struct Transfer {
    disk: Arc<dyn Disk>,
    may_link: bool,
    /// Folders that have got files and are not synced yet.
    dirs: BTreeSet<PathBuf>,
    pub(super) linked_count: u64,
    pub(super) copied_count: u64,
    pub(super) copied_bytes: u64,
}

impl Transfer {
    /// Without `may_link` everything is copied.
    pub(super) fn new(disk: Arc<dyn Disk>, may_link: bool) -> Transfer {
        let (dirs, linked_count) = (BTreeSet::new(), 0);
        Transfer { disk, may_link, dirs, linked_count, copied_count: 0, copied_bytes: 0 }
    }

    /// Brings the files of an item; says whether some were copied. Their names are not durable before [`Transfer::finish`].
    pub(super) fn bring(&mut self, from: &Item, to: &Item) -> Result<bool> {
        let copied_count = self.copied_count;
        for (from, to) in from.paths().iter().zip(to.paths()) {
            let dir = to.parent().unwrap_or(Path::new(""));
            if self.dirs.insert(dir.to_path_buf()) {
                self.disk.create_dir_all(dir)?;
            }
            if self.may_link && self.disk.link(from, &to).is_ok() {
                self.linked_count += 1;
            } else {
                self.copied_bytes += self.copy(from, &to)?;
                self.copied_count += 1;
            }
        }
        Ok(self.copied_count > copied_count)
    }

    /// Copies a file, which under its new name is there whole or not at all.
    fn copy(&self, from: &Path, to: &Path) -> Result<u64> {
        let made = unfinished(to);
        if self.disk.exists(&made)? {
            self.disk.remove(&made)?;
        }
        let source = self.disk.open(from)?;
        let copy = self.disk.create(&made)?;
        let length = source.len()?;
        let mut offset = 0;
        let mut buffer = Vec::new();
        while offset < length {
            buffer.resize(COPY_BYTES.min(length - offset) as usize, 0);
            source.read_at(offset, &mut buffer)?;
            copy.append(&buffer)?;
            offset += buffer.len() as u64;
        }
        copy.sync()?;
        self.disk.rename(&made, to)?;
        Ok(length)
    }

    /// Makes the new names durable.
    pub(super) fn finish(&mut self) -> Result<()> {
        let mut synced = std::mem::take(&mut self.dirs).into_iter();
        synced.try_for_each(|dir| self.disk.sync_dir(&dir))
    }
}
