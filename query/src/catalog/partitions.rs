//! `annals.partitions`: the time partitions that have segments, and those that have left the database.

use std::sync::Arc;

use annals_engine::{Database, PartitionInfo, ValidTime, rows};
use arrow::array::{ArrayRef, RecordBatch, TimestampMicrosecondArray};

use crate::error::Result;

pub(crate) fn rows(database: &Database) -> Result<RecordBatch> {
    let found = database.partitions()?;
    let bound = |bound: &dyn Fn(&PartitionInfo) -> ValidTime| -> ArrayRef {
        let bounds = found.iter().map(bound);
        let bounds = bounds.map(|at| (!at.is_unbounded()).then_some(at.micros()));
        Arc::new(TimestampMicrosecondArray::from_iter(bounds).with_timezone("UTC"))
    };
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let head = rows!(
        ("table_name", Utf8, found.iter().map(|info| info.table.as_str()).collect::<Vec<_>>()),
        ("partition", Utf8, found.iter().map(|info| info.partition.as_str()).collect::<Vec<_>>()),
    )?;
    let tail = rows!(
        ("state", Utf8, found.iter().map(|info| info.state.to_string()).collect::<Vec<_>>()),
        ("row_count", Int64, found.iter().map(|info| count(info.row_count)).collect::<Vec<_>>()),
        ("bytes", Int64, found.iter().map(|info| count(info.bytes)).collect::<Vec<_>>()),
        ("location", Utf8, found.iter().map(|info| info.location.as_deref()).collect::<Vec<_>>()),
    )?;
    let ranges =
        [("range_from", bound(&|info| info.range.0)), ("range_to", bound(&|info| info.range.1))];
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
