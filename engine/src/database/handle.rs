//! The handle that embedders hold.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::background::Background;
use super::erasure::{Erasure, ErasureRequest};
use super::index::IndexStats;
use super::inner::Inner;
use super::lifecycle::Retention;
use super::maintenance::Step;
use super::open::{OpenMode, RecoveryReport};
use super::stats::{SegmentStats, Stats};
use super::verify::VerifyReport;
use crate::backup::{BackupOptions, BackupReport};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::schema::{TableChange, TableSchema, TableSpec};
use crate::snapshot::Snapshot;
use crate::time::SystemTime;
use crate::transaction::{Commit, Transaction};

/// A database in a folder, owned by this process while the handle or a clone of it lives.
///
/// Clones share one database. Dropping the last one without [`Database::close`] is as good as a crash of the process: nothing
/// that was acknowledged is lost, and the next open replays the log.
///
/// ```
/// # fn main() -> annals_engine::Result<()> {
/// use annals_engine::{Database, Options};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let db = Database::open(dir.path(), Options::default())?;
/// assert!(db.tables().is_empty());
/// db.close()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Database {
    handle: Arc<Handle>,
}

/// Stops the background threads when the last clone goes.
#[derive(Debug)]
struct Handle {
    inner: Arc<Inner>,
    background: Option<Background>,
}

impl Database {
    /// Opens the database in a folder, making it if the folder is missing or empty.
    ///
    /// Kinds of error: `Unavailable` (another process holds it, the folder holds something else, or a newer build wrote it),
    /// `Corrupt` (names file and offset), `Io`. Nothing is changed on disk by an open that fails to judge what it finds.
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Database> {
        Database::start(Inner::open(dir.as_ref(), options, OpenMode::CreateIfMissing)?)
    }

    /// Opens a database that is there; `Unavailable` if there is none.
    pub fn open_existing(dir: impl AsRef<Path>, options: Options) -> Result<Database> {
        Database::start(Inner::open(dir.as_ref(), options, OpenMode::Existing)?)
    }

    fn start(inner: Inner) -> Result<Database> {
        let inner = Arc::new(inner);
        let is_on = inner.options.background;
        let background = is_on.then(|| Background::start(inner.clone())).transpose()?;
        Ok(Database { handle: Arc::new(Handle { inner, background }) })
    }

    /// What opening did: transactions replayed, bytes cut and why.
    pub fn recovery(&self) -> &RecoveryReport {
        &self.inner().recovery
    }

    /// Makes a table; durable when it returns. `Conflict` if the name is taken, `Invalid` if the request is wrong.
    ///
    /// Making a table takes no system time: a recorded history can still be imported into it from its beginning.
    pub fn create_table(&self, spec: TableSpec) -> Result<Arc<TableSchema>> {
        self.inner().create_table(spec, None)
    }

    /// The same, with how long it is kept, which goes on record as the wish of `by`.
    pub fn create_table_retained(
        &self,
        spec: TableSpec,
        retention: &Retention,
        by: &str,
    ) -> Result<Arc<TableSchema>> {
        self.inner().create_table(spec, Some((retention, by)))
    }

