//! What a disk in memory may hold after a power cut.
//!
//! What was synced is there. Of what was not, each 512-byte sector of each file and each entry of
//! each folder is kept or lost on its own, in any combination; a sector can also be torn, or come
//! back as zeros or as garbage.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::tree::{File, FileChange, Folder, Node, NodeId, Tree, apply};

/// The unit in which unsynced contents are kept or lost.
pub const SECTOR_BYTES: usize = 512;

/// A change that was not synced when the power failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PendingChange {
    /// Bytes of one append that lie in one sector.
    Append {
        /// The file.
        path: PathBuf,
        /// Where the bytes begin in the file.
        offset: u64,
        /// How many they are, at most [`SECTOR_BYTES`].
        byte_count: usize,
    },
    /// A file was cut.
    Truncate {
        /// The file.
        path: PathBuf,
        /// Its new length.
        length: u64,
    },
    /// A name was given or taken away, or one node was renamed.
    Entry {
        /// The folder that is asked about first.
        dir: PathBuf,
        /// The name in it.
        name: String,
    },
}

/// What becomes of a pending change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// It is there. For a truncation or an entry, every answer but [`Keep::Lost`] means this.
    Kept,
    /// It never happened. Where later bytes of the file are kept, these read as zeros.
    Lost,
    /// Only this many of the bytes are there.
    Torn(usize),
    /// The length is there, the bytes read as zeros.
    Zeroed,
    /// The length is there, the bytes are garbage drawn from this seed.
    Garbage(u64),
}

/// The tree as it is found after a power cut; `keep` decides about every pending change, in a fixed
/// order.
pub(super) fn image(tree: &Tree, keep: &mut dyn FnMut(PendingChange) -> Keep) -> Tree {
    let mut image =
        Image { tree, keep, kept: HashMap::new(), nodes: Vec::new(), ids: HashMap::new() };
    image.node(0, Path::new(""));
    Tree { nodes: image.nodes, change_count: 0 }
}

struct Image<'a> {
    tree: &'a Tree,
    keep: &'a mut dyn FnMut(PendingChange) -> Keep,
    /// Decisions on changes of folders, by their number: both halves of a renaming share one.
    kept: HashMap<u64, bool>,
    nodes: Vec<Node>,
    /// Old node to new node, so that a node with two names (a renaming half kept) stays one.
    ids: HashMap<NodeId, NodeId>,
}

impl Image<'_> {
    fn node(&mut self, old: NodeId, path: &Path) -> NodeId {
        if let Some(&new) = self.ids.get(&old) {
            return new;
        }
        let new = self.nodes.len();
        self.ids.insert(old, new);
        let tree = self.tree;
        match &tree.nodes[old] {
            Node::File(file) => {
                let bytes = self.contents(file, path);
                let file = File { synced: bytes.clone(), bytes, pending: Vec::new() };
                self.nodes.push(Node::File(file));
            }
            Node::Folder(folder) => {
                self.nodes.push(Node::Folder(Folder::default()));
                let entries = self.entries(folder, path);
                let entries: BTreeMap<_, _> = entries
                    .into_iter()
                    .map(|(name, node)| {
                        let node = self.node(node, &path.join(&name));
                        (name, node)
                    })
                    .collect();
                let synced = entries.clone();
                self.nodes[new] = Node::Folder(Folder { entries, synced, pending: Vec::new() });
            }
        }
        new
    }

    fn entries(&mut self, folder: &Folder, path: &Path) -> BTreeMap<String, NodeId> {
        let mut entries = folder.synced.clone();
        for change in &folder.pending {
            let keep = &mut *self.keep;
            let kept = *self.kept.entry(change.change).or_insert_with(|| {
                let dir = path.to_path_buf();
                keep(PendingChange::Entry { dir, name: change.name.clone() }) != Keep::Lost
            });
            if kept {
                apply(&mut entries, &change.name, change.node);
            }
        }
        entries
    }

    fn contents(&mut self, file: &File, path: &Path) -> Vec<u8> {
        let mut contents = file.synced.clone();
        for change in &file.pending {
            match change {
                FileChange::Truncate { length } => {
                    let path = path.to_path_buf();
                    let asked = PendingChange::Truncate { path, length: *length as u64 };
                    if (self.keep)(asked) != Keep::Lost {
                        contents.resize(*length, 0);
                    }
                }
                FileChange::Append { offset, bytes } => {
                    self.append(&mut contents, path, *offset, bytes);
                }
            }
        }
        contents
    }

    fn append(&mut self, contents: &mut Vec<u8>, path: &Path, offset: usize, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done;
            let count = (SECTOR_BYTES - at % SECTOR_BYTES).min(bytes.len() - done);
            let piece = &bytes[done..done + count];
            done += count;
            let asked = PendingChange::Append {
                path: path.to_path_buf(),
                offset: at as u64,
                byte_count: count,
            };
            match (self.keep)(asked) {
                Keep::Lost => {}
                Keep::Kept => put(contents, at, piece),
                Keep::Torn(kept) => put(contents, at, &piece[..kept.min(count)]),
                Keep::Zeroed => put(contents, at, &vec![0; count]),
                Keep::Garbage(seed) => put(contents, at, &garbage(seed ^ at as u64, count)),
            }
        }
    }
}

fn put(contents: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let end = at + piece.len();
    if piece.is_empty() {
        return;
    }
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[at..end].copy_from_slice(piece);
}

fn garbage(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}
