//! `verify` finds a flipped bit in every kind of file, and names the file; so it does a file that is cut, lost or exchanged.
//!
//! A database is made that has every kind of file: log, manifest, segments and their indexes, supersessions. Bits are flipped one
//! at a time, the first and last byte of each file and random ones. `verify` must report the file; where the file is a log that
//! was not sealed, damage of its tail may be taken for a write that never ended, and then the answers must be those
//! of the acknowledged transactions. A database that opens all the same must answer exactly, or refuse.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use annals_engine::{Clause, Database, ErrorKind, Options, Result};
use annals_tests::check::PERIOD_COLUMNS;
use annals_tests::damage::{damages, draw_bits, files, flip, kind, names};
use annals_tests::generate::{Rng, runs};
use annals_tests::prices::{Prices, system};
use annals_tests::rows::{Row, rows};
use annals_tests::scratch::{Scratch, copy_folder};

/// A database with every kind of file; `sealed` tells whether it was closed.
fn prepare(sealed: bool) -> tempfile::TempDir {
    let mut prices = Prices::with(Scratch::new(system("2030-01-01")).memtable_bytes(1 << 20));
    for month in 1..=6 {
        for sku in ["tea", "milk", "bread", "salt"] {
            let recorded = format!("2024-{month:02}-15T00:00:{:02}Z", sku.len() + sku.len() % 3);
            let story = prices.at(&recorded).put(sku, month, "2024-01-01", "2024-09-01");
            if let Err(error) = story.put(sku, -month, "2024-04-01", "").try_commit() {
                // `milk` and `salt` are of one length: the second waits a second.
                assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
                let recorded = format!("2024-{month:02}-15T00:00:59Z");
                prices.at(&recorded).put(sku, month, "2024-01-01", "").commit();
            }
        }
        match month {
            2 => prices.database().compact(&mut |_| ()).expect("a compaction"),
            3 | 4 => prices.database().flush().expect("a flush"),
            _ => (),
        }
    }
    if sealed {
        prices.reopen();
        prices.database().clone().close().expect("a clean close");
    }
    prices.drop_without_close();
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_folder(&prices.scratch.path(), copy.path());
    copy
}

/// Every version of the table, sorted.
fn everything(folder: &Path) -> Result<Vec<Row>> {
    let options = Options::default().background(false);
    let database = Database::open_existing(folder, options)?;
    let columns = [&["sku", "price"][..], &PERIOD_COLUMNS].concat();
    let snapshot = database.snapshot()?;
    let scan = snapshot.scan("prices")?.columns(columns.iter().copied());
    let mut found = Vec::new();
    for batch in scan.valid(Clause::All).system(Clause::All).run()? {
        found.extend(rows(&batch?, &columns));
    }
    found.sort();
    Ok(found)
}

/// What a copy of the folder answers; opening may write, so the folder itself is never opened.
fn answer(folder: &Path) -> Result<Vec<Row>> {
    let copy = tempfile::tempdir().expect("a temporary folder");
    copy_folder(folder, copy.path());
    everything(copy.path())
}

/// Reports the damage, or answers exactly; and never panics.
fn check(folder: &Path, file: &Path, expected: &[Row], sealed: bool, what: &str) {
    let is_log = kind(folder, file).contains("wal");
    let found = catch_unwind(AssertUnwindSafe(|| damages(folder)));
    let found = found.unwrap_or_else(|_| panic!("verify panics, {what}"));
    let reported = names(&found, file);
    assert!(reported || (is_log && !sealed), "verify does not name the file, {what}: {found:?}");
    for error in found.iter().filter(|error| error.kind() == ErrorKind::Corrupt) {
        assert!(error.file().is_some() && error.offset().is_some(), "no place: {error}, {what}");
    }
    let answered = catch_unwind(AssertUnwindSafe(|| answer(folder)));
    let answered = answered.unwrap_or_else(|_| panic!("reading panics, {what}"));
    match answered {
        Ok(rows) => {
            let torn = is_log && !sealed && expected.len() > rows.len();
            assert!(rows == expected || torn, "a wrong answer in silence, {what}");
        }
        Err(error) => assert!(reported, "{error}, and verify said nothing, {what}"),
    }
}

