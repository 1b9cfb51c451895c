//! Changes of the generator as batches of the engine.

use std::collections::BTreeMap;

use annals_engine::{DataType, Transaction, VALID_FROM, VALID_TO};

use crate::generate::{Change, Shape};
use crate::rows::{Cell, Row, array, batch};

/// Buffers the changes in their order. `ids` tells the hidden key of an event by its label.
///
/// Neighbours that go to the same table by the same call become one batch, as an embedder would send them.
pub fn write(
    transaction: &mut Transaction,
    shapes: &[Shape],
    changes: &[Change],
    ids: &BTreeMap<i64, i64>,
) {
    let alike = |left: &Change, right: &Change| call(left) == call(right);
    for changes in changes.chunk_by(alike) {
        let shape = &shapes[changes[0].table];
        let written = match (changes[0].row.is_some(), shape.is_event) {
            (true, _) => transaction.put(shape.name, &put_batch(shape, changes)),
            (false, false) => transaction.delete(shape.name, &delete_batch(shape, changes)),
            (false, true) => {
                // An event that is retracted twice, or never was: nothing to retract.
                let known = changes.iter().filter_map(|change| ids.get(&label(&change.key)));
                let known: Vec<Cell> = known.map(|id| Cell::Int(*id)).collect();
                if known.is_empty() {
                    continue;
                }
                let ids = array(DataType::BigInt, &known.iter().collect::<Vec<_>>());
                transaction.delete(shape.name, &batch(vec![("_event_id", ids)]))
            }
        };
        written.unwrap_or_else(|error| panic!("{error}, of {changes:?}"));
    }
}

/// Keys as an erasure takes them; `None` if none of them is there.
pub fn erased_keys(
    shape: &Shape,
    keys: &[Row],
    ids: &BTreeMap<i64, i64>,
) -> Option<annals_engine::arrow::array::RecordBatch> {
    if shape.is_event {
        let known = keys.iter().filter_map(|key| ids.get(&label(key)));
        let known: Vec<Cell> = known.map(|id| Cell::Int(*id)).collect();
        let ids = array(DataType::BigInt, &known.iter().collect::<Vec<_>>());
        return (!known.is_empty()).then(|| batch(vec![("_event_id", ids)]));
    }
    let column = |(at, (name, data_type, _)): (usize, &(&'static str, DataType, bool))| {
        let cells: Vec<&Cell> = keys.iter().map(|key| &key[at]).collect();
        (*name, array(*data_type, &cells))
    };
    Some(batch(shape.columns[..shape.key_count].iter().enumerate().map(column).collect()))
}

fn call(change: &Change) -> (usize, bool, bool) {
    (change.table, change.row.is_some(), change.valid.is_some())
}

fn label(key: &[Cell]) -> i64 {
    let Cell::Int(label) = key[0] else { panic!("a label is a number, not {key:?}") };
    label
}

fn put_batch(shape: &Shape, changes: &[Change]) -> annals_engine::arrow::array::RecordBatch {
    let rows: Vec<_> = changes.iter().filter_map(|change| change.row.as_ref()).collect();
    let mut columns = Vec::new();
    for (at, (name, data_type, _)) in shape.columns.iter().enumerate() {
        let cells: Vec<&Cell> = rows.iter().map(|row| &row[at]).collect();
        // A column of which the whole batch has the default may as well be missing.
        let default = &shape.defaults[at];
        let may_be_missing = *default != Cell::Null || shape.columns[at].2;
        if !may_be_missing || cells.iter().any(|cell| *cell != default) {
            columns.push((*name, array(*data_type, &cells)));
        }
    }
    // By name, in any order.
    columns.reverse();
    columns.extend(period_columns(changes, shape.is_event));
    batch(columns)
}

fn delete_batch(shape: &Shape, changes: &[Change]) -> annals_engine::arrow::array::RecordBatch {
    let mut columns = period_columns(changes, false);
    for (at, (name, data_type, _)) in shape.columns[..shape.key_count].iter().enumerate() {
        let cells: Vec<&Cell> = changes.iter().map(|change| &change.key[at]).collect();
        columns.push((*name, array(*data_type, &cells)));
    }
    batch(columns)
}

fn period_columns(
    changes: &[Change],
    is_event: bool,
) -> Vec<(&'static str, annals_engine::arrow::array::ArrayRef)> {
    let periods: Vec<(i64, i64)> = changes.iter().filter_map(|change| change.valid).collect();
    if periods.is_empty() {
        return Vec::new();
    }
    let bounds = |bound: fn(&(i64, i64)) -> i64| {
        let cells: Vec<Cell> = periods.iter().map(|period| Cell::bound(bound(period))).collect();
        array(DataType::Timestamp, &cells.iter().collect::<Vec<_>>())
    };
    let mut columns = vec![(VALID_FROM, bounds(|period| period.0))];
    // Without a column of ends a period has no end.
    if !is_event && periods.iter().any(|(_, to)| *to != i64::MAX) {
        columns.push((VALID_TO, bounds(|period| period.1)));
    }
    columns
}
