//! From assertions to versions: the rule of the contract, applied to the unflushed assertions of each key in turn.

use std::sync::Arc;

use super::chunk::Chunk;
use crate::supersession::LivePieces;
use crate::time::Rect;

/// A row of one of the chunks: chunk position, row in it.
pub(crate) type RowRef = (u32, u32);

/// The rows of some chunks grouped by key: ordered by hash, key, and within a key by the order of assertion.
#[derive(Debug)]
pub(crate) struct KeyedRows {
    entries: Vec<(u64, RowRef)>,
    /// Where the rows of each key end.
    ends: Vec<u32>,
}

impl KeyedRows {
    /// `chunks` oldest first.
    pub(crate) fn new(chunks: &[Arc<Chunk>]) -> KeyedRows {
        let row_count = chunks.iter().map(|chunk| chunk.len()).sum();
        let mut entries: Vec<(u64, RowRef)> = Vec::with_capacity(row_count);
        for (at, chunk) in chunks.iter().enumerate() {
            let rows = chunk.hashes.iter().zip(0..);
            entries.extend(rows.map(|(hash, row)| (*hash, (at as u32, row))));
        }
        // Row references are in the order of assertion, so an unstable sort by (hash, reference) keeps that order.
        entries.sort_unstable();
        let mut ends = Vec::new();
        let mut end = 0;
        for run in entries.chunk_by_mut(|a, b| a.0 == b.0) {
            let key = |entry: &(u64, RowRef)| key_of(chunks, entry.1);
            let first = key(&run[0]);
            // Rows are numbered with 32 bits in a memtable.
            if run[1..].iter().all(|entry| key(entry) == first) {
                end += run.len() as u32;
                ends.push(end);
                continue;
            }
            run.sort_by(|a, b| key(a).cmp(key(b)).then(a.1.cmp(&b.1)));
            for group in run.chunk_by(|a, b| key(a) == key(b)) {
                end += group.len() as u32;
                ends.push(end);
            }
        }
        KeyedRows { entries, ends }
    }

    /// The rows whose key has this hash.
    pub(crate) fn with_hash(&self, hash: u64) -> &[(u64, RowRef)] {
        let first = self.entries.partition_point(|entry| entry.0 < hash);
        let count = self.entries[first..].partition_point(|entry| entry.0 == hash);
        &self.entries[first..first + count]
    }

    /// The groups, in order of hash: hash, rows of one key oldest first.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (u64, &[(u64, RowRef)])> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let group = &self.entries[start..*end as usize];
            start = *end as usize;
            (group[0].0, group)
        })
    }
}

pub(crate) fn key_of(chunks: &[Arc<Chunk>], (chunk, row): RowRef) -> &[u8] {
    chunks[chunk as usize].keys.get(row as usize)
}

/// Resolves the assertions of one key after another, reusing its memory.
#[derive(Debug)]
pub(crate) struct Resolver<T> {
    live: LivePieces<T>,
}

impl<T: Copy> Resolver<T> {
    pub(crate) fn new() -> Resolver<T> {
        Resolver { live: LivePieces::new() }
    }

    /// Hands out every version that the assertions of one key, oldest first, leave behind.
    pub(crate) fn resolve<'a>(
        &mut self,
        assertions: impl IntoIterator<Item = (T, &'a Chunk, usize)>,
        version: &mut impl FnMut(T, Rect),
    ) {
        self.live.clear();
        for (tag, chunk, row) in assertions {
            let cut = chunk.cut(row);
            self.live.cut(cut, version);
            if chunk.is_put() {
                self.live.insert(tag, cut.from, cut.to, cut.at);
            }
        }
        self.live.finish(version);
    }
}
