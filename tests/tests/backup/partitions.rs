//! Partitions that are detached or dropped when a backup is taken, or were after the instant that is restored.

use std::path::Path;

use annals_engine::disk::MemoryDisk;
use annals_engine::{
    BackupOptions, Database, ErasureRequest, ErrorKind, Partition, RestoreOptions,
};
use annals_tests::check::restored;
use annals_tests::prices::{Prices, price_of, system};
use annals_tests::scratch::Scratch;

const FOLDER: &str = "/backups";

fn january() -> Partition {
    Partition::parse("2024-01").unwrap()
}

/// A price of January and one that holds; one that was withdrawn before its period began. A backup, then January is detached in
/// June, and another backup is taken.
fn prices() -> Prices {
    let prices = Prices::with(Scratch::on(MemoryDisk::new(), system("2024-05-01")));
    prices.at("2023-12-01").put("milk", 7, "2024-01-01", "2024-01-20").commit();
    prices.at("2023-12-15").delete("milk", "", "").commit();
    let story = prices.at("2024-01-10").put("tea", 5, "2024-01-01", "2024-02-01");
    story.put("coffee", 3, "2024-01-01", "").put("cocoa", 4, "2024-01-01", "2024-02-01").commit();
    back_up(&prices);
    prices.set_clock("2024-06-01");
    prices.database().detach_partitions("prices", &[january()], "the shop").unwrap();
    back_up(&prices);
    prices
}

fn back_up(prices: &Prices) -> u64 {
    prices.database().backup(FOLDER, &BackupOptions::default()).unwrap().number
}

fn restore(prices: &Prices, request: RestoreOptions) -> Database {
    let database = restored(&prices.scratch, Path::new(FOLDER), &request);
    database.verify(&mut |damage| panic!("{damage}")).unwrap();
    database
}

fn price(database: &Database, sku: &str) -> annals_engine::Result<Option<i64>> {
    price_of(&database.snapshot()?, sku, "2024-01-15", "")
}

fn attach(database: &Database) {
    database.attach_partition("prices", january(), None, "the shop").unwrap();
}

#[test]
fn a_detached_partition_is_restored_detached_and_can_be_attached() {
    let prices = prices();
    let database = restore(&prices, RestoreOptions::default());
    assert!(price(&database, "tea").is_err(), "it is not there");
    attach(&database);
    for (sku, expected) in [("tea", Some(5)), ("coffee", Some(3)), ("milk", None)] {
        assert_eq!(price(&database, sku).unwrap(), expected, "{sku}");
    }
    let whole = database.snapshot().unwrap();
    attach(prices.database());
    let history = annals_tests::prices::history_of(&whole, "tea");
    assert_eq!(history, prices.history("tea"));
    // Detached, attached and detached again: two files say what lay in one folder.
    prices.database().detach_partitions("prices", &[january()], "the shop").unwrap();
    let request = ErasureRequest::by("the shop");
    attach(prices.database());
    prices.database().erase("prices", &key("cocoa"), &request).unwrap();
    prices.database().detach_partitions("prices", &[january()], "the shop").unwrap();
    back_up(&prices);
    for point in [2, 3] {
        let database = restore(&prices, RestoreOptions::default().point(point));
        attach(&database);
        assert_eq!(price(&database, "tea").unwrap(), Some(5), "point {point}");
    }
}

fn key(sku: &str) -> annals_engine::arrow::array::RecordBatch {
    annals_engine::rows!(("sku", Utf8, [sku])).unwrap()
}

#[test]
fn as_of_before_it_left_it_is_there() {
    let prices = prices();
    for point in [1, 2] {
        let request = RestoreOptions::default().at(system("2024-02-01")).point(point);
        let database = restore(&prices, request);
        assert_eq!(price(&database, "tea").unwrap(), Some(5), "point {point}");
        assert_eq!(
            annals_tests::prices::history_of(&database.snapshot().unwrap(), "milk").len(),
            1
        );
    }
    // Nor is there anything of later in it: as of then only milk was known.
    let request = RestoreOptions::default().at(system("2023-12-10")).point(2);
    let database = restore(&prices, request);
    assert_eq!(
        (price(&database, "tea").unwrap(), price(&database, "milk").unwrap()),
        (None, Some(7))
    );
}

