//! Snapshots, scans, transactions and commits that come between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use annals_engine::disk::MemoryDisk;
use annals_engine::{At, Clause, Column, DataType, ErrorKind, TableSpec, Value, rows};
use annals_tests::prices::{Prices, price_batch, price_of, system};
use annals_tests::rows::{Cell, array, batch};
use annals_tests::scratch::Scratch;

use super::guests::*;

#[test]
fn an_older_snapshot_refuses_the_table_and_no_other() {
    let disk = MemoryDisk::new();
    let database = scratch(&disk).open();
    fill(&database).unwrap();
    let pinned = [database.snapshot().unwrap(), database.snapshot().unwrap()];
    let visits = everything(&pinned[0], "visits").unwrap();
    everything(&pinned[0], "guests").unwrap();
    let own = {
        let mut transaction = database.begin();
        transaction.delete("guests", &keys(&[3])).unwrap();
        transaction.snapshot(&pinned[1]).unwrap()
    };
    let erasure = database.erase("guests", &keys(&[1]), &request()).unwrap();
    for snapshot in pinned.iter().chain([&own]) {
        let key = [Value::from(name(2).as_str())];
        let errors = [
            everything(snapshot, "guests").unwrap_err(),
            snapshot.get("guests", &key, At::default()).unwrap_err(),
            snapshot.history("guests", &key).unwrap_err(),
            snapshot.last_change("guests").unwrap_err(),
            snapshot.scan("guests").unwrap().estimate().unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Erased, "{error}");
            assert!(error.to_string().contains(&erasure.erased_at.to_string()), "{error}");
        }
        assert_eq!(everything(snapshot, "visits").unwrap(), visits);
    }
    let now = database.snapshot().unwrap();
    assert_eq!(everything(&now, "visits").unwrap(), visits);
    everything(&now, "guests").unwrap();
    // The next erasure ends this snapshot, too.
    database.erase("guests", &keys(&[2]), &request()).unwrap();
    assert_eq!(everything(&now, "guests").unwrap_err().kind(), ErrorKind::Erased);
}

#[test]
fn a_scan_that_runs_finishes_or_ends_with_the_error() {
    let scratch = Scratch::in_memory(system("2030-01-01"));
    let prices = Prices::with(scratch);
    for (round, count) in [(0, 20_000), (1, 20_000), (2, 3)] {
        let skus = (0..count).map(|at| Cell::text(format!("{round}-{at}"))).collect::<Vec<_>>();
        let ones = vec![Cell::Int(1); count];
        let rows = batch(vec![
            ("sku", array(annals_engine::DataType::Text, &skus.iter().collect::<Vec<_>>())),
            ("price", array(annals_engine::DataType::BigInt, &ones.iter().collect::<Vec<_>>())),
        ]);
        let mut transaction = prices.database().begin();
        transaction.put("prices", &rows).unwrap();
        transaction.commit().unwrap();
        if round < 2 {
            prices.database().flush().unwrap();
        }
    }
    let start = || {
        let scan = prices.snapshot().scan("prices").unwrap().valid(Clause::All);
        scan.system(Clause::All).run().unwrap()
    };
    let (mut whole, mut early) = (start(), start());
    let first = whole.next().unwrap().unwrap().num_rows();
    let mut left: usize = 40_003 - first;
    let key = batch(vec![("sku", array(annals_engine::DataType::Text, &[&Cell::text("1-7")]))]);
    prices.database().erase("prices", &key, &request()).unwrap();
    for rows in [&mut whole, &mut early] {
        let mut error = None;
        for batch in rows {
            match batch {
                Ok(batch) => left = left.saturating_sub(batch.num_rows()),
                Err(other) => error = Some(other),
            }
        }
        let error = error.expect("the second segment is gone");
        assert_eq!(error.kind(), ErrorKind::Erased, "{error}");
    }
    let count: usize = start().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(count, 40_002);
}

#[test]
fn what_is_committed_later_about_the_same_key_is_new() {
    let disk = MemoryDisk::new();
    let prices = Prices::with(Scratch::on(disk.clone(), system("2030-01-01")));
    prices.now().put("tea", 5, "2024-01-01", "").commit();
    let key = batch(vec![("sku", array(annals_engine::DataType::Text, &[&Cell::text("tea")]))]);
    let erasure = prices.database().erase("prices", &key, &request()).unwrap();
    let commit = prices.now().put("tea", 6, "2025-01-01", "").commit();
    assert!(commit.system_time > erasure.erased_at);
    assert_eq!(prices.price("tea", "2024-06-01", ""), None);
    assert_eq!(prices.price("tea", "2025-06-01", ""), Some(6));
    assert_eq!(prices.history("tea").len(), 1);
}

