//! Flushes one table of a memtable.

use std::sync::Arc;

use arrow::compute::concat_batches;

use super::settle::{Assertions, SettledAssertions};
use crate::error::Result;
use crate::layout::{Placed, Placement, Source, write_groups};
use crate::memtable::{Chunk, HashPart, KeyedRow, KeyedRows, Resolver};
use crate::parallel;
use crate::schema::TableSchema;
use crate::segment::SegmentMeta;
use crate::supersession::{SupersessionMeta, write_supersessions};
use crate::version::{Files, SegmentEntry, TableVersion};

/// A flush writes a time partition's rows to that partition at once if there are at least so many of them; fewer would make
/// many small files.
const DIRECT_ROW_COUNT_MIN: usize = 8_192;

/// Keys are resolved in parts of about so many rows and more ...
const PART_ROW_COUNT_MIN: usize = 16_384;
/// ... and in no more than so many parts for each thread: one that gets less of the processor leaves some to the others.
const PARTS_A_THREAD: usize = 2;

/// Batches of fewer rows and fewer bytes than this are put together before rows are gathered from them; larger ones are not copied.
const SOURCE_ROW_COUNT_MIN: usize = 512;
const SOURCE_BYTES_MIN: usize = 512 << 10;

/// The assertions of one table that a flush has written as versions: durable, and garbage until the manifest names it.
#[derive(Debug)]
pub(crate) struct FlushedTable {
    assertions: SettledAssertions,
    pub(crate) segments: Vec<SegmentMeta>,
}

impl FlushedTable {
    /// Resolves what `chunks` (oldest first) assert and writes the versions. What was there before does not matter here.
    pub(crate) fn write(
        files: &Files,
        schema: &TableSchema,
        chunks: Vec<Arc<Chunk>>,
        next_id: &mut dyn FnMut() -> u64,
        thread_count: usize,
    ) -> Result<FlushedTable> {
        let (sources, places) = gather_sources(&chunks)?;
        let row_count: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let part_count_max = if thread_count > 1 { PARTS_A_THREAD * thread_count } else { 1 };
        let parts = HashPart::split((row_count / PART_ROW_COUNT_MIN).min(part_count_max));
        let resolve = |part: &HashPart| Ok(Resolved::new(schema, &chunks, &places, *part));
        let mut assertions = Assertions::new(schema, &chunks);
        let mut placement = Placement::new(schema.partition_width);
        for resolved in parallel::map(thread_count, &parts, |_| 1, resolve)? {
            assertions.append(resolved.assertions);
            placement.append(resolved.placement);
        }
        let groups = (&sources[..], placement.into_groups(DIRECT_ROW_COUNT_MIN));
        let written = write_groups(files, schema, groups, next_id, thread_count, drop)?;
        let segments = written.into_iter().flat_map(|group| group.segments).collect();
        Ok(FlushedTable { assertions: assertions.settled(), segments })
    }

    /// Writes the cuts that the assertions make in the rows of `table`, if there are any.
    pub(crate) fn settle(
        &self,
        files: &Files,
        table: &TableVersion,
        next_id: &mut dyn FnMut() -> u64,
        thread_count: usize,
    ) -> Result<Option<SupersessionMeta>> {
        let open_count = |entry: &Arc<SegmentEntry>| entry.segment().meta().open_count as usize;
        let cuts = parallel::map(thread_count, &table.segments, open_count, |entry| {
            Ok((entry.segment().meta().id, self.assertions.cuts_in(entry)?))
        });
        let mut cuts = cuts?;
        cuts.retain(|(_, found)| !found.is_empty());
        if cuts.is_empty() {
            return Ok(None);
        }
        let (dir, id) = (files.supersession_dir(table.schema.id), next_id());
        let number = (id, table.schema.id);
        write_supersessions(&files.disk, &dir, number, &cuts, thread_count).map(Some)
    }
}

/// What the assertions about some keys come to.
struct Resolved {
    assertions: Assertions,
    placement: Placement,
}

impl Resolved {
    /// Resolves what `chunks` assert about the keys of one part. `places` are the batch and the first row there of each chunk.
    fn new(
        schema: &TableSchema,
        chunks: &[Arc<Chunk>],
        places: &[FirstRow],
        part: HashPart,
    ) -> Resolved {
        let rows = KeyedRows::new(chunks, part);
        let mut assertions = Assertions::new(schema, chunks);
        assertions.reserve(rows.groups().len(), rows.len());
        let mut placement = Placement::new(schema.partition_width);
        let mut resolver = Resolver::new();
        for group in rows.groups() {
            assertions.push(chunks, &rows, group);
            let KeyedRow { hash, key_prefix, .. } = group[0];
            let cuts = group.iter().map(|row| (row.row, rows.cut(row), rows.is_put(row)));
            resolver.resolve(cuts, &mut |(chunk, row), rect| {
                let (source, first) = places[chunk as usize];
                placement.push(Placed { rect, hash, key_prefix, source, row: first + row });
            });
        }
        Resolved { assertions, placement }
    }
}

/// The batch that holds a chunk's rows, and the number of the first of them there.
type FirstRow = (u32, u32);

/// The batches of all puts, small neighbours put together, and for every chunk its batch and first row there.
fn gather_sources(chunks: &[Arc<Chunk>]) -> Result<(Vec<Source>, Vec<FirstRow>)> {
    let (mut sources, mut places) = (Vec::new(), Vec::with_capacity(chunks.len()));
    let mut pending: Vec<&Chunk> = Vec::new();
    let (mut pending_row_count, mut pending_bytes) = (0, 0);
    for chunk in chunks {
        let is_other = |before: &&Chunk| before.schema.version != chunk.schema.version;
        let is_large =
            pending_row_count >= SOURCE_ROW_COUNT_MIN || pending_bytes >= SOURCE_BYTES_MIN;
        if is_large || (chunk.is_put() && pending.last().is_some_and(is_other)) {
            sources.extend(concatenated(&pending)?);
            pending.clear();
            (pending_row_count, pending_bytes) = (0, 0);
        }
        places.push((sources.len() as u32, pending_row_count as u32));
        if chunk.is_put() {
            pending.push(chunk);
            pending_row_count += chunk.len();
            pending_bytes += chunk.batch.get_array_memory_size();
        }
    }
    sources.extend(concatenated(&pending)?);
    Ok((sources, places))
}

/// The rows of puts that were stated with one entry of the table; nothing if there are none.
fn concatenated(puts: &[&Chunk]) -> Result<Option<Source>> {
    let Some(first) = puts.first() else { return Ok(None) };
    let batch = concat_batches(&first.batch.schema(), puts.iter().map(|put| &put.batch))?;
    let (_, columns, row_count) = batch.into_parts();
    Ok(Some(Source { columns, row_count, schema: first.schema.clone() }))
}
