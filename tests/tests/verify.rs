//! `verify` finds a flipped bit in every kind of file, and names the file; so it does a file that is cut, lost or exchanged.
//!
//! A database is made that has every kind of file: log, manifest, segments and their indexes, bitmaps, supersessions. Bits are flipped one
//! at a time, those of the first and last byte of each file and random ones. `verify` must name the file. Damage at the end of
//! a log may be taken for a write that never ended: then the answers must be exact, or recovery must report what it cut.
//! Nothing panics, and no wrong answer is given in silence.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_engine::disk::{Disk, MemoryDisk};
use annals_engine::{Database, ErrorKind, Options};
use annals_tests::damage::{answer, copy, damages, draw_bits, kind, length, names, targets};
use annals_tests::generate::{Rng, runs};
use annals_tests::prices::{NOW, Prices, system};
use annals_tests::rows::Row;
use annals_tests::scratch::Scratch;

/// A disk with a database, and what it answers.
struct Damaged {
    disk: MemoryDisk,
    dir: PathBuf,
    expected: Vec<Row>,
}

impl Damaged {
    /// A database with every kind of file; `sealed` tells whether it was closed.
    fn prepare(sealed: bool) -> Damaged {
        let disk = MemoryDisk::new();
        let mut prices = Prices::with(Scratch::on(disk.clone(), system(NOW)));
        for month in 1..=6 {
            for (second, sku) in ["tea", "milk", "bread", "salt"].iter().enumerate() {
                let recorded = format!("2024-{month:02}-15T00:00:{second:02}Z");
                let story = prices.at(&recorded).put(sku, month, "2024-01-01", "2024-09-01");
                story.put(sku, -month, "2024-04-01", "").commit();
            }
            match month {
                1 => prices.database().create_index("by_sku", "prices", "sku").expect("an index"),
                2 => prices.database().compact(&mut |_| ()).expect("a compaction"),
                3 | 4 => prices.database().flush().expect("a flush"),
                _ => (),
            }
        }
        if sealed {
            prices.database().clone().close().expect("a clean close");
        }
        prices.drop_without_close();
        let dir = prices.scratch.path();
        let expected = answer(&disk, &dir).expect("an intact database").1;
        assert!(damages(&disk, &dir).is_empty(), "an intact database: {:?}", damages(&disk, &dir));
        Damaged { disk, dir, expected }
    }

    /// Damages a file in a copy, and checks what `verify` and a reader make of it.
    fn check(&self, file: &Path, what: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        let disk = copy(&self.disk);
        disk.damage(file, damage).expect("a file to damage");
        let what = format!("{what} of {}", file.display());
        let found = catch_unwind(AssertUnwindSafe(|| damages(&disk, &self.dir)));
        let found = found.unwrap_or_else(|_| panic!("verify panics, {what}"));
        let is_named = names(&found, file);
        let is_log = kind(&self.dir, file).contains("wal");
        assert!(is_named || is_log, "verify does not name the file, {what}: {found:?}");
        for error in found.iter().filter(|error| error.kind() == ErrorKind::Corrupt) {
            assert!(
                error.file().is_some() && error.offset().is_some(),
                "no place: {error}, {what}"
            );
        }
        match self.answer(&disk, &what) {
            Some(_) if is_named => (),
            Some(error) => panic!("{error}, and verify said nothing, {what}"),
            None => (),
        }
    }

    /// The error of opening or reading; otherwise the answer must be exact, or recovery must have reported a cut.
    fn answer(&self, disk: &MemoryDisk, what: &str) -> Option<annals_engine::Error> {
        let answered = catch_unwind(AssertUnwindSafe(|| answer(disk, &self.dir)));
        match answered.unwrap_or_else(|_| panic!("reading panics, {what}")) {
            Ok((recovery, rows)) => {
                let is_told = !recovery.cuts.is_empty() && rows.len() < self.expected.len();
                assert!(rows == self.expected || is_told, "a wrong answer in silence, {what}");
                None
            }
            Err(error) => Some(error),
        }
    }
}

