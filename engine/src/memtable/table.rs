//! The memtable proper: chunks by table, and an index from key to its newest assertion.
//!
//! Every assertion has a row number in its table, counted from 0 in commit order. The index maps the hash of a key to the
//! newest row; each row links to the next older one with the same hash. Readers look under a latch that a writer holds only
//! to append; they bound what they see by the commit number of their snapshot.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use parking_lot::RwLock;

use super::chunk::Chunk;
use crate::schema::TableId;

/// No older row.
const NONE: u32 = u32::MAX;

/// Assertions of all tables since some file of the log began.
#[derive(Debug)]
pub(crate) struct Memtable {
    /// The first file of the log that holds what is here.
    pub(crate) wal_file: u64,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    tables: HashMap<TableId, TableRows>,
    byte_count: usize,
    last_commit: u64,
}

#[derive(Debug, Default)]
struct TableRows {
    chunks: Vec<Arc<Chunk>>,
    /// The row number of each chunk's first row.
    starts: Vec<u32>,
    row_count: u32,
    newest: HashMap<u64, u32, BuildHasherDefault<HashIsKey>>,
    older: Vec<u32>,
}

/// Keys of the index are hashes already.
#[derive(Default)]
pub(crate) struct HashIsKey(u64);

impl Hasher for HashIsKey {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Memtable {
    pub(crate) fn new(wal_file: u64) -> Memtable {
        Memtable { wal_file, state: RwLock::default() }
    }

    /// Appends the chunks of one transaction, which are visible to snapshots from its commit number on.
    pub(crate) fn insert(&self, chunks: Vec<(TableId, Arc<Chunk>)>) {
        let mut state = self.state.write();
        for (table, chunk) in chunks {
            state.byte_count += chunk.byte_count();
            state.last_commit = state.last_commit.max(chunk.commit_number);
            state.tables.entry(table).or_default().push(chunk);
        }
    }

    /// Bytes of memory held.
    pub(crate) fn byte_count(&self) -> usize {
        self.state.read().byte_count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state.read().tables.is_empty()
    }

    /// The commit number of the last transaction in here; 0 if there is none.
    pub(crate) fn last_commit(&self) -> u64 {
        self.state.read().last_commit
    }

    pub(crate) fn tables(&self) -> Vec<TableId> {
        let mut tables: Vec<TableId> = self.state.read().tables.keys().copied().collect();
        tables.sort_unstable();
        tables
    }

    pub(crate) fn row_count(&self, table: TableId) -> u64 {
        self.state.read().tables.get(&table).map_or(0, |rows| rows.row_count.into())
    }

    /// Rows of all tables.
    pub(crate) fn total_row_count(&self) -> usize {
        self.state.read().tables.values().map(|rows| rows.row_count as usize).sum()
    }

    /// The chunks of all tables, those of one table oldest first.
    pub(crate) fn all(&self) -> Vec<(TableId, Arc<Chunk>)> {
        let state = self.state.read();
        let of_table = |(id, rows): (&TableId, &TableRows)| {
            rows.chunks.iter().map(|chunk| (*id, chunk.clone())).collect::<Vec<_>>()
        };
        state.tables.iter().flat_map(of_table).collect()
    }

    /// Whether there is an assertion about a key.
    pub(crate) fn has_key(&self, table: TableId, hash: u64, key: &[u8]) -> bool {
        let mut found = Vec::new();
        self.assertions_of(table, hash, key, u64::MAX, &mut found);
        !found.is_empty()
    }

    /// Lets go of the rows of a table, of which some were erased. Only for a memtable that has been flushed: whoever still has it
    /// must not answer from what is left.
    pub(crate) fn forget(&self, table: TableId) {
        self.state.write().tables.remove(&table);
    }

    /// Whether a table has nearly as many rows as can be numbered. What is left holds any transaction that memory can hold.
    pub(crate) fn is_full(&self) -> bool {
        self.state.read().tables.values().any(|rows| rows.row_count > NONE / 2)
    }

    /// The chunks of a table that a snapshot at `commit_number` sees, oldest first.
    pub(crate) fn chunks(&self, table: TableId, commit_number: u64) -> Vec<Arc<Chunk>> {
        let state = self.state.read();
        let Some(rows) = state.tables.get(&table) else { return Vec::new() };
        rows.chunks[..rows.visible_count(commit_number)].to_vec()
    }

    /// The system time of the last transaction of a table that a snapshot at `commit_number` sees. In one table they rise from
    /// commit to commit.
    pub(crate) fn last_system(&self, table: TableId, commit_number: u64) -> Option<i64> {
        let state = self.state.read();
        let rows = state.tables.get(&table)?;
        let last = rows.visible_count(commit_number).checked_sub(1)?;
        Some(rows.chunks[last].system_time)
    }

    /// The assertions about one key that a snapshot at `commit_number` sees, appended to `found` newest first.
    pub(crate) fn assertions_of(
        &self,
        table: TableId,
        hash: u64,
        key: &[u8],
        commit_number: u64,
        found: &mut Vec<(Arc<Chunk>, usize)>,
    ) {
        let state = self.state.read();
        let Some(rows) = state.tables.get(&table) else { return };
        let mut row = rows.newest.get(&hash).copied().unwrap_or(NONE);
        while row != NONE {
            let at = rows.starts.partition_point(|start| *start <= row) - 1;
            let (chunk, offset) = (&rows.chunks[at], (row - rows.starts[at]) as usize);
            if chunk.commit_number <= commit_number && chunk.keys.get(offset) == key {
                found.push((chunk.clone(), offset));
            }
            row = rows.older[row as usize];
        }
    }
}

impl TableRows {
    fn push(&mut self, chunk: Arc<Chunk>) {
        self.starts.push(self.row_count);
        for &hash in &chunk.hashes {
            let older = self.newest.insert(hash, self.row_count).unwrap_or(NONE);
            self.older.push(older);
            self.row_count += 1;
        }
        self.chunks.push(chunk);
    }

    /// Chunks are in commit order, so what a snapshot sees is a prefix.
    fn visible_count(&self, commit_number: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.commit_number <= commit_number)
    }
}
