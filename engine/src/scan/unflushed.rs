//! Values of unflushed assertions, as the entry of the table that a scan reads shows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;

use crate::error::Result;
use crate::memtable::{Chunk, RowRef};
use crate::schema::{SchemaMapping, StoredColumn, TableSchema};
use crate::time::Rect;

/// Rows with their versions, or without any where none are asked for.
pub(super) type PlacedRows = (Vec<RowRef>, Vec<Rect>);

/// Splits rows by the entry of the table that they were stated with: mostly there is one.
pub(super) fn split_by_schema(
    chunks: &[Arc<Chunk>],
    places: Vec<RowRef>,
    rects: Vec<Rect>,
) -> Vec<PlacedRows> {
    let is_one = chunks.windows(2).all(|two| two[0].schema.version == two[1].schema.version);
    if is_one {
        return vec![(places, rects)];
    }
    let mut split: BTreeMap<u32, PlacedRows> = BTreeMap::new();
    for (at, place) in places.into_iter().enumerate() {
        let version = chunks[place.0 as usize].schema.version;
        let (places, own) = split.entry(version).or_default();
        places.push(place);
        own.extend(rects.get(at));
    }
    split.into_values().collect()
}

/// The values of puts that were stated with one entry of the table, as `shown` has them.
pub(super) fn values_of_puts(
    chunks: &[Arc<Chunk>],
    places: &[RowRef],
    shown: &TableSchema,
    columns: &[usize],
) -> Result<Vec<ArrayRef>> {
    let mut used: Vec<u32> = places.iter().map(|(chunk, _)| *chunk).collect();
    used.sort_unstable();
    used.dedup();
    let at = |chunk: u32| used.partition_point(|other| *other < chunk);
    let indices: Vec<(usize, usize)> =
        places.iter().map(|(chunk, row)| (at(*chunk), *row as usize)).collect();
    let gather = |column: usize| -> Result<ArrayRef> {
        let array = |chunk: &u32| chunks[*chunk as usize].batch.column(column).as_ref();
        let arrays: Vec<&dyn Array> = used.iter().map(array).collect();
        Ok(interleave(&arrays, &indices)?)
    };
    let stated = used.first().map(|chunk| &chunks[*chunk as usize].schema);
    let Some(stated) = stated.filter(|stated| stated.version != shown.version) else {
        return columns.iter().map(|column| gather(*column)).collect();
    };
    let mapping = SchemaMapping::new(stated, shown);
    let column = |column: &usize| match mapping.stored(*column) {
        StoredColumn::Same(at) => gather(at),
        StoredColumn::Narrower(at) => shown.columns[*column].widen(&gather(at)?),
        StoredColumn::Absent => shown.columns[*column].absent(places.len()),
    };
    columns.iter().map(column).collect()
}
