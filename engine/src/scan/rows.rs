//! The stream of batches that a scan gives.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use roaring::RoaringBitmap;

use super::bitmap::{Probe, candidates, count_uses, probes};
use super::block::{BlockSelector, Overlay, Selected};
use super::bounds::ZoneVerdict;
use super::horizon::{MissingPartition, check_horizon};
use super::metrics::ScanMetrics;
use super::output::Projector;
use super::parts::{BlockRange, deal};
use super::point::{KeyReader, values_of};
use super::predicate::Test;
use super::request::Request;
use super::unflushed::{split_by_schema, values_of_puts};
use crate::error::Result;
use crate::memtable::{MemView, Memtable};
use crate::segment::{BLOCK_ROWS, Segment, ZoneColumn};
use crate::time::Rect;
use crate::version::{SegmentEntry, TableVersion};

/// The most rows that a batch has.
const BATCH_ROW_COUNT_MAX: usize = 8_192;
/// So many blocks are decoded together: neighbours cost less in one go, and memory stays bounded.
const WINDOW_BLOCK_COUNT: usize = 16;

/// An iterator over the batches of a scan, each of at most 8,192 rows, in no particular order.
///
/// It reads the snapshot it was made from, whatever is written meanwhile. After an error it gives nothing more.
#[derive(Debug)]
pub struct Rows {
    request: Arc<Request>,
    table_columns: Vec<usize>,
    view: Arc<MemView>,
    overlay: Arc<Overlay>,
    probes: Arc<Vec<Probe>>,
    segments: VecDeque<BlockRange>,
    current: Option<CurrentSegment>,
    ready: BatchCoalescer,
    metrics: ScanMetrics,
    missing: Arc<[MissingPartition]>,
    remaining: usize,
    is_done: bool,
}

/// The segment being read, and which of its blocks are left.
#[derive(Debug)]
struct CurrentSegment {
    entry: Arc<SegmentEntry>,
    blocks: VecDeque<(u32, ZoneVerdict)>,
    /// The rows that indexes leave, if they tell of this segment.
    candidates: Option<RoaringBitmap>,
}

impl Rows {
    pub(crate) fn new(
        request: Request,
        table: &TableVersion,
        memtables: &[Arc<Memtable>],
        commit_number: u64,
    ) -> Result<Rows> {
        let missing = check_horizon(table, &request.selection, request.is_partial)?;
        let request = Arc::new(request);
        let mut rows = Rows {
            missing: missing.into(),
            table_columns: request.table_columns(),
            view: Arc::new(MemView::new(&[], table.schema.id, commit_number)),
            overlay: Arc::new(Overlay::None),
            probes: Arc::new(probes(&request, table)?),
            segments: VecDeque::new(),
            current: None,
            ready: BatchCoalescer::new(request.output.clone(), BATCH_ROW_COUNT_MAX),
            metrics: ScanMetrics::default(),
            remaining: request.limit.unwrap_or(usize::MAX),
            is_done: false,
            request,
        };
        if let Some(key) = &rows.request.key.clone() {
            let reader = KeyReader::new(table, memtables, commit_number);
            rows.read_key(&reader, key)?;
            table.check_readable()?;
            return Ok(rows);
        }
        rows.view = Arc::new(MemView::new(memtables, table.schema.id, commit_number));
        rows.prune_segments(table);
        rows.read_memtables()?;
        // What memtables hold has been taken. A segment that an erasure removes from now on says so when it is read.
        table.check_readable()?;
        Ok(rows)
    }

    /// The columns of every batch.
    pub fn schema(&self) -> SchemaRef {
        self.request.output.clone()
    }

    /// Partitions that are not part of the database and may have held rows of this scan, which gives what is left.
    pub fn missing(&self) -> &[MissingPartition] {
        &self.missing
    }

    /// What has been touched so far.
    pub fn metrics(&self) -> ScanMetrics {
        self.metrics
    }

    /// The same rows in disjoint parts for as many threads, at most `part_count_max` (but at least one). The first part has
    /// what stems from unflushed assertions. Small scans stay whole.
    pub(crate) fn split(mut self, part_count_max: usize) -> Vec<Rows> {
        let memtable_rows = self.metrics.visible_row_count as usize;
        let memtable_blocks = memtable_rows.div_ceil(BLOCK_ROWS as usize);
        let ranges = std::mem::take(&mut self.segments);
        let mut hands = deal(ranges, memtable_blocks, part_count_max).into_iter();
        self.segments = hands.next().unwrap_or_default();
        let part = |segments| Rows {
            request: self.request.clone(),
            table_columns: self.table_columns.clone(),
            view: self.view.clone(),
            overlay: self.overlay.clone(),
            probes: self.probes.clone(),
            segments,
            missing: self.missing.clone(),
            current: None,
            ready: BatchCoalescer::new(self.request.output.clone(), BATCH_ROW_COUNT_MAX),
            metrics: ScanMetrics::default(),
            remaining: self.request.limit.unwrap_or(usize::MAX),
            is_done: false,
        };
        let others: Vec<Rows> = hands.map(part).collect();
        std::iter::once(self).chain(others).collect()
    }

