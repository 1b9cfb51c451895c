//! All segments of all tables at one point of the manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::erased_mark::ErasedMark;
use super::index::Index;
use super::sealed::Sealed;
use super::segment_entry::SegmentEntry;
use crate::bitmap::{BitmapFile, BitmapMeta};
use crate::cache::Cache;
use crate::disk::{Disk, is_url};
use crate::error::{Error, Result};
use crate::manifest::{Edit, ManifestState};
use crate::partition::Partition;
use crate::schema::{TableId, TableSchema, did_you_mean};
use crate::segment::{Segment, SegmentId, SegmentMeta};
use crate::supersession::SupersessionFile;

/// The folder of segments and supersessions in the folder of the database.
pub(crate) const TABLES_DIR: &str = "tables";
/// The folder of detached partitions in the folder of the database.
pub(crate) const DETACHED_DIR: &str = "detached";

/// What segments open their files with.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) cache: Arc<Cache>,
}

/// An immutable picture of all tables and their segments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    pub(crate) tables: BTreeMap<TableId, Arc<TableVersion>>,
}

/// One table in a version.
#[derive(Clone, Debug)]
pub(crate) struct TableVersion {
    pub(crate) schema: Arc<TableSchema>,
    /// The entries that it had before, as far as segments may be written with them, oldest first.
    pub(crate) older: Vec<Arc<TableSchema>>,
    /// Ordered by number.
    pub(crate) segments: Vec<Arc<SegmentEntry>>,
    /// Ordered by number.
    pub(crate) indexes: Vec<Arc<Index>>,
    /// The partitions that are not part of it any more.
    pub(crate) sealed: BTreeMap<Partition, Arc<Sealed>>,
    /// The system time of the last transaction that is in segments; `i64::MIN` if there is none.
    pub(crate) last_system: i64,
    /// Set by the next erasure in the table.
    pub(crate) erased: ErasedMark,
    /// The latest erasure since the database was opened.
    pub(crate) erasure: Option<LastErasure>,
}

/// The latest erasure in a table, among its transactions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastErasure {
    /// Its own system time.
    pub(crate) at: i64,
    /// The system time of the last transaction of the table that snapshots saw before it.
    pub(crate) after: i64,
}

impl Files {
    /// The folder that a partition was moved to, or comes from: relative to that of the database, absolute, or a URL of object storage.
    pub(crate) fn place(&self, location: impl AsRef<Path>) -> PathBuf {
        let location = location.as_ref();
        if is_url(location) { location.to_path_buf() } else { self.dir.join(location) }
    }

    /// The folder of one table's partition.
    pub(crate) fn partition_dir(&self, table: TableId, partition: &str) -> PathBuf {
        self.table_dir(table).join(partition)
    }

    /// The folder of a detached partition, relative to that of the database.
    pub(crate) fn detached_dir(table: TableId, partition: Partition) -> PathBuf {
        Path::new(DETACHED_DIR).join(format!("{table:06}")).join(partition.name())
    }

    /// The folder of one table's supersession files.
    pub(crate) fn supersession_dir(&self, table: TableId) -> PathBuf {
        self.table_dir(table).join("supersessions")
    }

    pub(crate) fn tables_dir(&self) -> PathBuf {
        self.dir.join(TABLES_DIR)
    }

    /// The folder of one table.
    pub(crate) fn table_dir(&self, table: TableId) -> PathBuf {
        self.tables_dir().join(format!("{table:06}"))
    }

    /// A path as messages show it: relative to the database folder.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.dir).unwrap_or(path).display().to_string()
    }

    fn segment(&self, meta: &SegmentMeta, schema: &Arc<TableSchema>) -> Arc<Segment> {
        let dir = self.partition_dir(meta.table, &meta.partition.name());
        let (disk, cache) = (self.disk.clone(), self.cache.clone());
        Arc::new(Segment::new(disk, &dir, meta.clone(), schema.clone(), cache))
    }

    fn bitmap(&self, segment: &Segment, meta: &BitmapMeta) -> Arc<BitmapFile> {
        let of = segment.meta();
        let dir = self.partition_dir(of.table, &of.partition.name());
        let (disk, cache) = (self.disk.clone(), self.cache.clone());
        let rows = (segment.schema().clone(), of.row_count);
        Arc::new(BitmapFile::new(disk, cache, &dir, rows, meta.clone()))
    }
}

