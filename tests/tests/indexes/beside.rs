//! Indexes are made and dropped while transactions commit, memtables are flushed, segments compacted and questions asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use annals_engine::{Comparison, Database, Predicate};

use super::goods::*;

/// Transactions of the writer, each of so many goods.
const COMMIT_COUNT: i64 = 300;
const GOOD_COUNT: i64 = 40;

fn write(database: &Database) {
    for commit in 0..COMMIT_COUNT {
        let good = |at: i64| {
            // Every other transaction puts the goods of the one before it again.
            let id = (commit - commit % 2) * GOOD_COUNT + at;
            let kind = ["cup", "plate", "bowl"][(commit + at) as usize % 3].to_owned();
            Good { id, kind: Some(kind), size: Some((at % 5) as i32), sold: None, hour: at }
        };
        put(database, &(0..GOOD_COUNT).map(good).collect::<Vec<_>>()).unwrap();
        if commit % 30 == 29 {
            database.flush().unwrap();
        }
    }
}

/// Makes and drops indexes until told to end; how often.
fn make_and_drop(database: &Database, is_done: &AtomicBool) -> usize {
    let mut count = 0;
    while !is_done.load(Ordering::Relaxed) || count == 0 {
        index(database);
        for (name, _) in INDEXES {
            database.drop_index(name).unwrap();
        }
        count += 1;
    }
    count
}

/// Asks for one kind, and for all to choose from: the same, of one snapshot.
fn ask(database: &Database, is_done: &AtomicBool) {
    while !is_done.load(Ordering::Relaxed) {
        let snapshot = database.snapshot().unwrap();
        let cups = Query::new(Predicate::compare("kind", Comparison::Eq, "cup"));
        let found = cups.ask(&snapshot).unwrap().0;
        let all = Query::new(Predicate::is_not_null("kind")).ask(&snapshot).unwrap().0;
        let is_cup = |row: &&annals_tests::rows::Row| row[1].to_string().contains("cup");
        assert!(all.iter().filter(is_cup).eq(&found), "commit {}", snapshot.commit_number());
    }
}

#[test]
fn an_index_is_made_and_dropped_beside_reads_and_writes() {
    let scratch = scratch().background(true).memtable_bytes(32 << 10);
    let database = scratch.open();
    create(&database);
    let is_done = AtomicBool::new(false);
    let count = thread::scope(|scope| {
        let making = scope.spawn(|| make_and_drop(&database, &is_done));
        let asking = scope.spawn(|| ask(&database, &is_done));
        let writing = scope.spawn(|| write(&database));
        let written = writing.join();
        is_done.store(true, Ordering::Relaxed);
        written.expect("the writer");
        asking.join().expect("the reader");
        making.join().expect("who makes indexes")
    });
    println!("{count} times made and dropped");
    index(&database);
    database.compact(&mut |_| ()).unwrap();
    for index in database.indexes().unwrap() {
        assert_eq!(index.indexed_segment_count, index.segment_count, "{index:?}");
    }
    database.verify(&mut |damage| panic!("{damage}")).unwrap();
    drop(database);
    let database = scratch.open();
    let cups = Query::new(Predicate::compare("kind", Comparison::Eq, "cup"));
    // Of each pair of transactions the second is what holds.
    let expected = (0..COMMIT_COUNT).filter(|commit| commit % 2 == 1);
    let is_cup = |commit: i64| (0..GOOD_COUNT).filter(move |at| (commit + at) % 3 == 0);
    let expected = expected.flat_map(is_cup).count();
    assert_eq!(cups.ask(&database.snapshot().unwrap()).unwrap().0.len(), expected);
}
