//! annals-engine

pub(crate) mod cache;
pub(crate) mod codec;
pub mod disk;
pub mod error;
pub(crate) mod index;
pub(crate) mod journal;
pub mod partition;
pub mod schema;
pub(crate) mod segment;
pub mod time;
pub(crate) mod wal;

pub use error::{Error, ErrorKind, Result};
pub use partition::{Partition, PartitionWidth};
pub use schema::{Column, DataType, TableSchema, TableSpec};
pub use time::{Axis, Period, System, SystemTime, Time, Valid, ValidTime};
pub use wal::{Cut, SyncMode, WalRecovery};
