//! `annals.erasures`: a row for each key that was erased.

use std::fmt::Write as _;
use std::sync::Arc;

use annals_engine::{Database, ErasedKey, Erasure};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use crate::error::Result;

pub(crate) fn rows(database: &Database) -> Result<RecordBatch> {
    let erasures = database.erasures()?;
    let rows: Vec<(&Erasure, &ErasedKey)> =
        erasures.iter().flat_map(|of| of.keys.iter().map(move |key| (of, key))).collect();
    let text = |value: &dyn Fn(&Erasure, &ErasedKey) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(|(of, key)| value(of, key)).collect::<StringArray>())
    };
    let count = |value: &dyn Fn(&Erasure, &ErasedKey) -> u64| -> ArrayRef {
        let values = rows.iter().map(|(of, key)| i64::try_from(value(of, key)).ok());
        Arc::new(values.collect::<Int64Array>())
    };
    let erased_at = rows.iter().map(|(of, _)| Some(of.erased_at.micros()));
    let erased_at = TimestampMicrosecondArray::from_iter(erased_at).with_timezone("UTC");
    let columns: [(&str, ArrayRef, bool); 9] = [
        ("erasure", count(&|of, _| of.number), false),
        ("table_name", text(&|of, _| Some(of.table.clone())), false),
        ("key_hash", text(&|_, key| Some(hex(&key.hash))), false),
        ("erased_at", Arc::new(erased_at), false),
        ("by", text(&|of, _| Some(of.by.clone())), false),
        ("reason", text(&|of, _| of.reason.clone()), true),
        ("row_count", count(&|_, key| key.row_count), false),
        ("file_count", count(&|_, key| key.file_count), false),
        ("unreached", text(&|of, _| Some(of.unreached.join(", "))), false),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