    fn prune_segments(&mut self, table: &TableVersion) {
        let whole = self.request.selection.of_whole();
        let (mut partitions, mut kept) = (HashSet::new(), HashSet::new());
        for entry in &table.segments {
            let meta = entry.segment().meta();
            partitions.insert(meta.partition);
            self.metrics.segment_count += 1;
            if whole.judge(&meta.zone) != ZoneVerdict::None {
                kept.insert(meta.partition);
                self.metrics.segment_kept_count += 1;
                self.segments.push_back(BlockRange::all(entry.clone()));
            }
        }
        self.metrics.partition_count = partitions.len() as u64;
        self.metrics.partition_kept_count = kept.len() as u64;
        let kept: Vec<&SegmentEntry> = self.segments.iter().map(|range| &*range.entry).collect();
        count_uses(&self.probes, &kept);
    }

    /// Gives the versions of unflushed assertions, and finds out what these do to the rows of segments.
    fn read_memtables(&mut self) -> Result<()> {
        if self.view.chunks().is_empty() {
            return Ok(());
        }
        self.metrics.memtable_row_count = self.view.row_count() as u64;
        let (mut places, mut rects) = (Vec::new(), Vec::new());
        match self.request.selection.point {
            Some((system, valid)) if !self.request.needs_periods() => {
                let mask = self.view.mask_at(system, valid);
                places = mask.visible();
                if !mask.is_empty() {
                    self.overlay = Arc::new(Overlay::Mask(mask));
                }
            }
            _ => {
                let by_key = self.view.by_key();
                by_key.versions(&mut |place, rect| {
                    if self.request.selection.selects(&rect) {
                        places.push(place);
                        rects.push(rect);
                    }
                });
                self.overlay = Arc::new(Overlay::Cuts(by_key));
            }
        }
        self.metrics.visible_row_count += places.len() as u64;
        let view = self.view.clone();
        for (places, rects) in split_by_schema(view.chunks(), places, rects) {
            for start in (0..places.len()).step_by(BATCH_ROW_COUNT_MAX) {
                let end = places.len().min(start + BATCH_ROW_COUNT_MAX);
                let rects = if rects.is_empty() { &rects[..] } else { &rects[start..end] };
                let (places, shown) = (&places[start..end], self.request.schema.as_ref());
                let values = values_of_puts(view.chunks(), places, shown, &self.table_columns)?;
                self.push(&values, None, places.len(), rects)?;
            }
        }
        Ok(())
    }

    fn read_key(&mut self, reader: &KeyReader<'_>, key: &[u8]) -> Result<()> {
        self.metrics.segment_count = reader.segments.len() as u64;
        let found = reader.find(key, &self.request.selection)?;
        self.metrics.visible_row_count = found.len() as u64;
        if found.is_empty() {
            return Ok(());
        }
        let values = values_of(&self.request.schema, &found, &self.table_columns)?;
        let rects: Vec<Rect> = found.iter().map(|version| version.rect).collect();
        self.push(&values, None, found.len(), &rects)
    }

    fn push(
        &mut self,
        values: &[ArrayRef],
        rows: Option<&[u32]>,
        row_count: usize,
        rects: &[Rect],
    ) -> Result<()> {
        let projector = Projector { request: &self.request, table_columns: &self.table_columns };
        let mut batch = projector.project(values, rows, row_count, rects)?;
        if batch.num_rows() > self.remaining {
            batch = batch.slice(0, self.remaining);
        }
        self.remaining -= batch.num_rows();
        self.metrics.row_count += batch.num_rows() as u64;
        self.ready.push_batch(batch)?;
        Ok(())
    }

