//! Retention policies: partitions leave as they pass out of them, never earlier, and it is on record.

use annals_engine::{PartitionState, Retention, RetentionAction, Step};
use annals_tests::prices::Prices;

use super::stories::BY;

fn prices() -> Prices {
    let prices = Prices::new();
    for month in 1..=6 {
        let from = format!("2024-{month:02}-10");
        let to = format!("2024-{month:02}-20");
        prices.at(&format!("2024-{month:02}-01")).put("tea", month, &from, &to).commit();
    }
    prices.set_clock("2024-07-15");
    prices
}

fn policy(prices: &Prices, keep: &str, action: RetentionAction) {
    let retention = Retention::keep(keep).unwrap().then(action);
    prices.database().set_retention("prices", Some(&retention), BY).unwrap();
}

fn states(prices: &Prices) -> Vec<(String, PartitionState)> {
    let listed = prices.database().partitions().unwrap();
    listed.into_iter().map(|info| (info.partition, info.state)).collect()
}

#[test]
fn a_partition_leaves_when_all_of_its_range_is_old_enough() {
    let mut prices = prices();
    policy(&prices, "3 months", RetentionAction::Drop);
    // Three months before 15 July is 15 April: April has not passed out yet.
    let left = prices.database().apply_retention().unwrap();
    let names: Vec<&str> = left.iter().map(|change| change.partition.as_str()).collect();
    assert_eq!(names, ["2024-01", "2024-02", "2024-03"]);
    prices.set_clock("2024-07-31T23:59:59Z");
    assert!(prices.database().apply_retention().unwrap().is_empty());
    prices.reopen();
    prices.set_clock("2024-08-01");
    let left = prices.database().apply_retention().unwrap();
    assert_eq!(left[0].partition, "2024-04");
    let record = prices.database().audit().unwrap().pop().unwrap();
    assert_eq!((record.by.as_str(), record.object.as_str()), ("retention policy", "2024-04"));
    assert_eq!(prices.price("tea", "2024-05-15", ""), Some(5));
}

#[test]
fn background_work_applies_it_and_forever_ends_it() {
    let prices = prices();
    policy(&prices, "100 days", RetentionAction::Detach);
    let mut steps = Vec::new();
    while let Some(step) = prices.database().maintain().unwrap() {
        steps.push(step);
    }
    let Some(Step::Retention { changes }) = steps.last() else { panic!("{steps:?}") };
    assert_eq!(changes.len(), 3);
    assert_eq!(states(&prices)[2], ("2024-03".to_owned(), PartitionState::Detached));
    prices.database().set_retention("prices", None, BY).unwrap();
    prices.set_clock("2034-07-15");
    assert!(prices.database().apply_retention().unwrap().is_empty());
    assert_eq!(prices.database().retention("prices").unwrap(), None);
}

#[test]
fn what_is_archived_by_policy_lies_by_table_and_partition() {
    let prices = prices();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap().to_owned();
    policy(&prices, "4 months", RetentionAction::Archive(dir.clone()));
    let left = prices.database().apply_retention().unwrap();
    assert_eq!(left.len(), 2);
    assert_eq!(left[0].location, Some(format!("{dir}/prices/2024-01")));
    assert!(folder.path().join("prices/2024-01/partition.json").exists());
    let january = super::stories::partition("2024-01");
    prices.database().attach_partition("prices", january, None, BY).unwrap();
    assert_eq!(prices.price("tea", "2024-01-15", ""), Some(1));
}

#[test]
fn spans_that_are_none_are_refused() {
    for span in ["", "soon", "7", "-7 years", "0 days", "years"] {
        let error = Retention::keep(span).unwrap_err().to_string();
        assert!(error.contains("is not a span of time"), "{span}: {error}");
    }
    assert_eq!(Retention::keep("1 year 6 months").unwrap().span(), "1 year 6 months");
}

#[test]
fn a_table_whose_archive_cannot_be_written_keeps_no_other_from_its_policy() {
    let prices = prices();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    policy(&prices, "4 months", RetentionAction::Archive(file.to_str().unwrap().to_owned()));
    let database = prices.database();
    database.create_table(Prices::spec("more")).unwrap();
    let rows = annals_tests::prices::price_batch("tea", 1, Some(("2024-01-01", "2024-01-02")));
    let mut transaction = database.begin();
    transaction.put("more", &rows).unwrap();
    transaction.commit().unwrap();
    let drop = Retention::keep("4 months").unwrap();
    database.set_retention("more", Some(&drop), BY).unwrap();
    let error = database.apply_retention().unwrap_err().to_string();
    assert!(error.starts_with("retention of table `prices`: "), "{error}");
    let dropped = database.partitions().unwrap().into_iter().find(|info| info.table == "more");
    assert_eq!(dropped.unwrap().state, PartitionState::Dropped);
    assert_eq!(prices.price("tea", "2024-01-15", ""), Some(1));
}
