//! What is refused, what is answered, and what is told, at the boundaries of a partition that has left.

use annals_engine::{
    Clause, ErrorKind, Partition, PartitionState, Snapshot, SystemTime, ValidTime,
};
use annals_tests::prices::{Prices, before, price_of, valid};

pub(super) const BY: &str = "the archivist";

pub(super) fn partition(name: &str) -> Partition {
    Partition::parse(name).expect("the name of a partition")
}

/// Tea: 5 in January and February, recorded on 1 January; 6 from February on, recorded on 10 January. Coffee: 9 for ever.
pub(super) fn prices() -> Prices {
    let prices = Prices::new();
    prices.set_clock("2024-06-01");
    prices
        .at("2024-01-01")
        .put("tea", 5, "2024-01-01", "2024-03-01")
        .put("coffee", 9, "2024-01-01", "")
        .commit();
    prices.at("2024-01-10").put("tea", 6, "2024-02-01", "").commit();
    prices
}

fn detach(prices: &Prices, name: &str) -> annals_engine::Result<u64> {
    let changes = prices.database().detach_partitions("prices", &[partition(name)], BY)?;
    Ok(changes[0].row_count)
}

fn kind(snapshot: &Snapshot, sku: &str, holds: &str, recorded: &str) -> ErrorKind {
    price_of(snapshot, sku, holds, recorded).expect_err("a missing partition").kind()
}

#[test]
fn an_answer_that_may_have_been_in_a_partition_is_refused_and_no_other() {
    let mut prices = prices();
    // What ended in January: tea at 5 until 10 January by system time, and what was left of it until 1 February.
    assert_eq!(detach(&prices, "2024-01").unwrap(), 2);
    for opened in ["before a restart", "after one"] {
        let snapshot = prices.snapshot();
        let missing = |holds: &str, recorded: &str| {
            assert_eq!(kind(&snapshot, "tea", holds, recorded), ErrorKind::Missing, "{opened}");
        };
        missing("2024-01-15", "");
        missing("2024-02-15", "2024-01-05");
        missing(&before("2024-02-01"), "2024-05-01");
        missing("2024-01-01", "2024-01-01");
        // As of instants from its end on nothing is missing.
        assert_eq!(price_of(&snapshot, "tea", "2024-02-01", "2024-02-01").unwrap(), Some(6));
        assert_eq!(price_of(&snapshot, "tea", "2024-02-01", "").unwrap(), Some(6));
        assert_eq!(price_of(&snapshot, "tea", "", "").unwrap(), Some(6));
        assert_eq!(price_of(&snapshot, "tea", "2023-12-31", "").unwrap(), None);
        prices.reopen();
    }
    let error = price_of(&prices.snapshot(), "tea", "2024-01-15", "").unwrap_err().to_string();
    let told = "partition 2024-01, detached to detached/000001/2024-01";
    assert!(error.contains(told) && error.contains("2024-01-15T00:00:00Z"), "{error}");
}

#[test]
fn what_is_left_is_read_on_request_and_ranges_tell_what_is_missing() {
    let prices = prices();
    detach(&prices, "2024-01").unwrap();
    let snapshot = prices.snapshot();
    let scan = || snapshot.scan("prices").unwrap().columns(["sku"]);
    let then = Clause::AsOf(valid("2024-01-15"));
    assert_eq!(scan().valid(then).run().unwrap_err().kind(), ErrorKind::Missing);
    let mut rows = scan().valid(then).allow_partial().run().unwrap();
    assert_eq!(rows.missing()[0].partition, "2024-01");
    assert_eq!(rows.next().unwrap().unwrap().num_rows(), 1, "coffee");

    let all = scan().valid(Clause::All).system(Clause::All).run().unwrap();
    assert_eq!(all.missing().len(), 1);
    assert_eq!(all.missing()[0].state, PartitionState::Detached);
    let later = Clause::FromTo(valid("2024-02-01"), ValidTime::MAX);
    assert!(scan().valid(later).run().unwrap().missing().is_empty());
    assert_eq!(snapshot.missing("prices").unwrap().len(), 1);
}

