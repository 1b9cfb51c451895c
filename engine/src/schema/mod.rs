//! Catalogue entries: tables, their columns and types.
//!
//! A table is keyed (one or several key columns; a later put supersedes an earlier one) or an event table (every row stands
//! for itself). Columns carry an id of their own, so that a name can change while stored bytes stay.

mod change;
mod column;
mod data_type;
mod mapping;
mod table;
mod value;

pub use change::TableChange;
pub use column::Column;
pub(crate) use column::ColumnId;
pub use data_type::DataType;
pub(crate) use mapping::{SchemaMapping, StoredColumn};
pub(crate) use table::check_name;
pub use table::{
    EVENT_ID, SYSTEM_FROM, SYSTEM_TO, TableId, TableSchema, TableSpec, VALID_FROM, VALID_TO,
    did_you_mean,
};
pub use value::Value;
