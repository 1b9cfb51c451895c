//! A flush by several threads leaves what a flush by one leaves.
//!
//! Keys are resolved in parts where a memtable has rows enough. The same transactions, so large, go to a database that has threads and
//! to one that has none, which the oracle checks elsewhere; later ones cut what earlier flushes wrote. A machine of one core has
//! no threads to give, and shows nothing here.

use annals_engine::{Clause, Column, DataType, Database, SystemTime, TableSpec};
use annals_tests::prices::system;
use annals_tests::rows::{Cell, Row, array, batch, rows};
use annals_tests::scratch::Scratch;

const DAY: i64 = 86_400_000_000;
/// Keys are met by several transactions of each flush.
const KEY_COUNT: i64 = 17_000;
/// With three of them a memtable has four parts' worth of rows and more.
const TRANSACTION_ROW_COUNT: i64 = 25_000;

/// A type of keys, and the key that a number drawn stands for.
type Key = (DataType, fn(i64) -> Cell);
/// Keys longer than their prefix, and so compared whole, and keys that it tells from all others.
const KEYS: [Key; 2] = [
    (DataType::Text, |drawn| Cell::text(format!("k{:08}", drawn % KEY_COUNT))),
    (DataType::BigInt, |drawn| Cell::Int(drawn % KEY_COUNT)),
];

/// The `number`th transaction: puts over periods of all kinds, or deletes.
fn transact(database: &Database, (key_type, key): Key, number: i64, is_put: bool) {
    let all = (0..TRANSACTION_ROW_COUNT).map(|row| (row + 1) * (number + 3) * 7_919);
    let drawn: Vec<i64> = all.filter(|drawn| is_put || drawn % 5 == 0).collect();
    let column = |data_type, cell: &dyn Fn(i64) -> Cell| {
        let cells: Vec<Cell> = drawn.iter().map(|drawn| cell(*drawn)).collect();
        array(data_type, &cells.iter().collect::<Vec<_>>())
    };
    let from = |drawn: i64| DAY * (drawn / KEY_COUNT % 900);
    let to = |drawn: i64| match drawn % 3 {
        0 => Cell::Null,
        more => Cell::Time(from(drawn) + DAY * (1 + 40 * more)),
    };
    let mut columns = vec![
        ("key", column(key_type, &key)),
        ("_valid_from", column(DataType::Timestamp, &|drawn| Cell::Time(from(drawn)))),
        ("_valid_to", column(DataType::Timestamp, &to)),
    ];
    let mut transaction = database.begin();
    transaction.system_time(SystemTime::from_micros(DAY * (1_000 + number)));
    if is_put {
        columns.push(("drawn", column(DataType::BigInt, &|drawn| Cell::Int(drawn))));
        let size = |drawn: i64| if drawn % 11 == 0 { Cell::Null } else { Cell::Int(drawn % 1_000) };
        columns.push(("size", column(DataType::Integer, &size)));
        transaction.put("facts", &batch(columns)).expect("a put");
    } else {
        transaction.delete("facts", &batch(columns)).expect("a delete");
    }
    transaction.commit().expect("a commit");
}

fn everything(scratch: &Scratch, key: Key) -> Vec<Row> {
    let database = scratch.open();
    let spec = TableSpec::keyed("facts", ["key"])
        .column(Column::new("key", key.0))
        .column(Column::new("drawn", DataType::BigInt))
        .column(Column::new("size", DataType::Integer));
    database.create_table(spec).expect("a table");
    for flush in 0..3 {
        for number in 0..4 {
            transact(&database, key, 4 * flush + number, number < 3);
        }
        database.flush().expect("a flush");
    }
    let report = database.verify(&mut |damage| panic!("{damage}")).expect("a report");
    assert!(report.file_count > 0);
    let scan = database.snapshot().expect("a snapshot").scan("facts").expect("the table");
    let names = ["key", "drawn", "size", "_valid_from", "_valid_to", "_system_from", "_system_to"];
    let scan = scan.valid(Clause::All).system(Clause::All).columns(names);
    let found = scan.run().expect("a scan").map(|batch| rows(&batch.expect("a batch"), &names));
    let mut found: Vec<Row> = found.flatten().collect();
    found.sort();
    found
}

#[test]
fn several_threads_leave_what_one_leaves() {
    let scratch = || Scratch::in_memory(system("2030-01-01")).memtable_bytes(512 << 20);
    for key in KEYS {
        let by_one = everything(&scratch().background(false), key);
        let by_several = everything(&scratch().background(true), key);
        assert!(by_one.len() > 200_000, "{} versions", by_one.len());
        assert!(by_one == by_several, "{} versions and {}", by_one.len(), by_several.len());
    }
}
