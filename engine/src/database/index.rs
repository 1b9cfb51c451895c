//! Indexes on request: made, built one segment at a time beside reads and writes, listed, dropped.
//!
//! The catalogue knows an index before any of its bitmaps is there, and a segment without bitmaps is read whole: so nobody waits for an
//! index, and a crash half-way leaves one that goes on being built. Bitmaps of a segment are made under the lock of compactions, since
//! only who holds it may take a segment, and what was erased, out of the database.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;

use super::inner::Inner;
use super::maintenance::Step;
use crate::bitmap::{BitmapMeta, ColumnRows, IndexId, discard_bitmap, write_bitmap};
use crate::error::{Error, Result};
use crate::manifest::{Edit, IndexEntry};
use crate::schema::{DataType, TableSchema, check_name, did_you_mean};
use crate::segment::Segment;
use crate::time::SystemTime;
use crate::version::{Index, SegmentEntry, TableVersion, Version};

/// An index, how far it is built, and how often it was of use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexStats {
    /// Its name.
    pub name: String,
    /// The name of its table.
    pub table: String,
    /// The name of the column that it is on.
    pub column: String,
    /// The segments of the table.
    pub segment_count: u64,
    /// Those that have bitmaps.
    pub indexed_segment_count: u64,
    /// Those that are passed over: the column has too many values there, or too long ones.
    pub unfit_segment_count: u64,
    /// The bytes of the files of its bitmaps.
    pub bytes: u64,
    /// The scans whose filter has a condition that it decided for some segment, since the database was opened.
    pub use_count: u64,
    /// When it was made.
    pub created_at: SystemTime,
    /// Why bitmaps of a segment that has none could not be made, if that was tried since the database was opened.
    pub problem: Option<String>,
}

/// Bitmaps that are to be made.
struct Due {
    table: Arc<TableVersion>,
    index: Arc<Index>,
    entry: Arc<SegmentEntry>,
}

impl Inner {
    /// Puts an index into the catalogue, durably, and makes the bitmaps of the segments that there are.
    pub(super) fn create_index(&self, name: &str, table: &str, column: &str) -> Result<()> {
        self.check_open()?;
        let id = self.record_index(name, table, column)?;
        while self.build_due(Some(id)).map_err(|error| half_built(name, error))?.is_some() {}
        Ok(())
    }

    fn record_index(&self, name: &str, table: &str, column: &str) -> Result<IndexId> {
        check_name("index", name)?;
        let mut manifest = self.manifest.lock();
        manifest.log.check()?;
        if manifest.state.indexes.values().any(|index| index.name == name) {
            return Err(Error::conflict(format!("there is an index `{name}` already")));
        }
        let state = self.shared.lock().state.clone();
        let schema = &state.version.table_by_name(table)?.schema;
        let position = schema.position(column)?;
        check_type(schema, position)?;
        let entry = IndexEntry {
            id: IndexId(self.next_file_id()),
            name: name.to_owned(),
            table: schema.id,
            column: schema.column_id(position),
            created_us: self.options.clock.now().micros(),
        };
        let id = entry.id;
        let next_file_id = Some(self.next_file_id.load(Ordering::Relaxed));
        let edit = Edit { indexes_added: vec![entry], next_file_id, ..Edit::default() };
        self.install(&mut manifest, &edit, None)?;
        Ok(id)
    }

    /// Takes an index out of the catalogue, durably; its files go when no snapshot reads them any more.
    pub(super) fn drop_index(&self, name: &str) -> Result<()> {
        self.check_open()?;
        let mut manifest = self.manifest.lock();
        let mut indexes = manifest.state.indexes.values();
        let Some(index) = indexes.find(|index| index.name == name) else {
            let names = manifest.state.indexes.values().map(|index| index.name.as_str());
            let near = did_you_mean(name, names);
            return Err(Error::invalid(format!("there is no index `{name}`{near}")));
        };
        let edit = Edit { indexes_dropped: vec![index.id], ..Edit::default() };
        self.install(&mut manifest, &edit, None)?;
        drop(manifest);
        self.sweep().map_err(|error| {
            error.context("the index is dropped, but files of it are left until the next opening")
        })
    }

    /// All indexes, by table and in the order in which they were made.
    pub(super) fn indexes(&self) -> Result<Vec<IndexStats>> {
        self.check_open()?;
        let state = self.shared.lock().state.clone();
        let tables = state.version.tables.values();
        let of_table = |table: &Arc<TableVersion>| {
            let table = table.clone();
            table.indexes.clone().into_iter().map(move |index| stats(&table, &index))
        };
        Ok(tables.flat_map(of_table).collect())
    }