/// The files worth damaging: all but those that hold nothing.
fn targets(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = files(folder);
    found.retain(|file| fs::metadata(file).expect("a file").len() > 0);
    found
}

fn flip_everywhere(test: &str, first_seed: u64, sealed: bool) {
    for seed in runs(&format!("verify::{test}"), first_seed, 1) {
        let mut rng = Rng::new(seed);
        let folder = prepare(sealed);
        let folder = folder.path();
        let expected = answer(folder).expect("an intact database");
        assert!(damages(folder).is_empty(), "an intact database: {:?}", damages(folder));
        let mut kinds = std::collections::BTreeMap::<String, usize>::new();
        for file in targets(folder) {
            let length = fs::metadata(&file).expect("a file").len();
            for bit in draw_bits(&mut rng, length, 64) {
                flip(&file, bit);
                let what = format!("bit {bit} of {} ({length} bytes)", file.display());
                check(folder, &file, &expected, sealed, &what);
                flip(&file, bit);
                *kinds.entry(kind(folder, &file)).or_default() += 1;
            }
        }
        println!("flipped bits by kind of file: {kinds:?}");
        assert!(kinds.len() >= 4, "not every kind of file is there: {kinds:?}");
    }
}

#[test]
fn every_flipped_bit_of_a_closed_database_is_found() {
    flip_everywhere("every_flipped_bit_of_a_closed_database", 1, true);
}

#[test]
fn every_flipped_bit_of_a_database_that_was_not_closed_is_found_or_harmless() {
    flip_everywhere("every_flipped_bit_of_a_database_that_was_not_closed", 2, false);
}

#[test]
fn a_file_that_is_cut_is_found() {
    let folder = prepare(true);
    let folder = folder.path();
    let expected = answer(folder).expect("an intact database");
    for file in targets(folder) {
        let whole = fs::read(&file).expect("the file");
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&file, &whole[..length]).expect("a shorter file");
            let what = format!("{} cut from {} to {length} bytes", file.display(), whole.len());
            check(folder, &file, &expected, true, &what);
        }
        fs::write(&file, [&whole[..], &[0x5A; 9]].concat()).expect("a longer file");
        check(folder, &file, &expected, true, &format!("{} has grown", file.display()));
        fs::write(&file, whole).expect("the file again");
    }
}

#[test]
fn a_file_that_is_lost_is_found() {
    let folder = prepare(true);
    let folder = folder.path();
    let expected = answer(folder).expect("an intact database");
    for file in targets(folder) {
        let whole = fs::read(&file).expect("the file");
        fs::remove_file(&file).expect("it goes");
        let what = format!("{} is lost", file.display());
        let found = damages(folder);
        assert!(!found.is_empty(), "verify says nothing, {what}");
        let answered = catch_unwind(AssertUnwindSafe(|| answer(folder)));
        match answered.unwrap_or_else(|_| panic!("reading panics, {what}")) {
            Ok(rows) => assert_eq!(rows, expected, "a wrong answer in silence, {what}"),
            Err(error) => println!("{what}: {error}"),
        }
        fs::write(&file, whole).expect("the file again");
    }
}

#[test]
fn two_files_that_change_places_are_found() {
    let folder = prepare(true);
    let folder = folder.path();
    let expected = answer(folder).expect("an intact database");
    let targets = targets(folder);
    let mut count = 0;
    for (at, left) in targets.iter().enumerate() {
        for right in &targets[at + 1..] {
            let bytes = [fs::read(left).expect("a file"), fs::read(right).expect("a file")];
            if bytes[0] == bytes[1] {
                continue;
            }
            fs::write(left, &bytes[1]).expect("a swap");
            fs::write(right, &bytes[0]).expect("a swap");
            let what = format!("{} and {} swapped", left.display(), right.display());
            let found = damages(folder);
            assert!(names(&found, left) || names(&found, right), "{what}: {found:?}");
            match catch_unwind(AssertUnwindSafe(|| answer(folder))) {
                Ok(Ok(rows)) => assert_eq!(rows, expected, "a wrong answer in silence, {what}"),
                Ok(Err(_)) => (),
                Err(_) => panic!("reading panics, {what}"),
            }
            fs::write(left, &bytes[0]).expect("the file again");
            fs::write(right, &bytes[1]).expect("the file again");
            count += 1;
        }
    }
    println!("{count} swaps");
}
