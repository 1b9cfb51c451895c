//! A hotel that is backed up while beliefs about its guests are recorded.

use std::path::Path;

use annals_engine::disk::MemoryDisk;
use annals_engine::{BackupOptions, Database, Options, RestoreOptions, Result, SyncMode};
use annals_tests::scratch::Scratch;

use super::guests::{self, answers, believe, create, verify};

/// The folder of the backups.
pub(super) const FOLDER: &str = "/backups";

/// Both tables, as a database shows them.
pub(super) type Answers = [Vec<String>; 2];

/// A database on a disk in memory, and what it answered when each backup was taken.
pub(super) struct Hotel {
    pub(super) disk: MemoryDisk,
    pub(super) scratch: Scratch,
    pub(super) database: Database,
    pub(super) then: Vec<Answers>,
}

pub(super) fn back_up(database: &Database) -> Result<annals_engine::BackupReport> {
    database.backup(FOLDER, &BackupOptions::default())
}

/// Three backups: before a row is cut, with cuts in supersession files, and after a compaction with newer cuts; a belief after them is
/// in memory. The second backup has copies of its files.
pub(super) fn hotel() -> Hotel {
    let disk = MemoryDisk::new();
    let scratch = guests::scratch(&disk).sync(SyncMode::Commit);
    let database = scratch.open();
    create(&database).unwrap();
    let mut then = Vec::new();
    for belief in 0..3 {
        believe(&database, belief).unwrap();
        if belief == 2 {
            database.compact(&mut |_| ()).unwrap();
        }
        let options = BackupOptions::default().copy(belief == 1);
        database.backup(FOLDER, &options).unwrap();
        then.push(answers(&database).unwrap());
    }
    believe(&database, 3).unwrap();
    Hotel { disk, scratch, database, then }
}

pub(super) fn options(disk: &MemoryDisk) -> Options {
    guests::scratch(disk).options()
}

/// Restores a point and reads everything; the folder of the restored database is `restored-N` of `to`.
pub(super) fn answers_of(disk: &MemoryDisk, point: u64, to: &str) -> Result<Answers> {
    let to = Path::new("restored").join(to).join(point.to_string());
    let request = RestoreOptions::default().point(point);
    annals_engine::restore(FOLDER, &to, &request, &options(disk))?;
    let database = Database::open_existing(to, options(disk))?;
    verify(&database);
    answers(&database)
}
