//! From assertions to versions: the rule of the contract, applied to the unflushed assertions of each key in turn.

use std::sync::Arc;

use super::chunk::Chunk;
use crate::codec::{key_prefix, sorted_by_numbers};
use crate::supersession::{Cut, LivePieces};
use crate::time::Rect;

/// A row of one of the chunks: chunk position, row in it.
pub(crate) type RowRef = (u32, u32);

/// An assertion with what is asked of it once it is grouped by key. Its row in its chunk is not met again: neighbours in the order of
/// keys come from as many chunks, and each look at a row there would wait for memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyedRow {
    pub(crate) hash: u64,
    pub(crate) key_prefix: u64,
    pub(crate) row: RowRef,
    pub(crate) valid_from: i64,
    pub(crate) valid_to: i64,
}

/// A part of all keys: those whose hash begins with certain bits. Parts of the same number of bits have about equally many keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashPart {
    bit_count: u32,
    bits: u64,
}

impl HashPart {
    /// Every key.
    pub(crate) const ALL: HashPart = HashPart { bit_count: 0, bits: 0 };

    /// All keys in parts, in the order of hashes: at least `count`, which is rounded up to a power of two.
    pub(crate) fn split(count: usize) -> Vec<HashPart> {
        let count = count.next_power_of_two() as u64;
        let bit_count = count.ilog2();
        (0..count).map(|bits| HashPart { bit_count, bits }).collect()
    }

    fn holds(&self, hash: u64) -> bool {
        hash.checked_shr(u64::BITS - self.bit_count).unwrap_or(0) == self.bits
    }

    /// What tells the order of hashes of one part, as evenly spread over all numbers as hashes are.
    fn number(&self, hash: u64) -> u64 {
        hash << self.bit_count
    }
}

/// The rows of some chunks grouped by key: ordered by hash, key, and within a key by the order of assertion.
#[derive(Debug)]
pub(crate) struct KeyedRows {
    rows: Vec<KeyedRow>,
    /// Where the rows of each key end.
    ends: Vec<u32>,
    /// What the rows of each chunk have in common: 16 bytes, where a look at the chunk itself would wait for memory.
    statements: Vec<Statement>,
}

/// What is asked of a chunk for every row of it.
#[derive(Clone, Copy, Debug)]
struct Statement {
    system_time: i64,
    is_put: bool,
}

impl KeyedRows {
    /// The rows of `chunks` (oldest first) whose keys are of one part.
    pub(crate) fn new(chunks: &[Arc<Chunk>], part: HashPart) -> KeyedRows {
        let are_keys_short = are_keys_short(chunks);
        let hashes = || chunks.iter().flat_map(|chunk| &chunk.hashes).copied();
        let numbers = hashes().filter(|hash| part.holds(*hash)).map(|hash| part.number(hash));
        let row_count = hashes().filter(|hash| part.holds(*hash)).count();
        let unsorted = (0..).zip(chunks).flat_map(|(at, chunk)| {
            let rows = (0..chunk.len()).filter(move |row| part.holds(chunk.hashes[*row]));
            rows.map(move |row| KeyedRow::new(chunk, (at, row as u32)))
        });
        let order = |row: &KeyedRow| ([part.number(row.hash)], row.row);
        let mut rows = sorted_by_numbers(row_count, numbers, unsorted, order);
        let mut ends = Vec::new();
        let mut end = 0;
        for run in rows.chunk_by_mut(|a, b| a.hash == b.hash) {
            let key = |row: &KeyedRow| key_of(chunks, row.row);
            let is_same = |a: &KeyedRow, b: &KeyedRow| {
                a.key_prefix == b.key_prefix && (are_keys_short || key(a) == key(b))
            };
            // Rows are numbered with 32 bits in a memtable.
            if run[1..].iter().all(|row| is_same(row, &run[0])) {
                end += run.len() as u32;
                ends.push(end);
                continue;
            }
            run.sort_by(|a, b| key(a).cmp(key(b)).then(a.row.cmp(&b.row)));
            for group in run.chunk_by(is_same) {
                end += group.len() as u32;
                ends.push(end);
            }
        }
        let statement = |chunk: &Arc<Chunk>| Statement {
            system_time: chunk.system_time,
            is_put: chunk.is_put(),
        };
        KeyedRows { rows, ends, statements: chunks.iter().map(statement).collect() }
    }

    /// A row as the cut that it makes in older versions of its key.
    pub(crate) fn cut(&self, row: &KeyedRow) -> Cut {
        let at = self.statements[row.row.0 as usize].system_time;
        Cut { at, from: row.valid_from, to: row.valid_to }
    }

    /// Whether a row puts values.
    pub(crate) fn is_put(&self, row: &KeyedRow) -> bool {
        self.statements[row.row.0 as usize].is_put
    }

    /// The rows whose key has this hash.
    pub(crate) fn with_hash(&self, hash: u64) -> &[KeyedRow] {
        let first = self.rows.partition_point(|row| row.hash < hash);
        let count = self.rows[first..].partition_point(|row| row.hash == hash);
        &self.rows[first..first + count]
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The groups, in order of hash: the rows of one key, oldest first.
    pub(crate) fn groups(&self) -> impl ExactSizeIterator<Item = &[KeyedRow]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let group = &self.rows[start..*end as usize];
            start = *end as usize;
            group
        })
    }
}

impl KeyedRow {
    fn new(chunk: &Chunk, row: RowRef) -> KeyedRow {
        let at = row.1 as usize;
        KeyedRow {
            hash: chunk.hashes[at],
            key_prefix: key_prefix(chunk.keys.get(at)),
            row,
            valid_from: chunk.valid_from[at],
            valid_to: chunk.valid_to[at],
        }
    }
}

/// Whether [`KeyedRow::key_prefix`] tells any key in the chunks from all others.
pub(crate) fn are_keys_short(chunks: &[Arc<Chunk>]) -> bool {
    chunks.iter().all(|chunk| chunk.keys.are_short())
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

    /// Hands out every version that the assertions of one key, oldest first, leave behind: each is a cut, and whether it is a put.
    pub(crate) fn resolve(
        &mut self,
        assertions: impl IntoIterator<Item = (T, Cut, bool)>,
        version: &mut impl FnMut(T, Rect),
    ) {
        self.live.clear();
        for (tag, cut, is_put) in assertions {
            self.live.cut(cut, version);
            if is_put {
                self.live.insert(tag, cut.from, cut.to, cut.at);
            }
        }
        self.live.finish(version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_is_of_one_part_and_in_its_order() {
        let mut hashes: Vec<u64> =
            (0..1_000).map(|i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
        hashes.extend([1, 1 << 61, 1 << 62, 1 << 63, u64::MAX]);
        hashes.sort_unstable();
        for count in 0..=9 {
            let parts = HashPart::split(count);
            assert_eq!(parts.len(), count.next_power_of_two());
            let mut in_parts = Vec::new();
            for part in parts {
                let own: Vec<u64> = hashes.iter().copied().filter(|h| part.holds(*h)).collect();
                assert!(own.is_sorted_by_key(|hash| part.number(*hash)));
                in_parts.extend(own);
            }
            assert_eq!(in_parts, hashes);
        }
    }
}
