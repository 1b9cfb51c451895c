//! The power is cut, or a call fails, at every call of the disk that a backup, a restore, or an erasure with backups makes.

use annals_engine::disk::{FaultKind, Keep, MemoryDisk, PendingChange};
use annals_engine::{Database, ErrorKind, RestoreOptions, SyncMode, backup_points};
use annals_tests::generate::Rng;

use super::guests::{self, answers, keys, marks, places, request, verify};
use super::story::{Answers, FOLDER, Hotel, answers_of, back_up, hotel, options};

/// What may be found after a power cut: everything that was not synced is lost, is kept, or either.
fn images(disk: &MemoryDisk, call: u64) -> impl Iterator<Item = (MemoryDisk, String)> + '_ {
    (0..3).map(move |seed| {
        let mut rng = Rng::new(call * 16 + seed);
        let mut keep = |_: PendingChange| match (seed, rng.below(4)) {
            (0, _) | (2, 0) => Keep::Lost,
            (1, _) | (_, 1) => Keep::Kept,
            (_, 2) => Keep::Torn(100),
            _ => Keep::Garbage(call),
        };
        (disk.crash_image(&mut keep), format!("power off at call {call}, image {seed}"))
    })
}

fn open(disk: &MemoryDisk) -> Database {
    guests::scratch(disk).sync(SyncMode::Commit).open()
}

/// A hotel that is opened again for each call.
struct Prepared {
    disk: MemoryDisk,
    now: Answers,
    then: Vec<Answers>,
}

impl Prepared {
    fn new() -> Prepared {
        let Hotel { disk, database, then, .. } = hotel();
        let now = answers(&database).unwrap();
        Prepared { disk, now, then }
    }

    /// A disk of its own, and the database that lies there.
    fn open(&self) -> (MemoryDisk, Database) {
        let disk = self.disk.crash_image(&mut |_| Keep::Kept);
        let database = open(&disk);
        (disk, database)
    }

    /// The calls that an action makes.
    fn calls(&self, act: impl FnOnce(&MemoryDisk, &Database)) -> std::ops::RangeInclusive<u64> {
        let (disk, database) = self.open();
        let first = disk.call_count() + 1;
        act(&disk, &database);
        first..=disk.call_count()
    }
}

/// Every point there is gives what was answered when it was taken.
fn check_points(disk: &MemoryDisk, expected: &[Answers], what: &str) -> usize {
    let points = backup_points(FOLDER, &options(disk)).unwrap();
    for (point, expected) in points.iter().zip(expected) {
        let found = answers_of(disk, point.number, &format!("{what} {}", disk.call_count()));
        assert_eq!(&found.unwrap(), expected, "{what}: point {}", point.number);
    }
    points.len()
}

#[test]
fn a_backup_that_is_cut_off_is_no_point_and_the_next_one_is_whole() {
    let prepared = Prepared::new();
    let now = prepared.now.clone();
    let then = [&prepared.then[..], &[now.clone(), now.clone()]].concat();
    let (mut done, mut undone) = (0, 0);
    for call in prepared.calls(|_, database| _ = back_up(database).unwrap()) {
        let (disk, database) = prepared.open();
        disk.power_off_at(call);
        let taken = back_up(&database);
        drop(database);
        for (image, what) in images(&disk, call) {
            let database = open(&image);
            assert_eq!(answers(&database).unwrap(), now, "{what}");
            let count = check_points(&image, &then, &what);
            assert!(count == 4 || taken.is_err(), "{what}: it was acknowledged");
            (done, undone) = (done + (count - 3), undone + (4 - count));
            assert_eq!(database.backups().unwrap(), [FOLDER]);
            back_up(&database).unwrap();
            assert_eq!(check_points(&image, &then, &what), count + 1);
            check_tidy(&image, &what);
        }
    }
    assert!(done > 0 && undone > 30, "{done} done, {undone} undone");
}

/// The folder holds what its points name, and nothing else: a backup that has nothing new to bring adds a point and removes nothing.
fn check_tidy(disk: &MemoryDisk, what: &str) {
    // The database is open in the test as well: a copy of the disk has no locks.
    let disk = disk.crash_image(&mut |_| Keep::Kept);
    let in_backups = || disk.files().into_iter().filter(|path| path.starts_with("backups"));
    let before: Vec<_> = in_backups().collect();
    assert!(before.iter().all(|path| path.extension().is_none_or(|e| e != "new")), "{what}");
    back_up(&open(&disk)).unwrap();
    assert_eq!(in_backups().count(), before.len() + 1, "{what}");
}

