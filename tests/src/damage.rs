//! What happens to files that nobody should have touched: bits flip, files are cut, exchanged or lost.
//!
//! On a disk in memory, so that thousands of damages cost seconds. Opening a database may write, so that it is always a
//! copy of the damaged disk that is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_engine::disk::{Keep, MemoryDisk};
use annals_engine::{Clause, Database, Error, Options, RecoveryReport, Result};

use crate::check::PERIOD_COLUMNS;
use crate::generate::Rng;
use crate::rows::{Row, rows};

/// A copy of a disk.
pub fn copy(disk: &MemoryDisk) -> MemoryDisk {
    disk.crash_image(&mut |_| Keep::Kept)
}

fn options(disk: &MemoryDisk) -> Options {
    Options::default().disk(Arc::new(disk.clone())).background(false)
}

/// Every file that holds something.
pub fn targets(disk: &MemoryDisk) -> Vec<PathBuf> {
    let mut files = disk.files();
    files.retain(|file| length(disk, file) > 0);
    files
}

/// The length of a file.
pub fn length(disk: &MemoryDisk, file: &Path) -> usize {
    disk.read_all(file).expect("a file").len()
}

/// What kind of file it is: its folder in the database, and its ending.
pub fn kind(database: &Path, file: &Path) -> String {
    let file = file.strip_prefix(database).expect("a file of the database");
    let top = file.components().next().expect("a component").as_os_str().to_string_lossy();
    let ending = file.extension().map(|ending| ending.to_string_lossy()).unwrap_or_default();
    format!("{top}/*.{ending}")
}

/// Everything that `verify` has to say about a disk, its own refusal to go on included.
pub fn damages(disk: &MemoryDisk, dir: &Path) -> Vec<Error> {
    let mut found = Vec::new();
    let disk = copy(disk);
    let outcome = annals_engine::verify(dir, &options(&disk), &mut |damage| found.push(damage));
    found.extend(outcome.err());
    found
}

/// Whether one of the errors names the file, in its place or in its message.
pub fn names(errors: &[Error], file: &Path) -> bool {
    let name = file.file_name().expect("a name").to_string_lossy();
    errors.iter().any(|error| error.file().is_some_and(|place| place.ends_with(&*name)))
}

/// What recovery of a copy did, and every version of the table `prices` then, sorted.
pub fn answer(disk: &MemoryDisk, dir: &Path) -> Result<(RecoveryReport, Vec<Row>)> {
    let database = Database::open_existing(dir, options(&copy(disk)))?;
    let columns = [&["sku", "price"][..], &PERIOD_COLUMNS].concat();
    let snapshot = database.snapshot()?;
    let scan = snapshot.scan("prices")?.columns(columns.iter().copied());
    let mut found = Vec::new();
    for batch in scan.valid(Clause::All).system(Clause::All).run()? {
        found.extend(rows(&batch?, &columns));
    }
    found.sort();
    Ok((database.recovery().clone(), found))
}

/// The bits to flip in a file of so many bytes: those of its first and last bytes, and random ones; about `count` in all.
pub fn draw_bits(rng: &mut Rng, byte_count: usize, count: usize) -> Vec<u64> {
    let bit_count = byte_count * 8;
    let mut bits: Vec<usize> = (0..8).chain(bit_count.saturating_sub(8)..bit_count).collect();
    bits.extend((bits.len()..count).map(|_| rng.below(bit_count)));
    bits.retain(|bit| *bit < bit_count);
    bits.sort_unstable();
    bits.dedup();
    bits.into_iter().map(|bit| bit as u64).collect()
}
