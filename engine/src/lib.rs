//! annals-engine

pub mod disk;
pub mod error;
pub mod partition;
pub mod schema;
pub mod time;

pub use arrow;
pub use error::{Error, ErrorKind, Result};
pub use partition::{Partition, PartitionWidth};
pub use schema::{
    Column, DataType, SYSTEM_FROM, SYSTEM_TO, TableSchema, TableSpec, VALID_FROM, VALID_TO, Value,
};
pub use time::{Axis, Period, System, SystemTime, Time, Valid, ValidTime};