fn flip_everywhere(test: &str, first_seed: u64, sealed: bool) {
    for seed in runs(&format!("verify::{test}"), first_seed, 1) {
        let mut rng = Rng::new(seed);
        let damaged = Damaged::prepare(sealed);
        let mut kinds = BTreeMap::<String, usize>::new();
        for file in targets(&damaged.disk) {
            for bit in draw_bits(&mut rng, length(&damaged.disk, &file), 160) {
                let flip = |bytes: &mut Vec<u8>| bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
                damaged.check(&file, &format!("bit {bit}"), flip);
                *kinds.entry(kind(&damaged.dir, &file)).or_default() += 1;
            }
        }
        println!("flipped bits by kind of file: {kinds:?}");
        assert!(kinds.len() >= 6, "not every kind of file is there: {kinds:?}");
    }
}

#[test]
fn every_flipped_bit_of_a_closed_database_is_found() {
    flip_everywhere("every_flipped_bit_of_a_closed_database", 1, true);
}

#[test]
fn every_flipped_bit_of_a_database_that_was_not_closed_is_found() {
    flip_everywhere("every_flipped_bit_of_a_database_that_was_not_closed", 2, false);
}

#[test]
fn a_file_that_is_cut_or_has_grown_is_found() {
    for sealed in [true, false] {
        let damaged = Damaged::prepare(sealed);
        for file in targets(&damaged.disk) {
            let whole = length(&damaged.disk, &file);
            for cut in [0, 1, whole / 2, whole - 1] {
                let what = format!("a cut from {whole} to {cut} bytes");
                damaged.check(&file, &what, |bytes| bytes.truncate(cut));
            }
            damaged.check(&file, "growth", |bytes| bytes.extend([0x5A; 9]));
        }
    }
}

#[test]
fn a_file_that_is_lost_is_found() {
    let damaged = Damaged::prepare(true);
    for file in targets(&damaged.disk) {
        let disk = copy(&damaged.disk);
        disk.remove(&file).expect("it goes");
        let what = format!("{} is lost", file.display());
        assert!(!damages(&disk, &damaged.dir).is_empty(), "verify says nothing, {what}");
        damaged.answer(&disk, &what);
    }
}

#[test]
fn two_files_that_change_places_are_found() {
    let damaged = Damaged::prepare(true);
    let targets = targets(&damaged.disk);
    for (at, left) in targets.iter().enumerate() {
        for right in &targets[at + 1..] {
            let disk = copy(&damaged.disk);
            let bytes = [left, right].map(|file| disk.read_all(file).expect("a file"));
            disk.damage(left, |file| file.clone_from(&bytes[1])).expect("a swap");
            disk.damage(right, |file| file.clone_from(&bytes[0])).expect("a swap");
            let what = format!("{} and {} swapped", left.display(), right.display());
            let found = damages(&disk, &damaged.dir);
            assert!(names(&found, left) || names(&found, right), "{what}: {found:?}");
            damaged.answer(&disk, &what);
        }
    }
}

#[test]
fn a_lost_manifest_is_never_taken_for_a_new_database() {
    for sealed in [true, false] {
        let damaged = Damaged::prepare(sealed);
        let is_manifest = |file: &PathBuf| kind(&damaged.dir, file).contains("manifest");
        let all = targets(&damaged.disk);
        for manifest in all.iter().filter(|file| is_manifest(file)) {
            for lose in [true, false] {
                let disk = copy(&damaged.disk);
                match lose {
                    true => disk.remove(manifest).expect("it goes"),
                    false => disk.damage(manifest, Vec::clear).expect("it is emptied"),
                }
                let options = Options::default().disk(Arc::new(disk.clone())).background(false);
                let error = Database::open(&damaged.dir, options).expect_err("a refusal");
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                for file in all.iter().filter(|file| !is_manifest(file)) {
                    let kept = disk.read_all(file).expect("nothing is removed");
                    assert_eq!(kept, damaged.disk.read_all(file).unwrap(), "{}", file.display());
                }
            }
        }
    }
}