#[test]
fn a_snapshot_goes_on_reading_what_it_saw() {
    let prices = prices();
    let before = prices.snapshot();
    detach(&prices, "2024-01").unwrap();
    prices.database().drop_partitions("prices", &[partition("2024-01")], BY).unwrap();
    assert_eq!(price_of(&before, "tea", "2024-01-15", "").unwrap(), Some(5));
    drop(before);
    prices.database().flush().unwrap();
}

#[test]
fn no_write_makes_or_changes_a_version_in_a_sealed_range() {
    let prices = prices();
    detach(&prices, "2024-01").unwrap();
    let refused = |story: annals_tests::prices::Story| {
        let error = story.try_commit().expect_err("a sealed range");
        assert_eq!(error.kind(), ErrorKind::Sealed);
        assert!(error.to_string().contains("partition 2024-01"), "{error}");
    };
    // It would end in January.
    refused(prices.now().put("milk", 1, "2023-12-01", "2024-01-20"));
    refused(prices.now().put("milk", 1, "2023-12-01", "2024-02-01"));
    // What is left of coffee, which has no end, would end in January.
    refused(prices.now().put("coffee", 8, "2024-01-20", ""));
    refused(prices.now().delete("coffee", "2024-01-20", "2024-03-01"));
    refused(prices.now().delete("coffee", "2024-02-01", ""));
    // It would change tea at 5, which was believed for January.
    refused(prices.now().put("tea", 4, "2024-01-01", "2024-04-01"));
    refused(prices.now().delete("tea", "", ""));
    // Both statements make a version that ends in January, though neither does by itself.
    refused(prices.now().put("milk", 1, "2023-12-01", "").put("milk", 2, "2024-01-15", ""));
    // Nothing of a refused transaction is applied.
    refused(prices.now().put("salt", 1, "2024-03-01", "").put("milk", 1, "", "2024-01-02"));
    assert_eq!(prices.price("salt", "", ""), None);

    prices.now().put("milk", 1, "2023-12-01", "2024-02-02").commit();
    prices.now().put("bread", 1, "2024-01-15", "").commit();
    prices.now().put("bread", 2, "2024-01-15", "").commit();
    prices.now().put("tea", 4, "2024-02-01", "").commit();
    prices.now().delete("salt", "2024-01-15", "2024-01-16").commit();
    prices.now().put("coffee", 8, "", "2023-12-31").commit();
    let at_boundary = prices.now().put("oil", 1, "", "2024-01-01").try_commit();
    at_boundary.expect("what ends at the first instant of January belongs to December");
}

#[test]
fn an_import_does_not_end_versions_in_a_sealed_range() {
    let prices = Prices::new();
    prices.set_clock("2024-06-01");
    prices
        .at("2023-12-01")
        .put("tea", 5, "2023-01-01", "")
        .put("oil", 1, "", "2024-01-02")
        .commit();
    detach(&prices, "2024-01").unwrap();
    let error = prices.at("2024-01-10").put("tea", 6, "2024-03-01", "").try_commit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Sealed, "tea would end on 10 January by system time");
    prices.at("2024-01-10").put("milk", 6, "2024-03-01", "").commit();
    prices.at("2024-02-01").put("salt", 6, "2024-03-01", "").commit();
    let error = prices.at("2024-02-01T00:00:00.000001Z").put("tea", 6, "", "").try_commit();
    error.expect("after the range");
}

#[test]
fn a_partition_comes_back_and_every_answer_with_it() {
    let mut prices = prices();
    let before = prices.history("tea");
    detach(&prices, "2024-01").unwrap();
    assert_ne!(prices.history("tea"), before);
    prices.now().put("coffee", 8, "2024-05-01", "").commit();
    let change =
        prices.database().attach_partition("prices", partition("2024-01"), None, BY).unwrap();
    assert_eq!((change.row_count, change.state), (2, PartitionState::Live));
    assert_eq!(prices.history("tea"), before);
    assert_eq!(prices.price("tea", "2024-01-15", "2024-01-05"), Some(5));
    let expected = before.clone();
    prices.through_maintenance(|prices, _| assert_eq!(prices.history("tea"), expected));
    // And once more.
    detach(&prices, "2024-01").unwrap();
    prices.database().attach_partition("prices", partition("2024-01"), None, BY).unwrap();
    assert_eq!(prices.history("tea"), before);
    let actions: Vec<String> =
        prices.database().audit().unwrap().into_iter().map(|record| record.action).collect();
    let pair = ["detach partition", "attach partition"];
    assert_eq!(actions, [pair, pair].concat());
}

