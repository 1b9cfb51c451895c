//! A database answers as of both times, before and after flush, compaction and reopening.

use annals_engine::arrow::array::{
    ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use annals_engine::arrow::datatypes::Int64Type;
use annals_engine::{
    At, Clause, Column, DataType, Database, Options, SystemTime, TableSpec, ValidTime,
};
use std::sync::Arc;

fn rows(key: &str, salary: i64, from: &str, to: Option<&str>) -> RecordBatch {
    let at = |text: &str| ValidTime::parse(text).unwrap().micros();
    let from = TimestampMicrosecondArray::from(vec![at(from)]).with_timezone("UTC");
    let to = TimestampMicrosecondArray::from(vec![to.map(at)]).with_timezone("UTC");
    RecordBatch::try_from_iter([
        ("name", Arc::new(StringArray::from(vec![key])) as ArrayRef),
        ("salary", Arc::new(Int64Array::from(vec![salary])) as ArrayRef),
        ("_valid_from", Arc::new(from) as ArrayRef),
        ("_valid_to", Arc::new(to) as ArrayRef),
    ])
    .unwrap()
}

fn salary(db: &Database, system: &str, valid: &str) -> Option<i64> {
    let at = At {
        valid: Some(ValidTime::parse(valid).unwrap()),
        system: Some(SystemTime::parse(system).unwrap()),
    };
    let row = db.snapshot().unwrap().get("pay", &["ann".into()], at).unwrap();
    let scan = db.snapshot().unwrap().scan("pay").unwrap();
    let scan = scan.valid(Clause::AsOf(at.valid.unwrap())).system(Clause::AsOf(at.system.unwrap()));
    let scanned: Vec<i64> = scan
        .columns(["salary"])
        .run()
        .unwrap()
        .flat_map(|batch| batch.unwrap().column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    let row = row.map(|batch| batch.column(1).as_primitive::<Int64Type>().value(0));
    assert_eq!(row.into_iter().collect::<Vec<_>>(), scanned);
    row
}

fn check(db: &Database) {
    assert_eq!(salary(db, "2024-01-10", "2024-02-01"), Some(100));
    assert_eq!(salary(db, "2024-02-10", "2024-02-01"), Some(100));
    assert_eq!(salary(db, "2024-02-10", "2024-03-01"), Some(120));
    assert_eq!(salary(db, "2024-04-10", "2024-02-01"), Some(115));
    assert_eq!(salary(db, "2024-04-10", "2024-01-15"), Some(100));
    assert_eq!(salary(db, "2024-04-10", "2024-06-01"), Some(120));
    assert_eq!(salary(db, "2023-04-10", "2024-06-01"), None);
    let history = db.snapshot().unwrap().history("pay", &["ann".into()]).unwrap();
    assert_eq!(history.num_rows(), 5);
}

#[test]
fn a_raise_recorded_late_and_corrected_later() {
    let dir = tempfile::tempdir().unwrap();
    let options = || Options::default().background(false);
    let db = Database::open(dir.path(), options()).unwrap();
    db.create_table(
        TableSpec::keyed("pay", ["name"])
            .column(Column::new("name", DataType::Text))
            .column(Column::new("salary", DataType::BigInt)),
    )
    .unwrap();
    let facts = [
        ("2024-01-05", rows("ann", 100, "2024-01-01", None)),
        ("2024-02-05", rows("ann", 120, "2024-03-01", None)),
        ("2024-04-05", rows("ann", 115, "2024-02-01", Some("2024-03-01"))),
    ];
    for (at, row) in facts {
        let mut tx = db.begin();
        tx.put("pay", &row).unwrap();
        tx.system_time(SystemTime::parse(at).unwrap());
        tx.commit().unwrap();
    }
    check(&db);
    db.flush().unwrap();
    check(&db);
    db.compact(&mut |step| println!("{step}")).unwrap();
    check(&db);
    let mut damages = Vec::new();
    let report = db.verify(&mut |damage| damages.push(damage)).unwrap();
    println!("{report} {damages:?}");
    drop(db);
    let db = Database::open(dir.path(), options()).unwrap();
    println!("{}", db.recovery());
    check(&db);
    db.close().unwrap();
    let db = Database::open(dir.path(), options()).unwrap();
    check(&db);
    println!("{}", db.stats().unwrap());
}
