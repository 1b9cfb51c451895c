//! A fixed view of the database: what it answers never changes, whatever is committed, flushed or compacted meanwhile.

mod builder;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};

pub use builder::Scan;

use crate::error::Result;
use crate::memtable::Memtable;
use crate::scan::{
    Clause, FoundVersion, KeyReader, MissingPartition, Selection, check_horizon, encode_key,
    period_column, period_field, shown_columns, values_of,
};
use crate::schema::{TableId, TableSchema, Value};
use crate::time::{Rect, SystemTime, ValidTime};
use crate::version::{TableVersion, Version};

/// A fixed view of all that was committed when it was made.
///
/// Cloning is cheap. It pins the segments and memtables it reads, so files that a compaction has replaced stay until the last
/// snapshot that could read them is dropped. Only [`crate::Database::erase`] goes before it: from then on a read of that table is an
/// error of the kind [`crate::ErrorKind::Erased`], while other tables are read as before.
#[derive(Clone, Debug)]
pub struct Snapshot {
    state: Arc<State>,
    commit_number: u64,
    now: SystemTime,
}

/// What readers read: replaced as a whole by every flush and compaction.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) version: Version,
    /// Oldest first; the last one takes writes.
    pub(crate) memtables: Vec<Arc<Memtable>>,
}

/// An instant of both times; `None` is the snapshot's present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// When it holds in the world.
    pub valid: Option<ValidTime>,
    /// When the database believed it.
    pub system: Option<SystemTime>,
}

impl State {
    /// The system time of the last transaction up to a number in a table; `i64::MIN` if there is none.
    pub(crate) fn last_system(&self, table: &TableVersion, commit_number: u64) -> i64 {
        // A flush puts the whole of a memtable into segments, so that nothing of a table in segments is later than what is in
        // memtables, and nothing of it is later than what a snapshot of this state sees.
        let newest_first = self.memtables.iter().rev();
        let id = table.schema.id;
        let unflushed = newest_first.filter_map(|m| m.last_system(id, commit_number)).next();
        unflushed.unwrap_or(table.last_system)
    }
}

impl Snapshot {
    pub(crate) fn new(state: Arc<State>, commit_number: u64, now: SystemTime) -> Snapshot {
        Snapshot { state, commit_number, now }
    }

    /// The present of the snapshot on both axes: later than every commit it sees, earlier than every later one.
    pub fn system_time(&self) -> SystemTime {
        self.now
    }

    /// The number of the last transaction that it sees; 0 if there is none.
    pub fn commit_number(&self) -> u64 {
        self.commit_number
    }

    /// The system time of the last transaction that this snapshot sees of a table; `None` if it sees none.
    ///
    /// Two snapshots of one database that agree on it show the same versions of the table: so a transaction can make sure, in
    /// [`crate::Transaction::expect`], that nobody has changed what it read. An erasure counts as a transaction here.
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::rows;
    /// # use annals_engine::{Column, DataType, Database, ErrorKind, Options, TableSpec};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # let column = Column::new("sku", DataType::Text);
    /// # db.create_table(TableSpec::keyed("prices", ["sku"]).column(column))?;
    /// let seen = db.snapshot()?.last_change("prices")?;
    /// assert_eq!(seen, None);
    /// let mut late = db.begin();
    /// late.put("prices", &rows!(("sku", Utf8, ["tea"]))?)?;
    /// late.expect("`prices` has changed", move |now| Ok(now.last_change("prices")? == seen));
    ///
    /// let mut first = db.begin();
    /// first.put("prices", &rows!(("sku", Utf8, ["coffee"]))?)?;
    /// let commit = first.commit()?;
    /// assert_eq!(db.snapshot()?.last_change("prices")?, Some(commit.system_time));
    /// assert_eq!(late.commit().unwrap_err().kind(), ErrorKind::Conflict);
    /// # Ok(())
    /// # }
    /// ```
    pub fn last_change(&self, table: &str) -> Result<Option<SystemTime>> {
        let table = self.table(table)?;
        let mut last = self.last_system(table);
        table.check_readable()?;
        if let Some(erasure) = table.erasure.filter(|erasure| erasure.after == last) {
            last = erasure.at;
        }
        Ok((last > i64::MIN).then(|| SystemTime::from_micros(last)))
    }

    /// The same in microseconds; `i64::MIN` if there is none.
    pub(crate) fn last_system(&self, table: &TableVersion) -> i64 {
        self.state.last_system(table, self.commit_number)
    }