impl Version {
    /// The version that a manifest describes. Touches no file.
    pub(crate) fn open(files: &Files, state: &ManifestState) -> Version {
        let edit = state.as_edit();
        Version::default().apply(files, &edit)
    }

    /// The version after an edit that the manifest has accepted.
    pub(crate) fn apply(&self, files: &Files, edit: &Edit) -> Version {
        let mut tables = self.tables.clone();
        for schema in &edit.tables {
            let schema = Arc::new(schema.clone());
            let table = match tables.get(&schema.id) {
                Some(before) => before.with_schema(schema.clone()),
                None => TableVersion::new(schema.clone()),
            };
            tables.insert(schema.id, Arc::new(table));
        }
        let touched = edit.segments_added.iter().map(|meta| meta.table);
        let touched = touched.chain(edit.supersessions_added.iter().map(|meta| meta.table));
        let touched = touched.chain(edit.progress.iter().map(|progress| progress.table));
        let touched = touched.chain(edit.erasures.iter().map(|erasure| erasure.table));
        let touched = touched.chain(edit.indexes_added.iter().map(|index| index.table));
        let touched = touched.chain(edit.partitions_sealed.iter().map(|sealed| sealed.table));
        let touched = touched.chain(edit.partitions_attached.iter().map(|id| id.table));
        let mut touched: Vec<TableId> = touched.collect();
        touched.sort_unstable();
        touched.dedup();
        let removes =
            |entry: &SegmentEntry| edit.segments_removed.contains(&entry.segment().meta().id);
        for (id, table) in &mut tables {
            let is_touched = touched.contains(id) || table.concerns_indexes(edit);
            if is_touched || table.segments.iter().any(|entry| removes(entry)) {
                *table = Arc::new(table.apply(files, edit, &removes));
            }
        }
        Version { tables }
    }

    /// The entry of a table that a transaction or a scan names by number.
    pub(crate) fn table(&self, id: TableId) -> Result<&Arc<TableVersion>> {
        self.tables.get(&id).ok_or_else(|| Error::invalid(format!("there is no table number {id}")))
    }

    /// The entry of a table, or an error with the nearest name there is.
    pub(crate) fn table_by_name(&self, name: &str) -> Result<&Arc<TableVersion>> {
        let found = self.tables.values().find(|table| table.schema.name == name);
        found.ok_or_else(|| {
            let names = self.tables.values().map(|table| table.schema.name.as_str());
            Error::invalid(format!("there is no table `{name}`{}", did_you_mean(name, names)))
        })
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = &Arc<SegmentEntry>> {
        self.tables.values().flat_map(|table| &table.segments)
    }

    /// The bitmaps that have a file.
    pub(crate) fn bitmaps(&self) -> impl Iterator<Item = &Arc<BitmapFile>> {
        let bitmaps = self.segments().flat_map(|entry| entry.bitmaps());
        bitmaps.filter(|bitmap| bitmap.meta().has_file())
    }
}

impl TableVersion {
    /// A table without anything in it.
    pub(crate) fn new(schema: Arc<TableSchema>) -> TableVersion {
        let (older, segments, indexes) = (Vec::new(), Vec::new(), Vec::new());
        let (sealed, last_system) = (BTreeMap::new(), i64::MIN);
        let (erased, erasure) = (ErasedMark::default(), None);
        TableVersion { schema, older, segments, indexes, sealed, last_system, erased, erasure }
    }

    /// The same segments, shown as another entry has them.
    fn with_schema(&self, schema: Arc<TableSchema>) -> TableVersion {
        let mut table = TableVersion { schema, ..self.clone() };
        if table.schema.version > self.schema.version {
            table.older.push(self.schema.clone());
        }
        table
    }

    /// The entry that a segment was written with.
    fn schema_of(&self, meta: &SegmentMeta) -> &Arc<TableSchema> {
        let has = |schema: &&Arc<TableSchema>| schema.version == meta.schema_version;
        let found = [&self.schema].into_iter().chain(&self.older).find(has);
        found.expect("the manifest accepts a segment only with an entry that its table has had")
    }