    /// Changes the columns of a table; durable when it returns, with the entry that the table has from then on.
    ///
    /// The catalogue alone changes, in milliseconds however many rows there are; reads and writes go on. Rows that are there are read
    /// through the entry of now, also as of system times before the change: a column that was added shows its default, or NULL, and one
    /// that was dropped is gone. (Its stored values go when compactions rewrite their segments, as [`Database::compact`] does with all
    /// that have some; [`Database::erase`] is what removes values for good.)
    ///
    /// A snapshot keeps the entries that it began with. A transaction that stated rows before the change may still commit: they are read
    /// through the entry of now like all others.
    ///
    /// Kinds of error: `Conflict` (the table has a column of that name), `Invalid` (no such table or column, a column of the key, a type
    /// that does not have all the values of the one before, a column that could be neither NULL nor a default), `Exhausted` (4,096
    /// columns), `Halted` (the manifest could not be written: whether the table was changed is known after reopening). After the first
    /// three nothing is changed.
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::arrow::{array::AsArray, datatypes::Int64Type};
    /// # use annals_engine::rows;
    /// # use annals_engine::{At, Column, DataType, Database, Options, TableChange, TableSpec};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # let column = Column::new("sku", DataType::Text);
    /// # db.create_table(TableSpec::keyed("prices", ["sku"]).column(column))?;
    /// # let mut tx = db.begin();
    /// tx.put("prices", &rows!(("sku", Utf8, ["tea"]))?)?;
    /// tx.commit()?;
    /// let cents = Column::new("cents", DataType::BigInt).not_null().with_default(350);
    /// db.alter_table("prices", &TableChange::AddColumn(cents))?;
    /// let row = db.snapshot()?.get("prices", &["tea".into()], At::default())?.expect("tea");
    /// assert_eq!(row.column(1).as_primitive::<Int64Type>().value(0), 350);
    /// # Ok(())
    /// # }
    /// ```
    pub fn alter_table(&self, table: &str, change: &TableChange) -> Result<Arc<TableSchema>> {
        self.inner().alter_table(table, change)
    }

    /// A table by name; an error with the nearest name if there is none.
    pub fn table(&self, name: &str) -> Result<Arc<TableSchema>> {
        self.inner().check_open()?;
        let state = self.inner().shared.lock().state.clone();
        Ok(state.version.table_by_name(name)?.schema.clone())
    }

    /// All tables, in the order in which they were made.
    pub fn tables(&self) -> Vec<Arc<TableSchema>> {
        let state = self.inner().shared.lock().state.clone();
        state.version.tables.values().map(|table| table.schema.clone()).collect()
    }

    /// Begins a transaction. Nothing is locked or written before [`Transaction::commit`].
    pub fn begin(&self) -> Transaction {
        Transaction::new(self.clone())
    }

    pub(crate) fn commit(&self, transaction: Transaction) -> Result<Commit> {
        self.inner().commit(transaction)
    }

    pub(crate) fn transaction_bytes_max(&self) -> usize {
        self.inner().options.transaction_bytes_max
    }

    /// What the clock shows.
    pub(crate) fn clock_now(&self) -> SystemTime {
        self.inner().options.clock.now()
    }

