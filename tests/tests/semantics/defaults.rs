//! A column that a put leaves out has its default, and one that is given NULL is NULL.

use annals_engine::{At, Column, DataType, Database, TableSpec, VALID_FROM, Value};
use annals_tests::prices::system;
use annals_tests::rows::{Cell, array, batch, rows};
use annals_tests::scratch::Scratch;

const NAMES: [&str; 4] = ["id", "currency", "amount", "note"];

fn spec() -> TableSpec {
    TableSpec::keyed("payments", ["id"])
        .column(Column::new("id", DataType::BigInt))
        .column(Column::new("currency", DataType::Text).not_null().with_default("EUR"))
        .column(Column::new("amount", DataType::Double).with_default(0.5))
        .column(Column::new("note", DataType::Text).with_default(Value::Null))
}

fn put(database: &Database, id: i64, given: &[(&'static str, DataType, Cell)]) {
    let mut columns = vec![("id", array(DataType::BigInt, &[&Cell::Int(id)]))];
    columns.extend(given.iter().map(|(name, kind, cell)| (*name, array(*kind, &[cell]))));
    let mut transaction = database.begin();
    transaction.put("payments", &batch(columns)).expect("a put");
    transaction.commit().expect("a commit");
}

fn payment(database: &Database, id: i64) -> Vec<Cell> {
    let snapshot = database.snapshot().expect("a snapshot");
    let found = snapshot.get("payments", &[Value::Int(id)], At::default()).expect("an answer");
    rows(&found.expect("the payment is there"), &NAMES).remove(0)
}

#[test]
fn defaults_stand_for_what_is_left_out_also_after_reopening() {
    let scratch = Scratch::in_memory(system("2030-01-01"));
    let database = scratch.open();
    database.create_table(spec()).expect("a table");
    put(&database, 1, &[]);
    database.close().expect("a clean close");
    let database = scratch.open();
    put(&database, 2, &[]);
    put(&database, 3, &[("amount", DataType::Double, Cell::Null)]);
    put(&database, 4, &[("currency", DataType::Text, Cell::text("CHF"))]);
    let euro = Cell::text("EUR");
    for id in [1, 2] {
        let expected = [Cell::Int(id), euro.clone(), Cell::Eighths(4), Cell::Null];
        assert_eq!(payment(&database, id), expected);
    }
    assert_eq!(payment(&database, 3), [Cell::Int(3), euro, Cell::Null, Cell::Null]);
    let swiss = [Cell::Int(4), Cell::text("CHF"), Cell::Eighths(4), Cell::Null];
    assert_eq!(payment(&database, 4), swiss);
}

#[test]
fn null_that_is_given_is_refused_where_there_is_none_and_a_key_to_delete_has_no_default() {
    let scratch = Scratch::in_memory(system("2030-01-01"));
    let database = scratch.open();
    let spec = TableSpec::keyed("codes", ["code"])
        .column(Column::new("code", DataType::Text).with_default("none"))
        .column(Column::new("rank", DataType::BigInt).not_null().with_default(1))
        .column(Column::new("size", DataType::BigInt).not_null());
    database.create_table(spec).expect("a table");
    let mut transaction = database.begin();
    let one = || array(DataType::BigInt, &[&Cell::Int(1)]);
    let null = array(DataType::BigInt, &[&Cell::Null]);
    let given = batch(vec![("rank", null), ("size", one())]);
    let error = transaction.put("codes", &given).expect_err("NULL was given");
    assert!(error.to_string().contains("column `rank` cannot be NULL"), "{error}");
    let error = transaction.put("codes", &batch(vec![("rank", one())])).expect_err("no default");
    assert!(error.to_string().contains("column `size`"), "{error}");
    let from = array(DataType::Timestamp, &[&Cell::Time(0)]);
    let keyless = batch(vec![(VALID_FROM, from)]);
    let error = transaction.delete("codes", &keyless).expect_err("a delete names its keys");
    assert!(error.to_string().contains("column `code`"), "{error}");
    transaction.put("codes", &batch(vec![("size", one())])).expect("a key may have a default");
    assert_eq!(transaction.row_count(), 1);
}

fn check_default(data_type: DataType, default: impl Into<Value>, expect: Result<Value, &str>) {
    let column = Column::new("c", data_type).with_default(default);
    let scratch = Scratch::in_memory(system("2030-01-01"));
    let spec = TableSpec::keyed("t", ["k"]).column(Column::new("k", DataType::Text));
    let made = scratch.open().create_table(spec.column(column));
    match (made, expect) {
        (Ok(table), Ok(value)) => {
            assert_eq!(table.columns[1].default_value().unwrap(), Some(value));
        }
        (Err(error), Err(part)) => {
            assert!(error.to_string().starts_with("the default of column `c`"), "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
        (found, expect) => panic!("{found:?}, expected {expect:?}"),
    }
}

#[test]
fn a_default_is_checked_against_the_type_when_the_table_is_made() {
    let decimal = DataType::Decimal { precision: 5, scale: 2 };
    check_default(decimal, 1.5, Ok(Value::Decimal { unscaled: 150, scale: 2 }));
    check_default(decimal, 1_000, Err("`1000` is not a DECIMAL(5,2)"));
    check_default(DataType::SmallInt, 40_000, Err("`40000` is not a SMALLINT"));
    check_default(DataType::Integer, 1.5, Err("`1.5` is not a INTEGER"));
    check_default(DataType::Boolean, true, Ok(Value::Boolean(true)));
    check_default(DataType::Date, "2024-02-29", Ok(Value::Date(19_782)));
    check_default(DataType::Date, "2024-02-30", Err("`2024-02-30` is not a DATE"));
    check_default(DataType::Bytea, Value::Bytes(vec![0, 255]), Ok(Value::Bytes(vec![0, 255])));
    check_default(DataType::Real, 0.1_f64, Ok(Value::Double(0.1_f32.into())));
    check_default(DataType::Timestamp, Value::Timestamp(0), Ok(Value::Timestamp(0)));
    check_default(DataType::Timestamp, Value::Timestamp(i64::MAX), Err(""));
    check_default(DataType::Text, "x".repeat(70_000), Err("70000 bytes"));
    check_default(DataType::Uuid, Value::Uuid([7; 16]), Ok(Value::Uuid([7; 16])));
}
