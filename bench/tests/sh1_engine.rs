//! The engine, loaded with "SH1", holds what the oracle holds: every table at every epoch, on days
//! at and around the bounds of periods; compacted and reopened.

use annals_bench::measure;
use annals_bench::workload::sh1::{Oracle, Stream, Table, Tier, day, epoch_time};
use annals_engine::{Clause, Database, Options, Snapshot};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

/// All rows of a table as of an epoch and a day, in the order of their ids.
fn engine_rows(snapshot: &Snapshot, table: Table, epoch: i64, on: i64) -> Vec<Vec<i64>> {
    let scan = snapshot
        .scan(table.name())
        .unwrap()
        .valid(Clause::AsOf(day(on)))
        .system(Clause::AsOf(epoch_time(epoch)));
    let mut found: Vec<Vec<i64>> = Vec::new();
    for batch in scan.run().unwrap() {
        let batch = batch.unwrap();
        let value =
            |column: usize, row| batch.column(column).as_primitive::<Int64Type>().value(row);
        let columns = 0..batch.num_columns();
        found.extend(
            (0..batch.num_rows()).map(|row| columns.clone().map(|c| value(c, row)).collect()),
        );
    }
    found.sort_unstable();
    found
}

fn oracle_rows(oracle: &Oracle, table: Table, epoch: i64, on: i64) -> Vec<Vec<i64>> {
    let row = |id| {
        let values = oracle.at(table, id, epoch, on)?;
        Some([&[id], &values[..table.columns().len()]].concat())
    };
    (1..=oracle.row_count(table)).filter_map(row).collect()
}

#[test]
fn every_table_is_as_the_oracle_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("sh1");
    let stream = Stream::generate(Tier::Development);
    let figures = measure::load(&stream, &dir).unwrap();
    assert_eq!(figures.transaction_count, 25);
    assert_eq!((figures.put_count, figures.delete_count), (4_328, 448));

    let oracle = Oracle::new(&stream);
    let database = Database::open_existing(&dir, Options::default()).unwrap();
    let snapshot = database.snapshot().unwrap();
    for table in Table::ALL {
        for epoch in 0..25 {
            for on in [0, 89, 90, 150, 164, 166, 167, 168, 170, 209, 210, 365, 366] {
                assert_eq!(
                    engine_rows(&snapshot, table, epoch, on),
                    oracle_rows(&oracle, table, epoch, on),
                    "{} as of epoch {epoch} on day {on}",
                    table.name()
                );
            }
        }
    }
    database.close().unwrap();

    // Fails if an answer is not the oracle's.
    let questions = measure::questions(&dir, Tier::Development, &oracle.answers()).unwrap();
    assert_eq!(questions.len(), 12);
}
