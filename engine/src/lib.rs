//! annals-engine

pub(crate) mod codec;
pub mod disk;
pub mod error;
pub(crate) mod journal;
pub mod partition;
pub mod schema;
pub mod time;
pub(crate) mod wal;

pub use arrow;
pub use error::{Error, ErrorKind, Result};
pub use partition::{Partition, PartitionWidth};
pub use schema::{
    Column, DataType, SYSTEM_FROM, SYSTEM_TO, TableSchema, TableSpec, VALID_FROM, VALID_TO, Value,
};
pub use time::{Axis, Period, System, SystemTime, Time, Valid, ValidTime};
pub use wal::{Cut, SyncMode, WalRecovery};
