//! No file holds a value of an erased key, whatever was done before and whatever is done after.

use annals_engine::disk::MemoryDisk;
use annals_engine::{
    At, Clause, Column, Comparison, DataType, ErrorKind, Predicate, TableSpec, Value,
};
use annals_tests::rows::{Cell, array, batch};

use super::guests::*;

#[test]
fn no_file_holds_a_value_of_an_erased_key() {
    let disk = MemoryDisk::new();
    let scratch = scratch(&disk);
    let database = scratch.open();
    fill(&database).unwrap();
    let before = answers(&database).unwrap();
    let found = places(&disk, &marks(1)).join(" ");
    assert!(
        found.contains(".wal") && found.contains("current") && found.contains("2024-0"),
        "{found}"
    );
    assert!(found.contains(".bitmap"), "{found}");

    let [guests, visits] = forget(&database, 1).unwrap();
    assert_eq!(places(&disk, &marks(1)), Vec::<String>::new(), "when it returns");
    assert_eq!((guests.number, guests.keys.len(), visits.number, visits.keys.len()), (1, 1, 2, 4));
    assert!(guests.row_count() >= 4 && guests.file_count >= 3, "{guests:?}");
    assert_eq!((visits.row_count(), visits.unreached.len()), (4, 0));
    assert_eq!(database.erasures().unwrap(), [guests, visits]);
    let expected = [without(&before[0], 1), without(&before[1], 1)];
    assert!(expected[0].len() < before[0].len() && expected[1].len() < before[1].len());

    let check = |database: &annals_engine::Database, when: &str| {
        assert_eq!(answers(database).unwrap(), expected, "{when}");
        assert_eq!(places(&disk, &marks(1)), Vec::<String>::new(), "{when}");
        assert_ne!(places(&disk, &marks(2)), Vec::<String>::new(), "{when}");
        assert_eq!(database.erasures().unwrap().len(), 2, "{when}");
        verify(database);
    };
    check(&database, "after the erasure");
    database.flush().unwrap();
    check(&database, "after a flush");
    database.compact(&mut |_| ()).unwrap();
    check(&database, "after a compaction");
    database.close().unwrap();
    let database = scratch.open();
    check(&database, "after a restart");
    drop(database);
    check(&scratch.open(), "after a crash");
}

#[test]
fn what_is_in_memory_alone_goes_too() {
    let disk = MemoryDisk::new();
    let scratch = scratch(&disk);
    let database = scratch.open();
    create(&database).unwrap();
    believe(&database, 0).unwrap();
    forget(&database, 1).unwrap();
    drop(database);
    let database = scratch.open();
    assert_eq!(places(&disk, &marks(1)), Vec::<String>::new());
    assert_eq!(database.recovery().transaction_count, 0);
    assert_eq!(answers(&database).unwrap()[0].len(), GUEST_COUNT - 1);
}

#[test]
fn a_segment_that_holds_nothing_else_is_removed() {
    let disk = MemoryDisk::new();
    let database = scratch(&disk).open();
    fill(&database).unwrap();
    let all: Vec<usize> = (0..GUEST_COUNT).collect();
    let erasure = database.erase("guests", &keys(&all), &request()).unwrap();
    assert_eq!(erasure.keys.len(), GUEST_COUNT);
    let files = disk.files();
    let left: Vec<_> = files.iter().filter(|path| path.starts_with("db/tables/000001")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(answers(&database).unwrap()[0], Vec::<String>::new());
    verify(&database);
}

#[test]
fn pinned_files_of_an_earlier_compaction_go_too() {
    let disk = MemoryDisk::new();
    let database = scratch(&disk).open();
    fill(&database).unwrap();
    let pinned = database.snapshot().unwrap();
    let files = disk.files().len();
    database.compact(&mut |_| ()).unwrap();
    assert!(disk.files().len() > files, "the snapshot keeps what was replaced");
    forget(&database, 1).unwrap();
    assert_eq!(places(&disk, &marks(1)), Vec::<String>::new());
    assert_eq!(everything(&pinned, "guests").unwrap_err().kind(), ErrorKind::Erased);
    drop(pinned);
    database.compact(&mut |_| ()).unwrap();
    verify(&database);
}

#[test]
fn pinned_bitmaps_of_a_dropped_index_go_too() {
    let disk = MemoryDisk::new();
    let database = scratch(&disk).open();
    fill(&database).unwrap();
    let pinned = database.snapshot().unwrap();
    for (index, _) in INDEXES {
        database.drop_index(index).unwrap();
    }
    let bitmaps = |disk: &MemoryDisk| {
        let is_bitmap = |path: &std::path::PathBuf| path.extension() == Some("bitmap".as_ref());
        disk.files().into_iter().filter(is_bitmap).count()
    };
    assert!(bitmaps(&disk) > 2, "the snapshot keeps them");
    // Of both tables, so that no table is left whose snapshots are read on.
    forget(&database, 1).unwrap();
    assert_eq!((places(&disk, &marks(1)), bitmaps(&disk)), (Vec::<String>::new(), 0));
    let scan = pinned.scan("guests").unwrap();
    let refused = scan.filter(Predicate::compare("note", Comparison::Eq, "x")).run();
    let refused = refused.and_then(|rows| rows.collect::<annals_engine::Result<Vec<_>>>());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Erased);
    verify(&database);
}

