//! Reads the segments of a plan and writes what they add up to.

use arrow::record_batch::RecordBatch;

use super::policy::Plan;
use crate::codec::encode_keys;
use crate::error::Result;
use crate::layout::{Placed, Placement, RunWriter};
use crate::schema::TableSchema;
use crate::segment::{BLOCK_ROWS, SegmentId, SegmentMeta};
use crate::supersession::carve;
use crate::version::{Files, SegmentEntry};

/// Writes the segments that replace a plan's inputs; durable, and garbage until the manifest names them.
pub(crate) fn compact(
    files: &Files,
    schema: &TableSchema,
    plan: &Plan,
    next_id: &mut dyn FnMut() -> u64,
) -> Result<Vec<SegmentMeta>> {
    let mut sources = Vec::new();
    let mut placement = Placement::new(schema.partition_width);
    for entry in &plan.inputs {
        read_segment(schema, entry, &mut sources, &mut placement)?;
    }
    let groups = placement.into_groups(plan.direct_row_count_min);
    let mut next_segment = || SegmentId(next_id());
    let mut writer = RunWriter::new(files, schema, &sources, &mut next_segment);
    let mut metas = Vec::new();
    for (partition, rows) in groups.iter() {
        metas.extend(writer.write(partition, rows)?);
    }
    Ok(metas)
}

/// Appends the values of a segment, block by block, and places the versions that its rows stand for.
fn read_segment(
    schema: &TableSchema,
    entry: &SegmentEntry,
    sources: &mut Vec<RecordBatch>,
    placement: &mut Placement,
) -> Result<()> {
    let segment = entry.segment();
    let cuts = entry.cuts()?;
    segment.read_blocks_uncached(&mut |block, batch, periods| {
        let key_columns: Vec<_> = schema.key.iter().map(|at| batch.column(*at).clone()).collect();
        let keys = encode_keys(&key_columns)?;
        let first = block * BLOCK_ROWS;
        let source = sources.len() as u32;
        let mut with_cuts = cuts.within(first, first + batch.num_rows() as u32).peekable();
        for row in 0..batch.num_rows() as u32 {
            let of_row = with_cuts.next_if(|(other, _)| *other == first + row);
            let of_row = of_row.map_or(&[][..], |(_, cuts)| cuts);
            let (rect, hash) = (periods.rect(row as usize), keys.hash(row as usize));
            carve(rect, of_row.iter().copied(), &mut |rect| {
                placement.push(Placed { rect, hash, source, row });
            });
        }
        sources.push(batch);
        Ok(())
    })
}
