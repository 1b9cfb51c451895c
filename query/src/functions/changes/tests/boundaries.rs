//! What is told of a change, from which instant on, and what is refused.

use annals_engine::rows;
use annals_engine::{Column, DataType, Database, Period, TableSpec};
use datafusion::prelude::SessionContext;
use std::sync::Arc;

use super::super::{ChangesRequest, ChangesTable};
use super::{changes, database, day, lines, system, valid};

/// Puts an amount for a name over days, at a system time in days.
fn put(db: &Database, at: i64, name: &str, amount: f64, from: i64, to: i64) {
    let mut tx = db.begin();
    let period = (timestamps(from), timestamps(to));
    let batch = with_period(rows!(("name", Utf8, [name]), ("amount", Float64, [amount])), period);
    tx.put("pay", &batch).unwrap();
    tx.system_time(system(at));
    tx.commit().unwrap();
}

fn delete(db: &Database, at: i64, name: &str, from: i64, to: i64) {
    let mut tx = db.begin();
    let period = (timestamps(from), timestamps(to));
    tx.delete("pay", &with_period(rows!(("name", Utf8, [name])), period)).unwrap();
    tx.system_time(system(at));
    tx.commit().unwrap();
}

type Instants = arrow::array::TimestampMicrosecondArray;

fn timestamps(at: i64) -> Instants {
    Instants::from(vec![day(at)]).with_timezone("UTC")
}

fn with_period(
    batch: Result<arrow::array::RecordBatch, arrow::error::ArrowError>,
    (from, to): (Instants, Instants),
) -> arrow::array::RecordBatch {
    let batch = batch.unwrap();
    let names = batch.schema();
    let names = names.fields().iter().map(|field| field.name().clone());
    let columns: Vec<_> = names.zip(batch.columns().iter().cloned()).collect();
    let period = [
        ("_valid_from".to_owned(), Arc::new(from) as _),
        ("_valid_to".to_owned(), Arc::new(to) as _),
    ];
    arrow::array::RecordBatch::try_from_iter(columns.into_iter().chain(period)).unwrap()
}

fn told(db: &Database, table: &str, from: i64, to: i64) -> Vec<String> {
    let batches = changes(db, table, from, to, Period::ALL).unwrap();
    lines(&batches.collect::<datafusion::error::Result<Vec<_>>>().unwrap())
}

#[test]
fn the_net_effect_between_two_instants_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path());
    put(&db, 10, "ann", 100.0, 0, 30);
    put(&db, 20, "ann", 120.0, 10, 20);
    put(&db, 30, "ann", 100.0, 10, 20);
    delete(&db, 39, "ann", 25, 40);
    put(&db, 40, "ben", 7.0, 0, 5);
    put(&db, 41, "ben", 7.0, 5, 9);

    let added = ["added ann 2024-01-01 2024-01-31 - 100.0 - -"];
    assert_eq!(told(&db, "pay", 9, 10), added);
    assert_eq!(told(&db, "pay", 10, 19), [""; 0]);
    assert_eq!(told(&db, "pay", 19, 20), ["restated ann 2024-01-11 2024-01-21 100.0 120.0 - -"]);
    // Restated and restated back is no net effect.
    assert_eq!(told(&db, "pay", 19, 30), [""; 0]);
    let late = [
        "retracted ann 2024-01-26 2024-01-31 100.0 - - -",
        "added ben 2024-01-01 2024-01-10 - 7.0 - -",
    ];
    assert_eq!(told(&db, "pay", 10, 41), late);
    assert_eq!(told(&db, "pay", 20, 20), [""; 0]);
    db.flush().unwrap();
    assert_eq!(told(&db, "pay", 10, 41), late);
    db.compact(&mut |_| ()).unwrap();
    assert_eq!(told(&db, "pay", 10, 41), late);
}

#[test]
fn periods_are_clipped_to_the_asked_range() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path());
    put(&db, 10, "ann", 1.0, 0, 30);
    let clipped = |from, to| {
        let batches = changes(&db, "pay", 9, 10, valid(from, to)).unwrap();
        lines(&batches.collect::<datafusion::error::Result<Vec<_>>>().unwrap())
    };
    assert_eq!(clipped(5, 40), ["added ann 2024-01-06 2024-01-31 - 1.0 - -"]);
    assert_eq!(clipped(29, 30), ["added ann 2024-01-30 2024-01-31 - 1.0 - -"]);
    assert_eq!(clipped(30, 31), [""; 0]);
}

#[test]
fn the_two_zeros_are_one_value() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path());
    put(&db, 10, "ann", 0.0, 0, 30);
    put(&db, 11, "ann", -0.0, 0, 30);
    assert_eq!(told(&db, "pay", 10, 11), [""; 0]);
}

#[test]
fn events_are_told_one_by_one_without_their_hidden_key() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path());
    for (at, occurred) in [(10, 3), (11, 3)] {
        let mut tx = db.begin();
        let period = rows!(("amount", Int64, [7])).unwrap();
        let columns = [
            ("amount", period.column(0).clone()),
            ("_valid_from", Arc::new(timestamps(occurred)) as _),
        ];
        tx.put("deals", &arrow::array::RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        tx.system_time(system(at));
        tx.commit().unwrap();
    }
    let added = "added 2024-01-04 2024-01-04T00:00:00.000001Z - 7";
    assert_eq!(told(&db, "deals", 9, 11), [added, added]);
    assert_eq!(told(&db, "deals", 10, 11), [added]);
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path());
    let refused = |from, to| {
        let error = changes(&db, "pay", from, to, Period::ALL).err().unwrap();
        error.to_string()
    };
    let inverted = "changes of `pay`: inverted range of system time, from 2024-01-03T00:00:00Z to \
                    2024-01-02T00:00:00Z";
    assert_eq!(refused(2, 1), inverted);
    let late = refused(0, 100_000);
    assert!(late.contains("is later than now") && late.contains("2297-10-16"), "{late}");
    let clash = TableSpec::keyed("clash", ["change"]).column(Column::new("change", DataType::Text));
    db.create_table(clash).unwrap();
    let clash = changes(&db, "clash", 0, 1, Period::ALL).err().unwrap().to_string();
    assert_eq!(clash, "changes of `clash`: two columns of the answer would be named `change`");
}

#[tokio::test]
async fn a_plan_reads_only_the_columns_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path());
    put(&db, 10, "ann", 1.0, 0, 30);
    put(&db, 11, "ben", 2.0, 0, 30);
    put(&db, 12, "ann", 3.0, 5, 6);
    let table = db.table("pay").unwrap();
    let instants = (system(10), system(12));
    let request = ChangesRequest::new(db.snapshot().unwrap(), table, instants, Period::ALL);
    let session = SessionContext::new();
    session.register_table("c", Arc::new(ChangesTable::new(request.unwrap()))).unwrap();
    let lines = async |sql: &str| lines(&session.sql(sql).await.unwrap().collect().await.unwrap());
    let rows = lines("SELECT new_amount, change FROM c ORDER BY name").await;
    assert_eq!(rows, ["3.0 restated", "2.0 added"]);
    assert_eq!(lines("SELECT count(*) FROM c").await, ["2"]);
    assert_eq!(lines("SELECT name FROM c LIMIT 1").await, ["ann"]);
    let plan = lines("EXPLAIN SELECT name FROM c LIMIT 1").await.join(" ");
    assert!(
        plan.contains("ChangesExec: changes(pay, system 2024-01-11T00:00:00Z to 2024-01-13"),
        "{plan}"
    );
}
