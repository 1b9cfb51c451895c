//! Which segments the background merges or rewrites, and when.

use std::ops::Range;

use annals_engine::{Column, DataType, Database, Step, SystemTime, TableSpec};
use annals_tests::prices::system;
use annals_tests::rows::{Cell, array, batch};
use annals_tests::scratch::Scratch;

const DAY: i64 = 86_400_000_000;
const KEY_COUNT: i64 = 3_000;

fn table(scratch: &Scratch) -> Database {
    let database = scratch.open();
    let spec = TableSpec::keyed("facts", ["key"])
        .column(Column::new("key", DataType::BigInt))
        .column(Column::new("value", DataType::BigInt));
    database.create_table(spec).expect("a table");
    database
}

/// Flushes, and says how many segments the compaction that is due then has read.
fn flush_and_compact(database: &Database) -> Option<usize> {
    database.flush().expect("a flush");
    match database.maintain().expect("a step")? {
        Step::Compaction { input_count, .. } => Some(input_count),
        other => panic!("{other}"),
    }
}

/// Flushes one put, open in valid time, of each key of a range, and says how many segments the compaction that is due then has read.
fn flush_and_maintain(database: &Database, number: i64, keys: Range<i64>) -> Option<usize> {
    let column = |data_type, cell: &dyn Fn(i64) -> Cell| {
        let cells: Vec<Cell> = keys.clone().map(cell).collect();
        array(data_type, &cells.iter().collect::<Vec<_>>())
    };
    let columns = vec![
        ("key", column(DataType::BigInt, &Cell::Int)),
        ("value", column(DataType::BigInt, &|_| Cell::Int(number))),
        ("_valid_from", column(DataType::Timestamp, &|_| Cell::Time(DAY * number))),
    ];
    let mut transaction = database.begin();
    transaction.system_time(SystemTime::from_micros(DAY * number));
    transaction.put("facts", &batch(columns)).expect("a put");
    transaction.commit().expect("a commit");
    flush_and_compact(database)
}

#[test]
fn a_segment_that_was_just_flushed_is_left_out_while_others_are_worn() {
    let scratch = Scratch::in_memory(system("2030-01-01")).background(false);
    let database = table(&scratch);
    // Each flush ends what the one before it left open.
    let flush = |number| flush_and_maintain(&database, number, 0..KEY_COUNT);
    let read: Vec<_> = (1..=9).map(flush).collect();
    assert_eq!(read[..5], [None, None, None, None, Some(4)]);
    assert!(read[5..].iter().flatten().all(|input_count| *input_count == 4), "{read:?}");
}

#[test]
fn segments_that_nothing_was_cut_from_are_merged_when_they_are_many() {
    let scratch = Scratch::in_memory(system("2030-01-01")).background(false);
    let database = table(&scratch);
    let keys = |number| number * KEY_COUNT..(number + 1) * KEY_COUNT;
    let read: Vec<_> =
        (1..=8).map(|number| flush_and_maintain(&database, number, keys(number))).collect();
    assert_eq!(read, [None, None, None, None, None, None, None, Some(8)]);
}

#[test]
fn worn_segments_of_which_no_two_fit_a_compaction_are_rewritten_one_by_one() {
    let scratch = Scratch::in_memory(system("2030-01-01")).background(false);
    let database = table(&scratch);
    // With a cut for each row, two of them stand for more versions than a compaction holds.
    let flush = |number| flush_and_maintain(&database, number, 0..400_000);
    let read: Vec<_> = (1..=6).map(flush).collect();
    assert_eq!(read, [None, None, None, None, Some(1), Some(1)]);
}

/// Puts, or else deletes, the keys of `keys` for a day of January 1970, and says how many segments the compaction that is due then
/// has read.
fn write_january(database: &Database, number: i64, keys: Range<i64>) -> Option<usize> {
    let column = |data_type, cell: &dyn Fn(i64) -> Cell| {
        let cells: Vec<Cell> = keys.clone().map(cell).collect();
        array(data_type, &cells.iter().collect::<Vec<_>>())
    };
    let mut columns = vec![
        ("key", column(DataType::BigInt, &Cell::Int)),
        ("_valid_from", column(DataType::Timestamp, &|_| Cell::Time(DAY))),
        ("_valid_to", column(DataType::Timestamp, &|_| Cell::Time(2 * DAY))),
    ];
    let mut transaction = database.begin();
    transaction.system_time(SystemTime::from_micros(DAY * (100 + number)));
    if number == 0 {
        columns.push(("value", column(DataType::BigInt, &Cell::Int)));
        transaction.put("facts", &batch(columns)).expect("a put");
    } else {
        transaction.delete("facts", &batch(columns)).expect("a delete");
    }
    transaction.commit().expect("a commit");
    flush_and_compact(database)
}

#[test]
fn what_is_worn_is_rewritten_when_a_table_has_many_cuts() {
    let scratch = Scratch::in_memory(system("2030-01-01")).background(false);
    let database = table(&scratch);
    // 50 and 74 cuts for a hundred open rows are not many yet, 76 are.
    assert_eq!(write_january(&database, 0, 0..10_000), None);
    assert_eq!(write_january(&database, 1, 0..5_000), None);
    assert_eq!(write_january(&database, 2, 5_000..7_400), None);
    assert_eq!(write_january(&database, 3, 7_400..7_600), Some(1));
    assert_eq!(write_january(&database, 4, 7_600..7_700), None);
}
