//! What a disk in memory holds: files and folders, each as it is read now and as it would be found
//! after a power cut.
//!
//! A folder is a map of names to nodes, so that a folder that is renamed takes what is in it along,
//! and a file that was removed stays readable to those who have it open.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path};

/// The number of a node in [`Tree`].
pub(super) type NodeId = usize;

/// All files and folders of a disk; number 0 is the root.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Numbers the changes of folders; the two halves of a renaming share one.
    pub(super) change_count: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    File(File),
    Folder(Folder),
}

/// A file.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    /// As read now.
    pub(super) bytes: Vec<u8>,
    /// As synced last.
    pub(super) synced: Vec<u8>,
    /// What came since, in order.
    pub(super) pending: Vec<FileChange>,
}

#[derive(Clone, Debug)]
pub(super) enum FileChange {
    Append { offset: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

/// A folder: names to nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    /// As listed now.
    pub(super) entries: BTreeMap<String, NodeId>,
    /// As synced last.
    pub(super) synced: BTreeMap<String, NodeId>,
    /// What came since, in order.
    pub(super) pending: Vec<EntryChange>,
}

/// A name that was given to a node, or taken away (`node` is `None`).
#[derive(Clone, Debug)]
pub(super) struct EntryChange {
    pub(super) change: u64,
    pub(super) name: String,
    pub(super) node: Option<NodeId>,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree { nodes: vec![Node::Folder(Folder::default())], change_count: 0 }
    }
}

impl File {
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let change = FileChange::Append { offset: self.bytes.len(), bytes: bytes.to_vec() };
        self.bytes.extend_from_slice(bytes);
        self.pending.push(change);
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.bytes.resize(length, 0);
        self.pending.push(FileChange::Truncate { length });
    }

    pub(super) fn sync(&mut self) {
        let only_appends = self.pending.iter().all(|c| matches!(c, FileChange::Append { .. }));
        if only_appends {
            self.synced.extend_from_slice(&self.bytes[self.synced.len()..]);
        } else {
            self.synced = self.bytes.clone();
        }
        self.pending.clear();
    }
}

impl Folder {
    fn change(&mut self, change: u64, name: &str, node: Option<NodeId>) {
        apply(&mut self.entries, name, node);
        self.pending.push(EntryChange { change, name: name.to_string(), node });
    }

    pub(super) fn sync(&mut self) {
        self.synced = self.entries.clone();
        self.pending.clear();
    }
}

/// Gives or takes away a name.
pub(super) fn apply(entries: &mut BTreeMap<String, NodeId>, name: &str, node: Option<NodeId>) {
    match node {
        Some(node) => entries.insert(name.to_string(), node),
        None => entries.remove(name),
    };
}

impl Tree {
    /// The node at `path`, if there is one. The root folder and the working folder are the same.
    pub(super) fn find(&self, path: &Path) -> Option<NodeId> {
        let mut node = 0;
        for component in path.components() {
            let name = match component {
                Component::Normal(name) => name.to_str()?,
                Component::RootDir | Component::CurDir => continue,
                Component::ParentDir | Component::Prefix(_) => return None,
            };
            let Node::Folder(folder) = &self.nodes[node] else { return None };
            node = *folder.entries.get(name)?;
        }
        Some(node)
    }

    pub(super) fn file(&mut self, node: NodeId) -> io::Result<&mut File> {
        match self.nodes.get_mut(node) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn file_at(&mut self, path: &Path) -> io::Result<(NodeId, &mut File)> {
        let node = self.find(path).ok_or(io::ErrorKind::NotFound)?;
        Ok((node, self.file(node)?))
    }

    pub(super) fn folder_at(&mut self, path: &Path) -> io::Result<&mut Folder> {
        let node = self.find(path).ok_or(io::ErrorKind::NotFound)?;
        match &mut self.nodes[node] {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Adds a node under a new name.
    pub(super) fn add(&mut self, path: &Path, node: Node) -> io::Result<NodeId> {
        if self.find(path).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = self.nodes.len();
        self.change_entry(path, Some(id))?;
        self.nodes.push(node);
        self.change_count += 1;
        Ok(id)
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file_at(path)?;
        self.change_entry(path, None)?;
        self.change_count += 1;
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        if !self.folder_at(path)?.entries.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.change_entry(path, None)?;
        self.change_count += 1;
        Ok(())
    }

    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (node, _) = self.file_at(from)?;
        if self.find(to).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change_entry(to, Some(node))?;
        self.change_count += 1;
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from).ok_or(io::ErrorKind::NotFound)?;
        let over_folder = match self.find(to) {
            Some(old) => matches!(&self.nodes[old], Node::Folder(f) if !f.entries.is_empty()),
            None => false,
        };
        if over_folder || to.starts_with(from) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        self.change_entry(to, Some(node))?;
        self.change_entry(from, None)?;
        self.change_count += 1;
        Ok(())
    }

    fn change_entry(&mut self, path: &Path, node: Option<NodeId>) -> io::Result<()> {
        let change = self.change_count;
        let name = path.file_name().and_then(OsStr::to_str).ok_or(io::ErrorKind::InvalidInput)?;
        let parent = path.parent().unwrap_or(Path::new(""));
        self.folder_at(parent)?.change(change, name, node);
        Ok(())
    }
}
