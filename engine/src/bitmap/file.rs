//! A bitmap file: written once, read a bitmap at a time through the cache.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use roaring::RoaringBitmap;

use super::build::ColumnRows;
use super::format::{Directory, NULL_ENTRY, encode};
use super::{BitmapMeta, IndexId};
use crate::cache::{Cache, CacheKey};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::schema::{TableId, TableSchema};
use crate::segment::SegmentId;
use crate::time::SystemTime;

/// The cache's number for the directory of a file.
const PART_DIRECTORY: u32 = 0;
/// The cache's number for its bitmaps, which are numbered by their entries.
const PART_BITMAPS: u32 = 1;
/// What a container of a bitmap takes in memory beside its rows, and a bitmap has one for 65,536 rows.
const CONTAINER_BYTES: usize = 40;

/// The rows that a condition asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Those that hold no value.
    Null,
    /// Those that hold one of these values, encoded as keys are and in their order.
    Values(Vec<Vec<u8>>),
}

/// Writes the bitmaps of a segment for an index; durable when it returns, and garbage until the manifest names it. Where they are not
/// worth their space, nothing is written, and that is what the manifest is told.
///
/// A file of this name that is there is what a failure has left: whoever calls knows that the manifest does not name it.
pub(crate) fn write_bitmap(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    segment: SegmentId,
    index: IndexId,
    rows: &mut ColumnRows,
) -> Result<BitmapMeta> {
    let file_bytes_max = rows.file_bytes_max();
    let Some(sorted) = rows.sorted() else { return Ok(BitmapMeta::unfit(segment, index)) };
    let (bytes, meta) = encode(segment, index, &sorted)?;
    if meta.bytes > file_bytes_max {
        return Ok(BitmapMeta::unfit(segment, index));
    }
    discard_bitmap(disk, dir, segment, index)?;
    let file = disk.create(&path_of(dir, segment, index))?;
    file.append(&bytes)?;
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok(meta)
}

/// Removes a file that the manifest does not name, if it is there.
pub(crate) fn discard_bitmap(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    segment: SegmentId,
    index: IndexId,
) -> Result<()> {
    let path = path_of(dir, segment, index);
    if disk.exists(&path)? {
        disk.remove(&path)?;
    }
    Ok(())
}

fn path_of(dir: &Path, segment: SegmentId, index: IndexId) -> PathBuf {
    dir.join(format!("{segment}.{index}.bitmap"))
}

/// The bitmaps of a segment for an index, as the manifest names them. Making one touches no file.
#[derive(Debug)]
pub(crate) struct BitmapFile {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    meta: BitmapMeta,
    schema: Arc<TableSchema>,
    row_count: u32,
    cache: Arc<Cache>,
    owner: u64,
    /// When rows of its table were erased, if that was after it had been given up or with that.
    erased: RwLock<Option<SystemTime>>,
}

