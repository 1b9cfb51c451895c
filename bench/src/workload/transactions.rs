//! The stream as the engine takes it: a table, and a batch of rows for each transaction.

use std::sync::Arc;

use annals_engine::schema::{VALID_FROM, VALID_TO};
use annals_engine::{Column, DataType, TableSpec};
use arrow::array::{ArrayRef, Float64Array, Int64Array, StringBuilder, TimestampMicrosecondArray};
use arrow::datatypes::{DataType as ArrowType, Field, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;

use super::positions::{Positions, Put, STATUSES, UNBOUNDED, account_name, account_of};
use crate::failure::Result;

/// The name of the table.
pub const TABLE: &str = "positions";

/// The table `positions`.
pub fn table_spec() -> TableSpec {
    TableSpec::keyed(TABLE, ["key"])
        .column(Column::new("key", DataType::BigInt).not_null())
        .column(Column::new("qty", DataType::BigInt).not_null())
        .column(Column::new("price", DataType::Double).not_null())
        .column(Column::new("status", DataType::Text).not_null())
        .column(Column::new("account", DataType::Text).not_null())
}

/// The rows of a transaction in the order of the stream, with `_valid_from` and `_valid_to` (NULL
/// where unbounded).
pub fn transaction(positions: &Positions, transaction: u32) -> Result<RecordBatch> {
    let range = positions.size().positions_of(transaction);
    let puts: Vec<Put> = range.map(|position| positions.put(position)).collect();
    let mut status = StringBuilder::with_capacity(puts.len(), puts.len() * 9);
    let mut account = StringBuilder::with_capacity(puts.len(), puts.len() * 20);
    for put in &puts {
        status.append_value(STATUSES[put.values.status as usize]);
        account.append_value(account_name(account_of(put.key)));
    }
    let valid_from = TimestampMicrosecondArray::from_iter_values(puts.iter().map(|p| p.valid_from));
    let valid_to = puts.iter().map(|put| Some(put.valid_to).filter(|to| *to != UNBOUNDED));
    let valid_to = TimestampMicrosecondArray::from_iter(valid_to);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(puts.iter().map(|put| i64::from(put.key)))),
        Arc::new(Int64Array::from_iter_values(puts.iter().map(|p| i64::from(p.values.qty)))),
        Arc::new(Float64Array::from_iter_values(puts.iter().map(|put| put.values.price()))),
        Arc::new(status.finish()),
        Arc::new(account.finish()),
        Arc::new(valid_from.with_timezone("UTC")),
        Arc::new(valid_to.with_timezone("UTC")),
    ];
    let instant = ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields: Vec<Field> = ["key", "qty", "price", "status", "account"]
        .into_iter()
        .zip(&columns)
        .map(|(name, column)| Field::new(name, column.data_type().clone(), false))
        .collect();
    fields.push(Field::new(VALID_FROM, instant.clone(), false));
    fields.push(Field::new(VALID_TO, instant, true));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}
