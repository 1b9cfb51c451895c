//! Whether the keys of an INSERT are free: not believed valid at any instant of the new rows' periods.

use std::collections::HashMap;

use annals_engine::ErrorKind;
use annals_engine::{Clause, Snapshot, TableSchema, VALID_FROM, VALID_TO, ValidTime};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::row::{OwnedRow, RowConverter, SortField};
use arrow::util::display::array_value_to_string;

use super::periods;
use crate::error::{Error, Result};

/// Where a new row stands: its batch, its row, its period.
type New = (usize, usize, i64, i64);

/// An error that names the first key that is taken, by a row that is there or by another new one.
/// A row without a start is valid from `acts_from` on.
pub(super) fn check(
    snapshot: &Snapshot,
    table: &TableSchema,
    rows: &[RecordBatch],
    acts_from: ValidTime,
) -> Result<()> {
    let names: Vec<&str> = table.key.iter().map(|at| table.columns[*at].name.as_str()).collect();
    let fields = table.key.iter().map(|at| SortField::new(table.columns[*at].data_type.arrow()));
    let converter = RowConverter::new(fields.collect())?;
    let mut new: HashMap<OwnedRow, Vec<New>> = HashMap::new();
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for (number, batch) in rows.iter().enumerate() {
        let Some(keys) = columns(batch, &names) else {
            // A key column is missing: the engine says which.
            return Ok(());
        };
        let keys = converter.convert_columns(&keys)?;
        let bound = |name: &str, absent: i64, unbounded: i64| match batch.column_by_name(name) {
            Some(array) => periods::instants(array, unbounded),
            None => vec![absent; batch.num_rows()],
        };
        let (from, to) =
            (bound(VALID_FROM, acts_from.micros(), i64::MIN), bound(VALID_TO, i64::MAX, i64::MAX));
        for at in 0..batch.num_rows() {
            (first, last) = (first.min(from[at]), last.max(to[at]));
            let others = new.entry(keys.row(at).owned()).or_default();
            if others.iter().any(|(.., a, b)| *a < to[at] && from[at] < *b) {
                return Err(taken(table, batch, &names, at, "another row of the statement"));
            }
            others.push((number, at, from[at], to[at]));
        }
    }
    if new.is_empty() || first >= last {
        return Ok(());
    }
    let range = Clause::FromTo(ValidTime::from_micros(first), ValidTime::from_micros(last));
    let wanted = names.iter().copied().chain([VALID_FROM, VALID_TO]);
    let mut scan = snapshot.scan(&table.name)?.valid(range).columns(wanted);
    if let Some(predicate) = key_filter(table, rows, &names) {
        scan = scan.filter(predicate);
    }
    for batch in scan.run()? {
        let batch = batch?;
        let keys: Vec<ArrayRef> = batch.columns()[..names.len()].to_vec();
        let keys = converter.convert_columns(&keys)?;
        let from = periods::instants(batch.column(names.len()), i64::MIN);
        let to = periods::instants(batch.column(names.len() + 1), i64::MAX);
        for at in 0..batch.num_rows() {
            let Some(others) = new.get(&keys.row(at).owned()) else { continue };
            if let Some((number, row, ..)) =
                others.iter().find(|(.., a, b)| *a < to[at] && from[at] < *b)
            {
                return Err(taken(table, &rows[*number], &names, *row, "what is believed already"));
            }
        }
    }
    Ok(())
}

/// Few new keys are looked for by their values, so that a small INSERT does not read the table.
fn key_filter(
    table: &TableSchema,
    rows: &[RecordBatch],
    names: &[&str],
) -> Option<annals_engine::Predicate> {
    const VALUE_COUNT_MAX: usize = 1_000;
    let name = names.first()?;
    let data_type = table.columns[*table.key.first()?].data_type.arrow();
    let mut values = Vec::new();
    for batch in rows {
        let array = batch.column_by_name(name)?;
        if values.len() + array.len() > VALUE_COUNT_MAX {
            return None;
        }
        for at in 0..array.len() {
            let scalar = datafusion::common::ScalarValue::try_from_array(array, at).ok()?;
            values.push(crate::scan::value_of(&scalar, &data_type)?);
        }
    }
    match (values.as_slice(), names.len()) {
        ([value], 1) => Some(annals_engine::Predicate::compare(
            *name,
            annals_engine::Comparison::Eq,
            value.clone(),
        )),
        _ => Some(annals_engine::Predicate::In { column: (*name).to_owned(), values }),
    }
}

fn columns(batch: &RecordBatch, names: &[&str]) -> Option<Vec<ArrayRef>> {
    names.iter().map(|name| batch.column_by_name(name).cloned()).collect()
}

fn taken(table: &TableSchema, batch: &RecordBatch, names: &[&str], row: usize, by: &str) -> Error {
    let value = |name: &&str| {
        let array = batch.column_by_name(name)?;
        array_value_to_string(array, row).ok().map(|value| format!("{name} = {value}"))
    };
    let key: Vec<String> = names.iter().filter_map(value).collect();
    let message = format!(
        "key {} of table `{}` is valid already at some instant of the new row's period, by {by}: UPSERT supersedes it",
        key.join(", "),
        table.name
    );
    Error::new(ErrorKind::Conflict, message)
}
