//! `annals.holds`: what may be neither dropped nor erased.

use std::sync::Arc;

use annals_engine::{Database, Hold};
use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};

use crate::error::Result;

pub(crate) fn rows(database: &Database) -> Result<RecordBatch> {
    let holds = database.holds()?;
    let text = |value: &dyn Fn(&Hold) -> Option<String>| -> ArrayRef {
        Arc::new(holds.iter().map(value).collect::<StringArray>())
    };
    let placed_at = holds.iter().map(|hold| Some(hold.placed_at.micros()));
    let placed_at = TimestampMicrosecondArray::from_iter(placed_at).with_timezone("UTC");
    let columns: [(&str, ArrayRef, bool); 5] = [
        ("table_name", text(&|hold| Some(hold.table.clone())), false),
        ("hold", text(&|hold| Some(hold.name.clone())), false),
        ("condition", text(&condition), true),
        ("placed_at", Arc::new(placed_at), false),
        ("by", text(&|hold| Some(hold.by.clone())), false),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

/// The condition as it could be written; `None` if the whole table is held.
fn condition(hold: &Hold) -> Option<String> {
    let quoted = |values: &[String]| {
        let values = values.iter().map(|value| format!("'{}'", value.replace('\'', "''")));
        values.collect::<Vec<_>>().join(", ")
    };
    let keys = hold.keys.iter().map(|(column, values)| format!("{column} IN ({})", quoted(values)));
    (!hold.keys.is_empty()).then(|| keys.collect::<Vec<_>>().join(" AND "))
}
