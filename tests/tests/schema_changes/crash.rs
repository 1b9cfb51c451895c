//! The power is cut at every call of the disk around a change of a table, with commits before and after it and a flush behind.

use annals_engine::disk::{Keep, MemoryDisk, PendingChange};
use annals_engine::{Column, DataType, Database, Result, SyncMode, rows};
use annals_tests::generate::Rng;

use super::world::*;

/// What is done one after the other; each is durable when it returns.
fn steps() -> Vec<fn(&Database) -> Result<()>> {
    vec![
        |d| commit(d, &rows!(("sku", Utf8, ["a"]), ("note", Utf8, ["x"]))?),
        |d| {
            d.alter_table("stock", &add(Column::new("price", DataType::BigInt).with_default(7)))
                .map(drop)
        },
        |d| commit(d, &rows!(("sku", Utf8, ["b"]), ("price", Int64, [8]))?),
        |d| d.alter_table("stock", &drop_column("note")).map(drop),
        |d| d.flush(),
        |d| commit(d, &rows!(("sku", Utf8, ["c"]), ("count", Int32, [3]))?),
        |d| d.alter_table("stock", &widen("count", DataType::BigInt)).map(drop),
        |d| d.alter_table("stock", &rename("sku", "note")).map(drop),
        |d| commit(d, &rows!(("note", Utf8, ["d"]), ("count", Int64, [1 << 40]))?),
        |d| d.flush(),
    ]
}

/// All rows, and the types of the columns: a wider type shows in no row.
fn shown(database: &Database) -> Vec<String> {
    let snapshot = database.snapshot().unwrap();
    let columns = &snapshot.table_schema("stock").unwrap().columns;
    let types = columns.iter().map(|column| column.data_type.to_string());
    all(&snapshot, None).into_iter().chain(types).collect()
}

/// What is shown after each number of steps, and the calls that they take.
fn undisturbed() -> (Vec<Vec<String>>, std::ops::RangeInclusive<u64>) {
    let disk = MemoryDisk::new();
    let database = stock(&scratch(&disk).sync(SyncMode::Commit));
    let first = disk.call_count() + 1;
    let mut answers = vec![shown(&database)];
    for step in steps() {
        step(&database).unwrap();
        answers.push(shown(&database));
    }
    (answers, first..=disk.call_count())
}

#[test]
fn a_power_cut_at_any_call_leaves_every_change_whole_or_undone() {
    let (answers, calls) = undisturbed();
    assert_eq!(answers.last().unwrap()[0], "note|count|price");
    assert_eq!(answers.last().unwrap().len(), 5 + 3, "four rows, three columns");
    let mut reached = vec![0; answers.len()];
    for call in calls {
        let disk = MemoryDisk::new();
        let scratch_before = scratch(&disk).sync(SyncMode::Commit);
        let database = stock(&scratch_before);
        disk.power_off_at(call);
        let done = steps().iter().take_while(|step| step(&database).is_ok()).count();
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
            let what = format!("power off at call {call}, image {seed}, {done} steps done");
            let scratch_after = scratch(&image).sync(SyncMode::Commit);
            let database = scratch_after.open();
            verify(&database);
            let found = shown(&database);
            let next = (done + 1).min(answers.len() - 1);
            assert!(found == answers[done] || found == answers[next], "{what}: {found:#?}");
            // It goes on from there: what is left is done, and read again from the log.
            let from = if found == answers[next] { next } else { done };
            reached[from] += 1;
            for step in &steps()[from..] {
                step(&database).unwrap();
            }
            drop(database);
            let database = scratch_after.open();
            assert_eq!(&shown(&database), answers.last().unwrap(), "{what}: the rest");
            database.compact(&mut |_| ()).unwrap();
            verify(&database);
            assert_eq!(&shown(&database), answers.last().unwrap(), "{what}: compacted");
        }
    }
    assert!(reached.iter().filter(|count| **count > 0).count() > 8, "{reached:?}");
}
