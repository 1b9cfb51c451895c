//! The power is cut, or a call fails, at every call of the disk that a departure or a return makes: the partition is wholly in one state.

use annals_engine::disk::{FaultKind, Keep, MemoryDisk, PendingChange};
use annals_engine::{Database, ErrorKind, PartitionState, SyncMode};
use annals_tests::generate::Rng;
use annals_tests::prices::{Prices, system};
use annals_tests::scratch::Scratch;

use super::stories::{BY, partition};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Detach,
    Drop,
    Archive,
    Attach,
    AttachRewritten,
    DropDetached,
    ArchiveDetached,
    Retain,
}

const ALL: [Operation; 8] = [
    Operation::Detach,
    Operation::Drop,
    Operation::Archive,
    Operation::Attach,
    Operation::AttachRewritten,
    Operation::DropDetached,
    Operation::ArchiveDetached,
    Operation::Retain,
];

fn open(disk: &MemoryDisk) -> annals_engine::Result<Database> {
    let scratch = Scratch::on(disk.clone(), system("2024-06-01")).sync(SyncMode::Commit);
    Database::open(scratch.path(), scratch.options())
}

/// A database in which the operation can be done.
fn prepared(disk: &MemoryDisk, operation: Operation) -> Database {
    let scratch = Scratch::on(disk.clone(), system("2024-06-01")).sync(SyncMode::Commit);
    let mut prices = Prices::with(scratch);
    prices.at("2024-01-01").put("tea", 5, "2024-01-01", "2024-03-01").commit();
    prices
        .at("2024-01-10")
        .put("tea", 6, "2024-02-01", "")
        .put("salt", 1, "", "2024-01-05")
        .commit();
    prices.database().compact(&mut |_| ()).unwrap();
    prices
        .at("2024-01-20")
        .put("tea", 7, "2024-04-01", "")
        .put("milk", 2, "2024-01-02", "")
        .commit();
    let january = [partition("2024-01")];
    let is_out = !matches!(
        operation,
        Operation::Detach | Operation::Drop | Operation::Archive | Operation::Retain
    );
    if is_out {
        prices.database().detach_partitions("prices", &january, BY).unwrap();
    }
    if operation == Operation::AttachRewritten {
        let keys = annals_engine::rows!(("sku", Utf8, ["salt"])).unwrap();
        let request = annals_engine::ErasureRequest::by(BY);
        prices.database().erase("prices", &keys, &request).unwrap();
    }
    if operation == Operation::Retain {
        let retention = annals_engine::Retention::keep("4 months").unwrap();
        prices.database().set_retention("prices", Some(&retention), BY).unwrap();
    }
    prices.drop_without_close();
    open(disk).unwrap()
}

fn run(database: &Database, operation: Operation) -> annals_engine::Result<()> {
    let january = partition("2024-01");
    match operation {
        Operation::Detach => database.detach_partitions("prices", &[january], BY).map(drop),
        Operation::Drop | Operation::DropDetached => {
            database.drop_partitions("prices", &[january], BY).map(drop)
        }
        Operation::Archive | Operation::ArchiveDetached => {
            database.archive_partition("prices", january, "/archive/january", BY).map(drop)
        }
        Operation::Attach | Operation::AttachRewritten => {
            database.attach_partition("prices", january, None, BY).map(drop)
        }
        Operation::Retain => database.apply_retention().map(drop),
    }
}

/// All that the database says: states, versions.
fn told(database: &Database) -> (Vec<String>, Vec<String>) {
    let mut states: Vec<String> = database
        .partitions()
        .unwrap()
        .iter()
        .filter(|info| info.state != PartitionState::Live)
        .map(|info| format!("{} {} {:?}", info.partition, info.state, info.location))
        .collect();
    states.sort();
    let snapshot = database.snapshot().unwrap();
    let mut versions = Vec::new();
    for sku in ["tea", "salt", "milk"] {
        versions.extend(annals_tests::prices::history_of(&snapshot, sku));
    }
    (states, versions)
}