#[test]
fn what_cannot_be_taken_out_is_refused() {
    let prices = prices();
    let refused = |name: &str, told: &str| {
        let error = detach(&prices, name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(told), "{error}");
    };
    refused("current", "`current` is no partition");
    refused("2024", "the width of a month");
    refused("2024-06", "is still believed of the present");
    refused("2030-01", "is still believed of the present");
    refused("2023-05", "there is nothing in partition 2023-05");
    detach(&prices, "2024-01").unwrap();
    refused("2024-01", "partition 2024-01 of table `prices` is detached to detached/000001");
    prices.database().drop_partitions("prices", &[partition("2024-01")], BY).unwrap();
    refused("2024-01", "partition 2024-01 of table `prices` is dropped");
    let attached = prices.database().attach_partition("prices", partition("2024-01"), None, BY);
    assert!(attached.unwrap_err().to_string().contains("was dropped"));
    let attached = prices.database().attach_partition("prices", partition("2024-02"), None, BY);
    assert!(attached.unwrap_err().to_string().contains("is not detached"));
}

#[test]
fn what_would_be_lost_is_told_before_and_nothing_is_lost_by_that() {
    let prices = prices();
    let before = prices.history("tea");
    let preview = prices.database().preview_partitions("prices", &[partition("2024-01")]).unwrap();
    let change = &preview[0];
    assert_eq!((change.row_count, change.state), (2, PartitionState::Live));
    assert_eq!(change.valid, (valid("2024-01-01"), valid("2024-03-01")));
    assert_eq!(change.system.0, SystemTime::parse("2024-01-01").unwrap());
    assert_eq!(change.before.to_string(), "2024-02-01T00:00:00Z");
    assert!(change.bytes > 0);
    assert_eq!(prices.history("tea"), before);
    let states = prices.database().partitions().unwrap();
    assert!(states.iter().all(|info| info.state == PartitionState::Live));
}

#[test]
fn partitions_are_listed_with_what_became_of_them() {
    let prices = prices();
    prices.database().compact(&mut |_| ()).unwrap();
    detach(&prices, "2024-01").unwrap();
    let listed = prices.database().partitions().unwrap();
    let shown: Vec<(&str, PartitionState, u64)> =
        listed.iter().map(|info| (info.partition.as_str(), info.state, info.row_count)).collect();
    let live = PartitionState::Live;
    assert_eq!(shown, [("2024-01", PartitionState::Detached, 2), ("current", live, 2)]);
    assert_eq!(listed[0].range.0, valid("2024-01-01"));
    assert_eq!(listed[0].range.1, valid("2024-02-01"));
}

#[test]
fn a_detached_folder_can_be_moved_and_attached_from_there_but_no_other() {
    let prices = prices();
    let before = prices.history("tea");
    detach(&prices, "2024-01").unwrap();
    let from = prices.scratch.path().join("detached/000001/2024-01");
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().join("january");
    std::fs::rename(&from, &to).unwrap();

    // Whether it concerns a version there cannot be told now.
    let error = prices.now().put("tea", 4, "2024-01-01", "2024-04-01").try_commit().unwrap_err();
    assert!(error.to_string().contains("partition 2024-01, detached, may hold the key"), "{error}");
    prices.now().put("tea", 7, "2024-05-01", "").commit();

    let attach = |dir: &std::path::Path| prices.database().attach_partition_from("prices", dir, BY);
    assert!(attach(elsewhere.path()).unwrap_err().to_string().contains("holds no partition"));
    let manifest = to.join("partition.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("\"row_count\": 2", "\"row_count\": 3")).unwrap();
    let error = attach(&to).unwrap_err().to_string();
    assert!(error.contains("its manifest is another one, or was changed"), "{error}");
    std::fs::write(&manifest, text).unwrap();
    attach(&to).unwrap();
    let history = prices.history("tea");
    assert!(before[..2].iter().all(|line| history.contains(line)), "{history:?}");
    assert!(manifest.exists(), "what lies elsewhere is its owner's");
}

