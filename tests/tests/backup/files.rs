//! Which files a backup brings, and what becomes of files that are damaged, lost or left behind.

use std::path::{Path, PathBuf};

use annals_engine::disk::{Disk, MemoryDisk};
use annals_engine::{BackupOptions, BackupReport, Database, ErrorKind, RestoreOptions};
use annals_tests::scratch::Scratch;

use super::guests::{believe, create};
use super::story::{FOLDER, Hotel, answers_of, back_up, hotel, options};

/// The files below a folder that hold rows and cuts.
fn stored(disk: &MemoryDisk, folder: &str) -> Vec<PathBuf> {
    let files = disk.files().into_iter();
    files.filter(|path| path.starts_with(folder) && path.iter().any(|p| p == "tables")).collect()
}

fn counts(report: &BackupReport) -> [u64; 4] {
    let BackupReport { file_count, reused_count, linked_count, copied_count, .. } = report;
    [*file_count, *reused_count, *linked_count, *copied_count]
}

#[test]
fn a_second_backup_brings_only_new_files() {
    let Hotel { disk, database, .. } = hotel();
    let in_database = || stored(&disk, "db").len() as u64;
    let before = back_up(&database).unwrap();
    let files = in_database();
    let again = back_up(&database).unwrap();
    assert_eq!(counts(&again), [files, files, 0, 0]);
    assert!(again.number == before.number + 1 && again.system_time > before.system_time);
    // Files are added, and those of before stay.
    believe_late(&database);
    database.flush().unwrap();
    let added = in_database() - files;
    assert!(added > 0);
    let more = back_up(&database).unwrap();
    assert_eq!(counts(&more), [files + added, files, added, 0]);
    assert!(more.to_string().contains(&format!("{added} linked, 0 copied")), "{more}");
    let whole = database.backup("/copies", &BackupOptions::default().copy(true)).unwrap();
    assert_eq!(counts(&whole), [files + added, 0, 0, files + added]);
    let byte_count = |folder| -> usize {
        stored(&disk, folder).iter().map(|path| disk.read_all(path).unwrap().len()).sum()
    };
    assert_eq!(whole.copied_bytes, byte_count("db") as u64);
    assert_eq!(byte_count("copies"), byte_count("db"));
}

