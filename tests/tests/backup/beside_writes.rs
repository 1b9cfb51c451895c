//! Backups while transactions are committed, flushed and compacted: each holds every transaction up to its instant, and no other.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use annals_engine::{BackupOptions, RestoreOptions, SystemTime};
use annals_tests::check::restored;
use annals_tests::prices::{Prices, price_batch, price_of, system};
use annals_tests::scratch::Scratch;

const WRITER_COUNT: usize = 2;
const ROUND_COUNT: i64 = 400;

#[test]
fn a_backup_holds_what_was_committed_by_its_instant() {
    let scratch =
        Scratch::in_memory(system("2030-01-01")).memtable_bytes(32 << 10).background(true);
    let prices = Prices::with(scratch);
    let database = prices.database();
    let running = AtomicUsize::new(WRITER_COUNT);
    let (commits, backups) = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITER_COUNT)
            .map(|writer| {
                let running = &running;
                scope.spawn(move || {
                    let commit = |round| {
                        let mut transaction = database.begin();
                        for sku in [format!("{writer}"), format!("{writer} {round}")] {
                            let rows = price_batch(&sku, round, Some(("2020-01-01", "")));
                            transaction.put("prices", &rows).expect("a put");
                        }
                        transaction.commit().expect("a commit").system_time
                    };
                    let times: Vec<SystemTime> = (0..ROUND_COUNT).map(commit).collect();
                    running.fetch_sub(1, Ordering::SeqCst);
                    times
                })
            })
            .collect();
        let mut backups = Vec::new();
        while running.load(Ordering::SeqCst) > 0 || backups.len() < 3 {
            let options = BackupOptions::default().copy(backups.len() % 2 == 1);
            backups.push(database.backup("/backups", &options).expect("a backup"));
        }
        let commits: Vec<_> =
            writers.into_iter().map(|writer| writer.join().expect("a writer")).collect();
        (commits, backups)
    });
    // All of them would take long where there are many.
    let step = backups.len().div_ceil(8);
    for backup in backups.iter().step_by(step).chain(backups.last()) {
        let request = RestoreOptions::default().point(backup.number);
        let database = restored(&prices.scratch, Path::new("/backups"), &request);
        let snapshot = database.snapshot().unwrap();
        for (writer, times) in commits.iter().enumerate() {
            let count = times.partition_point(|time| *time <= backup.system_time) as i64;
            let price = |sku: &str| price_of(&snapshot, sku, "2025-01-01", "").unwrap();
            assert_eq!(price(&writer.to_string()), (count > 0).then_some(count - 1), "{backup}");
            for round in [0, count - 1, count, ROUND_COUNT - 1] {
                let is_there = (0..count).contains(&round);
                let sku = format!("{writer} {round}");
                assert_eq!(price(&sku), is_there.then_some(round), "{backup}: {sku}");
            }
        }
    }
}

#[test]
fn a_reader_that_pins_old_files_and_a_compaction_take_nothing_from_a_backup() {
    let prices = Prices::with(Scratch::in_memory(system("2030-01-01")));
    let mut transactions = Vec::new();
    for day in 1..=9 {
        let story = prices.at(&format!("2024-01-0{day}"));
        transactions.push(story.put("tea", day, "2024-01-01", "").commit());
        prices.database().flush().unwrap();
        let pinned = prices.snapshot();
        prices.database().backup("/backups", &BackupOptions::default()).unwrap();
        prices.database().compact(&mut |_| ()).unwrap();
        drop(pinned);
    }
    for (point, commit) in (1..).zip(&transactions) {
        let request = RestoreOptions::default().point(point);
        let database = restored(&prices.scratch, Path::new("/backups"), &request);
        let snapshot = database.snapshot().unwrap();
        assert_eq!(snapshot.commit_number(), commit.number);
        assert_eq!(price_of(&snapshot, "tea", "", "").unwrap(), Some(point as i64));
    }
}
