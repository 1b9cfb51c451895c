//! `annals.settings`: what bounds queries, and how long statements stay on record.

use annals_engine::{Database, rows};
use arrow::array::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::MemoryLimit;

use super::STATEMENTS;
use crate::error::Result;

pub(crate) fn rows(database: &Database, state: &SessionState) -> Result<RecordBatch> {
    let memory = match state.runtime_env().memory_pool.memory_limit() {
        MemoryLimit::Finite(bytes) => bytes.to_string(),
        _ => "unlimited".to_owned(),
    };
    // Of a table that is not there yet everything will be kept.
    let retention = database.retention(STATEMENTS).ok().flatten();
    let retention = retention.map_or_else(|| "FOREVER".to_owned(), |kept| kept.to_string());
    let settings = [
        ("query_memory_bytes_max", memory),
        ("query_thread_count", state.config().target_partitions().to_string()),
        ("batch_row_count", state.config().batch_size().to_string()),
        ("time_zone", "UTC".to_owned()),
        ("statement_retention", retention),
    ];
    Ok(rows!(
        ("name", Utf8, settings.iter().map(|setting| setting.0).collect::<Vec<_>>()),
        ("value", Utf8, settings.iter().map(|setting| setting.1.as_str()).collect::<Vec<_>>()),
    )?)
}
