//! The power is cut, or a call fails, at every call of the disk that an erasure makes: all of it or nothing of it.

use annals_engine::disk::{FaultKind, Keep, MemoryDisk, PendingChange};
use annals_engine::{Database, ErrorKind, SyncMode};
use annals_tests::generate::Rng;
use annals_tests::scratch::Scratch;

use super::guests::*;

/// The guests that are erased at once.
const ERASED: [usize; 2] = [1, 4];

fn filled(disk: &MemoryDisk) -> (Scratch, Database) {
    let scratch = scratch(disk).sync(SyncMode::Commit);
    let database = scratch.open();
    fill(&database).unwrap();
    (scratch, database)
}

fn erase(database: &Database) -> annals_engine::Result<annals_engine::Erasure> {
    database.erase("guests", &keys(&ERASED), &request())
}

/// The guests before and after, and how many calls an erasure makes after how many.
struct Undisturbed {
    before: Vec<String>,
    after: Vec<String>,
    calls: std::ops::RangeInclusive<u64>,
}

fn undisturbed() -> Undisturbed {
    let disk = MemoryDisk::new();
    let (_, database) = filled(&disk);
    let before = answers(&database).unwrap();
    let first = disk.call_count() + 1;
    erase(&database).unwrap();
    let calls = first..=disk.call_count();
    let after = answers(&database).unwrap();
    assert_eq!(before[1], after[1], "the other table");
    let [before, after] = [before, after].map(|[guests, _]| guests);
    Undisturbed { before, after, calls }
}

/// Where the erased guests are found; their visits, which have the same marks, are in the other table.
fn search(disk: &MemoryDisk) -> Vec<String> {
    let found = ERASED.iter().flat_map(|guest| places(disk, &marks(*guest)));
    found.filter(|path| !path.contains("tables/000002")).collect()
}

/// All or nothing; returns whether it is all.
fn judge(database: &Database, disk: &MemoryDisk, expected: &Undisturbed, what: &str) -> bool {
    let guests = answers(database).unwrap()[0].clone();
    let is_done = guests == expected.after;
    assert!(is_done || guests == expected.before, "{what}: a part of it");
    assert_eq!(database.erasures().unwrap().len(), usize::from(is_done), "{what}");
    verify(database);
    if is_done {
        assert_eq!(search(disk), Vec::<String>::new(), "{what}");
    }
    is_done
}

#[test]
fn a_power_cut_at_any_call_leaves_all_or_nothing() {
    let expected = undisturbed();
    let (mut done, mut undone) = (0, 0);
    for call in expected.calls.clone() {
        let disk = MemoryDisk::new();
        let (scratch, database) = filled(&disk);
        // Recorded before, so that the calls are the same.
        answers(&database).unwrap();
        disk.power_off_at(call);
        let erased = erase(&database);
        drop((database, scratch));
        for seed in 0..4 {
            let mut rng = Rng::new(call * 16 + seed);
            let mut keep = |_: PendingChange| match (seed, rng.below(4)) {
                (0, _) | (_, 0) => Keep::Lost,
                (1, _) | (_, 1) => Keep::Kept,
                (_, 2) => Keep::Torn(100),
                _ => Keep::Garbage(call),
            };
            let image = disk.crash_image(&mut keep);
            let what = format!("power off at call {call}, image {seed}");
            let scratch = super::guests::scratch(&image).sync(SyncMode::Commit);
            let database = scratch.open();
            let is_done = judge(&database, &image, &expected, &what);
            assert!(is_done || erased.is_err(), "{what}: it was acknowledged");
            (done, undone) = (done + usize::from(is_done), undone + usize::from(!is_done));
            if !is_done && seed == 2 {
                erase(&database).unwrap();
                assert!(judge(&database, &image, &expected, &what), "{what}: once more");
            }
        }
    }
    assert!(done > 20 && undone > 100, "{done} done, {undone} undone");
}

#[test]
fn a_call_that_fails_leaves_all_or_nothing_and_it_can_be_repeated() {
    let expected = undisturbed();
    for kind in [FaultKind::Io, FaultKind::Full] {
        for call in expected.calls.clone() {
            let disk = MemoryDisk::new();
            let (scratch, database) = filled(&disk);
            answers(&database).unwrap();
            disk.fail_at(call, kind);
            let what = format!("{kind:?} at call {call}");
            let failed = erase(&database);
            let mut database = database;
            if failed.as_ref().is_err_and(|error| error.kind() == ErrorKind::Halted) {
                // Whether it is done is known after reopening.
                drop(database);
                database = scratch.open();
            }
            let guests = answers(&database).unwrap()[0].clone();
            assert!(guests == expected.after || guests == expected.before, "{what}: a part of it");
            assert!(failed.is_err() || guests == expected.after, "{what}");
            erase(&database).unwrap();
            assert!(judge(&database, &disk, &expected, &what), "{what}: once more");
            drop(database);
            assert!(judge(&scratch.open(), &disk, &expected, &what), "{what}: opened again");
        }
    }
}

#[test]
fn after_a_failure_of_the_manifest_no_erasure_removes_what_it_may_name_on_disk() {
    let expected = undisturbed();
    let mut halted_count = 0;
    for call in expected.calls.clone() {
        let disk = MemoryDisk::new();
        let (scratch, database) = filled(&disk);
        answers(&database).unwrap();
        disk.fail_at(call, FaultKind::Io);
        let what = format!("failure at call {call}");
        if erase(&database).is_err_and(|error| error.kind() == ErrorKind::Halted) {
            halted_count += 1;
            // A guest who was never there: nothing to erase, but files to be looked through.
            assert!(database.erase("guests", &keys(&[99]), &request()).is_err(), "{what}");
        }
        drop(database);
        judge(&scratch.open(), &disk, &expected, &what);
    }
    assert!(halted_count > 3, "{halted_count}");
}
