//! Which rows of a segment are of one of some keys: what an erasure leaves out when it rewrites the segment.

use std::collections::HashSet;

use crate::codec::{KeyedHash, Keys, Secret};
use crate::error::Result;
use crate::segment::{BLOCK_ROWS, Section, Segment};

/// Keys to be erased, each once, ordered by hash.
#[derive(Debug)]
pub(crate) struct ErasedKeys {
    hashes: Vec<u64>,
    keys: Vec<Vec<u8>>,
}

/// The rows of a segment that are of one of the keys.
#[derive(Debug, Default)]
pub(crate) struct RowsOfKeys {
    /// Ascending.
    pub(crate) rows: Vec<u32>,
    /// For each key that has some, its position and how many.
    pub(crate) row_counts: Vec<(usize, u64)>,
}

impl ErasedKeys {
    pub(crate) fn new(keys: &Keys, key_count: usize) -> ErasedKeys {
        ErasedKeys::with_hashes((0..key_count).map(|row| (keys.hash(row), keys.get(row).to_vec())))
    }

    fn with_hashes(keys: impl Iterator<Item = (u64, Vec<u8>)>) -> ErasedKeys {
        let mut keys: Vec<(u64, Vec<u8>)> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        let (hashes, keys) = keys.into_iter().unzip();
        ErasedKeys { hashes, keys }
    }

    /// The keys with their hashes, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.hashes.iter().copied().zip(self.keys.iter().map(Vec::as_slice))
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The rows of a segment whose key is one of these. The key index finds them by hash; then keys are compared, so that a key that
    /// has the hash of another is not erased with it.
    pub(crate) fn rows_in(&self, segment: &Segment) -> Result<RowsOfKeys> {
        let mut matches: Vec<(u32, usize)> = Vec::new();
        for section in [Section::Open, Section::Closed] {
            segment.for_each_match(section, &self.hashes, &mut |key, row| {
                matches.push((row, key));
            })?;
        }
        matches.sort_unstable();
        let mut rows = Vec::new();
        let mut row_counts = vec![0; self.len()];
        for block in matches.chunk_by(|a, b| a.0 / BLOCK_ROWS == b.0 / BLOCK_ROWS) {
            let number = block[0].0 / BLOCK_ROWS;
            let in_block: Vec<u32> = block.iter().map(|(row, _)| row % BLOCK_ROWS).collect();
            let found = segment.keys_of(number, &in_block)?;
            for (at, &(row, key)) in block.iter().enumerate() {
                if found.get(at) == self.keys[key] {
                    rows.push(row);
                    row_counts[key] += 1;
                }
            }
        }
        let row_counts = row_counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
        Ok(RowsOfKeys { rows, row_counts: row_counts.collect() })
    }
}

/// The rows of a segment whose key has one of some keyed hashes, ascending: all that is left to know erased keys by.
pub(crate) fn rows_with_hashes(
    segment: &Segment,
    secret: &Secret,
    hashes: &HashSet<KeyedHash>,
) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for block in 0..segment.meta().block_count() {
        let rows: Vec<u32> = (0..segment.block_len(block) as u32).collect();
        let keys = segment.keys_of(block, &rows)?;
        let is_erased = |row: &u32| hashes.contains(&secret.hash(keys.get(*row as usize)));
        found.extend(rows.into_iter().filter(is_erased).map(|row| block * BLOCK_ROWS + row));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use arrow::array::ArrayRef;

    use super::*;
    use crate::cache::Cache;
    use crate::codec::encode_keys;
    use crate::disk::MemoryDisk;
    use crate::partition::Partition;
    use crate::schema::{Column, DataType, TableSchema, TableSpec};
    use crate::segment::{Periods, SegmentId, SegmentRows, SegmentWriter};
    use crate::version::{Files, SegmentEntry};

    /// The hash that all keys here are said to have.
    const HASH: u64 = 7;
    /// More than a block, the last of them closed.
    const ROW_COUNT: i64 = 2 * BLOCK_ROWS as i64 + 100;

    /// A segment of the keys `row / 2`, all of one hash.
    fn colliding(files: &Files, schema: &Arc<TableSchema>) -> Arc<SegmentEntry> {
        let dir = files.partition_dir(schema.id, "current");
        files.disk.create_dir_all(&dir).unwrap();
        let (id, partition) = (SegmentId(1), Partition::CURRENT);
        let mut writer =
            SegmentWriter::create(files.disk.clone(), &dir, id, schema, partition).unwrap();
        let keys = arrow::array::Int64Array::from_iter_values((0..ROW_COUNT).map(|row| row / 2));
        let periods = Periods {
            valid_from: vec![0; ROW_COUNT as usize],
            valid_to: vec![i64::MAX; ROW_COUNT as usize],
            system_from: vec![0; ROW_COUNT as usize],
            system_to: (0..ROW_COUNT).map(|r| if r < 5_000 { i64::MAX } else { 9 }).collect(),
        };
        let keys: ArrayRef = Arc::new(keys);
        let key_hashes = vec![HASH; ROW_COUNT as usize];
        writer.write(SegmentRows { columns: vec![keys], periods, key_hashes }).unwrap();
        let meta = writer.finish().unwrap();
        let (disk, cache) = (files.disk.clone(), files.cache.clone());
        let segment = Segment::new(disk, dir, meta, schema.clone(), cache);
        Arc::new(SegmentEntry::new(Arc::new(segment), Vec::new()))
    }

    #[test]
    fn a_key_that_has_the_hash_of_an_erased_one_stays() {
        let (disk, dir) = (Arc::new(MemoryDisk::new()), Path::new("db").to_path_buf());
        let files = Files { disk, dir, cache: Arc::new(Cache::new(1 << 20)) };
        let spec = TableSpec::keyed("t", ["k"]).column(Column::new("k", DataType::BigInt));
        let schema = Arc::new(spec.resolve(1).unwrap());
        let entry = colliding(&files, &schema);
        // Of both sections, the first and last of a block, one that is not there.
        let wanted = [0_i64, 2_047, 2_048, 2_500, 4_000, 1_000_000];
        let array: ArrayRef = Arc::new(arrow::array::Int64Array::from(wanted.to_vec()));
        let encoded = encode_keys(&[array]).unwrap();
        let keys = (0..wanted.len()).map(|row| (HASH, encoded.get(row).to_vec()));
        let keys = ErasedKeys::with_hashes(keys.chain([(HASH, encoded.get(0).to_vec())]));
        assert_eq!(keys.len(), wanted.len(), "a key that is given twice");
        let found = keys.rows_in(entry.segment()).unwrap();
        let expected: Vec<u32> =
            wanted[..5].iter().flat_map(|k| [2 * k, 2 * k + 1]).map(|row| row as u32).collect();
        assert_eq!(found.rows, expected);
        assert!(found.row_counts.iter().all(|(_, count)| *count == 2));
        assert_eq!(found.row_counts.len(), 5);
        assert_eq!(keys.rows_in(entry.segment()).unwrap().rows, expected, "from the cache");

        let next_id = &mut || 2;
        let plan = super::super::plan_of(&entry);
        super::super::compact(&files, &schema, &plan, &[found.rows], next_id).unwrap();
        let written = &files.disk.list(&files.partition_dir(schema.id, "current")).unwrap();
        assert_eq!(written.len(), 4, "{written:?}");
    }
}
