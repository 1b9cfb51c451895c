//! Rows as the tests compare them: plain values with a total order, to and from Arrow.
//!
//! A row is compared as a list of cells, an answer as a sorted list of rows. Unbounded ends of periods are `Null`, as users
//! see them.

use std::fmt;
use std::sync::Arc;

use annals_engine::arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int16Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use annals_engine::arrow::datatypes::{DataType as ArrowType, Field, Schema};
use annals_engine::{DataType, ValidTime, Value};

/// One value. Doubles are counted in eighths, so that they are exact and have an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    /// No value, or an unbounded end of a period.
    Null,
    /// Of a `BOOLEAN` column.
    Boolean(bool),
    /// Of a `SMALLINT`, `INTEGER` or `BIGINT` column.
    Int(i64),
    /// Of a `DOUBLE PRECISION` column: the value times 8.
    Eighths(i64),
    /// Of a `TEXT` column.
    Text(String),
    /// Of a `TIMESTAMP` or period column: microseconds since 1970.
    Time(i64),
}

/// Cells in the order of some columns.
pub type Row = Vec<Cell>;

impl Cell {
    /// A cell of text.
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    /// The start or end of a period, `Null` where it is unbounded.
    pub fn bound(micros: i64) -> Cell {
        if micros == i64::MIN || micros == i64::MAX { Cell::Null } else { Cell::Time(micros) }
    }

    /// The same value for the engine's keys and predicates.
    pub fn value(&self) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Boolean(value) => Value::Boolean(*value),
            Cell::Int(value) => Value::Int(*value),
            Cell::Eighths(value) => Value::Double(*value as f64 / 8.0),
            Cell::Text(value) => Value::Text(value.clone()),
            Cell::Time(micros) => Value::Timestamp(*micros),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Null => f.write_str("-"),
            Cell::Time(micros) => ValidTime::from_micros(*micros).fmt(f),
            cell => cell.value().fmt(f),
        }
    }
}

/// The cells as an Arrow array of a column's type. Panics where they do not fit: that would be a mistake of the test.
pub fn array(data_type: DataType, cells: &[&Cell]) -> ArrayRef {
    let ints = || cells.iter().map(|cell| int(cell));
    match data_type {
        DataType::Boolean => {
            Arc::new(BooleanArray::from_iter(cells.iter().map(|cell| match cell {
                Cell::Null => None,
                Cell::Boolean(value) => Some(*value),
                other => panic!("{other:?} is not a BOOLEAN"),
            })))
        }
        DataType::SmallInt => Arc::new(Int16Array::from_iter(
            ints().map(|value| value.map(|value| i16::try_from(value).expect("fits 16 bits"))),
        )),
        DataType::Integer => Arc::new(Int32Array::from_iter(
            ints().map(|value| value.map(|value| i32::try_from(value).expect("fits 32 bits"))),
        )),
        DataType::BigInt => Arc::new(Int64Array::from_iter(ints())),
        DataType::Double => Arc::new(Float64Array::from_iter(
            ints().map(|value| value.map(|eighths| eighths as f64 / 8.0)),
        )),
        DataType::Text => Arc::new(StringArray::from_iter(cells.iter().map(|cell| match cell {
            Cell::Null => None,
            Cell::Text(value) => Some(value.as_str()),
            other => panic!("{other:?} is not a TEXT"),
        }))),
        DataType::Timestamp => {
            Arc::new(TimestampMicrosecondArray::from_iter(ints()).with_timezone("UTC"))
        }
        other => panic!("the tests have no cells of type {other}"),
    }
}

fn int(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Null => None,
        Cell::Int(value) | Cell::Eighths(value) | Cell::Time(value) => Some(*value),
        other => panic!("{other:?} is not a number"),
    }
}

/// A batch of the named columns.
pub fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let field =
        |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Schema::new(columns.iter().map(field).collect::<Vec<Field>>());
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(schema), arrays).expect("columns of one length")
}

/// The named columns of a batch as rows.
pub fn rows(batch: &RecordBatch, columns: &[&str]) -> Vec<Row> {
    let arrays: Vec<&ArrayRef> = columns
        .iter()
        .map(|name| batch.column_by_name(name).unwrap_or_else(|| panic!("no column `{name}`")))
        .collect();
    (0..batch.num_rows()).map(|at| arrays.iter().map(|array| cell(array, at)).collect()).collect()
}

/// All columns of a batch as rows.
pub fn all_rows(batch: &RecordBatch) -> Vec<Row> {
    let row = |at| batch.columns().iter().map(|array| cell(array, at)).collect();
    (0..batch.num_rows()).map(row).collect()
}

fn cell(array: &ArrayRef, at: usize) -> Cell {
    if array.is_null(at) {
        return Cell::Null;
    }
    let any = array.as_any();
    match array.data_type() {
        ArrowType::Boolean => Cell::Boolean(any.downcast_ref::<BooleanArray>().unwrap().value(at)),
        ArrowType::Int16 => Cell::Int(any.downcast_ref::<Int16Array>().unwrap().value(at).into()),
        ArrowType::Int32 => Cell::Int(any.downcast_ref::<Int32Array>().unwrap().value(at).into()),
        ArrowType::Int64 => Cell::Int(any.downcast_ref::<Int64Array>().unwrap().value(at)),
        ArrowType::Float64 => {
            let eighths = any.downcast_ref::<Float64Array>().unwrap().value(at) * 8.0;
            assert_eq!(eighths.fract(), 0.0, "the tests store eighths only");
            Cell::Eighths(eighths as i64)
        }
        ArrowType::Utf8 => Cell::text(any.downcast_ref::<StringArray>().unwrap().value(at)),
        ArrowType::Timestamp(_, zone) => {
            assert_eq!(zone.as_deref(), Some("UTC"), "instants come out in UTC");
            Cell::Time(any.downcast_ref::<TimestampMicrosecondArray>().unwrap().value(at))
        }
        other => panic!("the tests have no cells of Arrow type {other}"),
    }
}
