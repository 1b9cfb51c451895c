//! The changes of a table: told by hand, judged at the boundaries, and against the beliefs that they lie between.

mod boundaries;
mod oracle;

use annals_engine::arrow::array::RecordBatch;
use annals_engine::{
    Column, DataType, Database, Options, Period, Result, SystemTime, TableSpec, Valid, ValidTime,
};
use arrow::util::pretty::pretty_format_batches;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, UnboundedMemoryPool};
use std::sync::Arc;

use super::{Changes, ChangesRequest};

const DAY_US: i64 = 86_400_000_000;

/// A database with the keyed table `pay (name, amount, note)` and the event table `deals (amount)`.
fn database(dir: &std::path::Path) -> Database {
    let db = Database::open(dir, Options::default().background(false)).unwrap();
    let pay = TableSpec::keyed("pay", ["name"])
        .column(Column::new("amount", DataType::Double))
        .column(Column::new("name", DataType::Text))
        .column(Column::new("note", DataType::Text));
    db.create_table(pay).unwrap();
    let deals = TableSpec::events("deals").column(Column::new("amount", DataType::BigInt));
    db.create_table(deals).unwrap();
    db
}

/// An instant of day `day` of 2024, counted from 0; system times and valid times are both told so.
fn day(day: i64) -> i64 {
    ValidTime::parse("2024-01-01").unwrap().micros() + day * DAY_US
}

fn system(at: i64) -> SystemTime {
    SystemTime::from_micros(day(at))
}

fn valid(from: i64, to: i64) -> Period<Valid> {
    Period::new(ValidTime::from_micros(day(from)), ValidTime::from_micros(day(to))).unwrap()
}

fn changes(
    db: &Database,
    table: &str,
    from: i64,
    to: i64,
    valid: Period<Valid>,
) -> Result<Changes> {
    let instants = (system(from), system(to));
    let request = ChangesRequest::new(db.snapshot()?, db.table(table)?, instants, valid)?;
    let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
    let memory = MemoryConsumer::new("test").register(&pool);
    let projection = (0..request.schema().fields().len()).collect();
    // Small batches, so that answers take several.
    Ok(Changes::read(request, projection, 3, memory, &|| true).unwrap())
}

/// Rows as text, a line each, cells parted by one space; NULL is `-`.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let shown = pretty_format_batches(batches).unwrap().to_string();
    let rows = shown.lines().filter(|line| line.starts_with('|')).skip(1);
    let cell = |cell: &str| match cell.trim() {
        "" => "-".to_owned(),
        text => text.trim_end_matches("T00:00:00Z").to_owned(),
    };
    rows.map(|row| row.trim_matches('|').split('|').map(cell).collect::<Vec<_>>().join(" "))
        .collect()
}
