//! System tables: `annals.tables` and its kin, made from the catalogue when a statement names them.

mod audit;
mod columns;
mod erasures;
mod holds;
mod indexes;
mod partitions;
mod segments;
mod settings;
mod statements;
mod tables;

use std::sync::Arc;

use annals_engine::schema::did_you_mean;
use annals_engine::{Database, Snapshot};
use arrow::array::RecordBatch;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::execution::SessionState;

use crate::error::{Error, Result};

pub(crate) use statements::{STATEMENTS, check_free, kept_as_table, prepare_statements, record};
pub use statements::{StatementRecord, is_reserved_table};

/// The schema that system tables live in.
pub(crate) const SCHEMA: &str = "annals";

const NAMES: &[&str] = &[
    "tables",
    "columns",
    "partitions",
    "segments",
    "indexes",
    "holds",
    "erasures",
    "audit",
    "settings",
];

/// The system table of this name, as it is now.
pub(crate) fn table(
    database: &Database,
    snapshot: &Snapshot,
    state: &SessionState,
    name: &str,
) -> Result<Arc<dyn TableProvider>> {
    let rows: RecordBatch = match name {
        "tables" => tables::rows(database, snapshot)?,
        "columns" => columns::rows(snapshot)?,
        "partitions" => partitions::rows(database)?,
        "segments" => segments::rows(database)?,
        "holds" => holds::rows(database)?,
        "indexes" => indexes::rows(database)?,
        "erasures" => erasures::rows(database)?,
        "audit" => return audit::table(database, snapshot),
        "settings" => settings::rows(database, state)?,
        _ => {
            let near = did_you_mean(name, NAMES.iter().copied());
            return Err(Error::invalid(format!("there is no table `{SCHEMA}.{name}`{near}")));
        }
    };
    Ok(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))
}