    /// A fixed view of all that is committed. Never waits for a writer.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.inner().check_open()?;
        Ok(self.inner().snapshot())
    }

    /// Writes all memtables to segments.
    pub fn flush(&self) -> Result<()> {
        self.inner().flush()
    }

    /// Flushes, then brings every version as a plain row into its partition, in as few segments as can be, and makes the bitmaps that
    /// indexes lack. `progress` is told what is being done, a line for each step. Reads and writes go on.
    pub fn compact(&self, progress: &mut dyn FnMut(&str)) -> Result<()> {
        self.inner().compact(progress)
    }

    /// Erases keys for ever, over all valid time and all system time: from memory, from the log, from every segment and its index.
    /// `keys` has the key columns by name; for an event table its hidden `_event_id`. A key that is not there is passed over.
    ///
    /// It takes effect at one instant, [`Erasure::erased_at`]. What was committed before goes; what is committed later about the same
    /// key, also while this runs, is a new fact and stays. A transaction that has read before it writes ([`Transaction::expect`]) waits
    /// for the end of this. It is an operation of its own, not part of a transaction, and not undone by anything.
    ///
    /// When it returns, no file of the database holds a value of the keys, nor the keys themselves; files that held some are removed,
    /// whether snapshots could still read them or not. A read of this table through an older snapshot is an error of the kind
    /// [`crate::ErrorKind::Erased`] from then on, and a scan that runs ends with it unless it has read what it needs. What survives is
    /// the record that this returns and [`Database::erasures`] lists, with a keyed hash in place of each key. When power is lost, either
    /// all keys are as they were or all are gone; what was left of their files goes when the database is opened.
    ///
    /// It does not reach what is not of the database: copies of the folder, blocks that a file system or a drive keeps of removed
    /// files, memory that was freed.
    ///
    /// Kinds of error: `Invalid` (no such table, other columns than the key's, a request without a name), `Exhausted` (more than 65,536
    /// keys, or no space for the new segments) and `Io`, after which nothing is erased, unless the message says that only files are
    /// left to be removed; `Corrupt` (a segment that has to be read is damaged; nothing is erased); `Halted` (the log or the manifest
    /// could not be written: whether the keys are erased is known after reopening).
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::rows;
    /// # use annals_engine::{At, Column, DataType, Database, ErasureRequest, ErrorKind, Options, TableSpec};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # let column = Column::new("name", DataType::Text);
    /// # db.create_table(TableSpec::keyed("guests", ["name"]).column(column))?;
    /// # let mut tx = db.begin();
    /// tx.put("guests", &rows!(("name", Utf8, ["Ann", "Ben"]))?)?;
    /// tx.commit()?;
    /// let before = db.snapshot()?;
    ///
    /// let request = ErasureRequest::by("the front desk").reason("she asked us to");
    /// let erasure = db.erase("guests", &rows!(("name", Utf8, ["Ann"]))?, &request)?;
    /// assert_eq!((erasure.keys.len(), erasure.row_count()), (1, 1));
    /// assert_eq!(db.erasures()?, [erasure]);
    ///
    /// let now = db.snapshot()?;
    /// assert!(now.get("guests", &["Ann".into()], At::default())?.is_none());
    /// assert!(now.get("guests", &["Ben".into()], At::default())?.is_some());
    /// let refused = before.get("guests", &["Ben".into()], At::default()).unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::Erased);
    /// # Ok(())
    /// # }
    /// ```
    pub fn erase(
        &self,
        table: &str,
        keys: &RecordBatch,
        request: &ErasureRequest,
    ) -> Result<Erasure> {
        self.inner().erase(table, keys, request)
    }

    /// Backs the database up into a folder, which must be missing, empty, or one of its own backups: adds a *point* as of an instant at
    /// which this begins, from which [`crate::restore`] makes the database as it was then or at any system instant before. Reads, writes,
    /// flushes and compactions go on; only a flush of what is in memory comes first, and erasures wait.
    ///
    /// Files never change, so points share them: only files that no point has yet come into the folder, by a second name where the file
    /// system gives one, else by a copy that is verified. Everything is durable when this returns. What was cut off by an error or a
    /// crash is no point, and the next backup removes it. To give up a point, remove its file: the next backup removes what it alone named.
    ///
    /// The folder is named by its absolute path, and the database remembers it: [`Database::erase`] reaches it from then on, until
    /// [`Database::forget_backup`].
    ///
    /// Kinds of error: `Invalid` (the folder holds something else, or backups of another database; the path is not absolute, not
    /// UTF-8, or inside the database), `Conflict` (backups of a copy of this database that has gone another way), `Unavailable` (somebody else
    /// changes the folder; the database is closed), `Corrupt` (a point, or a file that was copied, is damaged), `Exhausted`, `Io`,
    /// `Halted`.
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::{BackupOptions, Database, Options};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path().join("db"), Options::default())?;
    /// # let folder = dir.path().join("backups");
    /// let first = db.backup(&folder, &BackupOptions::default())?;
    /// let second = db.backup(&folder, &BackupOptions::default())?;
    /// assert_eq!((first.number, second.number), (1, 2));
    /// assert!(first.system_time < second.system_time);
    /// assert_eq!(db.backups()?, [folder.to_str().unwrap()]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn backup(
        &self,
        folder: impl AsRef<Path>,
        options: &BackupOptions,
    ) -> Result<BackupReport> {
        self.inner().backup(folder.as_ref(), options)
    }

    /// The folders into which the database was backed up, sorted.
    pub fn backups(&self) -> Result<Vec<String>> {
        self.inner().backups()
    }

    /// Takes a folder off [`Database::backups`], whether it is there or not; durable when it returns. Nothing in the folder is changed,
    /// and no later erasure reaches it. `Invalid` if it is none of them.
    pub fn forget_backup(&self, folder: impl AsRef<Path>) -> Result<()> {
        self.inner().forget_backup(folder.as_ref())
    }

    /// All erasures that were carried out, oldest first.
    pub fn erasures(&self) -> Result<Vec<Erasure>> {
        self.inner().erasures()
    }

    /// Makes a bitmap index on a column: for each of its values, which rows of a segment hold it. A scan whose filter wants some of these
    /// values, or NULL, leaves the other rows alone, and the blocks in which there are none. For columns of few values: a segment in which
    /// the column has more than 4,096, or one longer than 256 bytes, is passed over and read as without an index.
    ///
    /// The index is durable, and the segments that there are have bitmaps, when this returns; those to come get theirs in the background,
    /// or by [`Database::maintain`]. Reads and writes go on; no answer changes by it. A crash half-way leaves the index, and the rest is
    /// built once the database is open again.
    ///
    /// Kinds of error: `Conflict` if the name is taken; `Invalid` if there is no such table or column, or the column is of a type that
    /// takes no index (REAL, DOUBLE PRECISION, JSON, BYTEA). Nothing was made then. Any other error (`Corrupt`, `Io`, `Exhausted`) says
    /// that the index is made, but not of all segments; `Halted`, that whether it is made is known after reopening.
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::rows;
    /// # use annals_engine::{Column, Comparison, DataType, Database, Options, Predicate, TableSpec};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # db.create_table(
    /// #     TableSpec::keyed("orders", ["id"])
    /// #         .column(Column::new("id", DataType::BigInt))
    /// #         .column(Column::new("state", DataType::Text)),
    /// # )?;
    /// # let mut tx = db.begin();
    /// tx.put("orders", &rows!(("id", Int64, [1, 2]), ("state", Utf8, ["open", "paid"]))?)?;
    /// tx.commit()?;
    /// db.flush()?;
    /// db.create_index("orders_by_state", "orders", "state")?;
    ///
    /// let open = Predicate::compare("state", Comparison::Eq, "open");
    /// let rows = db.snapshot()?.scan("orders")?.filter(open).run()?;
    /// assert_eq!(rows.map(|batch| Ok(batch?.num_rows())).sum::<annals_engine::Result<usize>>()?, 1);
    /// let index = &db.indexes()?[0];
    /// assert_eq!((index.indexed_segment_count, index.use_count), (1, 1));
    /// db.drop_index("orders_by_state")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_index(&self, name: &str, table: &str, column: &str) -> Result<()> {
        self.inner().create_index(name, table, column)
    }

    /// Drops an index; durable when it returns. Its files go at once, or with the last snapshot that may read them. `Invalid` with the
    /// nearest name if there is none; no answer changes by it.
    pub fn drop_index(&self, name: &str) -> Result<()> {
        self.inner().drop_index(name)
    }

    /// All indexes, by table and in the order in which they were made: how far they are built, and how often they were of use.
    pub fn indexes(&self) -> Result<Vec<IndexStats>> {
        self.inner().indexes()
    }

    /// Does one step of background work, if one is due: for tests, and for embedders that turned [`Options::background`] off.
    pub fn maintain(&self) -> Result<Option<Step>> {
        self.inner().maintain()
    }

    /// Sizes and counts of tables, partitions, log and memory.
    pub fn stats(&self) -> Result<Stats> {
        self.inner().stats()
    }

    /// Every segment, by table, partition and age. Reads no file.
    pub fn segments(&self) -> Result<Vec<SegmentStats>> {
        self.inner().segments()
    }

    /// Reads every byte of every file, and tells `report` of each damage. An error is returned only where reading itself could
    /// not go on.
    pub fn verify(&self, report: &mut dyn FnMut(Error)) -> Result<VerifyReport> {
        self.inner().verify(report)
    }

    /// Flushes what is in memory, seals the log and lets go of the folder. Clones of the handle answer `Unavailable` from then
    /// on; snapshots stay readable.
    pub fn close(self) -> Result<()> {
        if let Some(background) = &self.handle.background {
            background.stop();
        }
        self.inner().close()
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.handle.inner
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(background) = &self.background {
            background.stop();
        }
    }
}
