//! What indexes say of a scan's filter: the rows of a segment that can pass it, before anything of the segment is read.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::predicate::Condition;
use super::request::{Request, type_of};
use crate::bitmap::{BitmapFile, Wanted};
use crate::error::Result;
use crate::schema::DataType;
use crate::version::{Index, SegmentEntry, TableVersion};

/// A condition of a filter that an index decides where it has bitmaps.
#[derive(Debug)]
pub(super) struct Probe {
    index: Arc<Index>,
    /// The type of the column; bitmaps of a segment that was written with another one have other values.
    data_type: DataType,
    wanted: Wanted,
}

impl Probe {
    /// The bitmaps of a segment, if they can tell.
    fn bitmap_of<'a>(&self, entry: &'a SegmentEntry) -> Option<&'a Arc<BitmapFile>> {
        let stored = entry.segment().schema();
        let position = self.index.entry.position_in(stored)?;
        let bitmap = entry.bitmap(self.index.entry.id)?;
        let tells =
            bitmap.meta().has_file() && stored.columns[position].data_type == self.data_type;
        tells.then_some(bitmap)
    }
}

/// The conditions of a filter that an index may decide, each with the first index on its column.
fn indexed<'a>(
    request: &'a Request,
    table: &'a TableVersion,
) -> impl Iterator<Item = (&'a Condition, &'a Arc<Index>)> {
    let is_on = |condition: &Condition, index: &Index| {
        index.entry.position_in(&request.schema) == Some(condition.column)
    };
    let conditions = request.filter.conditions.iter().filter(|_| request.key.is_none());
    let conditions = conditions.filter(|condition| condition.test.is_of_values());
    conditions.filter_map(move |condition| {
        let index = table.indexes.iter().find(|index| is_on(condition, index))?;
        Some((condition, index))
    })
}

/// What indexes are to be asked for a request.
pub(super) fn probes(request: &Request, table: &TableVersion) -> Result<Vec<Probe>> {
    let mut probes = Vec::new();
    for (condition, index) in indexed(request, table) {
        if let Some(wanted) = condition.test.wanted()? {
            let data_type = type_of(&request.schema, condition.column);
            probes.push(Probe { index: index.clone(), data_type, wanted });
        }
    }
    Ok(probes)
}

/// The names of the indexes that a request will ask about some of these segments.
pub(super) fn index_names(
    request: &Request,
    table: &TableVersion,
    kept: &[&SegmentEntry],
) -> Vec<String> {
    let used = indexed(request, table).filter(|(_, index)| is_built(kept, index));
    let mut names: Vec<String> = used.map(|(_, index)| index.entry.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Counts a scan for each index that it asks about some of these segments.
pub(super) fn count_uses(probes: &[Probe], kept: &[&SegmentEntry]) {
    let mut counted = Vec::new();
    for Probe { index, .. } in probes {
        if !counted.contains(&index.entry.id) && is_built(kept, index) {
            counted.push(index.entry.id);
            index.count_use();
        }
    }
}

fn is_built(kept: &[&SegmentEntry], index: &Index) -> bool {
    let bitmap = |entry: &&SegmentEntry| entry.bitmap(index.entry.id).cloned();
    kept.iter().filter_map(bitmap).any(|bitmap| bitmap.meta().has_file())
}

/// The rows of a segment that hold what all conditions want that its bitmaps can tell of; `None` if they tell of none.
pub(super) fn candidates(probes: &[Probe], entry: &SegmentEntry) -> Result<Option<RoaringBitmap>> {
    let mut candidates: Option<RoaringBitmap> = None;
    for probe in probes {
        let Some(bitmap) = probe.bitmap_of(entry) else { continue };
        let rows = bitmap.rows_of(&probe.wanted)?;
        let rows = match candidates {
            Some(others) => others & rows,
            None => rows,
        };
        if rows.is_empty() {
            return Ok(Some(rows));
        }
        candidates = Some(rows);
    }
    Ok(candidates)
}

/// Keeps the rows of a block, ascending and counted from its first, `first`, that are among the candidates.
pub(super) fn retain(rows: &mut Vec<u32>, candidates: &RoaringBitmap, first: u32) {
    let Some(last) = rows.last() else { return };
    let mut of_block = candidates.range(first..=first + last).map(|row| row - first).peekable();
    rows.retain(|row| {
        while of_block.next_if(|other| other < row).is_some() {}
        of_block.next_if_eq(row).is_some()
    });
}