#[test]
fn a_transaction_that_has_read_what_was_erased_is_refused() {
    let prices = Prices::with(Scratch::in_memory(system("2030-01-01")));
    prices.at("2024-01-05").put("tea", 5, "2024-01-01", "").commit();
    let key = batch(vec![("sku", array(annals_engine::DataType::Text, &[&Cell::text("tea")]))]);
    let seen = prices.snapshot().last_change("prices").unwrap();
    let read_and_write = || {
        let mut transaction = prices.database().begin();
        transaction.put("prices", &price_batch("tea", 5, None)).unwrap();
        transaction
            .expect("`prices` has changed", move |now| Ok(now.last_change("prices")? == seen));
        transaction
    };
    let transaction = read_and_write();
    prices.database().erase("prices", &key, &request()).unwrap();
    assert_eq!(transaction.commit().unwrap_err().kind(), ErrorKind::Conflict);
    // An import of an earlier time does not hide the erasure, nor does a second erasure.
    prices.at("2024-06-01").put("coffee", 3, "2024-01-01", "").commit();
    assert_eq!(read_and_write().commit().unwrap_err().kind(), ErrorKind::Conflict);
    let after = prices.snapshot().last_change("prices").unwrap();
    assert_ne!(after, seen);
}

#[test]
fn commits_beside_erasures_lose_nothing() {
    let scratch = Scratch::new(system("2030-01-01")).memtable_bytes(32 << 10).background(true);
    let prices = Prices::with(scratch);
    let database = prices.database();
    let done = AtomicBool::new(false);
    let (erasures, last) = thread::scope(|scope| {
        let eraser = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::SeqCst) || count < 5 {
                let victims: Vec<Cell> =
                    (0..5).map(|n| Cell::text(format!("victim {n}"))).collect();
                let cells: Vec<&Cell> = victims.iter().collect();
                let keys = batch(vec![("sku", array(annals_engine::DataType::Text, &cells))]);
                let erasure = database.erase("prices", &keys, &request()).expect("an erasure");
                let snapshot = database.snapshot().expect("a snapshot");
                for n in 0..5 {
                    let sku = format!("victim {n}");
                    let key = [Value::from(sku.as_str())];
                    let Ok(history) = snapshot.history("prices", &key) else { continue };
                    let begun = history.column_by_name("_system_from").expect("a column").clone();
                    let begun = annals_tests::rows::rows(&batch(vec![("at", begun)]), &["at"]);
                    let at = erasure.erased_at.micros();
                    assert!(begun.iter().all(|row| row[0] > Cell::Time(at)), "older than {at}");
                }
                count += 1;
            }
            count
        });
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                scope.spawn(move || {
                    for round in 0..400 {
                        let mut transaction = database.begin();
                        for sku in
                            [format!("kept {writer} {round}"), format!("victim {}", round % 5)]
                        {
                            let rows = price_batch(&sku, round, Some(("2020-01-01", "")));
                            transaction.put("prices", &rows).expect("a put");
                        }
                        transaction.commit().expect("a commit");
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let snapshot = database.snapshot().expect("a snapshot");
                let kept = || {
                    let rows = snapshot.scan("prices")?.columns(["sku"]).run()?;
                    let mut count = 0;
                    for rows in rows {
                        let rows = annals_tests::rows::rows(&rows?, &["sku"]);
                        let is_kept = |row: &&Vec<Cell>| row[0] < Cell::text("l");
                        count += rows.iter().filter(is_kept).count();
                    }
                    Ok(count)
                };
                let first: annals_engine::Result<usize> = kept();
                for again in [kept(), kept()] {
                    match (&first, again) {
                        (Ok(first), Ok(again)) => assert_eq!(*first, again),
                        (_, Err(error)) => assert_eq!(error.kind(), ErrorKind::Erased, "{error}"),
                        (Err(_), Ok(_)) => panic!("a snapshot that was refused is read again"),
                    }
                }
            }
        });
        for writer in writers {
            writer.join().expect("a writer");
        }
        done.store(true, Ordering::SeqCst);
        reader.join().expect("a reader");
        let count = eraser.join().expect("an eraser");
        (count, 400)
    });
    assert!(erasures >= 5);
    let snapshot = prices.snapshot();
    for writer in 0..2 {
        for round in 0..last {
            let found = price_of(&snapshot, &format!("kept {writer} {round}"), "", "");
            assert_eq!(found.unwrap(), Some(round), "{writer} {round}");
        }
    }
    let mut damages = Vec::new();
    database.verify(&mut |damage| damages.push(damage.to_string())).unwrap();
    assert_eq!(damages, Vec::<String>::new());
}

#[test]
fn commits_and_erasures_by_turns_leave_compaction_its_turn() {
    let scratch = scratch(&MemoryDisk::new()).background(true);
    let database = scratch.open();
    let spec = TableSpec::keyed("turns", ["turn"]).column(Column::new("turn", DataType::BigInt));
    database.create_table(spec).unwrap();
    // Each erasure flushes a segment, and commits wait where there are too many.
    for turn in 0..80 {
        let mut transaction = database.begin();
        transaction.put("turns", &rows!(("turn", Int64, [turn])).unwrap()).unwrap();
        transaction.commit().unwrap();
        let missing = rows!(("turn", Int64, [-1])).unwrap();
        database.erase("turns", &missing, &request()).unwrap();
    }
    let turns = database.snapshot().unwrap().scan("turns").unwrap().valid(Clause::All);
    let row_count: usize = turns.run().unwrap().map(|rows| rows.unwrap().num_rows()).sum();
    assert_eq!(row_count, 80);
}
