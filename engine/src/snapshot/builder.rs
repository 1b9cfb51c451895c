//! A scan while it is being stated.

use crate::error::Result;
use crate::scan::{
    Clause, MissingPartition, Predicate, Request, RequestSpec, Rows, ScanEstimate, check_horizon,
};
use crate::schema::TableId;
use crate::snapshot::Snapshot;
use crate::time::{System, Valid};

/// A scan of one table: which versions on both axes, which columns, which rows.
///
/// Without a clause a keyed table is read as of now on both axes, an event table as of now in system time over all valid time.
///
/// ```
/// # fn main() -> annals_engine::Result<()> {
/// # use annals_engine::rows;
/// # use annals_engine::{Clause, Column, Comparison, DataType, Database, Options, Predicate, TableSpec, ValidTime};
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = Database::open(dir.path(), Options::default())?;
/// # db.create_table(
/// #     TableSpec::keyed("prices", ["sku"])
/// #         .column(Column::new("sku", DataType::Text))
/// #         .column(Column::new("cents", DataType::BigInt)),
/// # )?;
/// # let mut tx = db.begin();
/// # tx.put("prices", &rows!(("sku", Utf8, ["tea"]), ("cents", Int64, [350]))?)?;
/// # tx.commit()?;
/// let rows = db
///     .snapshot()?
///     .scan("prices")?
///     .valid(Clause::AsOf(ValidTime::parse("2999-01-01")?))
///     .columns(["sku", "_valid_from"])
///     .filter(Predicate::compare("cents", Comparison::Lt, 400))
///     .run()?;
/// let count: usize = rows.map(|batch| Ok(batch?.num_rows())).sum::<annals_engine::Result<usize>>()?;
/// assert_eq!(count, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a scan reads nothing before `run`"]
pub struct Scan {
    snapshot: Snapshot,
    table: TableId,
    spec: RequestSpec,
}

impl Scan {
    pub(crate) fn new(snapshot: Snapshot, table: TableId) -> Scan {
        Scan { snapshot, table, spec: RequestSpec::default() }
    }

    /// Selects by valid time.
    pub fn valid(mut self, clause: Clause<Valid>) -> Scan {
        self.spec.valid = Some(clause);
        self
    }

    /// Selects by system time.
    pub fn system(mut self, clause: Clause<System>) -> Scan {
        self.spec.system = Some(clause);
        self
    }

    /// Names the columns to give, period columns among them if wanted. All columns of the table unless told otherwise.
    pub fn columns<C: Into<String>>(mut self, names: impl IntoIterator<Item = C>) -> Scan {
        self.spec.columns = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Gives only rows for which the predicate holds; several are joined by AND. The engine decides it exactly.
    pub fn filter(mut self, predicate: Predicate) -> Scan {
        self.spec.predicates.push(predicate);
        self
    }

    /// Gives what is left where a partition that may have held rows was detached, archived or dropped. Without this a scan of a keyed
    /// table as of one instant of both times is refused there; any other gives what is left, and [`Rows::missing`] tells of the rest.
    pub fn allow_partial(mut self) -> Scan {
        self.spec.is_partial = true;
        self
    }

    /// Gives at most so many rows.
    pub fn limit(mut self, row_count: usize) -> Scan {
        self.spec.limit = Some(row_count);
        self
    }

    /// What the scan would touch, and how many rows it gives at most, without opening a file. Errors are those of [`Scan::run`].
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::rows;
    /// # use annals_engine::{Column, DataType, Database, Options, TableSpec};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # let column = Column::new("sku", DataType::Text);
    /// # db.create_table(TableSpec::keyed("prices", ["sku"]).column(column))?;
    /// # let mut tx = db.begin();
    /// # tx.put("prices", &rows!(("sku", Utf8, ["tea", "coffee"]))?)?;
    /// # tx.commit()?;
    /// db.flush()?;
    /// let estimate = db.snapshot()?.scan("prices")?.estimate()?;
    /// assert_eq!(estimate.row_count_max, 2);
    /// assert_eq!(estimate.partitions_kept[0].partition, "current");
    /// # Ok(())
    /// # }
    /// ```
    pub fn estimate(&self) -> Result<ScanEstimate> {
        let table = self.snapshot.table_by_id(self.table)?;
        let now = self.snapshot.system_time();
        let request = Request::resolve(table.schema.clone(), self.spec.clone(), now)?;
        let memtables = &self.snapshot.state().memtables;
        let number = self.snapshot.commit_number();
        let estimate = ScanEstimate::new(&request, table, memtables, number);
        table.check_readable()?;
        Ok(estimate)
    }

    /// The partitions that are not part of the database and may hold rows of the scan: what the scan leaves out, or the error with which it
    /// is refused. Opens no file.
    pub fn missing(&self) -> Result<Vec<MissingPartition>> {
        let table = self.snapshot.table_by_id(self.table)?;
        let now = self.snapshot.system_time();
        let request = Request::resolve(table.schema.clone(), self.spec.clone(), now)?;
        check_horizon(table, &request.selection, request.is_partial)
    }

    /// Starts reading in disjoint parts, for as many threads: together they give what [`Scan::run`] gives. There are at most
    /// `part_count_max`, fewer where there is little to read, and always at least one.
    ///
    /// A limit holds for each part, so that all together may give more. The counts of [`Rows::metrics`] add up.
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::rows;
    /// # use annals_engine::{Column, DataType, Database, Options, Rows, ScanMetrics, TableSpec};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # let column = Column::new("sku", DataType::Text);
    /// # db.create_table(TableSpec::keyed("prices", ["sku"]).column(column))?;
    /// # let mut tx = db.begin();
    /// # tx.put("prices", &rows!(("sku", Utf8, ["tea"]))?)?;
    /// # tx.commit()?;
    /// let read = |mut part: Rows| -> annals_engine::Result<ScanMetrics> {
    ///     for batch in &mut part {
    ///         println!("{} rows", batch?.num_rows());
    ///     }
    ///     Ok(part.metrics())
    /// };
    /// let parts = db.snapshot()?.scan("prices")?.run_in_parts(4)?;
    /// let threads: Vec<_> =
    ///     parts.into_iter().map(|part| std::thread::spawn(move || read(part))).collect();
    /// let mut metrics = ScanMetrics::default();
    /// for thread in threads {
    ///     metrics += thread.join().expect("no panic")?;
    /// }
    /// assert_eq!(metrics.row_count, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_in_parts(self, part_count_max: usize) -> Result<Vec<Rows>> {
        Ok(self.run()?.split(part_count_max))
    }

    /// Starts reading. An error of kind `Invalid` names the column, the empty range, or the system instant that lies after the
    /// snapshot's present; one of kind `Missing` the partitions that may have held what was asked for; one of kind `Erased` says that data of the table was erased since the snapshot was made. The same can
    /// end the reading later.
    pub fn run(self) -> Result<Rows> {
        let table = self.snapshot.table_by_id(self.table)?;
        let request =
            Request::resolve(table.schema.clone(), self.spec, self.snapshot.system_time())?;
        let memtables = &self.snapshot.state().memtables;
        Rows::new(request, table, memtables, self.snapshot.commit_number())
    }
}