    /// Makes the bitmaps of one segment, of one index or of any, if some are due. Those that cannot be made do not keep others from
    /// being made; that is the error where no others are left.
    pub(super) fn build_due(&self, only: Option<IndexId>) -> Result<Option<Step>> {
        let compacting = self.compacting.lock();
        self.check_open()?;
        let state = self.shared.lock().state.clone();
        let mut first_error = None;
        for due in due(&state.version, only) {
            match self.build(&due) {
                Ok(Some(step)) => {
                    // Who makes an index would be first again, and a compaction would wait for all of it.
                    MutexGuard::unlock_fair(compacting);
                    return Ok(Some(step));
                }
                Ok(None) => (),
                Err(error) => {
                    due.index.note_problem(error.clone());
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(None), Err)
    }

    /// Makes the bitmaps of a segment; `None` if the index has been dropped meanwhile.
    fn build(&self, due: &Due) -> Result<Option<Step>> {
        let (segment, index) = (due.entry.segment(), &due.index.entry);
        {
            let manifest = self.manifest.lock();
            // A file of this name that is there must not be one that the manifest names on disk, but not here.
            manifest.log.check()?;
            if !manifest.state.indexes.contains_key(&index.id) {
                return Ok(None);
            }
        }
        let meta = segment.meta();
        let dir = self.files.partition_dir(meta.table, &meta.partition.name());
        let mut rows = match index.position_in(segment.schema()) {
            Some(position) => Some(column_rows(segment, position)?),
            None => None,
        };
        let made = match &mut rows {
            Some(rows) => write_bitmap(&self.files.disk, &dir, meta.id, index.id, rows)?,
            None => BitmapMeta::unfit(meta.id, index.id),
        };
        let mut manifest = self.manifest.lock();
        if !manifest.state.indexes.contains_key(&index.id) {
            drop(manifest);
            discard_bitmap(&self.files.disk, &dir, meta.id, index.id)?;
            return Ok(None);
        }
        let edit = Edit { bitmaps_added: vec![made], ..Edit::default() };
        self.install(&mut manifest, &edit, None)?;
        Ok(Some(Step::Index {
            index: index.name.clone(),
            table: due.table.schema.name.clone(),
            partition: meta.partition,
            row_count: meta.row_count.into(),
        }))
    }
}

/// The rows of each value of a column of a segment, read around the cache.
pub(super) fn column_rows(segment: &Segment, position: usize) -> Result<ColumnRows> {
    let mut rows = ColumnRows::default();
    segment.read_column_uncached(position, &mut |column| rows.push(column))?;
    Ok(rows)
}

/// The segments that lack bitmaps of an index.
fn due(version: &Version, only: Option<IndexId>) -> impl Iterator<Item = Due> {
    let is_wanted = move |index: &Index| only.is_none_or(|only| only == index.entry.id);
    version.tables.values().flat_map(move |table| {
        let indexes = table.indexes.iter().filter(move |index| is_wanted(index));
        indexes.flat_map(move |index| {
            let id = index.entry.id;
            let entries = table.segments.iter().filter(move |entry| entry.bitmap(id).is_none());
            entries.map(move |entry| {
                let (table, index, entry) = (table.clone(), index.clone(), entry.clone());
                Due { table, index, entry }
            })
        })
    })
}

fn half_built(name: &str, error: Error) -> Error {
    error.context(format!(
        "index `{name}` is made, but not of all segments; the others are read whole meanwhile"
    ))
}

/// Refuses columns that are not of a few values, or whose equal values may look different.
fn check_type(schema: &TableSchema, position: usize) -> Result<()> {
    let column = &schema.columns[position];
    let why = match column.data_type {
        DataType::Real | DataType::Double => "two numbers that are equal may be stored differently",
        DataType::Json | DataType::Bytea => "its values are documents, not a few kinds of things",
        _ => return Ok(()),
    };
    let (name, data_type) = (&column.name, column.data_type);
    Err(Error::invalid(format!("column `{name}` of type {data_type} takes no bitmap index: {why}")))
}

fn stats(table: &TableVersion, index: &Index) -> IndexStats {
    let bitmaps = table.segments.iter().filter_map(|entry| entry.bitmap(index.entry.id));
    let (indexed, unfit): (Vec<_>, Vec<_>) = bitmaps.partition(|bitmap| bitmap.meta().has_file());
    let column = index.entry.position_in(&table.schema);
    let (segment_count, known_count) = (table.segments.len(), indexed.len() + unfit.len());
    let problem = index.problem().filter(|_| known_count < segment_count);
    IndexStats {
        name: index.entry.name.clone(),
        table: table.schema.name.clone(),
        column: column.map(|at| table.schema.columns[at].name.clone()).unwrap_or_default(),
        segment_count: segment_count as u64,
        indexed_segment_count: indexed.len() as u64,
        unfit_segment_count: unfit.len() as u64,
        bytes: indexed.iter().map(|bitmap| bitmap.meta().bytes).sum(),
        use_count: index.use_count(),
        created_at: SystemTime::from_micros(index.entry.created_us),
        problem: problem.map(|error| error.to_string()),
    }
}
