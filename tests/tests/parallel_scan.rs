//! The parts of a scan together are the scan: no row is missing, none is given twice, and what they touched adds up.
//!
//! A table of so many rows that parts are worth it, some of them cut by later flushes and some unflushed, is read by threads.

use std::cell::Cell;
use std::thread;

use annals_engine::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use annals_engine::{
    Clause, Column, Comparison, DataType, Database, Predicate, Rows, Scan, ScanMetrics, TableSpec,
    Value,
};
use annals_tests::prices::system;
use annals_tests::rows::{Row, rows};
use annals_tests::scratch::Scratch;
use std::sync::Arc;

/// Rows of the first flush: four parts' worth.
const ROW_COUNT: i64 = 300_000;

fn put(database: &Database, numbers: impl Iterator<Item = i64>, mark: i64) {
    let numbers: Vec<i64> = numbers.collect();
    let marks: Int64Array = numbers.iter().map(|_| Some(mark)).collect();
    let columns: [(&str, ArrayRef); 2] =
        [("number", Arc::new(Int64Array::from(numbers))), ("mark", Arc::new(marks))];
    let mut transaction = database.begin();
    transaction.put("numbers", &RecordBatch::try_from_iter(columns).unwrap()).expect("a put");
    transaction.commit().expect("a commit");
}

fn numbers(scratch: &Scratch) -> Database {
    let database = scratch.open();
    let spec = TableSpec::keyed("numbers", ["number"])
        .column(Column::new("number", DataType::BigInt))
        .column(Column::new("mark", DataType::BigInt));
    database.create_table(spec).expect("a table");
    put(&database, 0..ROW_COUNT, 0);
    database.flush().expect("a flush");
    put(&database, (0..ROW_COUNT).step_by(70), 1);
    database.flush().expect("a flush");
    put(&database, (0..ROW_COUNT).step_by(700), 2);
    put(&database, ROW_COUNT..ROW_COUNT + 10, 3);
    database
}

/// What some parts give, read side by side.
fn read(parts: Vec<Rows>) -> (Vec<Row>, ScanMetrics) {
    let threads: Vec<_> = parts
        .into_iter()
        .map(|mut part| {
            thread::spawn(move || {
                let mut found: Vec<Row> = Vec::new();
                for batch in &mut part {
                    let batch = batch.expect("a batch");
                    let names: Vec<&str> =
                        batch.schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
                    found.extend(rows(&batch, &names));
                }
                (found, part.metrics())
            })
        })
        .collect();
    let (mut all, mut metrics) = (Vec::new(), ScanMetrics::default());
    for thread in threads {
        let (found, own) = thread.join().expect("a reader");
        all.extend(found);
        metrics += own;
    }
    all.sort();
    (all, metrics)
}

/// Holds parts against the whole; returns how many parts there were.
fn check(scan: &Scan, part_count_max: usize) -> usize {
    let (expected, of_whole) = read(vec![scan.clone().run().expect("a scan")]);
    let parts = scan.clone().run_in_parts(part_count_max).expect("a scan in parts");
    let part_count = parts.len();
    assert!((1..=part_count_max.max(1)).contains(&part_count), "{part_count} parts");
    let (found, of_parts) = read(parts);
    assert!(found == expected, "{} rows in parts, {} in whole", found.len(), expected.len());
    // What the first reading has decoded, the second finds in the cache.
    let (mut of_parts, mut of_whole) = (of_parts, of_whole);
    (of_parts.decoded_bytes, of_whole.decoded_bytes) = (0, 0);
    assert_eq!(of_parts, of_whole);
    assert_eq!(of_whole.row_count, expected.len() as u64);
    part_count
}

#[test]
fn parts_together_are_the_scan() {
    let scratch = Scratch::in_memory(system("2030-01-01")).memtable_bytes(256 << 20);
    let database = numbers(&scratch);
    let snapshot = database.snapshot().expect("a snapshot");
    let scan = || snapshot.scan("numbers").expect("the table");
    assert_eq!(check(&scan(), 4), 4);
    assert_eq!(check(&scan(), 1), 1);
    assert_eq!(check(&scan(), 0), 1);
    assert!(check(&scan(), 1_000) < 20, "small parts are not worth it");
    let history = scan().valid(Clause::All).system(Clause::All);
    let history = history.columns(["number", "mark", "_valid_from", "_system_to"]);
    assert_eq!(check(&history, 3), 3);
    let some = scan().filter(Predicate::compare("mark", Comparison::Gt, 0)).columns(["number"]);
    check(&some, 4);
    let one = scan().filter(Predicate::compare("number", Comparison::Eq, 700));
    assert_eq!(check(&one, 4), 1, "a look-up is one part");
    let parts = scan().limit(10).run_in_parts(4).expect("parts");
    assert!(parts.iter().len() == 4);
    for part in parts {
        let count: usize = part.map(|batch| batch.expect("a batch").num_rows()).sum();
        assert_eq!(count, 10, "a limit holds for each part");
    }
}

#[test]
fn what_was_decoded_is_counted_once_however_many_read() {
    let scratch = Scratch::in_memory(system("2030-01-01")).memtable_bytes(256 << 20);
    drop(numbers(&scratch));
    let cold = |part_count: usize| {
        let database = scratch.open();
        let snapshot = database.snapshot().expect("a snapshot");
        let parts = snapshot.scan("numbers").unwrap().run_in_parts(part_count).expect("parts");
        read(parts).1.decoded_bytes
    };
    let whole = cold(1);
    let parts = cold(3);
    // Where a part begins amid a row group, the group's dictionaries are read once more.
    assert!((whole..whole * 11 / 10).contains(&parts), "{parts} bytes in parts, {whole} in whole");
}

#[test]
fn a_scan_that_nobody_waits_for_ends_between_windows_of_blocks() {
    let scratch = Scratch::in_memory(system("2030-01-01")).memtable_bytes(64 << 20);
    let database = numbers(&scratch);
    database.flush().expect("a flush");
    let snapshot = database.snapshot().expect("a snapshot");
    // The rows of these numbers have other marks by now; no zone map can tell.
    let values = (0..ROW_COUNT).step_by(70).map(Value::Int).collect();
    let number = Predicate::In { column: "number".to_owned(), values };
    let scan = snapshot.scan("numbers").expect("the table").filter(number);
    let scan = scan.filter(Predicate::compare("mark", Comparison::Eq, 0));
    let calls = Cell::new(0);
    let asked_until = |last: usize| {
        calls.set(0);
        let mut rows = scan.clone().run().expect("a scan");
        let is_wanted = || {
            calls.set(calls.get() + 1);
            calls.get() <= last
        };
        let found = rows.next_while(&is_wanted);
        assert!(found.is_none(), "{found:?}");
        assert!(rows.next().is_none(), "it has ended");
        (calls.get(), rows.metrics().block_kept_count)
    };
    let (all, blocks) = asked_until(usize::MAX);
    assert!(all > 4, "asked {all} times");
    assert_eq!(asked_until(0), (1, 0));
    let (asked, read) = asked_until(2);
    assert_eq!(asked, 3);
    assert!(read < blocks, "{read} blocks of {blocks}");
}
