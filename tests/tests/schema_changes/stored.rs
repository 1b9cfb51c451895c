//! What a change of a table leaves as it is, and what becomes of stored values.

use annals_engine::disk::MemoryDisk;
use annals_engine::{Column, DataType, Database, ErasureRequest, rows};
use annals_tests::generate::Rng;

use super::world::*;

/// Some versions in so many segments, and some in memory.
fn filled(database: &Database, segments: usize) {
    for number in 0..segments {
        let sku = format!("sku-{number}");
        commit(database, &rows!(("sku", Utf8, [sku]), ("note", Utf8, ["a note"])).unwrap())
            .unwrap();
        database.flush().unwrap();
    }
    commit(database, &rows!(("sku", Utf8, ["unflushed"])).unwrap()).unwrap();
}

#[test]
fn a_change_writes_one_edit_of_the_manifest_however_many_rows_there_are() {
    let mut calls = Vec::new();
    for segments in [0, 3, 60] {
        let disk = MemoryDisk::new();
        let scratch = scratch(&disk);
        let database = stock(&scratch);
        filled(&database, segments);
        let files = disk.files();
        let before = disk.call_count();
        let column = Column::new("price", DataType::BigInt).not_null().with_default(1);
        database.alter_table("stock", &add(column)).unwrap();
        calls.push(disk.call_count() - before);
        assert_eq!(disk.files(), files, "no file comes or goes");
        assert_eq!(database.stats().unwrap().tables[0].memtable_row_count, 1, "nothing is flushed");
    }
    assert!(calls.iter().all(|count| *count == calls[0] && *count <= 6), "{calls:?}");
}

#[test]
fn dropped_values_leave_the_files_with_a_compaction_and_erased_ones_with_the_erasure() {
    let disk = MemoryDisk::new();
    let scratch = scratch(&disk);
    let database = stock(&scratch);
    let mark = |seed: u64| {
        let mut rng = Rng::new(seed);
        (0..30).map(|_| *rng.pick(&['b', 'd', 'f', 'g', 'k', 'm', 'Q', 'X'])).collect::<String>()
    };
    let is_stored = |text: &str| {
        let holds = |path: &std::path::PathBuf| {
            let bytes = disk.read_all(path).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        disk.files().iter().any(holds)
    };
    let (ann, ben, later, key) = (mark(1), mark(2), mark(3), mark(4));
    commit(&database, &rows!(("sku", Utf8, [key.clone()]), ("note", Utf8, [ann.clone()])).unwrap())
        .unwrap();
    commit(&database, &rows!(("sku", Utf8, ["ben"]), ("note", Utf8, [ben.clone()])).unwrap())
        .unwrap();
    database.flush().unwrap();
    database.alter_table("stock", &drop_column("note")).unwrap();
    database.alter_table("stock", &add(Column::new("note", DataType::Text))).unwrap();
    database.alter_table("stock", &rename("sku", "name")).unwrap();
    commit(&database, &rows!(("name", Utf8, ["ben"]), ("note", Utf8, [later.clone()])).unwrap())
        .unwrap();
    let shown = all(&database.snapshot().unwrap(), None);
    assert!(!shown.concat().contains(&ann) && shown.concat().contains(&later), "{shown:?}");
    assert!(is_stored(&ann) && is_stored(&ben), "as long as nothing is rewritten");

    let request = ErasureRequest::by("the test");
    let erasure =
        database.erase("stock", &rows!(("name", Utf8, [key.clone()])).unwrap(), &request).unwrap();
    assert_eq!((erasure.keys.len(), erasure.row_count()), (1, 1), "of the segment from before");
    assert!(!is_stored(&ann) && !is_stored(&key));
    verify(&database);
    database.compact(&mut |_| ()).unwrap();
    assert!(!is_stored(&ben), "a value of a column that was dropped");
    assert!(is_stored(&later));
    verify(&database);
    let after = all(&database.snapshot().unwrap(), None);
    assert!(after.iter().all(|line| !line.contains(&key)) && after.len() == shown.len() - 1);
    database.close().unwrap();
    let report =
        annals_engine::verify(scratch.path(), &scratch.options(), &mut |damage| panic!("{damage}"));
    assert_eq!(report.unwrap().damage_count, 0);
}

#[test]
fn the_log_is_replayed_across_many_changes_and_old_entries_are_forgotten() {
    let disk = MemoryDisk::new();
    let scratch = scratch(&disk);
    let mut database = stock(&scratch);
    for round in 0..30_i64 {
        // The same name for a column that comes and goes.
        let column = Column::new("price", DataType::BigInt).with_default(round);
        database.alter_table("stock", &add(column)).unwrap();
        commit(
            &database,
            &rows!(("sku", Utf8, [format!("sku-{round:02}")]), ("price", Int64, [round])).unwrap(),
        )
        .unwrap();
        if round % 7 == 3 {
            let before = all(&database.snapshot().unwrap(), None);
            drop(database);
            database = scratch.open();
            assert_eq!(all(&database.snapshot().unwrap(), None), before, "round {round}");
        }
        if round < 29 {
            database.alter_table("stock", &drop_column("price")).unwrap();
        }
    }
    let shown = all(&database.snapshot().unwrap(), None);
    assert_eq!((shown.len(), shown[30].as_str()), (31, "-|sku-29|-|29"));
    assert_eq!(shown[1], "-|sku-00|-|29", "the default of the last column of that name");
    let entries = |disk: &MemoryDisk| {
        let files = disk.files().into_iter().filter(|path| path.starts_with("db/manifest"));
        let text: Vec<u8> = files.flat_map(|path| disk.read_all(&path).unwrap()).collect();
        String::from_utf8_lossy(&text).matches("\"name\":\"stock\"").count()
    };
    assert!(entries(&disk) >= 30);
    database.compact(&mut |_| ()).unwrap();
    database.close().unwrap();
    let database = scratch.open();
    assert_eq!(entries(&disk), 1, "nothing is stored with an older entry");
    assert_eq!(all(&database.snapshot().unwrap(), None), shown);
}
