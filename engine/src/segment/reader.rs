//! A segment as the rest of the engine sees it: periods, columns and the rows of a key, through the
//! cache.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::ArrayRef;
use parking_lot::RwLock;

use super::core::Core;
use super::packed::PackedPeriods;
use super::{BLOCK_ROWS, PeriodBlock, SegmentMeta, ZoneMap};
use crate::cache::{Cache, CacheCounters, CacheKey};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::index::{KeyPage, KeySection, PageSource};
use crate::schema::{SchemaMapping, TableSchema};
use crate::time::{Rect, SystemTime};

/// The cache's number for what [`Core`] holds; columns are numbered from 0.
const PART_CORE: u32 = u32::MAX;
/// The cache's number for the four instants of a block.
const PART_PERIODS: u32 = u32::MAX - 1;
/// The cache's number for key pages.
const PART_KEY_PAGES: u32 = u32::MAX - 2;
/// The cache's number for the four instants of a block, packed.
const PART_PACKED_PERIODS: u32 = u32::MAX - 3;
/// The cache's number for what others have worked out from a block.
const PART_REMEMBERED: u32 = u32::MAX - 4;

/// A section of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// The rows still believed.
    Open,
    /// The rows whose system period has ended.
    Closed,
}

impl Section {
    fn keys(self, core: &Core) -> &KeySection {
        match self {
            Section::Open => &core.fixed.open,
            Section::Closed => &core.fixed.closed,
        }
    }
}

/// A segment of a live version of the manifest. Making one touches no file.
#[derive(Debug)]
pub(crate) struct Segment {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    meta: SegmentMeta,
    schema: Arc<TableSchema>,
    cache: Arc<Cache>,
    owner: u64,
    /// When rows of its table were erased, if that was after it had been replaced or with that.
    erased: RwLock<Option<SystemTime>>,
    /// How the latest reader with another entry of the table saw the columns.
    pub(super) mapping: RwLock<Option<Arc<SchemaMapping>>>,
}