#[test]
fn what_is_erased_while_it_is_detached_never_comes_back_from_a_backup() {
    let prices = prices();
    let request = ErasureRequest::by("the shop");
    let erasure = prices.database().erase("prices", &key("tea"), &request).unwrap();
    let place = "partition 2024-01, detached to detached/000001/2024-01";
    assert_eq!(erasure.unreached, [format!("/backups: {place}"), place.to_owned()]);
    let database = restore(&prices, RestoreOptions::default());
    attach(&database);
    assert_eq!(
        (price(&database, "tea").unwrap(), price(&database, "cocoa").unwrap()),
        (None, Some(4))
    );
    for point in [1, 2] {
        let request = RestoreOptions::default().at(system("2024-02-01")).point(point);
        let database = restore(&prices, request);
        assert_eq!(price(&database, "tea").unwrap(), None, "point {point}");
        assert_eq!(price(&database, "cocoa").unwrap(), Some(4), "point {point}");
    }
    // Attached in the original, it is still detached in a point: that is told, and the key remembered.
    attach(prices.database());
    let erasure = prices.database().erase("prices", &key("cocoa"), &request).unwrap();
    assert_eq!(erasure.unreached, [format!("/backups: {place}")]);
    let database = restore(&prices, RestoreOptions::default());
    attach(&database);
    assert_eq!(price(&database, "cocoa").unwrap(), None);
}

#[test]
fn a_point_after_a_drop_does_not_pretend_to_know_what_was_before() {
    let prices = prices();
    prices.database().drop_partitions("prices", &[january()], "the shop").unwrap();
    let point = back_up(&prices);
    let at = RestoreOptions::default().at(system("2023-12-10"));
    let before = restore(&prices, at);
    assert_eq!(price(&before, "milk").unwrap(), Some(7));
    let error = annals_engine::restore(FOLDER, "new", &at.point(point), &prices.scratch.options());
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(
        error.to_string().starts_with("partition 2024-01 was dropped at 2024-06-01T"),
        "{error}"
    );
    assert!(price(&restore(&prices, RestoreOptions::default()), "tea").is_err());
}

#[test]
fn a_held_key_is_erased_from_no_backup() {
    let prices = prices();
    attach(prices.database());
    prices.database().place_hold("prices", "case 17", &[], "the court").unwrap();
    let request = ErasureRequest::by("the shop");
    let error = prices.database().erase("prices", &key("tea"), &request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Held, "{error}");
    let database = restore(&prices, RestoreOptions::default().point(1));
    assert_eq!(price(&database, "tea").unwrap(), Some(5));
}

#[test]
fn what_a_dropped_partition_took_with_it_is_not_missing_in_silence() {
    // All that was ever said of tea by then ended in January.
    let prices = Prices::with(Scratch::in_memory(system("2024-06-01")));
    prices.at("2023-12-01").put("tea", 5, "2023-12-01", "").commit();
    prices.at("2024-01-10").put("tea", 6, "2023-12-01", "").commit();
    prices.database().drop_partitions("prices", &[january()], "the shop").unwrap();
    back_up(&prices);
    let at = RestoreOptions::default().at(system("2023-12-10"));
    let error = annals_engine::restore(FOLDER, "new", &at, &prices.scratch.options()).unwrap_err();
    assert!(error.to_string().starts_with("partition 2024-01 was dropped at"), "{error}");
    let later = RestoreOptions::default().at(system("2024-02-10"));
    assert_eq!(price(&restore(&prices, later), "tea").unwrap(), Some(6));
}