struct Undisturbed {
    before: (Vec<String>, Vec<String>),
    after: (Vec<String>, Vec<String>),
    calls: std::ops::RangeInclusive<u64>,
}

fn undisturbed(operation: Operation) -> Undisturbed {
    let disk = MemoryDisk::new();
    let database = prepared(&disk, operation);
    let before = told(&database);
    let first = disk.call_count() + 1;
    run(&database, operation).unwrap();
    let calls = first..=disk.call_count();
    let after = told(&database);
    assert_ne!(before, after, "{operation:?}");
    Undisturbed { before, after, calls }
}

fn judge(database: &Database, expected: &Undisturbed, what: &str) -> bool {
    let found = told(database);
    let is_done = found == expected.after;
    assert!(is_done || found == expected.before, "{what}: {found:?}");
    let mut damages = Vec::new();
    database.verify(&mut |damage| damages.push(damage.to_string())).expect("a verification");
    assert_eq!(damages, Vec::<String>::new(), "{what}");
    is_done
}

fn cut(operation: Operation) {
    let expected = undisturbed(operation);
    let (mut done, mut undone) = (0, 0);
    for call in expected.calls.clone() {
        let disk = MemoryDisk::new();
        let database = prepared(&disk, operation);
        told(&database);
        disk.power_off_at(call);
        let result = run(&database, operation);
        drop(database);
        for seed in 0..4 {
            let mut rng = Rng::new(call * 16 + seed);
            let mut keep = |_: PendingChange| match (seed, rng.below(4)) {
                (0, _) | (_, 0) => Keep::Lost,
                (1, _) | (_, 1) => Keep::Kept,
                (_, 2) => Keep::Torn(100),
                _ => Keep::Garbage(call),
            };
            let image = disk.crash_image(&mut keep);
            let what = format!("{operation:?}: power off at call {call}, image {seed}");
            let database = open(&image).unwrap_or_else(|error| panic!("{what}: {error}"));
            let is_done = judge(&database, &expected, &what);
            assert!(is_done || result.is_err(), "{what}: it was acknowledged");
            (done, undone) = (done + usize::from(is_done), undone + usize::from(!is_done));
            if !is_done && seed >= 2 {
                run(&database, operation).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert!(judge(&database, &expected, &what), "{what}: once more");
            }
        }
    }
    assert!(done > 3 && undone > 3, "{operation:?}: {done} done, {undone} undone");
}

fn fail(operation: Operation) {
    let expected = undisturbed(operation);
    for kind in [FaultKind::Io, FaultKind::Full] {
        for call in expected.calls.clone() {
            let disk = MemoryDisk::new();
            let mut database = prepared(&disk, operation);
            told(&database);
            disk.fail_at(call, kind);
            let what = format!("{operation:?}: {kind:?} at call {call}");
            let failed = run(&database, operation);
            if failed.as_ref().is_err_and(|error| error.kind() == ErrorKind::Halted) {
                // Whether it is done is known after reopening.
                drop(database);
                database = open(&disk).unwrap();
            }
            let is_done = judge(&database, &expected, &what);
            assert!(failed.is_err() || is_done, "{what}");
            if !is_done {
                run(&database, operation).unwrap_or_else(|error| panic!("{what}: {error}"));
            }
            assert!(judge(&database, &expected, &what), "{what}: once more");
            drop(database);
            assert!(judge(&open(&disk).unwrap(), &expected, &what), "{what}: opened again");
        }
    }
}

#[test]
fn a_power_cut_at_any_call_leaves_the_partition_in_one_state() {
    ALL.into_iter().for_each(cut);
}

#[test]
fn a_call_that_fails_leaves_the_partition_in_one_state_and_it_can_be_repeated() {
    ALL.into_iter().for_each(fail);
}
