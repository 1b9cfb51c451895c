//! `docs/format/transaction.md` says what the code does.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::Int64Type;

use super::*;
use crate::document::check_hex;
use crate::schema::{Column, DataType, TableChange, TableSchema, TableSpec, VALID_FROM, VALID_TO};
use crate::time::{SystemTime, ValidTime};

const DOCUMENT: &str = include_str!("../../../docs/format/transaction.md");

fn salaries() -> Arc<TableSchema> {
    let spec = TableSpec::keyed("salaries", ["name"])
        .column(Column::new("name", DataType::Text))
        .column(Column::new("salary", DataType::BigInt));
    Arc::new(spec.resolve(1).unwrap())
}

/// A column of one instant or none.
fn instant(at: Option<i64>) -> Arc<TimestampMicrosecondArray> {
    Arc::new(TimestampMicrosecondArray::from(vec![at]).with_timezone("UTC"))
}

/// The payload of the document's example.
fn example(schema: &Arc<TableSchema>) -> Vec<u8> {
    let from = ValidTime::parse("2024-03-01").unwrap().micros();
    let put = RecordBatch::try_from_iter([
        ("name", Arc::new(StringArray::from(vec!["ann"])) as _),
        ("salary", Arc::new(Int64Array::from(vec![120])) as _),
        (VALID_FROM, instant(Some(from)) as _),
    ]);
    let delete = RecordBatch::try_from_iter([
        ("name", Arc::new(StringArray::from(vec!["bob"])) as _),
        (VALID_FROM, instant(None) as _),
        (VALID_TO, instant(None) as _),
    ]);
    let statements = [
        Staged::put(schema.clone(), &put.unwrap()).unwrap(),
        Staged::delete(schema.clone(), &delete.unwrap()).unwrap(),
    ];
    let system_time = SystemTime::parse("2024-02-05").unwrap().micros();
    let assigned = Assigned { system_time, commit_number: 2, events: EventIds::committed(1) };
    let operations = statements.map(|s| (schema.id, Arc::new(s.assign(assigned).unwrap())));
    let mut bytes = Vec::new();
    encode_transaction(2, system_time, "", &operations, &mut bytes).unwrap();
    bytes
}

#[test]
fn the_transaction_of_the_document_is_what_is_logged() {
    let schema = salaries();
    let bytes = example(&schema);
    check_hex(DOCUMENT, 0, &bytes);
    let logged = decode_transaction(&bytes, &BTreeMap::from([((1, 0), schema)])).unwrap();
    assert_eq!((logged.commit_number, logged.operations.len()), (2, 2));
    let [(_, put), (_, delete)] = &logged.operations[..] else { panic!("two operations") };
    assert_eq!(put.batch.column(0).as_string::<i32>().value(0), "ann");
    assert_eq!(put.batch.column(1).as_primitive::<Int64Type>().value(0), 120);
    assert_eq!((delete.valid_from[0], delete.valid_to[0]), (i64::MIN, i64::MAX));
}

#[test]
fn a_transaction_that_is_cut_short_lengthened_or_of_no_table_is_judged() {
    let schema = salaries();
    let (bytes, tables) = (example(&schema), BTreeMap::from([((1, 0), schema)]));
    for length in 0..bytes.len() {
        assert!(decode_transaction(&bytes[..length], &tables).is_err(), "{length} bytes");
    }
    assert!(decode_transaction(&[&bytes[..], &[0]].concat(), &tables).is_err());
    assert!(decode_transaction(&bytes, &BTreeMap::new()).is_err());
    let mut newer = bytes.clone();
    newer[0] = 3;
    assert!(decode_transaction(&newer, &tables).is_err());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            // The frame's checksum finds it; here it is enough that nothing panics.
            let _ = decode_transaction(&flipped, &tables);
        }
    }
}

#[test]
fn rows_of_a_changed_table_are_logged_with_the_version_of_its_entry() {
    let made = salaries();
    let change = TableChange::AddColumn(Column::new("note", DataType::Text).with_default("-"));
    let changed = Arc::new(made.changed(&change).unwrap().unwrap());
    let as_made = example(&made);
    let bytes = example(&changed);
    // Version 2: for each operation a byte for the version of the entry, and for the put a third column of a flag, two offsets and `-`.
    assert_eq!((as_made[0], bytes[0]), (1, 2));
    assert_eq!(bytes.len(), as_made.len() + 2 + 1 + 8 + 1);
    let both = Schemas::from([((1, 0), made), ((1, 1), changed.clone())]);
    let logged = decode_transaction(&bytes, &both).unwrap();
    assert!(logged.operations.iter().all(|(_, chunk)| chunk.schema.version == 1));
    assert_eq!(logged.operations[0].1.batch.column(2).as_string::<i32>().value(0), "-");
    let logged = decode_transaction(&as_made, &both).unwrap();
    assert_eq!(logged.operations[0].1.batch.num_columns(), 2);
    let newest = Schemas::from([((1, 1), changed)]);
    assert!(decode_transaction(&as_made, &newest).is_err(), "an entry that is not there");
}