    /// Begins a scan of a table; see [`Scan`].
    pub fn scan(&self, table: &str) -> Result<Scan> {
        let id = self.table(table)?.schema.id;
        Ok(Scan::new(self.clone(), id))
    }

    /// The row of one key at an instant of both times, if there is one: all columns, then the four period columns. An error of kind
    /// `Missing` if it may have been in a partition that is not part of the database any more.
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::rows;
    /// # use annals_engine::{At, Column, DataType, Database, Options, TableSpec};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # let column = Column::new("sku", DataType::Text);
    /// # db.create_table(TableSpec::keyed("prices", ["sku"]).column(column))?;
    /// let mut tx = db.begin();
    /// tx.put("prices", &rows!(("sku", Utf8, ["tea"]))?)?;
    /// tx.commit()?;
    /// let row = db.snapshot()?.get("prices", &["tea".into()], At::default())?;
    /// assert_eq!(row.map(|batch| batch.num_rows()), Some(1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self, table: &str, key: &[Value], at: At) -> Result<Option<RecordBatch>> {
        let system = at.system.unwrap_or(self.now);
        let valid = at.valid.unwrap_or(ValidTime::from_micros(self.now.micros()));
        let (valid, system) = (Clause::AsOf(valid).checked()?, Clause::AsOf(system).checked()?);
        system.check_not_after(self.now)?;
        let found = self.find(table, key, &Selection::new(&valid, &system))?;
        Ok(Some(found).filter(|batch| batch.num_rows() > 0))
    }

    /// The partitions of a table that are not part of the database, in order of time: [`Snapshot::history`] and scans of ranges lack what
    /// they held.
    pub fn missing(&self, table: &str) -> Result<Vec<MissingPartition>> {
        let table = self.table(table)?;
        let sealed = table.sealed.values();
        Ok(sealed.map(|sealed| MissingPartition::of(&table.schema.name, sealed)).collect())
    }

    /// Every version of one key that was ever believed, ordered by `_system_from`, then `_valid_from`; columns as in
    /// [`Snapshot::get`].
    pub fn history(&self, table: &str, key: &[Value]) -> Result<RecordBatch> {
        self.find(table, key, &Selection::new(&Clause::All, &Clause::All))
    }

    fn find(&self, table: &str, key: &[Value], selection: &Selection) -> Result<RecordBatch> {
        let table = self.table(table)?;
        let key = encode_key(&table.schema, key)?;
        check_horizon(table, selection, false)?;
        let memtables = &self.state.memtables;
        let reader = KeyReader::new(table, memtables, self.commit_number);
        let mut found = reader.find(&key, selection)?;
        table.check_readable()?;
        found.sort_by_key(|version| (version.rect.system_from, version.rect.valid_from));
        version_batch(&table.schema, &found)
    }

    /// Whether both show the same of the same database, as of the same present.
    pub(crate) fn is_same(&self, other: &Snapshot) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
            && (self.commit_number, self.now) == (other.commit_number, other.now)
    }

    /// The catalogue entries of all tables, in the order in which they were made.
    pub fn tables(&self) -> Vec<Arc<TableSchema>> {
        self.state.version.tables.values().map(|table| table.schema.clone()).collect()
    }

    /// The catalogue entry of a table, or an error with the nearest name there is.
    pub fn table_schema(&self, name: &str) -> Result<Arc<TableSchema>> {
        Ok(self.table(name)?.schema.clone())
    }

    pub(crate) fn table(&self, name: &str) -> Result<&TableVersion> {
        self.state.version.table_by_name(name).map(AsRef::as_ref)
    }

    pub(crate) fn table_by_id(&self, id: TableId) -> Result<&TableVersion> {
        self.state.version.table(id).map(AsRef::as_ref)
    }

    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }
}

fn version_batch(schema: &TableSchema, found: &[FoundVersion]) -> Result<RecordBatch> {
    let columns = shown_columns(schema);
    let fields = columns.iter().map(|number| schema.columns[*number].arrow());
    let fields: Vec<Field> = fields.chain((0..4).map(period_field)).collect();
    let output = Arc::new(Schema::new(fields));
    if found.is_empty() {
        return Ok(RecordBatch::new_empty(output));
    }
    let rects: Vec<Rect> = found.iter().map(|version| version.rect).collect();
    let mut arrays = values_of(schema, found, &columns)?;
    arrays.extend((0..4).map(|period| period_column(&rects, period)));
    Ok(RecordBatch::try_new(output, arrays)?)
}