#[test]
fn a_first_backup_that_is_cut_off_leaves_a_folder_for_the_next() {
    let fresh = || {
        let disk = MemoryDisk::new();
        let database = open(&disk);
        guests::create(&database).unwrap();
        guests::believe(&database, 0).unwrap();
        (disk, database)
    };
    let (disk, database) = fresh();
    let now = [answers(&database).unwrap()];
    let first = disk.call_count() + 1;
    back_up(&database).unwrap();
    for call in first..=disk.call_count() {
        let (disk, database) = fresh();
        answers(&database).unwrap();
        disk.power_off_at(call);
        let _ = back_up(&database);
        drop(database);
        for (image, what) in images(&disk, call) {
            let database = open(&image);
            if back_up(&database).unwrap().number > 1 {
                assert_eq!(backup_points(FOLDER, &options(&image)).unwrap().len(), 2, "{what}");
            }
            assert!(check_points(&image, &now, &what) > 0, "{what}");
            assert_eq!(database.backups().unwrap(), [FOLDER], "{what}");
        }
    }
}

#[test]
fn a_backup_of_which_a_call_fails_can_be_repeated() {
    let prepared = Prepared::new();
    let now = &prepared.now;
    let then = [&prepared.then[..], &[now.clone(), now.clone()]].concat();
    for kind in [FaultKind::Io, FaultKind::Full, FaultKind::ShortWrite] {
        for call in prepared.calls(|_, database| _ = back_up(database).unwrap()) {
            let (disk, mut database) = prepared.open();
            disk.fail_at(call, kind);
            let what = format!("{kind:?} at call {call}");
            if back_up(&database).is_err_and(|error| error.kind() == ErrorKind::Halted) {
                drop(database);
                database = open(&disk);
            }
            let count = check_points(&disk, &then, &what);
            assert!((3..=4).contains(&count), "{what}");
            back_up(&database).unwrap();
            assert_eq!(check_points(&disk, &then, &what), count + 1);
            check_tidy(&disk, &what);
        }
    }
}

/// Restores as of between the second and the third backup, from the third: some segments are written, others get a second name.
fn restore(disk: &MemoryDisk, to: &str) -> annals_engine::Result<annals_engine::RestoreReport> {
    let at = annals_tests::prices::system("2024-03-01");
    annals_engine::restore(FOLDER, to, &RestoreOptions::default().at(at).point(3), &options(disk))
}

#[test]
fn a_restore_that_is_cut_off_is_no_database_or_a_whole_one() {
    let prepared = Prepared::new();
    let (disk, then) = (&prepared.disk, &prepared.then);
    assert!(restore(disk, "whole").unwrap().rewritten_count > 0);
    let database = Database::open_existing("whole", options(disk)).unwrap();
    assert_eq!(answers(&database).unwrap(), then[1]);
    let (mut done, mut undone) = (0, 0);
    for call in prepared.calls(|disk, _| _ = restore(disk, "new").unwrap()) {
        let (disk, _) = prepared.open();
        disk.power_off_at(call);
        let made = restore(&disk, "new");
        for (image, what) in images(&disk, call) {
            match Database::open_existing("new", options(&image)) {
                Ok(database) => {
                    verify(&database);
                    assert_eq!(answers(&database).unwrap(), then[1], "{what}");
                    done += 1;
                }
                Err(error) => {
                    let kinds = [ErrorKind::Unavailable, ErrorKind::Corrupt];
                    assert!(kinds.contains(&error.kind()), "{what}: {error}");
                    assert!(made.is_err(), "{what}: it was acknowledged");
                    undone += 1;
                }
            }
            restore(&image, "other").unwrap();
        }
    }
    assert!(done > 0 && undone > 100, "{done} done, {undone} undone");
}

#[test]
fn a_restore_of_which_a_call_fails_leaves_nothing() {
    let prepared = Prepared::new();
    let then = &prepared.then;
    for kind in [FaultKind::Io, FaultKind::Full, FaultKind::ShortWrite] {
        for call in prepared.calls(|disk, _| _ = restore(disk, "new").unwrap()) {
            let (disk, _) = prepared.open();
            let before = disk.files();
            disk.fail_at(call, kind);
            let what = format!("{kind:?} at call {call}");
            // Where a second name is refused there is a copy.
            if restore(&disk, "new").is_err() {
                assert_eq!(disk.files(), before, "{what}");
                restore(&disk, "new").unwrap();
            }
            let database = Database::open_existing("new", options(&disk)).unwrap();
            verify(&database);
            assert_eq!(answers(&database).unwrap(), then[1], "{what}");
        }
    }
}

