//! `annals.audit`: what is on record of partitions, retention, holds and erasures.

use std::sync::Arc;

use annals_engine::{AuditRecord, Database};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use crate::error::Result;

pub(crate) fn rows(database: &Database) -> Result<RecordBatch> {
    let records = database.audit()?;
    let text = |value: &dyn Fn(&AuditRecord) -> &String| -> ArrayRef {
        // What there is none of is NULL.
        let values = records.iter().map(|of| Some(value(of)).filter(|text| !text.is_empty()));
        Arc::new(values.collect::<StringArray>())
    };
    let numbers = records.iter().map(|record| i64::try_from(record.number).ok());
    let at = records.iter().map(|record| Some(record.at.micros()));
    let at = TimestampMicrosecondArray::from_iter(at).with_timezone("UTC");
    let columns: [(&str, ArrayRef, bool); 7] = [
        ("number", Arc::new(numbers.collect::<Int64Array>()), false),
        ("at", Arc::new(at), false),
        ("by", text(&|record| &record.by), false),
        ("action", text(&|record| &record.action), false),
        ("table_name", text(&|record| &record.table), true),
        ("object", text(&|record| &record.object), true),
        ("detail", text(&|record| &record.detail), true),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}
