//! Indexes are named, listed, built behind what flushes and compactions write, and dropped.

use annals_engine::disk::MemoryDisk;
use annals_engine::{
    Column, Comparison, DataType, Database, ErrorKind, Predicate, Step, TableSpec,
};
use annals_tests::prices::system;
use annals_tests::scratch::Scratch;

use super::goods::*;

fn goods(ids: std::ops::Range<i64>) -> Vec<Good> {
    let kind = |id: i64| Some(["cup", "plate", "bowl"][id as usize % 3].to_owned());
    ids.map(|id| Good { id, kind: kind(id), size: None, sold: None, hour: id % 50 }).collect()
}

/// Segments that have bitmaps, those that are passed over, and all.
fn built(database: &Database, name: &str) -> (u64, u64, u64) {
    let indexes = database.indexes().unwrap();
    let index = indexes.iter().find(|index| index.name == name).expect("an index of the name");
    (index.indexed_segment_count, index.unfit_segment_count, index.segment_count)
}

fn bitmap_count(disk: &MemoryDisk) -> usize {
    let is_bitmap = |path: &std::path::PathBuf| path.extension() == Some("bitmap".as_ref());
    disk.files().into_iter().filter(is_bitmap).count()
}

#[test]
fn names_are_unique_and_wrong_requests_are_refused() {
    let database = scratch().open();
    create(&database);
    let spec = TableSpec::keyed("other", ["k"])
        .column(Column::new("k", DataType::Uuid))
        .column(Column::new("real", DataType::Real))
        .column(Column::new("double", DataType::Double))
        .column(Column::new("json", DataType::Json))
        .column(Column::new("bytes", DataType::Bytea));
    database.create_table(spec).unwrap();
    let make = |name: &str, table: &str, column: &str| database.create_index(name, table, column);
    make("i", "goods", "kind").unwrap();
    make("j", "goods", "kind").unwrap();
    make("k", "other", "k").unwrap();
    let refused = |name: &str, table: &str, column: &str, kind: ErrorKind, what: &str| {
        let error = make(name, table, column).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    };
    refused("i", "other", "k", ErrorKind::Conflict, "there is an index `i` already");
    refused("l", "good", "kind", ErrorKind::Invalid, "did you mean `goods`?");
    refused("l", "goods", "kinds", ErrorKind::Invalid, "did you mean `kind`?");
    refused("l", "goods", "_valid_from", ErrorKind::Invalid, "has no column `_valid_from`");
    for column in ["real", "double", "json", "bytes"] {
        refused("l", "other", column, ErrorKind::Invalid, "takes no bitmap index");
    }
    refused("", "goods", "kind", ErrorKind::Invalid, "cannot be the name of an index");
    refused("_l", "goods", "kind", ErrorKind::Invalid, "are reserved");
    let error = database.drop_index("l").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let names = |database: &Database| -> Vec<String> {
        database.indexes().unwrap().into_iter().map(|index| index.name).collect()
    };
    assert_eq!(names(&database), ["i", "j", "k"]);
    database.drop_index("i").unwrap();
    make("i", "other", "k").unwrap();
    assert_eq!(names(&database), ["j", "k", "i"]);
    let handle = database.clone();
    database.close().unwrap();
    for error in [
        handle.create_index("x", "goods", "kind").unwrap_err(),
        handle.drop_index("i").unwrap_err(),
        handle.indexes().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
}

#[test]
fn segments_to_come_are_indexed_in_the_background_and_all_is_there_after_reopening() {
    let disk = MemoryDisk::new();
    let scratch = Scratch::on(disk.clone(), system("2030-01-01"));
    let database = scratch.open();
    create(&database);
    put(&database, &goods(0..100)).unwrap();
    database.flush().unwrap();
    database.create_index("by_kind", "goods", "kind").unwrap();
    assert_eq!(built(&database, "by_kind"), (1, 0, 1));
    put(&database, &goods(50..150)).unwrap();
    database.flush().unwrap();
    assert_eq!(built(&database, "by_kind"), (1, 0, 2));
    let step = database.maintain().unwrap().expect("a step that is due");
    assert!(matches!(&step, Step::Index { index, .. } if index == "by_kind"), "{step}");
    assert_eq!(step.to_string(), "indexed 100 rows of goods/current for by_kind");
    assert_eq!((built(&database, "by_kind"), database.maintain().unwrap()), ((2, 0, 2), None));
    database.compact(&mut |_| ()).unwrap();
    let (indexed, unfit, all) = built(&database, "by_kind");
    assert!(indexed == all && unfit == 0 && all > 0, "{indexed} of {all}");
    assert_eq!(bitmap_count(&disk) as u64, indexed);
    let before = database.indexes().unwrap();
    assert_eq!(before[0].created_at, system("2030-01-01"));
    assert!(before[0].bytes > 0 && before[0].problem.is_none(), "{before:?}");
    // With a clean close, and without.
    database.close().unwrap();
    drop(scratch.open());
    let database = scratch.open();
    assert_eq!(database.indexes().unwrap(), before);
    let cups = Query::new(Predicate::compare("kind", Comparison::Eq, "cup"));
    assert_eq!(cups.ask(&database.snapshot().unwrap()).unwrap().0.len(), 50);
    assert_eq!(database.indexes().unwrap()[0].use_count, 1);
}

#[test]
fn threads_of_the_engine_build_what_flushes_write() {
    let scratch = scratch().background(true);
    let database = scratch.open();
    create(&database);
    database.create_index("by_kind", "goods", "kind").unwrap();
    put(&database, &goods(0..100)).unwrap();
    database.flush().unwrap();
    // Nothing wakes the thread but the flush.
    while built(&database, "by_kind") != (1, 0, 1) {
        std::thread::yield_now();
    }
}

#[test]
fn files_go_with_the_index_and_with_the_segment() {
    let disk = MemoryDisk::new();
    let scratch = Scratch::on(disk.clone(), system("2030-01-01"));
    let database = scratch.open();
    create(&database);
    put(&database, &goods(0..100)).unwrap();
    database.flush().unwrap();
    index(&database);
    assert_eq!(bitmap_count(&disk), 3);
    let snapshot = database.snapshot().unwrap();
    database.drop_index("by_size").unwrap();
    assert_eq!(bitmap_count(&disk), 3, "the snapshot may read it");
    let null = Predicate::IsNull { column: "size".to_owned() };
    assert_eq!(Query::new(null).ask(&snapshot).unwrap().0.len(), 100);
    drop(snapshot);
    database.flush().unwrap();
    assert_eq!(bitmap_count(&disk), 2);
    put(&database, &goods(0..100)).unwrap();
    database.compact(&mut |_| ()).unwrap();
    database.flush().unwrap();
    let (indexed, _, all) = built(&database, "by_kind");
    assert_eq!((indexed, bitmap_count(&disk) as u64), (all, 2 * all));
    database.drop_index("by_kind").unwrap();
    database.drop_index("by_sold").unwrap();
    assert_eq!((bitmap_count(&disk), database.indexes().unwrap()), (0, Vec::new()));
    drop(database);
    assert_eq!(scratch.open().recovery().removed_files, Vec::<String>::new());
}

#[test]
fn a_column_of_many_values_is_passed_over_once() {
    let disk = MemoryDisk::new();
    let scratch = Scratch::on(disk.clone(), system("2030-01-01")).memtable_bytes(8 << 20);
    let database = scratch.open();
    create(&database);
    put(&database, &goods(0..5_000)).unwrap();
    database.flush().unwrap();
    database.create_index("by_id", "goods", "id").unwrap();
    assert_eq!((built(&database, "by_id"), bitmap_count(&disk)), ((0, 1, 1), 0));
    assert_eq!(database.maintain().unwrap(), None);
    drop(database);
    let database = scratch.open();
    assert_eq!((built(&database, "by_id"), database.maintain().unwrap()), ((0, 1, 1), None));
    let some = Predicate::In { column: "id".to_owned(), values: vec![3.into(), 4_000.into()] };
    assert_eq!(Query::new(some).ask(&database.snapshot().unwrap()).unwrap().0.len(), 2);
    assert_eq!(database.indexes().unwrap()[0].use_count, 0);
    assert_eq!(database.verify(&mut |damage| panic!("{damage}")).unwrap().damage_count, 0);
}

#[test]
fn a_damaged_segment_leaves_the_others_indexed_and_is_told() {
    let disk = MemoryDisk::new();
    let scratch = Scratch::on(disk.clone(), system("2030-01-01"));
    let database = scratch.open();
    create(&database);
    for first in [0, 100] {
        put(&database, &goods(first..first + 100)).unwrap();
        database.flush().unwrap();
    }
    drop(database);
    let is_data = |path: &&std::path::PathBuf| path.extension() == Some("parquet".as_ref());
    let files = disk.files();
    let first = files.iter().find(is_data).expect("a segment");
    disk.flip_bit(first, 8 * 200).unwrap();
    let database = scratch.open();
    let error = database.create_index("by_kind", "goods", "kind").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("index `by_kind` is made, but not of all"), "{error}");
    assert_eq!(built(&database, "by_kind"), (1, 0, 2));
    let problem = database.indexes().unwrap()[0].problem.clone().expect("a problem");
    assert!(problem.contains(".parquet"), "{problem}");
    disk.flip_bit(first, 8 * 200).unwrap();
    while database.maintain().unwrap().is_some() {}
    assert_eq!(
        (built(&database, "by_kind"), &database.indexes().unwrap()[0].problem),
        ((2, 0, 2), &None)
    );
}