/// One more guest, recorded by the clock.
fn believe_late(database: &Database) {
    let mut transaction = database.begin();
    let rows = annals_engine::rows!(("name", Utf8, ["a late guest"])).unwrap();
    transaction.put("guests", &rows).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn on_one_file_system_a_backup_takes_names_and_no_space() {
    use std::os::unix::fs::MetadataExt;
    let scratch = Scratch::new(annals_tests::prices::system("2030-01-01"));
    let database = scratch.open();
    create(&database).unwrap();
    believe(&database, 0).unwrap();
    let folder = scratch.path().with_file_name("backups");
    let report = database.backup(&folder, &BackupOptions::default()).unwrap();
    assert_eq!((report.linked_count, report.copied_count), (report.file_count, 0));
    let segment = "tables/000001/current/0000000000000001.parquet";
    let both = [scratch.path().join(segment), folder.join(segment)];
    let inodes = both.map(|path| std::fs::metadata(path).expect("a segment").ino());
    assert_eq!(inodes[0], inodes[1]);
    let apart = scratch.path().with_file_name("apart");
    database.backup(&apart, &BackupOptions::default().copy(true)).unwrap();
    assert_ne!(std::fs::metadata(apart.join(segment)).expect("a copy").ino(), inodes[0]);
}

#[test]
fn what_no_point_names_goes_with_the_next_backup() {
    let Hotel { disk, database, .. } = hotel();
    let left = ["tables/000001/current/00000000000000ff.parquet", "tables/000001/current/x.new"];
    for path in left {
        let path = Path::new(FOLDER).join(path);
        Disk::create_dir_all(&disk, path.parent().unwrap()).unwrap();
        Disk::create(&disk, &path).unwrap();
    }
    back_up(&database).unwrap();
    assert!(stored(&disk, "backups").iter().all(|path| left.iter().all(|l| !path.ends_with(l))));
    // A point that is given up takes along what it alone named.
    let before = stored(&disk, "backups").len();
    for point in 1..=3 {
        Disk::remove(&disk, &Path::new(FOLDER).join(format!("points/000000000{point}.point")))
            .unwrap();
    }
    back_up(&database).unwrap();
    assert!(stored(&disk, "backups").len() < before);
    assert_eq!(stored(&disk, "backups").len(), stored(&disk, "db").len());
    answers_of(&disk, 5, "then").unwrap();
}

#[test]
fn a_file_that_was_lost_is_brought_again() {
    let Hotel { disk, database, .. } = hotel();
    back_up(&database).unwrap();
    for path in stored(&disk, "backups") {
        Disk::remove(&disk, &path).unwrap();
        back_up(&database).unwrap();
    }
    let newest = annals_engine::backup_points(FOLDER, &options(&disk)).unwrap().pop().unwrap();
    let now = super::guests::answers(&database).unwrap();
    assert_eq!(answers_of(&disk, newest.number, "now").unwrap(), now);
}

#[test]
fn a_damaged_file_of_the_database_is_not_copied() {
    let Hotel { disk, database, .. } = hotel();
    database.flush().unwrap();
    for path in stored(&disk, "db") {
        disk.flip_bit(&path, 200).unwrap();
        let folder = format!("/copies-{}", path.file_name().unwrap().display());
        let error = database.backup(&folder, &BackupOptions::default().copy(true)).unwrap_err();
        disk.flip_bit(&path, 200).unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(error.file(), path.to_str(), "{error}");
        assert!(annals_engine::backup_points(&folder, &options(&disk)).unwrap().is_empty());
    }
}

/// A restore that must fail, naming the file, and leave nothing behind.
#[track_caller]
fn check_refused(disk: &MemoryDisk, path: &Path, copy: bool, what: &str) {
    let request = RestoreOptions::default().copy(copy);
    let before = disk.files();
    let error = annals_engine::restore(FOLDER, "new", &request, &options(disk)).unwrap_err();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(error.to_string().contains(name), "{what}: {error}");
    if what.starts_with("bit") {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
        assert_eq!(error.file().map(|file| file.trim_start_matches('/')), path.to_str(), "{what}");
        assert!(error.offset().is_some(), "{what}: {error}");
    }
    assert_eq!(disk.files(), before, "{what}");
    assert!(Disk::list(disk, Path::new("new")).unwrap().is_empty(), "{what}");
}

#[test]
fn a_damaged_file_of_a_backup_is_named_and_nothing_is_left_of_the_restore() {
    let Hotel { disk, database, .. } = hotel();
    back_up(&database).unwrap();
    drop(database);
    let newest = answers_of(&disk, 4, "whole").unwrap();
    let named: Vec<PathBuf> = stored(&disk, "db");
    let mut files: Vec<PathBuf> = named
        .iter()
        .map(|path| Path::new("backups").join(path.strip_prefix("db").unwrap()))
        .collect();
    files.extend(["backups/BACKUP", "backups/points/0000000004.point"].map(PathBuf::from));
    for path in files {
        let whole = disk.read_all(&path).unwrap();
        let bits = whole.len() as u64 * 8;
        for bit in (0..bits).step_by((bits / 37) as usize | 1) {
            disk.flip_bit(&path, bit).unwrap();
            check_refused(&disk, &path, bit % 2 == 0, &format!("bit {bit}"));
            disk.flip_bit(&path, bit).unwrap();
        }
        disk.damage(&path, |bytes| bytes.truncate(bytes.len() / 2)).unwrap();
        check_refused(&disk, &path, false, "cut short");
        disk.damage(&path, |bytes| *bytes = whole.clone()).unwrap();
    }
    assert_eq!(answers_of(&disk, 4, "again").unwrap(), newest);
}
