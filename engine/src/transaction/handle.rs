//! A transaction as its author sees it.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use parking_lot::Mutex;

use super::own_writes::OwnWrites;
use super::staged::Staged;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::schema::TableSchema;
use crate::snapshot::Snapshot;
use crate::time::SystemTime;

/// Puts and deletes that commit together or not at all; dropping it without [`Transaction::commit`] rolls it back.
///
/// ```
/// # fn main() -> annals_engine::Result<()> {
/// use annals_engine::rows;
/// use annals_engine::{Column, DataType, Database, Options, TableSpec};
///
/// # let dir = tempfile::tempdir().unwrap();
/// let db = Database::open(dir.path(), Options::default())?;
/// db.create_table(
///     TableSpec::keyed("prices", ["sku"])
///         .column(Column::new("sku", DataType::Text))
///         .column(Column::new("cents", DataType::BigInt)),
/// )?;
/// let mut tx = db.begin();
/// tx.put("prices", &rows!(("sku", Utf8, ["tea"]), ("cents", Int64, [350]))?)?;
/// tx.delete("prices", &rows!(("sku", Utf8, ["coffee"]))?)?;
/// let commit = tx.commit()?;
/// assert_eq!(commit.number, 1);
/// # Ok(())
/// # }
/// ```
pub struct Transaction {
    database: Database,
    pub(crate) statements: Vec<Staged>,
    pub(crate) expectations: Vec<Expectation>,
    pub(crate) system_time: Option<SystemTime>,
    /// What tables are like; `None`: as they are when a statement is made.
    tables: Option<Snapshot>,
    byte_count: usize,
    pub(super) own_writes: Mutex<OwnWrites>,
}

/// What is asked of a snapshot.
type Condition = dyn Fn(&Snapshot) -> Result<bool> + Send + Sync;

/// A condition that must hold in the latest committed state, or the transaction is refused.
pub(crate) struct Expectation {
    pub(crate) message: String,
    pub(crate) holds: Box<Condition>,
}

/// What a commit was given. When it is returned, the transaction is visible to every snapshot made from then on, and survives
/// what the database's [`crate::SyncMode`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// From when on the database believes what the transaction states.
    pub system_time: SystemTime,
    /// Unique in the database and without gaps, from 1 on.
    pub number: u64,
}

impl Transaction {
    pub(crate) fn new(database: Database) -> Transaction {
        Transaction {
            database,
            statements: Vec::new(),
            expectations: Vec::new(),
            system_time: None,
            tables: None,
            byte_count: 0,
            own_writes: Mutex::default(),
        }
    }

    /// Asserts rows: their keys have these values over their valid periods, whatever was believed before.
    ///
    /// Columns go by name, in any order; those left out have their default ([`crate::Column::with_default`]), or else NULL.
    /// The columns `_valid_from` and `_valid_to` (timestamps in microseconds) give the periods: NULL means unbounded; without
    /// `_valid_from` a row holds from the transaction's system time on, without `_valid_to` it has no end. In an event table
    /// `_valid_from` is the instant at which the row occurred, and there is no `_valid_to`.
    ///
    /// An error of kind `Invalid` names the column or the row, and leaves the transaction as it was.
    pub fn put(&mut self, table: &str, rows: &RecordBatch) -> Result<()> {
        let schema = self.schema_of(table)?;
        self.stage(Staged::put(schema, rows)?)
    }

    /// Retracts keys over valid periods; history keeps what was believed before.
    ///
    /// The batch has the key columns and, as for [`Transaction::put`], `_valid_from` and `_valid_to`. The key of an event is the
    /// hidden column `_event_id`; without a period an event is retracted whenever it occurred. The first event that this very
    /// transaction has put into the table is -1, the next -2, and so on, as [`Transaction::snapshot`] shows them.
    pub fn delete(&mut self, table: &str, keys: &RecordBatch) -> Result<()> {
        let schema = self.schema_of(table)?;
        self.stage(Staged::delete(schema, keys)?)
    }

    fn schema_of(&self, table: &str) -> Result<Arc<TableSchema>> {
        match &self.tables {
            Some(snapshot) => snapshot.table_schema(table),
            None => self.database.table(table),
        }
    }

    fn stage(&mut self, statement: Staged) -> Result<()> {
        let byte_count = self.byte_count + statement.byte_count();
        let byte_count_max = self.database.transaction_bytes_max();
        if byte_count > byte_count_max {
            return Err(Error::exhausted(format!(
                "a transaction of {byte_count} bytes is larger than the limit of {byte_count_max} bytes"
            )));
        }
        if statement.row_count() > 0 {
            self.byte_count = byte_count;
            self.statements.push(statement);
        }
        Ok(())
    }

    /// Lets tables have the columns that a snapshot shows, whatever [`Database::alter_table`] does meanwhile: for a transaction that
    /// writes what it has read there. Without it a statement takes a table as it is when it is made.
    pub fn tables_of(&mut self, snapshot: &Snapshot) -> &mut Transaction {
        self.tables = Some(snapshot.clone());
        self
    }

    /// Brings a system time along, for importing a history that was recorded elsewhere.
    ///
    /// At commit it must be later than the last system time of every table the transaction touches, and not in the future.
    pub fn system_time(&mut self, at: SystemTime) -> &mut Transaction {
        self.system_time = Some(at);
        self
    }

    /// States what must hold for the transaction to be applied: `holds` is asked under the writer, with a snapshot of all that
    /// has been committed before. Otherwise the commit fails with the kind `Conflict` and `message`.
    pub fn expect(
        &mut self,
        message: impl Into<String>,
        holds: impl Fn(&Snapshot) -> Result<bool> + Send + Sync + 'static,
    ) -> &mut Transaction {
        self.expectations.push(Expectation { message: message.into(), holds: Box::new(holds) });
        self
    }

    /// Rows put and deleted so far.
    pub fn row_count(&self) -> usize {
        self.statements.iter().map(Staged::row_count).sum()
    }

    /// What the clock of its database shows.
    pub(super) fn clock_now(&self) -> SystemTime {
        self.database.clock_now()
    }

    /// Bytes of memory that its rows take, about.
    pub(crate) fn byte_count(&self) -> usize {
        self.byte_count
    }

    /// Applies the transaction. When it returns, it is durable (see [`crate::SyncMode`]) and visible.
    ///
    /// Kinds of error: `Invalid` (its own system time is not allowed, or a period that begins at the system time is empty),
    /// `Conflict` (an expectation does not hold), `Halted` (the log could not be written: whether the transaction survived is
    /// known after reopening), `Unavailable` (closed). With `Invalid` and `Conflict` nothing was written.
    pub fn commit(self) -> Result<Commit> {
        self.database.clone().commit(self)
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("row_count", &self.row_count())
            .field("system_time", &self.system_time)
            .finish_non_exhaustive()
    }
}