    /// An error if data of the table was erased since: what is left would be a smaller answer than the snapshot once gave.
    pub(crate) fn check_readable(&self) -> Result<()> {
        self.erased.check(&self.schema.name)
    }

    /// Whether an edit drops an index of the table, or has bitmaps of one of its segments.
    fn concerns_indexes(&self, edit: &Edit) -> bool {
        let is_dropped = |index: &Arc<Index>| edit.indexes_dropped.contains(&index.entry.id);
        let is_of = |meta: &BitmapMeta| self.indexes.iter().any(|i| i.entry.id == meta.index);
        self.indexes.iter().any(is_dropped) || edit.bitmaps_added.iter().any(is_of)
    }

    fn apply(
        &self,
        files: &Files,
        edit: &Edit,
        removes: &dyn Fn(&SegmentEntry) -> bool,
    ) -> TableVersion {
        let schema = self.schema.clone();
        let mut segments: BTreeMap<SegmentId, Arc<SegmentEntry>> = self
            .segments
            .iter()
            .filter(|entry| !removes(entry))
            .map(|entry| (entry.segment().meta().id, entry.clone()))
            .collect();
        for meta in edit.segments_added.iter().filter(|meta| meta.table == schema.id) {
            let entry = SegmentEntry::new(files.segment(meta, self.schema_of(meta)), Vec::new());
            segments.insert(meta.id, Arc::new(entry));
        }
        for meta in edit.supersessions_added.iter().filter(|meta| meta.table == schema.id) {
            let dir = files.supersession_dir(meta.table);
            let file = Arc::new(SupersessionFile::new(files.disk.clone(), &dir, meta.clone()));
            for section in &meta.sections {
                if let Some(entry) = segments.get_mut(&section.segment) {
                    *entry = Arc::new(entry.with_file(file.clone()));
                }
            }
        }
        let indexes = self.apply_indexes(files, edit, &mut segments);
        let own = edit.progress.iter().filter(|progress| progress.table == schema.id);
        let last_system = own.map(|p| p.last_system_us).fold(self.last_system, i64::max);
        let is_erased = edit.erasures.iter().any(|erasure| erasure.table == schema.id);
        let erased = if is_erased { ErasedMark::default() } else { self.erased.clone() };
        let segments = segments.into_values().collect();
        let sealed = self.sealed_after(files, edit);
        let (older, erasure) = (self.older.clone(), self.erasure);
        TableVersion { schema, older, segments, indexes, sealed, last_system, erased, erasure }
    }

    /// The indexes after an edit; their bitmaps come to the segments, or go.
    fn apply_indexes(
        &self,
        files: &Files,
        edit: &Edit,
        segments: &mut BTreeMap<SegmentId, Arc<SegmentEntry>>,
    ) -> Vec<Arc<Index>> {
        let mut indexes = self.indexes.clone();
        let dropped = &edit.indexes_dropped;
        if indexes.iter().any(|index| dropped.contains(&index.entry.id)) {
            indexes.retain(|index| !dropped.contains(&index.entry.id));
            for entry in segments.values_mut() {
                *entry = Arc::new(entry.without_bitmaps(dropped));
            }
        }
        let added = edit.indexes_added.iter().filter(|entry| entry.table == self.schema.id);
        indexes.extend(added.map(|entry| Arc::new(Index::new(entry.clone()))));
        for meta in &edit.bitmaps_added {
            if let Some(entry) = segments.get_mut(&meta.segment) {
                let bitmap = files.bitmap(entry.segment(), meta);
                *entry = Arc::new(entry.with_bitmap(bitmap));
            }
        }
        indexes
    }

    fn sealed_after(&self, files: &Files, edit: &Edit) -> BTreeMap<Partition, Arc<Sealed>> {
        let mut sealed = self.sealed.clone();
        for id in edit.partitions_attached.iter().filter(|id| id.table == self.schema.id) {
            sealed.remove(&id.partition);
        }
        for entry in edit.partitions_sealed.iter().filter(|entry| entry.table == self.schema.id) {
            sealed.insert(
                entry.partition,
                Arc::new(Sealed::new(files, entry, |meta| self.schema_of(meta))),
            );
        }
        sealed
    }
}