    /// Opens the next segment that is left; `false` if there is none.
    fn next_segment(&mut self) -> Result<bool> {
        let Some(BlockRange { entry, blocks: range }) = self.segments.pop_front() else {
            return Ok(false);
        };
        let zones = entry.segment().zones()?;
        let request = self.request.clone();
        let tests = zone_tests(&request, entry.segment())?;
        let may_pass =
            |block| tests.iter().all(|(test, column)| test.may_hold(&column.zone(&zones, block)));
        let whole = self.request.selection.of_whole();
        self.metrics.block_count += range.len() as u64;
        let mut blocks = VecDeque::new();
        for block in range {
            let verdict = whole.judge(&zones.blocks[block as usize]);
            if verdict != ZoneVerdict::None && may_pass(block) {
                blocks.push_back((block, verdict));
            }
        }
        let candidates = match blocks.is_empty() {
            true => None,
            false => candidates(&self.probes, &entry)?,
        };
        if let Some(rows) = &candidates {
            let zone_kept_count = blocks.len();
            blocks.retain(|(block, _)| {
                let first = block * BLOCK_ROWS;
                rows.range_cardinality(first..first + BLOCK_ROWS) > 0
            });
            self.metrics.bitmap_pruned_block_count += (zone_kept_count - blocks.len()) as u64;
        }
        self.current = Some(CurrentSegment { entry, blocks, candidates });
        Ok(true)
    }

    /// Reads the next window of blocks.
    fn read_window(&mut self, mut current: CurrentSegment) -> Result<()> {
        let request = self.request.clone();
        let cuts = current.entry.cuts()?;
        let segment = current.entry.segment().clone();
        let selector = BlockSelector {
            segment: &segment,
            cuts: &cuts,
            selection: &request.selection,
            overlay: &self.overlay,
            needs_rects: request.needs_periods(),
            candidates: current.candidates.as_ref(),
        };
        let decoded_before = segment.cache_counters().decoded_bytes;
        let mut window: Vec<(u32, Selected)> = Vec::new();
        while window.len() < WINDOW_BLOCK_COUNT {
            let Some((block, verdict)) = current.blocks.pop_front() else { break };
            let selected = selector.select(block, verdict)?;
            if !selected.rows.is_empty() {
                window.push((block, selected));
            }
        }
        let blocks: Vec<u32> = window.iter().map(|(block, _)| *block).collect();
        let values = segment.columns(&request.schema, &blocks, &self.table_columns)?;
        for ((block, selected), values) in window.iter().zip(values) {
            let row_count = selected.rows.len();
            self.metrics.visible_row_count += row_count as u64;
            self.metrics.block_kept_count += 1;
            let is_whole = selected.rects.is_empty() && row_count == segment.block_len(*block);
            let rows = (!is_whole).then_some(&selected.rows[..]);
            self.push(&values, rows, row_count, &selected.rects)?;
        }
        self.metrics.decoded_bytes += segment.cache_counters().decoded_bytes - decoded_before;
        if !current.blocks.is_empty() {
            self.current = Some(current);
        }
        Ok(())
    }

    /// The next batch, as [`Iterator::next`] gives it, while `is_wanted` says so. It is asked before each window of blocks, so that a scan
    /// that finds nothing for long ends soon after nobody waits for it any more; nothing more is given then.
    pub fn next_while(&mut self, is_wanted: &dyn Fn() -> bool) -> Option<Result<RecordBatch>> {
        let next = self.advance(is_wanted);
        if next.is_err() {
            self.end();
        }
        next.transpose()
    }

    fn end(&mut self) {
        self.is_done = true;
        self.segments.clear();
        self.current = None;
        self.ready = BatchCoalescer::new(self.request.output.clone(), BATCH_ROW_COUNT_MAX);
    }

    fn advance(&mut self, is_wanted: &dyn Fn() -> bool) -> Result<Option<RecordBatch>> {
        loop {
            if !is_wanted() {
                self.end();
                return Ok(None);
            }
            if let Some(batch) = self.ready.next_completed_batch() {
                return Ok(Some(batch));
            }
            if self.is_done {
                return Ok(None);
            }
            if self.remaining > 0 && (self.current.is_some() || self.next_segment()?) {
                if let Some(current) = self.current.take() {
                    self.read_window(current)?;
                }
                continue;
            }
            self.is_done = true;
            self.ready.finish_buffered_batch()?;
        }
    }
}

impl Iterator for Rows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        self.next_while(&|| true)
    }
}

/// What the filter asks of columns that zone maps know, and where in those of a segment they are.
fn zone_tests<'a>(request: &'a Request, segment: &Segment) -> Result<Vec<(&'a Test, ZoneColumn)>> {
    let mut tests = Vec::with_capacity(request.filter.conditions.len());
    for condition in &request.filter.conditions {
        if request.period_of(condition.column).is_none() {
            let column = segment.zone_column(&request.schema, condition.column)?;
            tests.push((&condition.test, column));
        }
    }
    Ok(tests)
}
