//! Segments of many blocks, of which later transactions cut a part: restored as of before and erased from.

use std::path::Path;

use annals_engine::arrow::array::{AsArray, Int64Array, RecordBatch};
use annals_engine::arrow::datatypes::Int64Type;
use annals_engine::disk::MemoryDisk;
use annals_engine::{
    BackupOptions, Clause, Column, DataType, Database, ErasureRequest, RestoreOptions, TableSpec,
    rows,
};
use annals_tests::check::restored;
use annals_tests::prices::system;
use annals_tests::scratch::Scratch;

/// More than four blocks.
const KEY_COUNT: i64 = 20_000;
const BEFORE: &str = "2024-01-10";
const AFTER: &str = "2024-02-10";
const FOLDER: &str = "/backups";

fn numbers(keys: impl Iterator<Item = i64> + Clone, value: i64) -> RecordBatch {
    let values = Int64Array::from_iter_values(keys.clone().map(|key| key + value));
    let keys = Int64Array::from_iter_values(keys);
    RecordBatch::try_from_iter([
        ("k", std::sync::Arc::new(keys) as annals_engine::arrow::array::ArrayRef),
        ("v", std::sync::Arc::new(values) as _),
    ])
    .unwrap()
}

/// All keys are put, every third is put again a month later; flushed apart, so that the second cuts rows of the first.
fn filled(scratch: &Scratch, is_compact: bool) -> Database {
    let database = scratch.open();
    let column = |name| Column::new(name, DataType::BigInt);
    let spec = TableSpec::keyed("numbers", ["k"]).column(column("k")).column(column("v"));
    database.create_table(spec).unwrap();
    for (recorded, step, value) in [(BEFORE, 1, 0), (AFTER, 3, 1_000_000)] {
        let mut transaction = database.begin();
        transaction.system_time(system(recorded));
        transaction.put("numbers", &numbers((0..KEY_COUNT).step_by(step), value)).unwrap();
        transaction.commit().unwrap();
        database.flush().unwrap();
        database.backup(FOLDER, &BackupOptions::default()).unwrap();
    }
    if is_compact {
        database.compact(&mut |_| ()).unwrap();
        database.backup(FOLDER, &BackupOptions::default()).unwrap();
    }
    database
}

/// Key and value of what is believed now, and how many versions there are in all.
fn found(database: &Database) -> (Vec<(i64, i64)>, usize) {
    let snapshot = database.snapshot().unwrap();
    let mut pairs = Vec::new();
    for batch in snapshot.scan("numbers").unwrap().run().unwrap() {
        let batch = batch.unwrap();
        let column = |at: usize| batch.column(at).as_primitive::<Int64Type>().values().to_vec();
        pairs.extend(column(0).into_iter().zip(column(1)));
    }
    pairs.sort_unstable();
    let all = snapshot.scan("numbers").unwrap().valid(Clause::All).system(Clause::All);
    let count = all.run().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    (pairs, count)
}

/// What is believed before and after the second transaction, without some keys.
fn expected(is_after: bool, is_left: impl Fn(i64) -> bool) -> Vec<(i64, i64)> {
    let value = |key| if is_after && key % 3 == 0 { key + 1_000_000 } else { key };
    (0..KEY_COUNT).filter(|key| is_left(*key)).map(|key| (key, value(key))).collect()
}

fn verify(database: &Database) {
    let report = database.verify(&mut |damage| panic!("{damage}")).unwrap();
    assert!(report.file_count >= 4, "{report}");
}

#[test]
fn a_wide_segment_is_restored_as_it_was() {
    for is_compact in [false, true] {
        let scratch = Scratch::in_memory(system("2030-01-01")).memtable_bytes(64 << 20);
        let database = filled(&scratch, is_compact);
        let newest = if is_compact { 3 } else { 2 };
        let cut_count = (KEY_COUNT as usize).div_ceil(3);
        for (at, is_after) in [(BEFORE, false), ("2024-02-09", false), (AFTER, true)] {
            let request = RestoreOptions::default().at(system(at)).point(newest);
            let database = restored(&scratch, Path::new(FOLDER), &request);
            let (pairs, count) = found(&database);
            assert_eq!(pairs, expected(is_after, |_| true), "{at}");
            let more = if is_after { 2 * cut_count } else { 0 };
            assert_eq!(count, KEY_COUNT as usize + more, "{at}");
            verify(&database);
        }
        drop(database);
    }
}

#[test]
fn keys_are_erased_from_a_wide_segment_in_every_point() {
    let disk = MemoryDisk::new();
    let scratch = Scratch::on(disk, system("2030-01-01")).memtable_bytes(64 << 20);
    let database = filled(&scratch, true);
    let keys = [0, 7, 4_096, 4_098, 12_000, KEY_COUNT - 1];
    let erased = rows!(("k", Int64, keys.to_vec())).unwrap();
    let request = ErasureRequest::by("somebody");
    assert_eq!(database.erase("numbers", &erased, &request).unwrap().keys.len(), keys.len());
    for (point, is_after) in [(1, false), (2, true), (3, true)] {
        let request = RestoreOptions::default().point(point);
        let database = restored(&scratch, Path::new(FOLDER), &request);
        let is_left = |key| !keys.contains(&key);
        assert_eq!(found(&database).0, expected(is_after, is_left), "point {point}");
        verify(&database);
    }
    // As of before the cuts, from points that have them as cuts and as rows.
    for point in [2, 3] {
        let request = RestoreOptions::default().at(system(BEFORE)).point(point);
        let database = restored(&scratch, Path::new(FOLDER), &request);
        assert_eq!(found(&database).0, expected(false, |key| !keys.contains(&key)), "{point}");
    }
}
