//! Wrong requests say what is wrong, and change nothing.

use std::path::Path;

use annals_engine::disk::{Disk, MemoryDisk};
use annals_engine::{
    BackupOptions, Error, ErrorKind, Options, RestoreOptions, backup_points, restore,
};

use super::guests::{answers, scratch};
use super::story::{FOLDER, Hotel, back_up, hotel, options};

#[track_caller]
fn check(error: Error, kind: ErrorKind, expect: &str) {
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, expect));
}

#[test]
fn a_folder_of_something_else() {
    let Hotel { disk, database, .. } = hotel();
    let back_up = |folder: &str| database.backup(folder, &BackupOptions::default()).unwrap_err();
    check(back_up("backups"), ErrorKind::Invalid, "backups is not an absolute path");
    let file = Disk::create(&disk, Path::new("/notes")).unwrap();
    drop(file);
    check(
        back_up("/"),
        ErrorKind::Invalid,
        "/ is not a backup folder: it holds `backups`; choose one that is missing or empty",
    );
    let other = scratch(&MemoryDisk::new()).open();
    drop(other);
    assert_eq!(database.backups().unwrap(), [FOLDER]);
}

#[test]
fn a_folder_of_another_database() {
    let Hotel { disk, .. } = hotel();
    let other = annals_engine::Database::open("other", options(&disk)).unwrap();
    let error = back_up(&other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().starts_with("/backups holds backups of database "), "{error}");
    assert!(other.backups().unwrap().is_empty());
    assert_eq!(backup_points(FOLDER, &options(&disk)).unwrap().len(), 3);
}

#[test]
fn a_folder_in_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let database = annals_engine::Database::open(dir.path(), Options::default()).unwrap();
    let inside = dir.path().join("tables/backups");
    let error = database.backup(&inside, &BackupOptions::default()).unwrap_err();
    let expect =
        format!("{} lies in the database's folder {}", inside.display(), dir.path().display());
    check(error, ErrorKind::Invalid, &expect);
}

#[test]
fn a_copy_of_the_database_that_went_another_way() {
    let Hotel { disk, scratch, database, .. } = hotel();
    database.close().unwrap();
    for path in disk.files() {
        let Ok(rest) = path.strip_prefix("db") else { continue };
        let to = Path::new("copy").join(rest);
        Disk::create_dir_all(&disk, to.parent().unwrap()).unwrap();
        let file = Disk::create(&disk, &to).unwrap();
        file.append(&disk.read_all(&path).unwrap()).unwrap();
    }
    let write = |database: &annals_engine::Database, belief: usize| {
        let mut transaction = database.begin();
        let rows = annals_engine::rows!(("name", Utf8, [format!("copy {belief}")])).unwrap();
        transaction.put("guests", &rows).unwrap();
        transaction.commit().unwrap();
    };
    let copy = annals_engine::Database::open("copy", options(&disk)).unwrap();
    write(&copy, 1);
    back_up(&copy).unwrap();
    let database = scratch.open();
    write(&database, 2);
    let error = back_up(&database).unwrap_err();
    let what = "/backups holds backups of a copy of this database that has gone another way since";
    check(error, ErrorKind::Conflict, what);
}

#[test]
fn a_backup_of_a_closed_database() {
    let Hotel { database, .. } = hotel();
    let handle = database.clone();
    database.close().unwrap();
    check(back_up(&handle).unwrap_err(), ErrorKind::Unavailable, "the database is closed");
}

#[test]
fn a_restore_of_what_is_not_there() {
    let Hotel { disk, database, .. } = hotel();
    let points = backup_points(FOLDER, &options(&disk)).unwrap();
    let last = points[2].system_time;
    let after = annals_engine::SystemTime::from_micros(last.micros() + 1);
    let tried = |from: &str, to: &str, request: RestoreOptions| {
        restore(from, to, &request, &options(&disk)).unwrap_err()
    };
    let newest = RestoreOptions::default();
    check(
        tried("/nowhere", "new", newest),
        ErrorKind::Unavailable,
        "there are no backups in /nowhere",
    );
    let what = format!("the last backup in /backups is as of {last}, which is before {after}");
    check(tried(FOLDER, "new", newest.at(after)), ErrorKind::Invalid, &what);
    let second = points[1].system_time;
    let what = format!("point 2 in /backups is as of {second}, which is before {last}");
    check(tried(FOLDER, "new", newest.at(last).point(2)), ErrorKind::Invalid, &what);
    let what = "there is no point 7 in /backups, the newest is 3";
    check(tried(FOLDER, "new", newest.point(7)), ErrorKind::Invalid, what);
    let what = "db is not empty: it holds `LOCK`";
    check(tried(FOLDER, "db", newest), ErrorKind::Invalid, what);
    let what = "/backups/new lies in the folder of the backups, /backups";
    check(tried(FOLDER, "/backups/new", newest), ErrorKind::Invalid, what);
    assert!(!Disk::exists(&disk, Path::new("new")).unwrap());
    answers(&database).unwrap();
}

#[test]
fn a_folder_that_somebody_else_changes() {
    let Hotel { disk, database, .. } = hotel();
    let lock = Disk::lock(&disk, Path::new("/backups/LOCK")).unwrap();
    for error in [
        back_up(&database).unwrap_err(),
        database
            .erase("guests", &super::guests::keys(&[1]), &super::guests::request())
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    drop(lock);
    back_up(&database).unwrap();
}