/// The guests that are erased at once.
const ERASED: [usize; 2] = [1, 4];

fn erase(database: &Database) -> annals_engine::Result<annals_engine::Erasure> {
    database.erase("guests", &keys(&ERASED), &request())
}

/// Where the erased guests are found; their visits, which have the same marks, are in the other table.
fn search(disk: &MemoryDisk) -> Vec<String> {
    let found = ERASED.iter().flat_map(|guest| places(disk, &marks(*guest)));
    found.filter(|path| !path.contains("tables/000002")).collect()
}

fn without_erased(answers: &Answers) -> Answers {
    let [guests, visits] = answers;
    let without = |rows: &[String], guest: &usize| guests::without(rows, *guest);
    [ERASED.iter().fold(guests.clone(), |rows, guest| without(&rows, guest)), visits.clone()]
}

/// All or nothing; where it is all, no file has a trace. Returns whether it is.
fn judge(database: &Database, disk: &MemoryDisk, prepared: &Prepared, what: &str) -> bool {
    let found = answers(database).unwrap();
    let is_done = found == without_erased(&prepared.now);
    assert!(is_done || found == prepared.now, "{what}: a part of it");
    assert_eq!(database.erasures().unwrap().len(), usize::from(is_done), "{what}");
    verify(database);
    if is_done {
        assert_eq!(search(disk), Vec::<String>::new(), "{what}");
    }
    is_done
}

/// Each point is as it was or without the guests; where the database is without them, all are.
fn judge_points(disk: &MemoryDisk, prepared: &Prepared, is_done: bool, what: &str) {
    for (point, then) in (1..).zip(&prepared.then) {
        let found = answers_of(disk, point, &format!("{what} {}", disk.call_count())).unwrap();
        let is_without = found == without_erased(then);
        assert!(is_without || (!is_done && found == *then), "{what}: point {point}");
    }
}

#[test]
fn an_erasure_that_is_cut_off_is_finished_by_the_next_one() {
    let prepared = Prepared::new();
    let (mut done, mut undone) = (0, 0);
    for call in prepared.calls(|_, database| _ = erase(database).unwrap()) {
        let (disk, database) = prepared.open();
        disk.power_off_at(call);
        let erased = erase(&database);
        drop(database);
        for (number, (image, what)) in (0..).zip(images(&disk, call)) {
            let database = open(&image);
            let is_done = judge(&database, &image, &prepared, &what);
            assert!(is_done || erased.is_err(), "{what}: it was acknowledged");
            (done, undone) = (done + usize::from(is_done), undone + usize::from(!is_done));
            // Restoring takes most of the time: one image of each call.
            if call % 3 == number {
                let copy = image.crash_image(&mut |_| Keep::Kept);
                judge_points(&copy, &prepared, is_done, &what);
                erase(&database).unwrap();
                assert!(judge(&database, &image, &prepared, &what), "{what}: once more");
                judge_points(&image, &prepared, true, &what);
            }
        }
    }
    assert!(done > 10 && undone > 100, "{done} done, {undone} undone");
}

#[test]
fn an_erasure_of_which_a_call_fails_can_be_repeated() {
    let prepared = Prepared::new();
    for call in prepared.calls(|_, database| _ = erase(database).unwrap()) {
        let (disk, mut database) = prepared.open();
        let kind = if call % 2 == 0 { FaultKind::Io } else { FaultKind::Full };
        disk.fail_at(call, kind);
        let what = format!("{kind:?} at call {call}");
        let failed = erase(&database);
        if failed.as_ref().is_err_and(|error| error.kind() == ErrorKind::Halted) {
            drop(database);
            database = open(&disk);
        }
        // A folder whose marker could not be read is named, and reached by the next erasure.
        let unreached = failed.as_ref().is_ok_and(|erasure| !erasure.unreached.is_empty());
        assert!(failed.is_err() || unreached || search(&disk).is_empty(), "{what}");
        erase(&database).unwrap();
        assert_eq!(search(&disk), Vec::<String>::new(), "{what}: once more");
        judge_points(&disk, &prepared, true, &what);
        verify(&database);
    }
}
