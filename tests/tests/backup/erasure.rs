//! What is erased is in no backup that the database remembers.

use std::path::Path;

use annals_engine::disk::{Disk, MemoryDisk};
use annals_engine::{BackupOptions, Database, ErrorKind, RestoreOptions};

use super::guests::*;
use super::story::{FOLDER, Hotel, answers_of, back_up, hotel, options};

fn rename(disk: &MemoryDisk, from: &str, to: &str) {
    Disk::rename(disk, Path::new(from), Path::new(to)).unwrap();
}

#[test]
fn no_file_of_a_backup_holds_a_value_of_an_erased_key() {
    let Hotel { disk, database, then, .. } = hotel();
    database.backup("/copies", &BackupOptions::default().copy(true)).unwrap();
    let found = places(&disk, &marks(1)).join(" ");
    for place in ["db/tables", "backups/tables", "copies/tables"] {
        assert!(found.contains(place), "{place}: {found}");
    }
    let [guests, visits] = forget(&database, 1).unwrap();
    assert_eq!(places(&disk, &marks(1)), Vec::<String>::new(), "when it returns");
    assert_ne!(places(&disk, &marks(2)), Vec::<String>::new());
    assert_eq!((guests.unreached.len(), visits.unreached.len()), (0, 0));
    for (point, then) in (1..).zip(&then) {
        let expected = [without(&then[0], 1), without(&then[1], 1)];
        assert_eq!(answers_of(&disk, point, "after").unwrap(), expected, "point {point}");
    }
    // The next backup names nothing of before.
    back_up(&database).unwrap();
    let now = answers(&database).unwrap();
    assert_eq!(answers_of(&disk, 4, "next").unwrap(), now);
    assert_eq!(places(&disk, &marks(1)), Vec::<String>::new(), "after another backup");
}

#[test]
fn points_that_shared_files_share_those_that_take_their_place() {
    let Hotel { disk, database, .. } = hotel();
    let count = || disk.files().iter().filter(|path| path.starts_with("backups/tables")).count();
    let before = count();
    forget(&database, 1).unwrap();
    assert_eq!(count(), before);
}

#[test]
fn an_erasure_after_a_backup_is_on_record_where_that_is_restored() {
    let Hotel { disk, database, .. } = hotel();
    let erased = forget(&database, 1).unwrap();
    assert_eq!(database.erasures().unwrap(), erased);
    for point in 1..=3 {
        let to = format!("restored-{point}");
        let request = RestoreOptions::default().point(point);
        annals_engine::restore(FOLDER, &to, &request, &options(&disk)).unwrap();
        let restored = Database::open_existing(&to, options(&disk)).unwrap();
        assert_eq!(restored.erasures().unwrap(), erased, "point {point}");
        // It does not reach the backups of the original, and says so.
        let next = restored.erase("guests", &keys(&[2]), &request_of("front desk")).unwrap();
        assert_eq!((next.number, next.unreached.len()), (3, 1), "{next:?}");
        let why = "/backups holds backups from before this database was restored";
        assert!(next.unreached[0].starts_with(why), "{next:?}");
    }
    assert_ne!(places(&disk, &marks(2)), Vec::<String>::new());
}

fn request_of(name: &str) -> annals_engine::ErasureRequest {
    annals_engine::ErasureRequest::by(name)
}

#[test]
fn a_folder_that_is_away_is_named_and_can_be_reached_later() {
    let Hotel { disk, scratch, database, .. } = hotel();
    rename(&disk, FOLDER, "/away");
    let visits = visits_of(&database, 1).unwrap();
    let erase = |database: &Database| {
        let guests = database.erase("guests", &keys(&[1]), &request()).unwrap();
        [guests, database.erase("visits", &visits, &request()).unwrap()]
    };
    let unreached = "/backups: there are no backups".to_owned();
    let first = erase(&database);
    assert_eq!([&first[0].unreached, &first[1].unreached], [&vec![unreached.clone()]; 2]);
    let found = places(&disk, &marks(1));
    assert!(!found.is_empty() && found.iter().all(|path| path.starts_with("away/")), "{found:?}");
    // On record, for ever.
    drop(database);
    let database = scratch.open();
    assert_eq!(database.erasures().unwrap(), first);
    // Nothing is left of them but there: what is to be erased there stays on record.
    let again = erase(&database);
    assert_eq!((again[0].number, &again[0].unreached), (3, &vec![unreached]));
    rename(&disk, "/away", FOLDER);
    let reached = erase(&database);
    assert_eq!(places(&disk, &marks(1)), Vec::<String>::new());
    assert_eq!((reached[0].number, reached[1].number), (5, 6));
    assert_eq!((reached[0].keys.len(), reached[0].row_count()), (1, 0));
    assert!(reached.iter().all(|erasure| erasure.unreached.is_empty()));
}

#[test]
fn a_folder_that_is_forgotten_is_left_alone() {
    let Hotel { disk, scratch, database, .. } = hotel();
    assert_eq!(database.backups().unwrap(), [FOLDER]);
    let error = database.forget_backup("/other").unwrap_err();
    assert_eq!(error.to_string(), "/other is none of the backups: /backups");
    database.forget_backup(FOLDER).unwrap();
    drop(database);
    let database = scratch.open();
    assert!(database.backups().unwrap().is_empty());
    let [guests, _] = forget(&database, 1).unwrap();
    assert!(guests.unreached.is_empty());
    let found = places(&disk, &marks(1));
    assert!(
        !found.is_empty() && found.iter().all(|path| path.starts_with("backups/")),
        "{found:?}"
    );
    // The next backup into it makes it one to be reached again.
    back_up(&database).unwrap();
    assert_eq!(database.backups().unwrap(), [FOLDER]);
    forget(&database, 1).unwrap();
    assert!(places(&disk, &marks(1)).iter().all(|path| path.contains("tables/000002")));
}

#[test]
fn a_damaged_backup_is_an_error_and_nothing_is_erased() {
    let Hotel { disk, database, .. } = hotel();
    let before = answers(&database).unwrap();
    let point = Path::new("backups/points/0000000002.point");
    disk.flip_bit(point, 1_000).unwrap();
    let error = database.erase("guests", &keys(&[1]), &request()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().starts_with("backups in /backups: corrupt file "), "{error}");
    assert!(error.file().is_some_and(|file| file.ends_with("0000000002.point")), "{error}");
    assert_eq!(answers(&database).unwrap(), before);
    assert!(database.erasures().unwrap().is_empty());
    // Given up, it is in nobody's way.
    Disk::remove(&disk, point).unwrap();
    forget(&database, 1).unwrap();
    assert_eq!(places(&disk, &marks(1)), Vec::<String>::new());
}