impl Segment {
    /// The segment `meta` describes, in the folder `dir`. `schema` is the table's as of when the
    /// segment was written.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        dir: impl Into<PathBuf>,
        meta: SegmentMeta,
        schema: Arc<TableSchema>,
        cache: Arc<Cache>,
    ) -> Segment {
        let owner = cache.register();
        let (dir, erased, mapping) = (dir.into(), RwLock::default(), RwLock::default());
        Segment { disk, dir, meta, schema, cache, owner, erased, mapping }
    }

    /// What the manifest holds of it.
    pub(crate) fn meta(&self) -> &SegmentMeta {
        &self.meta
    }

    /// The schema it was written with.
    pub(crate) fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// What this thread has decoded so far, of all segments together.
    pub(crate) fn cache_counters(&self) -> CacheCounters {
        self.cache.counters()
    }

    /// The Parquet file and the index file.
    pub(crate) fn file_paths(&self) -> [PathBuf; 2] {
        [self.meta.id.data_path(&self.dir), self.meta.id.index_path(&self.dir)]
    }

    /// The same segment with its files in another folder.
    pub(crate) fn at(&self, dir: &std::path::Path) -> Segment {
        let (disk, cache) = (self.disk.clone(), self.cache.clone());
        Segment::new(disk, dir, self.meta.clone(), self.schema.clone(), cache)
    }

    /// Removes both files; one that is not there is passed over, so that an interrupted removal can
    /// be repeated.
    pub(crate) fn remove_files(&self) -> Result<()> {
        self.forget();
        for path in self.file_paths() {
            if self.disk.exists(&path)? {
                self.disk.remove(&path)?;
            }
        }
        Ok(())
    }

    fn key(&self, part: u32, block: u32) -> CacheKey {
        CacheKey { owner: self.owner, part, block }
    }

    /// The open files, from the cache or opened and judged now.
    pub(super) fn core(&self) -> Result<Arc<Core>> {
        let key = self.key(PART_CORE, 0);
        if let Some(core) = self.cache.get(key) {
            return Ok(core);
        }
        let opened = self.open_core();
        // Files that an erasure has removed are no damage.
        self.check_erased()?;
        let core = Arc::new(opened?);
        self.keep(key, core.clone(), core.memory_bytes())?;
        Ok(core)
    }

    /// Puts a value into the cache; an error if the segment's rows were erased meanwhile: then nothing of them may stay there.
    fn keep<T: Send + Sync + 'static>(
        &self,
        key: CacheKey,
        value: Arc<T>,
        byte_count: usize,
    ) -> Result<()> {
        let erased = self.erased.read();
        if let Some(at) = *erased {
            return Err(Error::erased(&self.schema.name, at));
        }
        self.cache.insert(key, value, byte_count);
        Ok(())
    }

    fn check_erased(&self) -> Result<()> {
        match *self.erased.read() {
            Some(at) => Err(Error::erased(&self.schema.name, at)),
            None => Ok(()),
        }
    }

    /// From now on nothing of the segment gets into the cache, and whoever has to read from its files gets an error.
    pub(crate) fn erase(&self, at: SystemTime) {
        self.erased.write().get_or_insert(at);
    }

    /// Whether rows of its table were erased since it was replaced.
    pub(crate) fn is_erased(&self) -> bool {
        self.erased.read().is_some()
    }

    /// The owner of its values in the cache.
    pub(crate) fn cache_owner(&self) -> u64 {
        self.owner
    }

    pub(super) fn open_core(&self) -> Result<Core> {
        Core::open(&*self.disk, &self.dir, &self.meta, &self.schema)
    }

    /// The zone map.
    pub(crate) fn zones(&self) -> Result<Arc<ZoneMap>> {
        Ok(self.core()?.fixed.zones.clone())
    }

    /// The four instants of each row of a block.
    pub(crate) fn periods(&self, block: u32) -> Result<Arc<PeriodBlock>> {
        if let Some(periods) = self.cache.get(self.key(PART_PERIODS, block)) {
            return Ok(periods);
        }
        let mut periods = self.periods_of(&[block])?;
        periods.pop().ok_or_else(|| Error::invalid(format!("there is no block {block}")))
    }

    /// The four instants of each row of several blocks, in ascending order; those not in the cache
    /// are decoded in one go.
    pub(crate) fn periods_of(&self, blocks: &[u32]) -> Result<Vec<Arc<PeriodBlock>>> {
        let mut found: Vec<Option<Arc<PeriodBlock>>> =
            blocks.iter().map(|block| self.cache.get(self.key(PART_PERIODS, *block))).collect();
        let missing: Vec<u32> =
            blocks.iter().zip(&found).filter(|(_, held)| held.is_none()).map(|(b, _)| *b).collect();
        if !missing.is_empty() {
            let decoded = self.decode_periods(&missing)?;
            let slots = found.iter_mut().filter(|slot| slot.is_none());
            for ((slot, periods), block) in slots.zip(decoded).zip(missing) {
                let periods = Arc::new(periods);
                let key = self.key(PART_PERIODS, block);
                self.keep(key, periods.clone(), periods.memory_bytes())?;
                *slot = Some(periods);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// The extent of one row in both times.
    ///
    /// What has to be decoded for it is kept in a form that takes less memory than the one that whole blocks are asked for in.
    pub(crate) fn rect(&self, row: u32) -> Result<Rect> {
        let (block, row) = (row / BLOCK_ROWS, (row % BLOCK_ROWS) as usize);
        if let Some(periods) = self.cache.get::<PackedPeriods>(self.key(PART_PACKED_PERIODS, block))
        {
            return Ok(periods.rect(row));
        }
        if let Some(periods) = self.cache.get::<PeriodBlock>(self.key(PART_PERIODS, block)) {
            return Ok(periods.rect(row));
        }
        let decoded = self.decode_periods(&[block])?.pop();
        let periods =
            decoded.ok_or_else(|| Error::invalid(format!("there is no block {block}")))?;
        let packed = Arc::new(PackedPeriods::new(&periods));
        let key = self.key(PART_PACKED_PERIODS, block);
        self.keep(key, packed.clone(), packed.memory_bytes())?;
        Ok(periods.rect(row))
    }

    /// What was remembered of a block, if the cache still has it.
    pub(crate) fn remembered<T: Send + Sync + 'static>(&self, block: u32) -> Option<Arc<T>> {
        self.cache.get(self.key(PART_REMEMBERED, block))
    }

    /// Puts what was worked out from a block into the cache, in the place of what was remembered of it before.
    pub(crate) fn remember<T: Send + Sync + 'static>(
        &self,
        block: u32,
        value: Arc<T>,
        byte_count: usize,
    ) -> Result<()> {
        self.keep(self.key(PART_REMEMBERED, block), value, byte_count)
    }

    fn decode_periods(&self, blocks: &[u32]) -> Result<Vec<PeriodBlock>> {
        let core = self.core()?;
        let first = self.schema.columns.len();
        let decoded = core.decode(blocks, &[first, first + 1, first + 2, first + 3])?;
        self.cache.count_decoded(decoded.byte_count, blocks.len() as u64 * 4);
        let mut all = Vec::with_capacity(blocks.len());
        for batch in &decoded.batches {
            let periods = PeriodBlock::from_arrays(batch.columns());
            let periods = periods.ok_or_else(|| {
                Error::corrupt(core.data.path(), 0, "the instants are not of microseconds")
            })?;
            all.push(periods);
        }
        Ok(all)
    }

    /// Columns of the schema it was written with, by position, of blocks in strictly ascending order:
    /// `[block][column]` in the orders asked for. What is not in the cache is decoded in one go.
    pub(crate) fn stored_columns(
        &self,
        blocks: &[u32],
        columns: &[usize],
    ) -> Result<Vec<Vec<ArrayRef>>> {
        let mut found: Vec<Vec<Option<ArrayRef>>> = Vec::with_capacity(blocks.len());
        let mut missing: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for block in blocks {
            let mut row = Vec::with_capacity(columns.len());
            for column in columns {
                let held = self.cache.get::<ArrayRef>(self.key(*column as u32, *block));
                if held.is_none() {
                    missing.entry(*column).or_default().push(*block);
                }
                row.push(held.map(|array| (*array).clone()));
            }
            found.push(row);
        }
        if !missing.is_empty() {
            self.fill(blocks, columns, missing, &mut found)?;
        }
        Ok(found.into_iter().map(|row| row.into_iter().flatten().collect()).collect())
    }

    /// Decodes what is missing, columns that miss the same blocks together.
    fn fill(
        &self,
        blocks: &[u32],
        columns: &[usize],
        missing: BTreeMap<usize, Vec<u32>>,
        found: &mut [Vec<Option<ArrayRef>>],
    ) -> Result<()> {
        let core = self.core()?;
        let mut together: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
        for (column, mut blocks) in missing {
            // A column that was asked for twice misses each block twice.
            blocks.dedup();
            together.entry(blocks).or_default().push(column);
        }
        for (missing_blocks, missing_columns) in together {
            let decoded = core.decode(&missing_blocks, &missing_columns)?;
            let block_count = missing_blocks.len() * missing_columns.len();
            self.cache.count_decoded(decoded.byte_count, block_count as u64);
            for (block, batch) in missing_blocks.iter().zip(&decoded.batches) {
                let row = blocks.binary_search(block).map(|at| &mut found[at]);
                let Ok(row) = row else { continue };
                for (column, array) in missing_columns.iter().zip(batch.columns()) {
                    let byte_count = array.get_array_memory_size();
                    let key = self.key(*column as u32, *block);
                    self.keep(key, Arc::new(array.clone()), byte_count)?;
                    let slots = row.iter_mut().zip(columns).filter(|(_, c)| *c == column);
                    slots.for_each(|(slot, _)| *slot = Some(array.clone()));
                }
            }
        }
        Ok(())
    }

    /// The rows of both sections whose key may have the hash, ascending; none that has it is
    /// missing.
    pub(crate) fn rows_of(&self, hash: u64) -> Result<Vec<u32>> {
        let core = self.core()?;
        let pages = Pages { segment: self, core: &core };
        let mut rows = Vec::new();
        for section in [Section::Open, Section::Closed] {
            section.keys(&core).rows_of(hash, &pages, &mut rows)?;
        }
        rows.sort_unstable();
        Ok(rows)
    }

    /// Calls `found` with the position of a wanted hash and a row of the section for every row
    /// whose key may have one of the hashes, which are sorted ascending and may repeat.
    pub(crate) fn for_each_match(
        &self,
        section: Section,
        sorted_hashes: &[u64],
        found: &mut dyn FnMut(usize, u32),
    ) -> Result<()> {
        let core = self.core()?;
        let pages = Pages { segment: self, core: &core };
        section.keys(&core).for_each_match(sorted_hashes, &pages, found)
    }

    /// Takes everything of this segment out of the cache.
    fn forget(&self) {
        let Some(core) = self.cache.get::<Core>(self.key(PART_CORE, 0)) else {
            // What else there may be grows old and is evicted.
            return;
        };
        self.cache.remove(self.key(PART_CORE, 0));
        for block in 0..self.meta.block_count() {
            self.cache.remove(self.key(PART_PERIODS, block));
            self.cache.remove(self.key(PART_PACKED_PERIODS, block));
            self.cache.remove(self.key(PART_REMEMBERED, block));
            (0..self.schema.columns.len())
                .for_each(|column| self.cache.remove(self.key(column as u32, block)));
        }
        (0..core.fixed.pages.len())
            .for_each(|page| self.cache.remove(self.key(PART_KEY_PAGES, page as u32)));
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.forget();
    }
}

/// The key pages of a segment, through the cache.
struct Pages<'a> {
    segment: &'a Segment,
    core: &'a Core,
}

impl PageSource for Pages<'_> {
    fn page(&self, number: u32) -> Result<Arc<KeyPage>> {
        let (cache, key) = (&self.segment.cache, self.segment.key(PART_KEY_PAGES, number));
        if let Some(page) = cache.get(key) {
            return Ok(page);
        }
        let page = Arc::new(self.core.key_page(number)?);
        self.segment.keep(key, page.clone(), page.memory_bytes())?;
        Ok(page)
    }
}
