//! A disk in memory, deterministic, that can lose power at any call and fail at any call.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::crash::{self, Keep, PendingChange};
use super::fault::{Effect, Fate, FaultKind, Faults};
use super::real::held;
use super::tree::{Folder, Node, NodeId, Tree};
use super::{Disk, DiskFile, DiskLock, ends_early, failure};
use crate::error::Result;

/// A disk in memory that keeps what was synced apart from what was only written.
///
/// Clones are handles of one disk. The root folder is also the working folder, and paths must be
/// UTF-8.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    tree: Tree,
    faults: Faults,
    locks: BTreeSet<PathBuf>,
}

impl fmt::Debug for MemoryDisk {
    /// The names of the files; their contents would drown the message of a failed test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.files()).finish()
    }
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> MemoryDisk {
        MemoryDisk::default()
    }

    /// A disk as it may be found after a power cut now; `keep` decides about every change not
    /// synced, in a fixed order. This disk is left as it is. Locks, the call count and planted
    /// faults do not pass over.
    pub fn crash_image(&self, keep: &mut dyn FnMut(PendingChange) -> Keep) -> MemoryDisk {
        let tree = crash::image(&self.shared.lock().tree, keep);
        MemoryDisk { shared: Arc::new(Mutex::new(State { tree, ..State::default() })) }
    }

    /// How many calls were made so far, on the disk and its files.
    pub fn call_count(&self) -> u64 {
        self.shared.lock().faults.call_count
    }

    /// Makes the call of this number fail; the first call of a disk has the number 1.
    pub fn fail_at(&self, call_number: u64, kind: FaultKind) {
        self.shared.lock().faults.plant(call_number, kind);
    }

    /// Makes the call of this number and every later one fail, as for a process that the power cut
    /// ends. The change of that call itself becomes one that [`MemoryDisk::crash_image`] asks
    /// about.
    pub fn power_off_at(&self, call_number: u64) {
        self.shared.lock().faults.plant_power_cut(call_number);
    }

    /// Flips one bit of a file, counted from the lowest bit of its first byte, as rot would: synced
    /// and read alike.
    pub fn flip_bit(&self, path: &Path, bit: u64) -> Result<()> {
        self.damage(path, |bytes| {
            if let Some(byte) = bytes.get_mut((bit / 8) as usize) {
                *byte ^= 1 << (bit % 8);
            }
        })
    }

    /// Changes a file as damage would: what was written is changed and counts as synced. The file
    /// must be there.
    pub fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let mut state = self.shared.lock();
        let (_, file) =
            state.tree.file_at(path).map_err(|source| failure("damage", path, &source))?;
        change(&mut file.bytes);
        file.synced = file.bytes.clone();
        file.pending.clear();
        Ok(())
    }

    /// All bytes of a file as read now; not counted as a call.
    pub fn read_all(&self, path: &Path) -> Result<Vec<u8>> {
        let mut state = self.shared.lock();
        let file = state.tree.file_at(path);
        file.map(|(_, file)| file.bytes.clone()).map_err(|source| failure("read", path, &source))
    }

    /// The paths of all files, sorted; not counted as a call.
    pub fn files(&self) -> Vec<PathBuf> {
        let state = self.shared.lock();
        let mut files = Vec::new();
        let mut folders = vec![(0, PathBuf::new())];
        while let Some((node, path)) = folders.pop() {
            match &state.tree.nodes[node] {
                Node::File(_) => files.push(path),
                Node::Folder(folder) => {
                    let entries = folder.entries.iter();
                    folders.extend(entries.map(|(name, node)| (*node, path.join(name))));
                }
            }
        }
        files.sort_unstable();
        files
    }

    /// One call: counted, made to fail if a fault is planted, otherwise done.
    fn call<T>(
        &self,
        action: &str,
        path: &Path,
        effect: Effect,
        run: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Result<T> {
        let mut state = self.shared.lock();
        match state.faults.next(action, path, effect) {
            Fate::Work => run(&mut state).map_err(|source| failure(action, path, &source)),
            Fate::Fail(error) | Fate::FailHalfway(error) => Err(error),
            Fate::FailAfter(error) => {
                if effect == Effect::Write {
                    // The outcome is lost with the process, whatever it was.
                    let _ = run(&mut state);
                }
                Err(error)
            }
        }
    }
}

