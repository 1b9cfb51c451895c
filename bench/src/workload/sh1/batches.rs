//! The stream as the engine takes it: three tables, and the rows of one transaction for each epoch.
//!
//! No id of a table occurs twice in an epoch, so the puts of an epoch may go before its deletes:
//! only among assertions about one key does the order in a transaction matter.

use std::sync::Arc;

use annals_engine::schema::{VALID_FROM, VALID_TO};
use annals_engine::{Column, DataType, TableSpec};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};

use super::assertion::{Assertion, Table};
use super::day;
use crate::failure::Result;

/// What an epoch states about one table.
#[derive(Clone, Debug)]
pub struct TableRows {
    /// The table.
    pub table: Table,
    /// Whole rows, with `_valid_from` and `_valid_to`.
    pub puts: RecordBatch,
    /// Keys, with `_valid_from` and `_valid_to`.
    pub deletes: RecordBatch,
}

/// What an epoch states, table by table.
pub type EpochRows = [TableRows; 3];

/// A table of the workload.
pub fn table_spec(table: Table) -> TableSpec {
    let columns = std::iter::once(&"id").chain(table.columns());
    columns.fold(TableSpec::keyed(table.name(), ["id"]), |spec, name| {
        spec.column(Column::new(*name, DataType::BigInt).not_null())
    })
}

/// The assertions of one epoch as batches.
pub fn epoch_rows(assertions: &[Assertion]) -> Result<EpochRows> {
    let [contracts, products, suppliers] = Table::ALL.map(|table| table_rows(table, assertions));
    Ok([contracts?, products?, suppliers?])
}

fn table_rows(table: Table, assertions: &[Assertion]) -> Result<TableRows> {
    let (puts, deletes): (Vec<&Assertion>, Vec<&Assertion>) = assertions
        .iter()
        .filter(|assertion| assertion.table == table)
        .partition(|assertion| assertion.values.is_some());
    Ok(TableRows { table, puts: batch(&puts, table.columns())?, deletes: batch(&deletes, &[])? })
}

/// A batch of the ids, the first of the values, and the periods.
fn batch(assertions: &[&Assertion], columns: &[&str]) -> Result<RecordBatch> {
    let numbers = |number: &dyn Fn(&Assertion) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(assertions.iter().map(|assertion| number(assertion))))
    };
    let days = |day_of: &dyn Fn(&Assertion) -> i64| -> ArrayRef {
        let instants = assertions.iter().map(|assertion| day(day_of(assertion)).micros());
        Arc::new(TimestampMicrosecondArray::from_iter_values(instants).with_timezone("UTC"))
    };
    let value = |at: usize| numbers(&|assertion| assertion.values.map_or(0, |values| values[at]));
    let mut named = vec![("id", numbers(&|assertion| assertion.id))];
    named.extend(columns.iter().enumerate().map(|(at, name)| (*name, value(at))));
    named.push((VALID_FROM, days(&|assertion| assertion.from_day)));
    named.push((VALID_TO, days(&|assertion| assertion.to_day)));
    Ok(RecordBatch::try_from_iter(named)?)
}
