//! `annals.tables`: the tables that users have made.

use std::collections::HashMap;

use annals_engine::{Database, Snapshot, rows};
use arrow::array::RecordBatch;

use super::is_reserved_table;
use crate::error::Result;

pub(crate) fn rows(database: &Database, snapshot: &Snapshot) -> Result<RecordBatch> {
    let stats = database.stats()?;
    let stats: HashMap<&str, _> =
        stats.tables.iter().map(|table| (table.name.as_str(), table)).collect();
    let mut tables = snapshot.tables();
    tables.retain(|table| !is_reserved_table(&table.name));
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let is_event: Vec<bool> = tables.iter().map(|table| table.is_event).collect();
    let keys = tables.iter().map(|table| {
        let key = table.key.iter().map(|at| table.columns[*at].name.as_str());
        (!table.is_event).then(|| key.collect::<Vec<_>>().join(", "))
    });
    let widths = tables.iter().map(|table| format!("{:?}", table.partition_width).to_uppercase());
    let of = |name: &str, count: &dyn Fn(&annals_engine::TableStats) -> u64| -> i64 {
        stats.get(name).map_or(0, |table| i64::try_from(count(table)).unwrap_or(i64::MAX))
    };
    let segments =
        |table: &annals_engine::TableStats| table.partitions.iter().map(|p| p.segment_count).sum();
    let row_count =
        |table: &annals_engine::TableStats| table.partitions.iter().map(|p| p.row_count).sum();
    let bytes = |table: &annals_engine::TableStats| table.partitions.iter().map(|p| p.bytes).sum();
    let memory = |table: &annals_engine::TableStats| table.memtable_row_count;
    let counted = |count: &dyn Fn(&annals_engine::TableStats) -> u64| -> Vec<i64> {
        names.iter().map(|name| of(name, count)).collect()
    };
    let retentions = names.iter().map(|name| {
        // Tables are never unmade.
        Ok(database.retention(name)?.map(|retention| retention.to_string()))
    });
    let retentions = retentions.collect::<Result<Vec<Option<String>>>>()?;
    Ok(rows!(
        ("table_name", Utf8, names.clone()),
        ("is_event", Boolean, is_event),
        ("key_columns", Utf8, keys.collect::<Vec<_>>()),
        ("partition_width", Utf8, widths.collect::<Vec<_>>()),
        ("segment_count", Int64, counted(&segments)),
        ("row_count", Int64, counted(&row_count)),
        ("memtable_row_count", Int64, counted(&memory)),
        ("bytes", Int64, counted(&bytes)),
        ("retention", Utf8, retentions),
    )?)
}
