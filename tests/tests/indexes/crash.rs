//! The power is cut, or a call fails, at every call of the disk that making and dropping an index make: it is there or not, no answer
//! differs, and what is left to be built is built after opening.

use std::ops::RangeInclusive;

use annals_engine::disk::{FaultKind, Keep, MemoryDisk, PendingChange};
use annals_engine::{Comparison, Database, ErrorKind, Predicate, Result, SyncMode};
use annals_tests::generate::Rng;
use annals_tests::prices::system;
use annals_tests::rows::Row;
use annals_tests::scratch::Scratch;

use super::goods::*;

const NAME: &str = "by_kind";

/// What is done while the power is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    Create,
    Drop,
    /// Flush, compact, and index what comes of it.
    Maintain,
}

impl Work {
    fn run(self, database: &Database) -> Result<()> {
        match self {
            Work::Create => database.create_index(NAME, "goods", "kind"),
            Work::Drop => database.drop_index(NAME),
            Work::Maintain => {
                put(database, &goods(40..60))?;
                database.compact(&mut |_| ())
            }
        }
    }
}

fn goods(ids: std::ops::Range<i64>) -> Vec<Good> {
    let kind = |id: i64| (id % 4 > 0).then(|| ["", "cup", "plate", "bowl"][id as usize % 4].into());
    ids.map(|id| Good { id, kind: kind(id), size: None, sold: None, hour: id }).collect()
}

fn place(disk: &MemoryDisk) -> Scratch {
    Scratch::on(disk.clone(), system("2030-01-01")).sync(SyncMode::Commit)
}

/// Two segments, with the index unless it is to be made.
fn filled(disk: &MemoryDisk, work: Work) -> (Scratch, Database) {
    let scratch = place(disk);
    let database = scratch.open();
    create(&database);
    for first in [0, 30] {
        put(&database, &goods(first..first + 30)).unwrap();
        database.flush().unwrap();
    }
    if work != Work::Create {
        Work::Create.run(&database).unwrap();
    }
    (scratch, database)
}

/// The calls that the work makes.
fn calls(work: Work) -> RangeInclusive<u64> {
    let disk = MemoryDisk::new();
    let (_scratch, database) = filled(&disk, work);
    // Read before, so that the calls are the same.
    answers(&database);
    let first = disk.call_count() + 1;
    work.run(&database).unwrap();
    first..=disk.call_count()
}

fn answers(database: &Database) -> Vec<Vec<Row>> {
    let snapshot = database.snapshot().unwrap();
    let cups = Predicate::compare("kind", Comparison::Eq, "cup");
    let null = Predicate::IsNull { column: "kind".to_owned() };
    let all = Predicate::is_not_null("id");
    let ask = |filter| Query::new(filter).ask(&snapshot).unwrap().0;
    [cups, null, all].map(ask).into()
}

/// Brings what is there to its end, and judges it; returns whether the index is there.
fn judge(database: &Database, disk: &MemoryDisk, expected: &[Vec<Row>], what: &str) -> bool {
    assert!(answers(database) == expected, "{what}: another answer");
    while database.maintain().unwrap().is_some() {}
    assert!(answers(database) == expected, "{what}: another answer once it is built");
    let indexes = database.indexes().unwrap();
    assert!(indexes.len() <= 1, "{what}: {indexes:?}");
    let built = indexes.first().map_or(0, |index| {
        assert_eq!(index.indexed_segment_count, index.segment_count, "{what}: {indexes:?}");
        index.indexed_segment_count
    });
    let is_bitmap = |path: &std::path::PathBuf| path.extension() == Some("bitmap".as_ref());
    let file_count = disk.files().into_iter().filter(is_bitmap).count();
    assert_eq!(file_count as u64, built, "{what}: files that nobody names, or that are missing");
    database.verify(&mut |damage| panic!("{what}: {damage}")).unwrap();
    built > 0
}

#[test]
fn a_power_cut_at_any_call_leaves_an_index_or_none_and_the_same_answers() {
    for work in [Work::Create, Work::Drop, Work::Maintain] {
        let (mut with, mut without) = (0, 0);
        for call in calls(work) {
            let disk = MemoryDisk::new();
            let (scratch, database) = filled(&disk, work);
            let expected = answers(&database);
            disk.power_off_at(call);
            let done = work.run(&database);
            drop((database, scratch));
            for seed in 0..4 {
                let mut rng = Rng::new(call * 16 + seed);
                let mut keep = |_: PendingChange| match (seed, rng.below(4)) {
                    (0, _) | (_, 0) => Keep::Lost,
                    (1, _) | (_, 1) => Keep::Kept,
                    (_, 2) => Keep::Torn(50),
                    _ => Keep::Garbage(call),
                };
                let image = disk.crash_image(&mut keep);
                let what = format!("{work:?}: power off at call {call}, image {seed}");
                let database = place(&image).open();
                let is_there = judge(&database, &image, &expected, &what);
                (with, without) = (with + u32::from(is_there), without + u32::from(!is_there));
                assert!(done.is_err() || is_there == (work != Work::Drop), "{what}");
                // Again from where it was cut off, whatever was left.
                if work == Work::Create && !is_there {
                    work.run(&database).unwrap();
                    assert!(judge(&database, &image, &expected, &what), "{what}: again");
                }
            }
        }
        let (with_min, without_min) = match work {
            Work::Create => (20, 5),
            Work::Drop => (5, 3),
            Work::Maintain => (50, 0),
        };
        assert!(
            with > with_min && without >= without_min,
            "{work:?}: {with} with, {without} without"
        );
    }
}

#[test]
fn a_call_that_fails_leaves_an_index_or_none_and_it_can_be_repeated() {
    for (work, kind) in [
        (Work::Create, FaultKind::Io),
        (Work::Create, FaultKind::Full),
        (Work::Drop, FaultKind::Io),
        (Work::Maintain, FaultKind::Full),
    ] {
        for call in calls(work) {
            let disk = MemoryDisk::new();
            let (scratch, mut database) = filled(&disk, work);
            let expected = answers(&database);
            disk.fail_at(call, kind);
            let what = format!("{work:?}: {kind:?} at call {call}");
            let failed = work.run(&database);
            if failed.as_ref().is_err_and(|error| error.kind() == ErrorKind::Halted) {
                // Whether it is done is known after reopening.
                drop(database);
                database = scratch.open();
            }
            let is_there = !database.indexes().unwrap().is_empty();
            match work {
                Work::Create if !is_there => work.run(&database).unwrap(),
                Work::Drop if is_there => work.run(&database).unwrap(),
                _ => (),
            }
            while database.maintain().unwrap().is_some() {}
            drop(database);
            // What a failed removal has left goes with the opening.
            let database = scratch.open();
            let is_there = judge(&database, &disk, &expected, &what);
            assert_eq!(is_there, work != Work::Drop, "{what}");
        }
    }
}
