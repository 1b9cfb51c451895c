//! Bitmaps of a partition that leaves go, whoever may still read them; when it is back it gets new ones.

use annals_engine::disk::MemoryDisk;
use annals_engine::{
    Clause, Column, Comparison, DataType, Database, Partition, Predicate, TableSpec,
};
use annals_tests::prices::system;
use annals_tests::rows::{Cell, array, batch};
use annals_tests::scratch::Scratch;

fn bitmaps(disk: &MemoryDisk) -> Vec<String> {
    let shown = disk.files().into_iter().map(|path| path.display().to_string());
    shown.filter(|path| path.ends_with(".bitmap")).collect()
}

/// Events of three months of 2024, of two kinds.
fn fill(database: &Database) {
    let spec = TableSpec::events("visits").column(Column::new("kind", DataType::Text));
    database.create_table(spec).unwrap();
    for month in ["2024-01-10", "2024-02-10", "2024-03-10"] {
        let count = 5_000;
        let kinds: Vec<Cell> =
            (0..count).map(|at| Cell::text(["door", "window"][at % 2])).collect();
        let at = annals_tests::prices::valid(month).micros();
        let times: Vec<Cell> = (0..count).map(|second| Cell::Time(at + second as i64)).collect();
        let rows = batch(vec![
            ("kind", array(DataType::Text, &kinds.iter().collect::<Vec<_>>())),
            ("_valid_from", array(DataType::Timestamp, &times.iter().collect::<Vec<_>>())),
        ]);
        let mut transaction = database.begin();
        transaction.put("visits", &rows).unwrap();
        transaction.commit().unwrap();
    }
    database.compact(&mut |_| ()).unwrap();
}

fn doors(snapshot: &annals_engine::Snapshot) -> usize {
    let scan = snapshot.scan("visits").unwrap().valid(Clause::All);
    let scan = scan.filter(Predicate::compare("kind", Comparison::Eq, "door"));
    scan.run().unwrap().map(|batch| batch.unwrap().num_rows()).sum()
}

#[test]
fn bitmaps_of_a_partition_that_leaves_go_and_are_made_again() {
    for is_pinned in [false, true] {
        let disk = MemoryDisk::new();
        let scratch = Scratch::on(disk.clone(), system("2030-01-01")).memtable_bytes(16 << 20);
        let database = scratch.open();
        fill(&database);
        database.create_index("by_kind", "visits", "kind").unwrap();
        assert_eq!((bitmaps(&disk).len(), doors(&database.snapshot().unwrap())), (3, 7_500));
        let pinned = is_pinned.then(|| database.snapshot().unwrap());
        let february = Partition::parse("2024-02").unwrap();
        database.detach_partitions("visits", &[february], "a test").unwrap();
        database.flush().unwrap();
        assert_eq!(bitmaps(&disk).len(), if is_pinned { 3 } else { 2 }, "{:?}", bitmaps(&disk));
        assert!(bitmaps(&disk).iter().all(|path| !path.contains("detached")));
        database.attach_partition("visits", february, None, "a test").unwrap();
        while database.maintain().unwrap().is_some() {}
        if let Some(pinned) = pinned {
            assert_eq!(doors(&pinned), 7_500, "as it was");
        }
        database.flush().unwrap();
        let index = database.indexes().unwrap().remove(0);
        assert_eq!((index.indexed_segment_count, index.segment_count), (3, 3), "{index:?}");
        assert_eq!((bitmaps(&disk).len(), doors(&database.snapshot().unwrap())), (3, 7_500));
        database.verify(&mut |damage| panic!("{damage}")).unwrap();
        drop(database);
        assert_eq!(doors(&scratch.open().snapshot().unwrap()), 7_500);
    }
}
