//! Readers and writers side by side: a snapshot never changes, no acknowledged commit is lost, no update is overwritten unseen.
//!
//! Real threads, with the engine's background threads on and a memtable so small that flushes and compactions run all the time.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use annals_engine::{Clause, Database, ErrorKind, Snapshot, SyncMode};
use annals_tests::check::PERIOD_COLUMNS;
use annals_tests::prices::{Prices, price_batch, price_of, system};
use annals_tests::rows::{Cell, Row, rows};
use annals_tests::scratch::Scratch;

fn busy_prices() -> Prices {
    let scratch = Scratch::new(system("2030-01-01")).memtable_bytes(32 << 10).background(true);
    Prices::with(scratch)
}

fn put(database: &Database, sku: &str, price: i64) -> annals_engine::Commit {
    let mut transaction = database.begin();
    let rows = price_batch(sku, price, Some(("2020-01-01", "")));
    transaction.put("prices", &rows).expect("a put");
    transaction.commit().expect("a commit")
}

/// Every version that a snapshot sees, sorted.
fn everything(snapshot: &Snapshot) -> Vec<Row> {
    let columns = [&["sku", "price"][..], &PERIOD_COLUMNS].concat();
    let scan = snapshot.scan("prices").expect("the table").columns(columns.iter().copied());
    let batches = scan.valid(Clause::All).system(Clause::All).run().expect("a scan");
    let mut found: Vec<Row> =
        batches.flat_map(|batch| rows(&batch.expect("a batch"), &columns)).collect();
    found.sort();
    found
}

#[test]
fn a_pinned_snapshot_gives_the_same_answer_while_everything_else_runs() {
    let prices = busy_prices();
    let database = prices.database();
    for price in 0..50 {
        put(database, &format!("item {}", price % 7), price);
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|reader| {
                let done = &done;
                scope.spawn(move || {
                    let mut asked = 0;
                    while !done.load(Ordering::SeqCst) || asked == 0 {
                        let snapshot = database.snapshot().expect("a snapshot");
                        let expected = everything(&snapshot);
                        for _ in 0..4 {
                            assert_eq!(everything(&snapshot), expected, "reader {reader}");
                            asked += 1;
                        }
                    }
                    asked
                })
            })
            .collect();
        let pinned = database.snapshot().expect("a snapshot");
        let expected = everything(&pinned);
        for price in 50..650 {
            put(database, &format!("item {}", price % 7), price);
            if price % 100 == 0 {
                database.flush().expect("a flush");
            }
            if price % 200 == 0 {
                database.compact(&mut |_| ()).expect("a compaction");
            }
        }
        assert_eq!(everything(&pinned), expected, "the oldest snapshot");
        done.store(true, Ordering::SeqCst);
        let asked: usize = readers.into_iter().map(|reader| reader.join().expect("a reader")).sum();
        println!("{asked} answers of snapshots, all the same");
    });
}

#[test]
fn what_one_reader_has_seen_a_later_one_sees() {
    let prices = busy_prices();
    let database = prices.database();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = -1;
                while !done.load(Ordering::SeqCst) {
                    let snapshot = database.snapshot().expect("a snapshot");
                    let seen = price_of(&snapshot, "tea", "", "").expect("an answer").unwrap_or(-1);
                    let other =
                        price_of(&snapshot, "milk", "", "").expect("an answer").unwrap_or(-1);
                    assert_eq!(seen, other, "one transaction wrote both");
                    assert!(seen >= last, "{seen} after {last}");
                    last = seen;
                }
            });
        }
        for price in 0..400 {
            let mut transaction = database.begin();
            for sku in ["tea", "milk"] {
                let rows = price_batch(sku, price, Some(("2020-01-01", "")));
                transaction.put("prices", &rows).expect("a put");
            }
            transaction.commit().expect("a commit");
        }
        done.store(true, Ordering::SeqCst);
    });
}

#[test]
fn every_acknowledged_commit_of_many_threads_is_there_after_a_drop() {
    const THREADS: usize = 8;
    const COMMITS: usize = 60;
    let scratch = Scratch::new(system("2030-01-01")).memtable_bytes(32 << 10).background(true);
    let mut prices = Prices::with(scratch.sync(SyncMode::Commit));
    let database = prices.database();
    let commits: Vec<(i64, u64)> = thread::scope(|scope| {
        let writers: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let commit = |at| put(database, &format!("{thread}-{at}"), at as i64);
                    let commits = (0..COMMITS).map(commit);
                    commits.map(|c| (c.system_time.micros(), c.number)).collect::<Vec<_>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect()
    });
    let times: BTreeSet<i64> = commits.iter().map(|(time, _)| *time).collect();
    let numbers: BTreeSet<u64> = commits.iter().map(|(_, number)| *number).collect();
    assert_eq!(times.len(), THREADS * COMMITS, "every system time is used once");
    assert_eq!(numbers.len(), THREADS * COMMITS, "every number is used once");
    let (first, last) = (numbers.first().unwrap(), numbers.last().unwrap());
    assert_eq!(last - first + 1, numbers.len() as u64, "the numbers have no gap");
    let mut by_time = commits.clone();
    by_time.sort_unstable();
    assert!(by_time.is_sorted_by_key(|(_, number)| *number), "times and numbers agree in order");

    prices.crash();
    let found: BTreeSet<Cell> =
        everything(&prices.snapshot()).into_iter().map(|row| row[0].clone()).collect();
    let all = (0..THREADS).flat_map(|thread| (0..COMMITS).map(move |at| format!("{thread}-{at}")));
    let expected: BTreeSet<Cell> = all.map(Cell::text).collect();
    assert_eq!(found, expected);
}

#[test]
fn expectations_lose_no_update() {
    const THREADS: i64 = 4;
    const INCREMENTS: i64 = 40;
    let mut prices = busy_prices();
    put(prices.database(), "counter", 0);
    let database = prices.database();
    let conflicts: usize = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|_| scope.spawn(move || increment(database, INCREMENTS))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).sum()
    });
    println!("{conflicts} conflicts");
    assert_eq!(prices.price("counter", "", ""), Some(THREADS * INCREMENTS));
    assert_eq!(prices.history("counter").len() as i64, THREADS * INCREMENTS + 1);
    prices.crash();
    assert_eq!(prices.price("counter", "", ""), Some(THREADS * INCREMENTS));
}

/// Adds one, again and again until it was done `count` times; returns how often another was quicker.
fn increment(database: &Database, count: i64) -> usize {
    let mut conflicts = 0;
    let mut done = 0;
    while done < count {
        let snapshot = database.snapshot().expect("a snapshot");
        let seen = price_of(&snapshot, "counter", "", "").expect("an answer").expect("a number");
        let mut transaction = database.begin();
        let rows = price_batch("counter", seen + 1, Some(("2020-01-01", "")));
        transaction.put("prices", &rows).expect("a put");
        transaction.expect("the counter is as it was seen", move |snapshot| {
            Ok(price_of(snapshot, "counter", "", "")? == Some(seen))
        });
        match transaction.commit() {
            Ok(_) => done += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                conflicts += 1;
            }
        }
    }
    conflicts
}
