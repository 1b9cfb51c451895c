//! A key that is written again and again is answered as any other.
//!
//! A flush finds what thousands of assertions about one key cover together by searching, where it looks at a few of them one by one.
//! Windows that are shorter and longer than the distances between them, some open, some deleted, several of a transaction over one
//! another, go to two keys; every flush is followed by questions drawn from the bounds of what was written.

use annals_engine::{At, Column, DataType, Database, SystemTime, TableSpec, ValidTime};
use annals_tests::generate::Rng;
use annals_tests::oracle::{Assertion, Assertions};
use annals_tests::prices::system;
use annals_tests::rows::{Cell, array, batch, rows};
use annals_tests::scratch::Scratch;

const HOUR: i64 = 3_600_000_000;
const TRANSACTION_ROW_COUNT: usize = 40;

/// Commits one transaction of assertions of one kind, and tells the model of it.
fn transact(database: &Database, model: &mut Assertions, number: i64, rng: &mut Rng) {
    let system_time = HOUR * (10_000 + number);
    let is_put = !rng.chance(20);
    let mut cells: [Vec<Cell>; 4] = Default::default();
    for place in 0..TRANSACTION_ROW_COUNT {
        let key = rng.within(1..=2);
        let valid_from = HOUR * rng.within(0..=2_000) + rng.within(0..=1);
        let length = *rng.pick(&[1, HOUR, 3 * HOUR, 40 * HOUR]);
        let valid_to = if rng.chance(3) { i64::MAX } else { valid_from + length };
        let value = Cell::Int(number * 1_000 + place as i64);
        let row = is_put.then(|| vec![Cell::Int(key), value.clone()]);
        let assertion = Assertion { row, valid_from, valid_to, system_time };
        model.push(vec![Cell::Int(key)], assertion);
        let row = [Cell::Int(key), Cell::Time(valid_from), Cell::bound(valid_to), value];
        cells.iter_mut().zip(row).for_each(|(column, cell)| column.push(cell));
    }
    let column = |at: usize, of| array(of, &cells[at].iter().collect::<Vec<_>>());
    let mut columns = vec![
        ("key", column(0, DataType::BigInt)),
        ("_valid_from", column(1, DataType::Timestamp)),
        ("_valid_to", column(2, DataType::Timestamp)),
    ];
    let mut transaction = database.begin();
    transaction.system_time(SystemTime::from_micros(system_time));
    if is_put {
        columns.push(("value", column(3, DataType::BigInt)));
        transaction.put("facts", &batch(columns)).expect("a put");
    } else {
        transaction.delete("facts", &batch(columns)).expect("a delete");
    }
    transaction.commit().expect("a commit");
}

fn check(
    database: &Database,
    model: &Assertions,
    number: i64,
    (rng, question_count): (&mut Rng, u32),
) {
    let snapshot = database.snapshot().expect("a snapshot");
    for _ in 0..question_count {
        let key = vec![Cell::Int(rng.within(1..=2))];
        let system = HOUR * (10_000 + rng.within(0..=number)) - rng.within(0..=1);
        let valid = HOUR * rng.within(0..=2_000) + rng.within(-1..=2);
        let at = At {
            valid: Some(ValidTime::from_micros(valid)),
            system: Some(SystemTime::from_micros(system)),
        };
        let found = snapshot.get("facts", &[key[0].value()], at).expect("a look-up");
        let found = found.and_then(|batch| rows(&batch, &["key", "value"]).pop());
        let expected = model.belief(&key, system, valid);
        assert_eq!(found.as_ref(), expected, "key {key:?} at {system}, {valid}");
    }
}

fn table() -> TableSpec {
    TableSpec::keyed("facts", ["key"])
        .column(Column::new("key", DataType::BigInt))
        .column(Column::new("value", DataType::BigInt))
}

/// How many cuts lie on rows of the database.
fn cut_count(database: &Database) -> u64 {
    let tables = database.stats().expect("figures").tables;
    tables.iter().map(|table| table.supersession_count).sum()
}

#[test]
fn a_key_of_thousands_of_assertions_is_answered_by_the_rule() {
    for seed in 1..=3 {
        // What is left of rows is kept from flush to flush, or worked out anew where there is no room for it; look-ups are slow then.
        let cut_counts = [(256 << 20, 400), (0, 3)].map(|(cache_bytes, question_count)| {
            let (mut rng, mut questions) = (Rng::new(seed), Rng::new(seed + 100));
            let scratch = Scratch::in_memory(system("2030-01-01")).memtable_bytes(64 << 20);
            let options = scratch.options().cache_bytes(cache_bytes);
            let database = Database::open(scratch.path(), options).expect("the database opens");
            let mut model = Assertions::default();
            database.create_table(table()).expect("a table");
            for number in 0..60 {
                transact(&database, &mut model, number, &mut rng);
                if number % 15 == 14 {
                    database.flush().expect("a flush");
                    check(&database, &model, number, (&mut questions, question_count));
                }
            }
            let cut_count = cut_count(&database);
            database.compact(&mut |_| ()).expect("a compaction");
            check(&database, &model, 59, (&mut questions, question_count));
            cut_count
        });
        assert_eq!(cut_counts[0], cut_counts[1], "seed {seed}");
    }
}

/// Puts a value over periods of one key and flushes.
fn put_over(database: &Database, periods: &[(i64, i64)], system_time: i64) {
    let cells = |cell: fn(i64, i64) -> Cell| periods.iter().map(|p| cell(p.0, p.1)).collect();
    let column = |of, cells: Vec<Cell>| array(of, &cells.iter().collect::<Vec<_>>());
    let columns = vec![
        ("key", column(DataType::BigInt, cells(|_, _| Cell::Int(1)))),
        ("_valid_from", column(DataType::Timestamp, cells(|from, _| Cell::Time(from)))),
        ("_valid_to", column(DataType::Timestamp, cells(|_, to| Cell::bound(to)))),
        ("value", column(DataType::BigInt, cells(|_, _| Cell::Int(7)))),
    ];
    let mut transaction = database.begin();
    transaction.system_time(SystemTime::from_micros(system_time));
    transaction.put("facts", &batch(columns)).expect("a put");
    transaction.commit().expect("a commit");
    database.flush().expect("a flush");
}

#[test]
fn what_a_row_has_lost_is_not_cut_from_it_again() {
    let scratch = Scratch::in_memory(system("2030-01-01"));
    let database = scratch.open();
    database.create_table(table()).expect("a table");
    let windows: Vec<(i64, i64)> =
        (1..=100).map(|i| (i * 10 * HOUR, (i * 10 + 5) * HOUR)).collect();
    put_over(&database, &[(0, i64::MAX)], HOUR);
    put_over(&database, &windows, 2 * HOUR);
    assert_eq!(cut_count(&database), 100, "each window ends the belief in a part of the first row");
    put_over(&database, &windows, 3 * HOUR);
    assert_eq!(cut_count(&database), 200, "the same windows end that in one another alone");
    put_over(&database, &[(500 * HOUR, i64::MAX)], 4 * HOUR);
    assert_eq!(cut_count(&database), 252, "51 windows and the end of the first row");
    put_over(&database, &[(501 * HOUR, i64::MAX)], 5 * HOUR);
    assert_eq!(cut_count(&database), 253, "nothing but the latest row is believed there");
}
