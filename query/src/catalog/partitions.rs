//! `annals.partitions`: the time partitions that have segments.

use annals_engine::{Database, Partition, rows};
use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};
use std::sync::Arc;

use crate::error::Result;

pub(crate) fn rows(database: &Database) -> Result<RecordBatch> {
    let stats = database.stats()?;
    let mut found = Vec::new();
    for table in &stats.tables {
        for partition in &table.partitions {
            found.push((table.name.as_str(), Partition::parse(&partition.partition)?, partition));
        }
    }
    let bound = |bound: &dyn Fn(&Partition) -> i64| -> ArrayRef {
        let bounds = found
            .iter()
            .map(|(_, partition, _)| (!partition.is_current()).then(|| bound(partition)));
        Arc::new(TimestampMicrosecondArray::from_iter(bounds).with_timezone("UTC"))
    };
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let head = rows!(
        ("table_name", Utf8, found.iter().map(|row| row.0).collect::<Vec<_>>()),
        ("partition", Utf8, found.iter().map(|row| row.2.partition.as_str()).collect::<Vec<_>>()),
    )?;
    let tail = rows!(
        ("state", Utf8, vec!["live"; found.len()]),
        ("row_count", Int64, found.iter().map(|row| count(row.2.row_count)).collect::<Vec<_>>()),
        ("bytes", Int64, found.iter().map(|row| count(row.2.bytes)).collect::<Vec<_>>()),
        ("location", Utf8, vec![None::<&str>; found.len()]),
    )?;
    let ranges =
        [("range_from", bound(&Partition::from_us)), ("range_to", bound(&Partition::to_us))];
    let mut columns: Vec<(String, ArrayRef)> = named(&head);
    columns.extend(ranges.map(|(name, array)| (name.to_owned(), array)));
    columns.extend(named(&tail));
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

fn named(batch: &RecordBatch) -> Vec<(String, ArrayRef)> {
    let schema = batch.schema();
    let names = schema.fields().iter().map(|field| field.name().clone());
    names.zip(batch.columns().iter().cloned()).collect()
}