impl BitmapFile {
    /// `dir` is the folder of the segment, `row_count` how many rows this has.
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        cache: Arc<Cache>,
        dir: &Path,
        (schema, row_count): (Arc<TableSchema>, u32),
        meta: BitmapMeta,
    ) -> BitmapFile {
        let path = path_of(dir, meta.segment, meta.index);
        let owner = cache.register();
        BitmapFile { disk, path, meta, schema, row_count, cache, owner, erased: RwLock::default() }
    }

    pub(crate) fn meta(&self) -> &BitmapMeta {
        &self.meta
    }

    /// The table of the segment.
    pub(crate) fn table(&self) -> TableId {
        self.schema.id
    }

    /// The file; `None` if there is none.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.meta.has_file().then_some(&self.path)
    }

    /// The rows of the segment that hold what is wanted; there must be a file. Bitmaps that are neighbours are read at once.
    pub(crate) fn rows_of(&self, wanted: &Wanted) -> Result<RoaringBitmap> {
        let found = self.try_rows_of(wanted);
        // A file that an erasure has removed is no damage.
        match *self.erased.read() {
            Some(at) => Err(Error::erased(&self.schema.name, at)),
            None => found,
        }
    }

    fn try_rows_of(&self, wanted: &Wanted) -> Result<RoaringBitmap> {
        let directory = self.directory()?;
        let mut positions: Vec<usize> = match wanted {
            Wanted::Null => vec![NULL_ENTRY],
            Wanted::Values(values) => directory.positions(values),
        };
        let mut rows = RoaringBitmap::new();
        positions.retain(|position| {
            let held = self.cache.get::<RoaringBitmap>(self.key(PART_BITMAPS, *position as u32));
            held.map(|bitmap| rows |= &*bitmap).is_none()
        });
        for neighbours in positions.chunk_by(|left, right| left + 1 == *right) {
            for (position, bitmap) in self.read(&directory, neighbours)? {
                rows |= &bitmap;
                let containers = self.row_count.div_ceil(1 << 16) as usize;
                let byte_count = bitmap.serialized_size() + containers * CONTAINER_BYTES;
                self.keep(self.key(PART_BITMAPS, position as u32), bitmap, byte_count);
            }
        }
        Ok(rows)
    }

    /// Reads and judges neighbouring bitmaps.
    fn read(
        &self,
        directory: &Directory,
        positions: &[usize],
    ) -> Result<Vec<(usize, RoaringBitmap)>> {
        let entries = positions.iter().map(|position| &directory.entries[*position]);
        let (Some(first), byte_count) =
            (entries.clone().next(), entries.map(|entry| entry.bytes as usize).sum())
        else {
            return Ok(Vec::new());
        };
        let mut bytes = vec![0; byte_count];
        self.disk.open(&self.path)?.read_at(first.offset, &mut bytes)?;
        let mut left = &bytes[..];
        let read_one = |position: &usize| {
            let (own, rest) = left.split_at(directory.entries[*position].bytes as usize);
            left = rest;
            Ok((*position, directory.bitmap(&self.path, &self.meta, *position, own)?))
        };
        positions.iter().map(read_one).collect()
    }

    fn directory(&self) -> Result<Arc<Directory>> {
        let key = self.key(PART_DIRECTORY, 0);
        if let Some(directory) = self.cache.get(key) {
            return Ok(directory);
        }
        let directory = self.read_directory()?;
        let byte_count = directory.memory_bytes();
        Ok(self.keep(key, directory, byte_count))
    }

    fn read_directory(&self) -> Result<Directory> {
        let file = self.disk.open(&self.path)?;
        let found = file.len()?;
        if found != self.meta.bytes {
            let what = format!("the file has {found} bytes, expected {}", self.meta.bytes);
            return Err(Error::corrupt(&self.path, found.min(self.meta.bytes), what));
        }
        // No more than the file has: the manifest was judged when it was read.
        let mut fixed = vec![0; self.meta.fixed_bytes.min(found) as usize];
        file.read_at(0, &mut fixed)?;
        Directory::decode(&self.path, &self.meta, self.row_count, &fixed)
    }

    fn key(&self, part: u32, block: u32) -> CacheKey {
        CacheKey { owner: self.owner, part, block }
    }

    /// Puts a value into the cache, unless the segment's rows were erased: then nothing of them may stay there.
    fn keep<T: Send + Sync + 'static>(&self, key: CacheKey, value: T, byte_count: usize) -> Arc<T> {
        let value = Arc::new(value);
        let erased = self.erased.read();
        if erased.is_none() {
            self.cache.insert(key, value.clone(), byte_count);
        }
        value
    }

    /// From now on nothing of the file gets into the cache, and whoever reads from it gets an error.
    pub(crate) fn erase(&self, at: SystemTime) {
        self.erased.write().get_or_insert(at);
    }

    /// Whether rows of its table were erased since it was given up.
    pub(crate) fn is_erased(&self) -> bool {
        self.erased.read().is_some()
    }

    /// Reads every byte of the file past the cache and checks it, and holds it against the column, if that could be read.
    pub(crate) fn verify(&self, column: Option<&mut ColumnRows>) -> Result<()> {
        let directory = self.read_directory()?;
        let (mut bitmaps, mut all) = (Vec::new(), RoaringBitmap::new());
        for position in 0..directory.entries.len() {
            let (_, bitmap) = self.read(&directory, &[position])?.remove(0);
            all |= &bitmap;
            bitmaps.push(bitmap);
        }
        // The directory's counts of rows add up to the segment's: so no row is missing if none is in two bitmaps.
        if all.len() != u64::from(self.row_count) {
            let what = "a row is in two bitmaps, and another in none";
            return Err(Error::corrupt(&self.path, self.meta.fixed_bytes, what));
        }
        let Some(column) = column else { return Ok(()) };
        let values = directory.values().zip(&bitmaps[1..]);
        let is_same = column.sorted().is_some_and(|column| {
            *column.nulls == bitmaps[NULL_ENTRY] && column.values.into_iter().eq(values)
        });
        if !is_same {
            let what = "the bitmaps differ from the column";
            return Err(Error::corrupt(&self.path, 0, what));
        }
        Ok(())
    }

    /// Removes the file; one that is not there is passed over, so that an interrupted removal can be repeated.
    pub(crate) fn remove(&self) -> Result<()> {
        match self.disk.exists(&self.path)? {
            true => self.disk.remove(&self.path),
            false => Ok(()),
        }
    }
}

impl Drop for BitmapFile {
    /// Takes what there is of the file out of the cache.
    fn drop(&mut self) {
        if let Some(directory) = self.cache.get::<Directory>(self.key(PART_DIRECTORY, 0)) {
            self.cache.remove(self.key(PART_DIRECTORY, 0));
            (0..directory.entries.len())
                .for_each(|position| self.cache.remove(self.key(PART_BITMAPS, position as u32)));
        }
    }
}
