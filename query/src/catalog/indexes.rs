//! `annals.indexes`: indexes, how far they are built, and how often they were of use.

use std::sync::Arc;

use annals_engine::{Database, IndexStats};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use crate::error::Result;

pub(crate) fn rows(database: &Database) -> Result<RecordBatch> {
    let rows = database.indexes()?;
    let text = |value: &dyn Fn(&IndexStats) -> Option<&str>| -> ArrayRef {
        Arc::new(rows.iter().map(value).collect::<StringArray>())
    };
    let count = |value: &dyn Fn(&IndexStats) -> u64| -> ArrayRef {
        let values = rows.iter().map(|row| i64::try_from(value(row)).ok());
        Arc::new(values.collect::<Int64Array>())
    };
    let created_at = rows.iter().map(|row| Some(row.created_at.micros()));
    let created_at = TimestampMicrosecondArray::from_iter(created_at).with_timezone("UTC");
    let columns: [(&str, ArrayRef, bool); 11] = [
        ("index_name", text(&|row| Some(&row.name)), false),
        ("table_name", text(&|row| Some(&row.table)), false),
        ("column_name", text(&|row| Some(&row.column)), false),
        ("kind", text(&|_| Some("bitmap")), false),
        ("segment_count", count(&|row| row.segment_count), false),
        ("indexed_segment_count", count(&|row| row.indexed_segment_count), false),
        ("unfit_segment_count", count(&|row| row.unfit_segment_count), false),
        ("bytes", count(&|row| row.bytes), false),
        ("use_count", count(&|row| row.use_count), false),
        ("created_at", Arc::new(created_at), false),
        ("problem", text(&|row| row.problem.as_deref()), true),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
