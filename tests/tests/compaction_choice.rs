//! Which segments of `current` the background merges, and when.

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

/// Flushes one put, open in valid time, of each of [`KEY_COUNT`] keys from `first` on, and says how many segments the compaction that
/// is due then has read.
fn flush_and_maintain(database: &Database, number: i64, first: i64) -> Option<usize> {
    let column = |data_type, cell: &dyn Fn(i64) -> Cell| {
        let cells: Vec<Cell> = (first..first + KEY_COUNT).map(cell).collect();
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
    database.flush().expect("a flush");
    match database.maintain().expect("a step")? {
        Step::Compaction { input_count, .. } => Some(input_count),
        other => panic!("{other}"),
    }
}

#[test]
fn a_segment_that_was_just_flushed_is_left_out_while_others_are_worn() {
    let scratch = Scratch::in_memory(system("2030-01-01")).background(false);
    let database = table(&scratch);
    // Each flush ends what the one before it left open.
    let read: Vec<_> = (1..=9).map(|number| flush_and_maintain(&database, number, 0)).collect();
    assert_eq!(read[..5], [None, None, None, None, Some(4)]);
    assert!(read[5..].iter().flatten().all(|input_count| *input_count == 4), "{read:?}");
}

#[test]
fn segments_that_nothing_was_cut_from_are_merged_when_they_are_many() {
    let scratch = Scratch::in_memory(system("2030-01-01")).background(false);
    let database = table(&scratch);
    let read = (1..=8).map(|number| flush_and_maintain(&database, number, number * KEY_COUNT));
    let read: Vec<_> = read.collect();
    assert_eq!(read, [None, None, None, None, None, None, None, Some(8)]);
}
