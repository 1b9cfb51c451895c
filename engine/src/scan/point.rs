//! The versions of one key: found by hash, checked by key, read from the blocks that hold them and no others.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;
use xxhash_rust::xxh3::xxh3_64;

use super::bounds::{Selection, ZoneVerdict};
use super::unflushed::values_of_puts;
use crate::error::Result;
use crate::memtable::{Chunk, Memtable, Resolver};
use crate::schema::TableSchema;
use crate::segment::{BLOCK_ROWS, Segment};
use crate::supersession::{Cut, carve};
use crate::time::Rect;
use crate::version::{SegmentEntry, TableVersion};

/// What a look-up reads: the segments and memtables of one snapshot.
pub(crate) struct KeyReader<'a> {
    pub(crate) schema: &'a TableSchema,
    pub(crate) segments: &'a [Arc<SegmentEntry>],
    pub(crate) memtables: &'a [Arc<Memtable>],
    pub(crate) commit_number: u64,
}

/// A version of a key and where its values are.
#[derive(Debug)]
pub(crate) struct FoundVersion {
    pub(crate) rect: Rect,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Memtable(Arc<Chunk>, usize),
    Segment(Arc<Segment>, u32),
}

impl<'a> KeyReader<'a> {
    pub(crate) fn new(
        table: &'a TableVersion,
        memtables: &'a [Arc<Memtable>],
        commit_number: u64,
    ) -> KeyReader<'a> {
        let (schema, segments) = (&*table.schema, &table.segments[..]);
        KeyReader { schema, segments, memtables, commit_number }
    }

    /// The selected versions of a key, in no particular order. At one instant of both times there is at most one.
    pub(crate) fn find(&self, key: &[u8], selection: &Selection) -> Result<Vec<FoundVersion>> {
        let hash = xxh3_64(key);
        let mut assertions = Vec::new();
        for memtable in self.memtables.iter().rev() {
            let (id, number) = (self.schema.id, self.commit_number);
            memtable.assertions_of(id, hash, key, number, &mut assertions);
        }
        assertions.reverse();
        let mut found = Vec::new();
        let tagged = assertions.iter().enumerate();
        let tagged = tagged.map(|(at, (chunk, row))| (at, chunk.cut(*row), chunk.is_put()));
        Resolver::new().resolve(tagged, &mut |at: usize, rect| {
            if selection.selects(&rect) {
                let (chunk, row) = &assertions[at];
                found.push(FoundVersion { rect, source: Source::Memtable(chunk.clone(), *row) });
            }
        });
        let cuts: Vec<Cut> = assertions.iter().map(|(chunk, row)| chunk.cut(*row)).collect();
        for entry in self.segments {
            if selection.point.is_some() && !found.is_empty() {
                break;
            }
            self.find_in(entry, key, hash, selection, &cuts, &mut found)?;
        }
        Ok(found)
    }

    fn find_in(
        &self,
        entry: &SegmentEntry,
        key: &[u8],
        hash: u64,
        selection: &Selection,
        newer: &[Cut],
        found: &mut Vec<FoundVersion>,
    ) -> Result<()> {
        let segment = entry.segment();
        let whole = selection.of_whole();
        if whole.judge(&segment.meta().zone) == ZoneVerdict::None {
            return Ok(());
        }
        let rows = segment.rows_of(hash)?;
        if rows.is_empty() {
            return Ok(());
        }
        let zones = segment.zones()?;
        for row in rows {
            let block = row / BLOCK_ROWS;
            // What is not in the cache is decoded by the block, so a block that cannot hold the answer must not be touched.
            if whole.judge(&zones.blocks[block as usize]) == ZoneVerdict::None {
                continue;
            }
            let rect = segment.rect(row)?;
            if !whole.selects(&rect) {
                continue;
            }
            let keys = segment.keys_of(block, &[row % BLOCK_ROWS])?;
            if keys.get(0) != key {
                continue;
            }
            let cuts = entry.cuts()?;
            let cuts = cuts.of(row).iter().chain(newer).copied();
            carve(rect, cuts, &mut |rect| {
                if selection.selects(&rect) {
                    let source = Source::Segment(segment.clone(), row);
                    found.push(FoundVersion { rect, source });
                }
            });
        }
        Ok(())
    }
}

/// The values of some versions as an entry of the table shows them, column by column, in their order.
pub(crate) fn values_of(
    shown: &TableSchema,
    versions: &[FoundVersion],
    columns: &[usize],
) -> Result<Vec<ArrayRef>> {
    let mut arrays: Vec<Vec<ArrayRef>> = vec![Vec::with_capacity(versions.len()); columns.len()];
    let mut places = Vec::with_capacity(versions.len());
    for (at, version) in versions.iter().enumerate() {
        match &version.source {
            Source::Memtable(chunk, row) if chunk.schema.version != shown.version => {
                places.push((at, 0));
                let row = [(0, *row as u32)];
                let values = values_of_puts(std::slice::from_ref(chunk), &row, shown, columns)?;
                arrays.iter_mut().zip(values).for_each(|(to, array)| to.push(array));
            }
            Source::Memtable(chunk, row) => {
                places.push((at, *row));
                for (to, column) in arrays.iter_mut().zip(columns) {
                    to.push(chunk.batch.column(*column).clone());
                }
            }
            Source::Segment(segment, row) => {
                places.push((at, (*row % BLOCK_ROWS) as usize));
                let mut blocks = segment.columns(shown, &[*row / BLOCK_ROWS], columns)?;
                let values = blocks.pop().unwrap_or_default();
                for (to, array) in arrays.iter_mut().zip(values) {
                    to.push(array);
                }
            }
        }
    }
    let gather = |arrays: Vec<ArrayRef>| -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        Ok(interleave(&arrays, &places)?)
    };
    arrays.into_iter().map(gather).collect()
}
