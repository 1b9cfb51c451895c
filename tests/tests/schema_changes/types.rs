//! Widened and added columns of every type: values, filters, keys, from memory, from segments written before, and rewritten.

use annals_engine::arrow::array::{
    Decimal128Array, Float32Array, Int16Array, Int32Array, RecordBatch, StringArray,
};
use annals_engine::disk::MemoryDisk;
use annals_engine::{At, Column, Comparison, DataType, Database, Predicate, TableSpec, Value};
use std::sync::Arc;

use super::world::*;

/// Three rows, the last of them NULL everywhere but in its key.
fn numbers() -> RecordBatch {
    let decimals = Decimal128Array::from(vec![Some(-12_345), Some(500), None]);
    let decimals = decimals.with_precision_and_scale(6, 2).unwrap();
    RecordBatch::try_from_iter([
        ("sku", Arc::new(StringArray::from(vec!["a", "b", "c"])) as _),
        ("small", Arc::new(Int16Array::from(vec![Some(i16::MIN), Some(7), None])) as _),
        ("middle", Arc::new(Int32Array::from(vec![Some(i32::MIN), Some(7), None])) as _),
        ("real", Arc::new(Float32Array::from(vec![Some(-1.5), Some(0.1), None])) as _),
        ("money", Arc::new(decimals) as _),
    ])
    .unwrap()
}

fn widened(database: &Database) {
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    for (column, data_type) in [
        ("small", DataType::Integer),
        ("small", decimal(14, 4)),
        ("middle", DataType::BigInt),
        ("real", DataType::Double),
        ("money", decimal(20, 5)),
    ] {
        database.alter_table("stock", &widen(column, data_type)).unwrap();
    }
}

/// Which skus a filter leaves, read by a scan.
fn kept(database: &Database, column: &str, op: Comparison, value: impl Into<Value>) -> String {
    let snapshot = database.snapshot().unwrap();
    let scan = snapshot.scan("stock").unwrap().columns(["sku"]);
    let scan = scan.filter(Predicate::compare(column, op, value));
    lines(scan.run().unwrap().map(|batch| batch.unwrap())).concat()
}

fn check(database: &Database, what: &str) {
    let expect = [
        "sku|small|middle|real|money|added|tag",
        "a|-32768.0000|-2147483648|-1.5|-123.45000|42|-",
        "b|7.0000|7|0.10000000149011612|5.00000|42|-",
        "c|-|-|-|-|42|-",
    ];
    let snapshot = database.snapshot().unwrap();
    // Without the row that comes in at the end.
    let others = || Predicate::compare("sku", Comparison::NotEq, "d");
    assert_eq!(all(&snapshot, Some(others())), expect, "{what}");
    let row = snapshot.get("stock", &["b".into()], At::default()).unwrap().unwrap();
    let row = row.project(&[0, 1, 2, 3, 4, 5, 6]).unwrap();
    assert_eq!(lines([row]), expect[2..3], "{what}: a look-up");
    let wide = |unscaled| Value::Decimal { unscaled, scale: 4 };
    use Comparison::{Eq, Gt, Lt};
    assert_eq!(kept(database, "small", Eq, wide(70_000)), "b", "{what}");
    assert_eq!(kept(database, "small", Lt, wide(0)), "a", "{what}");
    assert_eq!(kept(database, "money", Eq, wide(50_000)), "b", "{what}");
    assert_eq!(kept(database, "money", Gt, wide(-1_234_501)), "ab", "{what}");
    assert_eq!(kept(database, "middle", Lt, 0), "a", "{what}");
    assert_eq!(kept(database, "middle", Gt, 1 << 40), "", "{what}");
    assert_eq!(kept(database, "real", Eq, f64::from(0.1_f32)), "b", "{what}");
    assert_eq!(kept(database, "added", Eq, 42), "abc", "{what}");
    assert_eq!(kept(database, "added", Lt, 42), "", "{what}");
    assert_eq!(kept(database, "tag", Eq, "x"), "", "{what}");
    let is_null = |column: &str| {
        let is_null = Predicate::IsNull { column: column.to_owned() };
        all(&snapshot, Some(is_null.and(others()))).len() - 1
    };
    assert_eq!([is_null("tag"), is_null("added"), is_null("small")], [3, 0, 1], "{what}");
}

#[test]
fn values_are_those_of_before_in_the_wider_type_wherever_they_are_stored() {
    for flushed_before in [false, true] {
        let disk = MemoryDisk::new();
        let scratch = scratch(&disk);
        let database = scratch.open();
        let spec = TableSpec::keyed("stock", ["sku"])
            .column(Column::new("sku", DataType::Text))
            .column(Column::new("small", DataType::SmallInt))
            .column(Column::new("middle", DataType::Integer))
            .column(Column::new("real", DataType::Real))
            .column(Column::new("money", DataType::Decimal { precision: 6, scale: 2 }));
        database.create_table(spec).unwrap();
        commit(&database, &numbers()).unwrap();
        if flushed_before {
            database.flush().unwrap();
        }
        widened(&database);
        let added = Column::new("added", DataType::SmallInt).not_null().with_default(42);
        database.alter_table("stock", &add(added)).unwrap();
        database.alter_table("stock", &widen("added", DataType::BigInt)).unwrap();
        database.alter_table("stock", &add(Column::new("tag", DataType::Text))).unwrap();
        check(&database, "changed");
        drop(database);
        let database = scratch.open();
        check(&database, "opened");
        database.flush().unwrap();
        check(&database, "flushed");
        // A segment of the entry of now beside one of the first, merged into one.
        commit(&database, &rows_of_now()).unwrap();
        database.compact(&mut |_| ()).unwrap();
        let mut transaction = database.begin();
        transaction.delete("stock", &annals_engine::rows!(("sku", Utf8, ["d"])).unwrap()).unwrap();
        transaction.commit().unwrap();
        check(&database, "merged");
        verify(&database);
    }
}

fn rows_of_now() -> RecordBatch {
    annals_engine::rows!(("sku", Utf8, ["d"]), ("middle", Int64, [1_i64 << 40])).unwrap()
}

#[test]
fn a_decimal_with_more_digits_than_its_column_is_refused() {
    let disk = MemoryDisk::new();
    let database = scratch(&disk).open();
    let money = DataType::Decimal { precision: 6, scale: 2 };
    let spec = TableSpec::keyed("stock", ["sku"]).column(Column::new("sku", DataType::Text));
    database.create_table(spec.column(Column::new("money", money))).unwrap();
    let rows = |unscaled: i128| {
        let money = Decimal128Array::from(vec![unscaled]).with_precision_and_scale(6, 2).unwrap();
        let sku = Arc::new(StringArray::from(vec!["a"])) as _;
        RecordBatch::try_from_iter([("sku", sku), ("money", Arc::new(money) as _)]).unwrap()
    };
    commit(&database, &rows(999_999)).unwrap();
    let error = commit(&database, &rows(1_000_000)).unwrap_err();
    assert!(error.to_string().starts_with("column `money`: "), "{error}");
}