impl Disk for MemoryDisk {
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        let node = self.call("create", path, Effect::Write, |state| {
            state.tree.add(path, Node::File(Default::default()))
        })?;
        let (disk, path) = (self.clone(), path.to_path_buf());
        Ok(Arc::new(MemoryFile { disk, path, node, writable: true }))
    }

    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        let node = self.call("open", path, Effect::Read, |state| {
            state.tree.file_at(path).map(|(node, _)| node)
        })?;
        let (disk, path) = (self.clone(), path.to_path_buf());
        Ok(Arc::new(MemoryFile { disk, path, node, writable: false }))
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        self.call("list", dir, Effect::Read, |state| match state.tree.folder_at(dir) {
            Ok(folder) => Ok(folder.entries.keys().cloned().collect()),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(source),
        })
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        self.call("look up", path, Effect::Read, |state| Ok(state.tree.find(path).is_some()))
    }

    fn create_dir_all(&self, dir: &Path) -> Result<()> {
        self.call("create folder", dir, Effect::Write, |state| {
            let mut above: Vec<&Path> = dir.ancestors().collect();
            above.reverse();
            for pair in above.windows(2) {
                if state.tree.find(pair[1]).is_none() {
                    state.tree.add(pair[1], Node::Folder(Folder::default()))?;
                    state.tree.folder_at(pair[0])?.sync();
                }
            }
            state.tree.folder_at(dir).map(|_| ())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.call("rename", from, Effect::Write, |state| state.tree.rename(from, to))
            .map_err(|error| error.context(format!("new name {}", to.display())))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.call("link", from, Effect::Write, |state| state.tree.link(from, to))
            .map_err(|error| error.context(format!("new name {}", to.display())))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.call("remove", path, Effect::Write, |state| state.tree.remove(path))
    }

    fn remove_dir(&self, dir: &Path) -> Result<()> {
        self.call("remove folder", dir, Effect::Write, |state| state.tree.remove_dir(dir))
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.call("sync folder", dir, Effect::Read, |state| {
            state.tree.folder_at(dir).map(Folder::sync)
        })
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>> {
        let taken = self.call("lock", path, Effect::Write, |state| {
            if state.tree.find(path).is_none() {
                state.tree.add(path, Node::File(Default::default()))?;
            }
            Ok(state.locks.insert(path.to_path_buf()))
        })?;
        if !taken {
            return Err(held(path));
        }
        Ok(Box::new(MemoryLock { disk: self.clone(), path: path.to_path_buf() }))
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    path: PathBuf,
    node: NodeId,
    writable: bool,
}

impl DiskFile for MemoryFile {
    fn path(&self) -> &PathBuf {
        &self.path
    }

    fn len(&self) -> Result<u64> {
        self.disk.call("read the length of", &self.path, Effect::Read, |state| {
            state.tree.file(self.node).map(|file| file.bytes.len() as u64)
        })
    }

    fn append(&self, bytes: &[u8]) -> Result<()> {
        let action = "append to";
        if !self.writable {
            let source = io::Error::from(io::ErrorKind::PermissionDenied);
            return Err(failure(action, &self.path, &source));
        }
        let mut state = self.disk.shared.lock();
        let (count, outcome) = match state.faults.next(action, &self.path, Effect::Write) {
            Fate::Work => (bytes.len(), Ok(())),
            Fate::Fail(error) => (0, Err(error)),
            Fate::FailHalfway(error) => (bytes.len() / 2, Err(error)),
            Fate::FailAfter(error) => (bytes.len(), Err(error)),
        };
        let file = state.tree.file(self.node);
        let file = file.map_err(|source| failure(action, &self.path, &source))?;
        if count > 0 {
            file.append(&bytes[..count]);
        }
        outcome
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let length = self.disk.call("read", &self.path, Effect::Read, |state| {
            let file = state.tree.file(self.node)?;
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let end = start.saturating_add(buffer.len());
            if let Some(bytes) = file.bytes.get(start..end) {
                buffer.copy_from_slice(bytes);
                return Ok(None);
            }
            Ok(Some(file.bytes.len() as u64))
        })?;
        match length {
            None => Ok(()),
            Some(length) => Err(ends_early(&self.path, length, offset, buffer.len())),
        }
    }

    fn sync(&self) -> Result<()> {
        self.disk.call("sync", &self.path, Effect::Read, |state| {
            state.tree.file(self.node).map(|file| file.sync())
        })
    }

    fn truncate(&self, length: u64) -> Result<()> {
        self.disk.call("truncate", &self.path, Effect::Write, |state| {
            state.tree.file(self.node).map(|file| file.truncate(length as usize))
        })
    }
}

#[derive(Debug)]
struct MemoryLock {
    disk: MemoryDisk,
    path: PathBuf,
}

impl DiskLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.disk.shared.lock().locks.remove(&self.path);
    }
}

impl From<MemoryDisk> for Arc<dyn Disk> {
    fn from(disk: MemoryDisk) -> Arc<dyn Disk> {
        Arc::new(disk)
    }
}