#[test]
fn a_damaged_folder_is_not_attached_and_verify_tells_of_it() {
    let prices = prices();
    detach(&prices, "2024-01").unwrap();
    let dir = prices.scratch.path().join("detached/000001/2024-01");
    let file = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|e| e == "parquet"));
    let file = file.unwrap();
    let whole = std::fs::read(&file).unwrap();
    let mut bytes = whole.clone();
    bytes[100] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let error = prices.database().attach_partition("prices", partition("2024-01"), None, BY);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error.file(), file.to_str());
    let mut damages = Vec::new();
    prices.database().verify(&mut |damage| damages.push(damage)).unwrap();
    assert_eq!(damages.len(), 1);
    std::fs::write(&file, &whole).unwrap();
    prices.database().attach_partition("prices", partition("2024-01"), None, BY).unwrap();
}

#[test]
fn events_that_left_are_missing_from_sums_and_the_answer_tells_so() {
    use annals_engine::{Column, DataType, TableSpec};
    use annals_tests::rows::{Cell, array, batch};
    let prices = Prices::new();
    prices.set_clock("2024-06-01");
    let database = prices.database();
    let spec = TableSpec::events("sales").column(Column::new("amount", DataType::BigInt));
    database.create_table(spec).unwrap();
    let put = |at: &str| {
        let mut transaction = database.begin();
        let columns = vec![
            ("amount", array(DataType::BigInt, &[&Cell::Int(1)])),
            ("_valid_from", array(DataType::Timestamp, &[&Cell::Time(valid(at).micros())])),
        ];
        transaction.put("sales", &batch(columns))?;
        transaction.commit()
    };
    for at in ["2024-01-05", "2024-01-31T23:59:59.999999Z", "2024-02-01", "2024-03-01"] {
        put(at).unwrap();
    }
    let change = database.detach_partitions("sales", &[partition("2024-01")], BY).unwrap();
    assert_eq!(change[0].row_count, 2);
    let rows = database.snapshot().unwrap().scan("sales").unwrap().run().unwrap();
    assert_eq!(rows.missing().len(), 1);
    assert_eq!(rows.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2);
    assert_eq!(put("2024-01-20").unwrap_err().kind(), ErrorKind::Sealed);
    put("2024-02-20").unwrap();
}

#[test]
fn two_rows_of_one_statement_make_no_version_in_a_sealed_range() {
    use annals_engine::DataType;
    use annals_tests::rows::{Cell, array, batch};
    let prices = prices();
    detach(&prices, "2024-01").unwrap();
    let instants = |texts: [&str; 2]| {
        let cells = texts.map(|text| match text {
            "" => Cell::Null,
            text => Cell::Time(valid(text).micros()),
        });
        array(DataType::Timestamp, &[&cells[0], &cells[1]])
    };
    let milk = Cell::text("milk");
    let rows = batch(vec![
        ("sku", array(DataType::Text, &[&milk, &milk])),
        ("_valid_from", instants(["2023-12-01", "2024-01-15"])),
        ("_valid_to", instants(["", "2024-03-01"])),
    ]);
    let story = prices.now().then(|transaction| transaction.put("prices", &rows));
    assert_eq!(story.try_commit().unwrap_err().kind(), ErrorKind::Sealed);
    prices.database().compact(&mut |_| ()).unwrap();
}

#[test]
fn a_partition_named_twice_leaves_once_and_all_are_judged_before_any_leaves() {
    let prices = prices();
    prices.now().put("salt", 1, "2024-03-01", "2024-03-10").commit();
    let (january, march) = (partition("2024-01"), partition("2024-03"));
    let changes = prices.database().detach_partitions("prices", &[january, january], BY).unwrap();
    assert_eq!(changes.len(), 1);
    let preview = prices.database().preview_partitions("prices", &[january, january]).unwrap();
    assert_eq!((preview.len(), preview[0].row_count), (1, 2));
    prices.database().drop_partitions("prices", &[january, january], BY).unwrap();
    let error = prices.database().drop_partitions("prices", &[january, march], BY).unwrap_err();
    assert!(error.to_string().contains("partition 2024-01 of table `prices` is dropped"));
    assert_eq!(prices.price("salt", "2024-03-05", ""), Some(1), "nothing left");
}
