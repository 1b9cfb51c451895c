//! The unflushed assertions about one table as one snapshot sees them, for scans.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use super::chunk::Chunk;
use super::resolve::{HashPart, KeyedRows, Resolver, RowRef, key_of};
use super::table::{HashIsKey, Memtable};
use crate::schema::TableId;
use crate::supersession::Cut;
use crate::time::Rect;

type ByHash<T> = HashMap<u64, T, BuildHasherDefault<HashIsKey>>;

/// Chunks of all memtables of a snapshot, oldest first. Holds no latch.
#[derive(Debug)]
pub(crate) struct MemView {
    chunks: Vec<Arc<Chunk>>,
}

impl MemView {
    pub(crate) fn new(memtables: &[Arc<Memtable>], table: TableId, commit_number: u64) -> MemView {
        let chunks = memtables.iter().flat_map(|memtable| memtable.chunks(table, commit_number));
        MemView { chunks: chunks.collect() }
    }

    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    pub(crate) fn row_count(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// The last assertion about each key among those of system time at most `system` that hold at `valid`: what these keys
    /// are believed to be, whatever segments say.
    pub(crate) fn mask_at(self: &Arc<MemView>, system: i64, valid: i64) -> Mask {
        let mut winners: ByHash<Vec<RowRef>> = HashMap::default();
        for (at, chunk) in self.chunks.iter().enumerate().rev() {
            if chunk.system_time > system {
                continue;
            }
            for row in (0..chunk.len()).rev() {
                if chunk.valid_from[row] > valid || chunk.valid_to[row] <= valid {
                    continue;
                }
                let same_hash = winners.entry(chunk.hashes[row]).or_default();
                let key = chunk.keys.get(row);
                if same_hash.iter().all(|other| key_of(&self.chunks, *other) != key) {
                    same_hash.push((at as u32, row as u32));
                }
            }
        }
        Mask { view: self.clone(), winners }
    }

    /// All assertions, by key.
    pub(crate) fn by_key(self: &Arc<MemView>) -> ByKey {
        let rows = KeyedRows::new(&self.chunks, HashPart::ALL);
        ByKey { view: self.clone(), rows }
    }
}

/// Keys that unflushed assertions decide at one instant of both times.
#[derive(Debug)]
pub(crate) struct Mask {
    view: Arc<MemView>,
    winners: ByHash<Vec<RowRef>>,
}

impl Mask {
    pub(crate) fn is_empty(&self) -> bool {
        self.winners.is_empty()
    }

    pub(crate) fn decides(&self, hash: u64, key: &[u8]) -> bool {
        let same_hash = self.winners.get(&hash);
        same_hash.is_some_and(|rows| rows.iter().any(|row| key_of(&self.view.chunks, *row) == key))
    }

    /// The puts among the deciding assertions, in the order of assertion.
    pub(crate) fn visible(&self) -> Vec<RowRef> {
        let all = self.winners.values().flatten().copied();
        let mut rows: Vec<RowRef> =
            all.filter(|(chunk, _)| self.view.chunks[*chunk as usize].is_put()).collect();
        rows.sort_unstable();
        rows
    }
}

/// Unflushed assertions grouped by key.
#[derive(Debug)]
pub(crate) struct ByKey {
    view: Arc<MemView>,
    rows: KeyedRows,
}

impl ByKey {
    /// What the assertions about a key cut from older versions of it, oldest first.
    pub(crate) fn cuts_of(&self, hash: u64, key: &[u8]) -> impl Iterator<Item = Cut> {
        let rows = self.rows.with_hash(hash).iter();
        let rows = rows.filter(move |row| key_of(&self.view.chunks, row.row) == key);
        rows.map(|row| self.rows.cut(row))
    }

    /// Every version that stems from the assertions.
    pub(crate) fn versions(&self, version: &mut impl FnMut(RowRef, Rect)) {
        let (mut resolver, rows) = (Resolver::new(), &self.rows);
        for group in rows.groups() {
            let assertions = group.iter().map(|row| (row.row, rows.cut(row), rows.is_put(row)));
            resolver.resolve(assertions, version);
        }
    }
}
