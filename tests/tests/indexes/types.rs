//! Values of every type that takes an index are found by it.

use std::sync::Arc;

use annals_engine::arrow::array::*;
use annals_engine::arrow::datatypes::Int32Type;
use annals_engine::{Column, Comparison, DataType, Database, Predicate, TableSpec, Value};

use super::goods::scratch;

/// A column with three values, the second of them NULL, and the first as predicates have it.
type Case = (&'static str, DataType, ArrayRef, Value);

fn cases() -> Vec<Case> {
    let decimal = DataType::Decimal { precision: 30, scale: 2 };
    let (instant, unscaled) = (1_704_067_200_000_000, -10_i128.pow(25));
    let instants = TimestampMicrosecondArray::from(vec![Some(instant), None, Some(1)]);
    let money = Decimal128Array::from(vec![Some(unscaled), None, Some(1)]);
    let uuids = [Some([9; 16]), None, Some([0; 16])].into_iter();
    let uuids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids, 16).unwrap();
    let integers = Int32Array::from(vec![Some(i32::MIN), None, Some(7)]);
    vec![
        (
            "flag",
            DataType::Boolean,
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
            Value::Boolean(true),
        ),
        (
            "small",
            DataType::SmallInt,
            Arc::new(Int16Array::from(vec![Some(-3), None, Some(7)])),
            Value::Int(-3),
        ),
        ("middle", DataType::Integer, Arc::new(integers), Value::Int(i32::MIN.into())),
        (
            "large",
            DataType::BigInt,
            Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(-7)])),
            Value::Int(i64::MAX),
        ),
        (
            "text",
            DataType::Text,
            Arc::new(StringArray::from(vec![Some("a\0"), None, Some("a")])),
            Value::from("a\0"),
        ),
        (
            "day",
            DataType::Date,
            Arc::new(Date32Array::from(vec![Some(-1), None, Some(7)])),
            Value::Date(-1),
        ),
        (
            "at",
            DataType::Timestamp,
            Arc::new(instants.with_timezone("UTC")),
            Value::Timestamp(instant),
        ),
        (
            "money",
            decimal,
            Arc::new(money.with_precision_and_scale(30, 2).unwrap()),
            Value::Decimal { unscaled, scale: 2 },
        ),
        ("uuid", DataType::Uuid, Arc::new(uuids), Value::Uuid([9; 16])),
    ]
}

/// The keys of the rows that pass.
fn found(database: &Database, filter: Predicate) -> Vec<i32> {
    let scan = database.snapshot().unwrap().scan("t").unwrap().columns(["k"]).filter(filter);
    let keys = |batch: RecordBatch| batch.column(0).as_primitive::<Int32Type>().values().to_vec();
    scan.run().unwrap().flat_map(|batch| keys(batch.unwrap())).collect()
}

#[test]
fn values_of_every_type_that_takes_an_index_are_found() {
    let (database, cases) = (scratch().open(), cases());
    let spec = TableSpec::keyed("t", ["k"]).column(Column::new("k", DataType::Integer));
    let spec = cases
        .iter()
        .fold(spec, |spec, (name, data_type, ..)| spec.column(Column::new(*name, *data_type)));
    database.create_table(spec).unwrap();
    let key: ArrayRef = Arc::new(Int32Array::from(vec![0, 1, 2]));
    let values = cases.iter().map(|(name, _, array, _)| (*name, array.clone()));
    let batch = RecordBatch::try_from_iter([("k", key)].into_iter().chain(values)).unwrap();
    let mut transaction = database.begin();
    transaction.put("t", &batch).unwrap();
    transaction.commit().unwrap();
    database.flush().unwrap();
    for (name, ..) in &cases {
        database.create_index(name, "t", name).unwrap();
    }
    for (name, _, _, value) in cases {
        let column = name.to_owned();
        let is = Predicate::compare(name, Comparison::Eq, value.clone());
        assert_eq!(found(&database, is), [0], "{name}");
        let null = Predicate::IsNull { column: column.clone() };
        assert_eq!(found(&database, null), [1], "{name}");
        let one_of = Predicate::In { column, values: vec![value, Value::Null] };
        assert_eq!(found(&database, one_of), [0], "{name}");
    }
    let indexes = database.indexes().unwrap();
    assert!(indexes.iter().all(|index| index.use_count == 3 && index.indexed_segment_count == 1));
    database.verify(&mut |damage| panic!("{damage}")).unwrap();
}
