//! Writes placed versions as segments, gathering their values from the batches they came in.

use arrow::array::ArrayRef;
use parking_lot::Mutex;

use super::place::{Group, Placed, Run, SortedRows};
use super::source::{Source, SourceColumn, source_columns};
use crate::error::Result;
use crate::parallel;
use crate::partition::Partition;
use crate::schema::TableSchema;
use crate::segment::{
    BLOCK_ROWS, Periods, SegmentId, SegmentMeta, SegmentRows, SegmentWriter, decoded_bytes,
};
use crate::version::Files;

/// The most rows that a segment gets; it bounds the memory of a compaction.
pub(crate) const SEGMENT_ROW_COUNT_MAX: usize = 1 << 20;
/// About the most bytes that the rows of a segment take in memory, for the same reason.
const SEGMENT_DECODED_BYTES_MAX: usize = 128 << 20;
/// However large rows are, a segment has more than these.
const SEGMENT_ROW_COUNT_MIN: usize = 4_096;

/// The bytes of a row's four instants.
const PERIODS_BYTES: usize = 32;

/// About the bytes of the rows that are gathered at a time: whole blocks, one at least and this many at most.
const GATHER_BYTES: usize = 4 << 20;
const GATHER_BLOCK_COUNT_MAX: usize = 4;

/// The segments that a group of versions has become.
#[derive(Debug)]
pub(crate) struct WrittenGroup<R> {
    pub(crate) segments: Vec<SegmentMeta>,
    /// What is kept of the versions, one segment's after the other's.
    pub(crate) rows: R,
}

/// Sorts the versions of each group and writes them as one or more segments: so many groups at a time as there are threads.
///
/// Segments get the columns of `schema`; sources may be of earlier entries of the table. When it returns the files are durable, and
/// garbage until the manifest names them. A group is sorted when its turn comes and given to `keep` when it is written, so that few
/// have a second copy of their rows at a time.
pub(crate) fn write_groups<R: Send>(
    files: &Files,
    schema: &TableSchema,
    (sources, groups): (&[Source], Vec<Group>),
    next_id: &mut dyn FnMut() -> u64,
    thread_count: usize,
    keep: impl Fn(SortedRows) -> R + Sync,
) -> Result<Vec<WrittenGroup<R>>> {
    let writer = RunWriter::new(files, schema, sources, thread_count)?;
    let mut task = |group: Group| {
        let segment_count = group.len().div_ceil(writer.segment_row_count_max);
        let ids = (0..segment_count).map(|_| SegmentId(next_id())).collect();
        let (partition, row_count) = (group.partition(), group.len());
        Task { ids, partition, row_count, group: Mutex::new(Some(group)) }
    };
    let tasks: Vec<Task> = groups.into_iter().map(&mut task).collect();
    let write = |task: &Task| {
        let Some(group) = task.group.lock().take() else { unreachable!("a task is done once") };
        let rows = group.into_sorted();
        let runs = rows.run().parts(writer.segment_row_count_max);
        let parts = task.ids.iter().zip(runs);
        let segments = parts.map(|(id, run)| writer.write(*id, task.partition, &run));
        Ok(WrittenGroup { segments: segments.collect::<Result<_>>()?, rows: keep(rows) })
    };
    parallel::map(thread_count, &tasks, |task| task.row_count, write)
}

/// A group that becomes segments with these numbers.
struct Task {
    ids: Vec<SegmentId>,
    partition: Partition,
    row_count: usize,
    group: Mutex<Option<Group>>,
}

/// Writes segments of one table.
struct RunWriter<'a> {
    files: &'a Files,
    schema: &'a TableSchema,
    /// The columns, in the sources that `Placed::source` counts.
    columns: Vec<SourceColumn<'a>>,
    segment_row_count_max: usize,
    gather_row_count: usize,
}

impl<'a> RunWriter<'a> {
    fn new(
        files: &'a Files,
        schema: &'a TableSchema,
        sources: &[Source],
        thread_count: usize,
    ) -> Result<RunWriter<'a>> {
        let columns = source_columns(schema, sources, thread_count)?;
        let row_count: usize = sources.iter().map(|source| source.row_count).sum();
        let bytes = sources.iter().flat_map(|source| &source.columns).map(decoded_bytes);
        let extra_bytes: usize = columns.iter().map(SourceColumn::extra_bytes).sum();
        let byte_count = bytes.sum::<u64>() as usize + extra_bytes;
        let row_bytes = PERIODS_BYTES + byte_count / row_count.max(1);
        let fitting = SEGMENT_DECODED_BYTES_MAX / row_bytes;
        let block_count = GATHER_BYTES / (row_bytes * BLOCK_ROWS as usize);
        let gather_row_count = block_count.clamp(1, GATHER_BLOCK_COUNT_MAX) * BLOCK_ROWS as usize;
        Ok(RunWriter {
            files,
            schema,
            columns,
            segment_row_count_max: fitting.clamp(SEGMENT_ROW_COUNT_MIN, SEGMENT_ROW_COUNT_MAX),
            gather_row_count,
        })
    }

    fn write(&self, id: SegmentId, partition: Partition, rows: &Run<'_>) -> Result<SegmentMeta> {
        let disk = self.files.disk.clone();
        let dir = self.files.partition_dir(self.schema.id, &partition.name());
        disk.create_dir_all(&dir)?;
        let mut writer = SegmentWriter::create(disk, &dir, id, self.schema, partition)?;
        for part in rows.parts(self.gather_row_count) {
            writer.write(self.gather(&part)?)?;
        }
        writer.finish()
    }

    fn gather(&self, rows: &Run<'_>) -> Result<SegmentRows> {
        let row_count = rows.len();
        let mut places = Vec::with_capacity(row_count);
        let (mut key_hashes, mut periods) =
            (Vec::with_capacity(row_count), Periods::with_capacity(row_count));
        // Not a loop, as a loop over nested iterators writes each item to memory and reads it back.
        rows.rows().for_each(|Placed { rect, hash, source, row, .. }| {
            places.push((*source as usize, *row as usize));
            key_hashes.push(*hash);
            periods.push(rect);
        });
        let columns: Vec<ArrayRef> =
            self.columns.iter().map(|column| column.gather(&places)).collect::<Result<_>>()?;
        Ok(SegmentRows { columns, periods, key_hashes })
    }
}
