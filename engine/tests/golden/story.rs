//! What is in the golden database, and how it was written: the same calls, in the same order, on a clock that stands still.
//! Only the database's own number, which is random, differs from one writing to the next.

use std::path::Path;
use std::sync::Arc;

use annals_engine::arrow::array::*;
use annals_engine::{
    Column, DataType, Database, ManualClock, Options, PartitionWidth, Result, SystemTime,
    TableSpec, ValidTime,
};

/// The instant of a literal that this file holds.
pub(crate) fn micros(text: &str) -> i64 {
    ValidTime::parse(text).expect("an instant").micros()
}

/// A database in `dir` at this present, without background threads: every file is made when the story says so.
pub(crate) fn open(dir: &Path, now: &str) -> Result<Database> {
    let clock = ManualClock::new(SystemTime::from_micros(micros(now)));
    Database::open(dir, Options::default().background(false).clock(Arc::new(clock)))
}

/// One column of instants; `None` is NULL.
fn instants(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
}

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

/// Writes the golden database: a table of salaries that were corrected, a table with a column of every type, and a table of
/// events; in segments of `current` and of time partitions, in a supersession file, and in the log.
pub(crate) fn write(dir: &Path) -> Result<()> {
    let db = open(dir, "2024-06-01")?;
    make_tables(&db)?;
    pay(&db, "2024-01-05", 100, "2024-01-01", None)?;
    pay(&db, "2024-02-05", 120, "2024-03-01", None)?;
    db.compact(&mut |_| ())?;
    pay(&db, "2024-04-05", 115, "2024-02-01", Some("2024-03-01"))?;
    put_kinds(&db)?;
    put_trips(&db)?;
    db.flush()?;
    db.close()?;
    // Without a close: what follows is in the log alone.
    let db = open(dir, "2024-06-02")?;
    let mut tx = db.begin();
    let rest = instants(vec![Some(micros("2024-05-01"))]);
    tx.delete("pay", &batch([("name", text(["ann"])), ("_valid_from", rest)]))?;
    tx.put("pay", &batch([("name", text(["bob"])), ("salary", longs([90]))]))?;
    tx.commit()?;
    let mut tx = db.begin();
    let (always, event) = (|| instants(vec![None]), longs([1]));
    tx.delete(
        "trips",
        &batch([("_event_id", event), ("_valid_from", always()), ("_valid_to", always())]),
    )?;
    tx.commit()?;
    Ok(())
}

fn make_tables(db: &Database) -> Result<()> {
    db.create_table(
        TableSpec::keyed("pay", ["name"])
            .column(Column::new("name", DataType::Text))
            .column(Column::new("salary", DataType::BigInt)),
    )?;
    db.create_table(
        TableSpec::keyed("kinds", ["small", "text"])
            .column(Column::new("text", DataType::Text))
            .column(Column::new("small", DataType::SmallInt))
            .column(Column::new("boolean", DataType::Boolean))
            .column(Column::new("integer", DataType::Integer))
            .column(Column::new("big", DataType::BigInt))
            .column(Column::new("real", DataType::Real))
            .column(Column::new("double", DataType::Double))
            .column(Column::new("decimal", DataType::Decimal { precision: 10, scale: 2 }))
            .column(Column::new("bytea", DataType::Bytea))
            .column(Column::new("date", DataType::Date))
            .column(Column::new("timestamp", DataType::Timestamp))
            .column(Column::new("uuid", DataType::Uuid))
            .column(Column::new("json", DataType::Json))
            .partition_by(PartitionWidth::Year),
    )?;
    db.create_table(
        TableSpec::events("trips")
            .column(Column::new("place", DataType::Text).not_null())
            .partition_by(PartitionWidth::Day),
    )?;
    Ok(())
}

fn text<const N: usize>(values: [&str; N]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn longs<const N: usize>(values: [i64; N]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// Records at `system` that Ann earns `salary` over a period.
fn pay(db: &Database, system: &str, salary: i64, from: &str, to: Option<&str>) -> Result<()> {
    let mut tx = db.begin();
    let rows = batch([
        ("name", text(["ann"])),
        ("salary", longs([salary])),
        ("_valid_from", instants(vec![Some(micros(from))])),
        ("_valid_to", instants(vec![to.map(micros)])),
    ]);
    tx.put("pay", &rows)?;
    tx.system_time(SystemTime::from_micros(micros(system)));
    tx.commit()?;
    Ok(())
}

/// A row with a value in every column, and one with NULL wherever it may be.
fn put_kinds(db: &Database) -> Result<()> {
    let decimals = Decimal128Array::from(vec![Some(-12_345), None]);
    let uuid = (0..16).collect::<Vec<u8>>();
    let uuids =
        FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some(uuid), None].into_iter(), 16)?;
    let rows = batch([
        ("text", text(["é\0", ""])),
        ("small", Arc::new(Int16Array::from(vec![-7, 7]))),
        ("boolean", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("integer", Arc::new(Int32Array::from(vec![Some(i32::MIN), None]))),
        ("big", Arc::new(Int64Array::from(vec![Some(i64::MAX), None]))),
        ("real", Arc::new(Float32Array::from(vec![Some(-1.5), None]))),
        ("double", Arc::new(Float64Array::from(vec![Some(1e300), None]))),
        ("decimal", Arc::new(decimals.with_precision_and_scale(10, 2)?)),
        ("bytea", Arc::new(BinaryArray::from(vec![Some(&[0, 255][..]), None]))),
        ("date", Arc::new(Date32Array::from(vec![Some(-1), None]))),
        ("timestamp", instants(vec![Some(micros("9999-12-31T23:59:59.999999Z")), None])),
        ("uuid", Arc::new(uuids)),
        ("json", Arc::new(StringArray::from(vec![Some("{\"a\":1}"), None]))),
        ("_valid_from", instants(vec![Some(micros("2020-01-01")), None])),
        ("_valid_to", instants(vec![Some(micros("2021-01-01")), None])),
    ]);
    let mut tx = db.begin();
    tx.put("kinds", &rows)?;
    tx.commit()?;
    Ok(())
}

fn put_trips(db: &Database) -> Result<()> {
    let at = |text| Some(micros(text));
    let rows = batch([
        ("place", text(["Bergen", "Oslo", "Turku"])),
        (
            "_valid_from",
            instants(vec![at("2024-05-01T08:00:00Z"), at("2024-05-02"), at("2024-05-02")]),
        ),
    ]);
    let mut tx = db.begin();
    tx.put("trips", &rows)?;
    tx.commit()?;
    Ok(())
}
