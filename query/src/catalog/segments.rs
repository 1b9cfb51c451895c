//! `annals.segments`: the immutable runs of versions that partitions are made of.

use std::sync::Arc;

use annals_engine::{Database, SegmentStats};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use crate::error::Result;

pub(crate) fn rows(database: &Database) -> Result<RecordBatch> {
    let rows = database.segments()?;
    let text = |value: &dyn Fn(&SegmentStats) -> &str| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(value(row))).collect::<StringArray>())
    };
    let count = |value: &dyn Fn(&SegmentStats) -> u64| -> ArrayRef {
        let values = rows.iter().map(|row| i64::try_from(value(row)).ok());
        Arc::new(values.collect::<Int64Array>())
    };
    // Unbounded is NULL, as in the period columns.
    let instant = |value: &dyn Fn(&SegmentStats) -> i64| -> ArrayRef {
        let is_bounded = |micros: &i64| ![i64::MIN, i64::MAX].contains(micros);
        let values = rows.iter().map(|row| Some(value(row)).filter(is_bounded));
        Arc::new(TimestampMicrosecondArray::from_iter(values).with_timezone("UTC"))
    };
    let columns: [(&str, ArrayRef, bool); 11] = [
        ("table_name", text(&|row| &row.table), false),
        ("partition", text(&|row| &row.partition), false),
        ("segment", text(&|row| &row.segment), false),
        ("row_count", count(&|row| row.row_count), false),
        ("open_row_count", count(&|row| row.open_row_count), false),
        ("cut_count", count(&|row| row.cut_count), false),
        ("bytes", count(&|row| row.bytes), false),
        ("valid_from", instant(&|row| row.valid.0.micros()), true),
        ("valid_to", instant(&|row| row.valid.1.micros()), true),
        ("system_from", instant(&|row| row.system.0.micros()), true),
        ("system_to", instant(&|row| row.system.1.micros()), true),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
