//! `annals.columns`: the columns of every table, the hidden ones at the end.

use annals_engine::{SYSTEM_FROM, SYSTEM_TO, Snapshot, VALID_FROM, VALID_TO, rows};
use arrow::array::RecordBatch;

use super::is_reserved_table;
use crate::error::Result;

pub(crate) fn rows(snapshot: &Snapshot) -> Result<RecordBatch> {
    let mut found: Vec<(String, String, i64, String, bool, bool, bool)> = Vec::new();
    let mut tables = snapshot.tables();
    tables.retain(|table| !is_reserved_table(&table.name));
    for table in tables {
        for (at, column) in table.columns.iter().enumerate() {
            let is_hidden = table.is_event && at == 0;
            let (name, data_type) = (column.name.clone(), column.data_type.to_string());
            let is_key = table.key.contains(&at);
            found.push((
                table.name.clone(),
                name,
                at as i64 + 1,
                data_type,
                column.nullable,
                is_key,
                is_hidden,
            ));
        }
        for (at, name) in [VALID_FROM, VALID_TO, SYSTEM_FROM, SYSTEM_TO].into_iter().enumerate() {
            let position = (table.columns.len() + at) as i64 + 1;
            let is_nullable = name != SYSTEM_FROM;
            let data_type = "TIMESTAMP".to_owned();
            found.push((
                table.name.clone(),
                name.to_owned(),
                position,
                data_type,
                is_nullable,
                false,
                true,
            ));
        }
    }
    Ok(rows!(
        ("table_name", Utf8, found.iter().map(|row| row.0.as_str()).collect::<Vec<_>>()),
        ("column_name", Utf8, found.iter().map(|row| row.1.as_str()).collect::<Vec<_>>()),
        ("ordinal_position", Int64, found.iter().map(|row| row.2).collect::<Vec<_>>()),
        ("data_type", Utf8, found.iter().map(|row| row.3.as_str()).collect::<Vec<_>>()),
        ("is_nullable", Boolean, found.iter().map(|row| row.4).collect::<Vec<_>>()),
        ("is_key", Boolean, found.iter().map(|row| row.5).collect::<Vec<_>>()),
        ("is_hidden", Boolean, found.iter().map(|row| row.6).collect::<Vec<_>>()),
    )?)
}
