//! The storage engine of Annals.

pub mod disk;
pub mod error;
pub mod partition;
pub mod schema;
pub mod time;

mod cache;
mod clock;
mod codec;
mod compaction;
mod database;
mod flush;
mod index;
mod journal;
mod layout;
mod manifest;
mod memtable;
mod options;
mod scan;
mod segment;
mod snapshot;
mod supersession;
mod transaction;
mod version;
mod wal;

pub use arrow;

pub use clock::{Clock, ManualClock, SystemClock};
pub use database::{
    Database, PartitionStats, RecoveryReport, Stats, Step, TableStats, VerifyReport, verify,
};
pub use error::{Error, ErrorKind, Result};
pub use options::Options;
pub use partition::{Partition, PartitionWidth};
pub use scan::{Clause, Comparison, Predicate, Rows, ScanMetrics};
pub use schema::{
    Column, DataType, SYSTEM_FROM, SYSTEM_TO, TableSchema, TableSpec, VALID_FROM, VALID_TO, Value,
};
pub use snapshot::{At, Scan, Snapshot};
pub use time::{Axis, Period, System, SystemTime, Time, Valid, ValidTime};
pub use transaction::{Commit, Transaction};
pub use wal::{Cut, SyncMode, WalRecovery};
