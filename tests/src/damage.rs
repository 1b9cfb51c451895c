//! What happens to files that nobody should have touched: bits flip, files are cut, exchanged or lost.

use std::fs;
use std::path::{Path, PathBuf};

use annals_engine::{Error, Options};

use crate::generate::Rng;

/// Every file in a folder and the folders in it, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            match entry.file_type().expect("a type").is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    found.sort();
    found
}

/// What kind of file it is: its folder in the database for files with a number, and its ending.
pub fn kind(database: &Path, file: &Path) -> String {
    let name = file.file_name().expect("a name").to_string_lossy().into_owned();
    let top = file.strip_prefix(database).expect("a file of the database").components().next();
    let top = top.expect("a component").as_os_str().to_string_lossy().into_owned();
    match name.rsplit_once('.') {
        Some((_, ending)) => format!("{top}/*.{ending}"),
        None => top,
    }
}

/// Everything that `verify` has to say about a folder, its own refusal to go on included.
pub fn damages(folder: &Path) -> Vec<Error> {
    let mut found = Vec::new();
    let outcome =
        annals_engine::verify(folder, &Options::default(), &mut |damage| found.push(damage));
    found.extend(outcome.err());
    found
}

/// Whether one of the errors names the file, in its place or in its message.
pub fn names(errors: &[Error], file: &Path) -> bool {
    let name = file.file_name().expect("a name").to_string_lossy();
    errors.iter().any(|error| {
        error.file().is_some_and(|place| place.ends_with(&*name))
            || error.to_string().contains(&*name)
    })
}

/// The bits to flip in a file of so many bytes: those of its first and last bytes, and random ones; `count` in all.
pub fn draw_bits(rng: &mut Rng, byte_count: u64, count: usize) -> Vec<u64> {
    let bit_count = byte_count * 8;
    let mut bits: Vec<u64> = (0..8).chain(bit_count.saturating_sub(8)..bit_count).collect();
    bits.extend((bits.len()..count).map(|_| rng.below(bit_count as usize) as u64));
    bits.retain(|bit| *bit < bit_count);
    bits.sort_unstable();
    bits.dedup();
    bits
}

/// Flips one bit of a file.
pub fn flip(file: &Path, bit: u64) {
    let mut bytes = fs::read(file).expect("the file");
    bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    fs::write(file, bytes).expect("the file is written");
}