#[test]
fn a_scan_that_has_begun_reads_no_bitmap_of_what_was_erased() {
    let disk = MemoryDisk::new();
    let database = scratch(&disk).open();
    fill(&database).unwrap();
    let wanted = Predicate::compare("note", Comparison::Eq, "x");
    let scan = database.snapshot().unwrap().scan("guests").unwrap().filter(wanted);
    let rows = scan.valid(Clause::All).system(Clause::All).run().unwrap();
    forget(&database, 1).unwrap();
    let read = rows.collect::<annals_engine::Result<Vec<_>>>();
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Erased);
}

#[test]
fn what_failed_compactions_have_left_goes_too() {
    let disk = MemoryDisk::new();
    let database = scratch(&disk).open();
    fill(&database).unwrap();
    database.flush().unwrap();
    let before = places(&disk, &marks(1)).len();
    for call in 1.. {
        disk.fail_at(disk.call_count() + call, annals_engine::disk::FaultKind::Full);
        if database.compact(&mut |_| ()).is_ok() || places(&disk, &marks(1)).len() > before + 2 {
            break;
        }
    }
    forget(&database, 1).unwrap();
    assert_eq!(places(&disk, &marks(1)), Vec::<String>::new());
    verify(&database);
}

#[test]
fn a_key_without_a_trace_leaves_no_record() {
    let disk = MemoryDisk::new();
    let database = scratch(&disk).open();
    fill(&database).unwrap();
    let pinned = database.snapshot().unwrap();
    let erasure = database.erase("guests", &keys(&[77]), &request()).unwrap();
    assert_eq!((erasure.number, erasure.keys.len(), erasure.file_count), (0, 0, 0));
    assert!(database.erasures().unwrap().is_empty());
    everything(&pinned, "guests").unwrap();
    // Of a key that was only ever retracted, the log has the name.
    let mut transaction = database.begin();
    transaction.delete("guests", &keys(&[77])).unwrap();
    transaction.commit().unwrap();
    assert_ne!(places(&disk, &marks(77)), Vec::<String>::new());
    let erasure = database.erase("guests", &keys(&[77, 77]), &request()).unwrap();
    assert_eq!((erasure.number, erasure.keys.len(), erasure.row_count()), (1, 1, 0));
    assert_eq!(places(&disk, &marks(77)), Vec::<String>::new());
}

#[test]
fn the_record_has_a_hash_that_a_key_can_be_held_against() {
    let disk = MemoryDisk::new();
    let database = scratch(&disk).open();
    create(&database).unwrap();
    let mut hashes = Vec::new();
    for _ in 0..2 {
        believe(&database, hashes.len()).unwrap();
        let erasure = database.erase("guests", &keys(&[1, 2]), &request()).unwrap();
        hashes.push(erasure.keys.iter().map(|key| key.hash).collect::<Vec<_>>());
    }
    assert_eq!(hashes[0], hashes[1], "the same keys, erased again");
    assert_ne!(hashes[0][0], hashes[0][1]);
    let other = scratch(&MemoryDisk::new()).open();
    create(&other).unwrap();
    believe(&other, 0).unwrap();
    let elsewhere = other.erase("guests", &keys(&[1, 2]), &request()).unwrap();
    assert!(elsewhere.keys.iter().all(|key| !hashes[0].contains(&key.hash)), "its own secret");
}

#[test]
fn the_number_of_an_erased_event_is_not_used_again() {
    let disk = MemoryDisk::new();
    let scratch = scratch(&disk);
    let database = scratch.open();
    create(&database).unwrap();
    believe(&database, 0).unwrap();
    let numbers = |guest| -> Vec<u8> {
        let ids = visits_of(&database, guest).unwrap();
        format!("{:?}", ids.column(0)).into_bytes()
    };
    let last = numbers(GUEST_COUNT - 1);
    database.erase("visits", &visits_of(&database, GUEST_COUNT - 1).unwrap(), &request()).unwrap();
    believe(&database, 1).unwrap();
    assert_ne!(numbers(0), last);
    drop(database);
    let database = scratch.open();
    let erased: Vec<i64> = vec![GUEST_COUNT as i64];
    let key = [Value::from(erased[0])];
    assert!(database.snapshot().unwrap().get("visits", &key, At::default()).unwrap().is_none());
}

#[test]
fn wrong_requests_change_nothing() {
    let disk = MemoryDisk::new();
    let database = scratch(&disk).open();
    fill(&database).unwrap();
    let before = answers(&database).unwrap();
    let refused = |table: &str, keys, request, what: &str| {
        let error = database.erase(table, &keys, &request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(what), "{error}");
    };
    let nobody = annals_engine::ErasureRequest::by("");
    refused("guest", keys(&[1]), request(), "there is no table `guest`");
    refused("guests", visits_of(&database, 1).unwrap(), request(), "_event_id");
    refused("guests", keys(&[1]), nobody, "the name of who asks");
    refused("guests", keys(&[1]), request().reason("x".repeat(5_000)), "longer than 4096 bytes");
    let null = batch(vec![("name", array(DataType::Text, &[&Cell::Null]))]);
    refused("guests", null, request(), "cannot be NULL");
    let numbers = (0..=65_536).map(Cell::Int).collect::<Vec<_>>();
    let many = batch(vec![("k", array(DataType::BigInt, &numbers.iter().collect::<Vec<_>>()))]);
    let spec = TableSpec::keyed("t", ["k"]).column(Column::new("k", DataType::BigInt));
    database.create_table(spec).unwrap();
    let error = database.erase("t", &many, &request()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}");
    assert_eq!(answers(&database).unwrap(), before);
    let handle = database.clone();
    database.close().unwrap();
    let error = handle.erase("guests", &keys(&[1]), &request()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
