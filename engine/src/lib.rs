//! The storage engine of Annals: time-partitioned, append-only, bitemporal.
//!
//! A database keeps facts with two times: when a fact holds in the world (*valid time*), and when the database believed it
//! (*system time*, which the literature calls transaction time). It answers what was true at a valid instant V as it was
//! believed at a system instant T, exactly and for ever; what is true now, of all keys, in about the time that it takes without
//! history.
//!
//! # A tour
//!
//! ```
//! # fn main() -> annals_engine::Result<()> {
//! use annals_engine::rows;
//! use annals_engine::{At, Column, DataType, Database, Options, SystemTime, TableSpec, ValidTime};
//!
//! # let dir = tempfile::tempdir().unwrap();
//! let db = Database::open(dir.path(), Options::default())?;
//! db.create_table(
//!     TableSpec::keyed("salaries", ["name"])
//!         .column(Column::new("name", DataType::Text))
//!         .column(Column::new("amount", DataType::BigInt)),
//! )?;
//!
//! // Recorded in January: Ann earns 4,000, from now on.
//! let mut tx = db.begin();
//! tx.put("salaries", &rows!(("name", Utf8, ["Ann"]), ("amount", Int64, [4000]))?)?;
//! tx.system_time(SystemTime::parse("2024-01-01")?);
//! tx.commit()?;
//!
//! // Recorded in June: her raise, as of then.
//! let mut tx = db.begin();
//! tx.put("salaries", &rows!(("name", Utf8, ["Ann"]), ("amount", Int64, [4300]))?)?;
//! tx.system_time(SystemTime::parse("2024-06-01")?);
//! tx.commit()?;
//!
//! // What did we believe in March that she would earn in July? And what do we know now?
//! let july = Some(ValidTime::parse("2024-07-01")?);
//! let amount = |at: At| -> annals_engine::Result<i64> {
//!     use annals_engine::arrow::{array::AsArray, datatypes::Int64Type};
//!     let row = db.snapshot()?.get("salaries", &["Ann".into()], at)?.expect("she is on the payroll");
//!     Ok(row.column(1).as_primitive::<Int64Type>().value(0))
//! };
//! assert_eq!(amount(At { valid: july, system: Some(SystemTime::parse("2024-03-01")?) })?, 4000);
//! assert_eq!(amount(At { valid: july, system: None })?, 4300);
//! # Ok(())
//! # }
//! ```
//!
//! * [`Database`]: open, make tables, write, maintain, verify.
//! * [`Transaction`]: puts and deletes over valid periods, several tables, all or nothing; brings its own system time when a
//!   recorded history is imported.
//! * [`Snapshot`]: a fixed view; [`Snapshot::get`], [`Snapshot::history`], and [`Snapshot::scan`] with a [`Clause`] for each
//!   axis, a projection and a [`Predicate`], giving Arrow record batches.
//! * [`Options`]: memory, what survives a power cut ([`SyncMode`]), and the clock and disk of tests.
//!
//! # What survives
//!
//! When [`Transaction::commit`] returns in the default mode, the transaction is on disk and survives the end of the process and of
//! power. What a crash leaves unfinished is cut, reported ([`Database::recovery`]) and never shown. Every byte read from disk is
//! verified by a checksum before its first use: damage is an error that names file and offset, never a wrong answer.
//!
//! # It is not
//!
//! * a SQL database: it knows no SQL, no joins, no aggregates;
//! * a server: it speaks no protocol, and one process at a time owns a database folder;
//! * asynchronous: calls block, and two background threads flush and compact;
//! * a place for updates: nothing is overwritten, a put supersedes and history stays, until a key is erased ([`Database::erase`]).

pub mod disk;
pub mod error;
pub mod partition;
pub mod schema;
pub mod time;

mod archive;
mod backup;
mod bitmap;
mod cache;
mod clock;
mod codec;
mod compaction;
mod database;
#[cfg(test)]
mod document;
mod flush;
mod index;
mod journal;
mod layout;
mod manifest;
mod memtable;
mod options;
mod parallel;
mod scan;
mod segment;
mod snapshot;
mod supersession;
mod transaction;
mod version;
mod wal;

pub use arrow;

/// Makes an Arrow record batch of literal columns: name, Arrow type, values.
///
/// ```
/// let batch = annals_engine::rows!(("name", Utf8, ["Ann", "Ben"]), ("amount", Int64, [4000, 3900]))?;
/// assert_eq!(batch.num_rows(), 2);
/// # Ok::<(), annals_engine::Error>(())
/// ```
#[macro_export]
macro_rules! rows {
    ($(($name:expr, $type:ident, $($values:tt)+)),* $(,)?) => {
        $crate::arrow::array::RecordBatch::try_from_iter([
            $((
                $name,
                $crate::arrow::array::create_array!($type, $($values)+)
                    as $crate::arrow::array::ArrayRef,
            )),*
        ])
    };
}

pub use backup::backup_points;
pub use backup::{BackupOptions, BackupPoint, BackupReport, RestoreOptions, RestoreReport};
pub use clock::{Clock, ManualClock, SystemClock};
pub use database::{
    AuditRecord, Database, ERASED_KEY_COUNT_MAX, ErasedKey, Erasure, ErasureRequest, Hold,
    IndexStats, PartitionChange, PartitionInfo, PartitionStats, RecoveryReport, Retention,
    SegmentStats, Stats, Step, TableStats, VerifyReport, restore, verify,
};
pub use error::{Error, ErrorKind, Result};
pub use manifest::RetentionAction;
pub use options::Options;
pub use partition::{Partition, PartitionState, PartitionWidth};
pub use scan::{
    Clause, Comparison, MissingPartition, PartitionEstimate, Predicate, Rows, ScanEstimate,
    ScanMetrics,
};
pub use schema::{
    Column, DataType, SYSTEM_FROM, SYSTEM_TO, TableChange, TableSchema, TableSpec, VALID_FROM,
    VALID_TO, Value,
};
pub use snapshot::{At, Scan, Snapshot};
pub use time::{Axis, Period, System, SystemTime, Time, Valid, ValidTime};
pub use transaction::{Commit, Transaction};
pub use wal::{Cut, SyncMode, WalRecovery};
