//! A transaction reads what it has written, and nobody else does.

use annals_engine::schema::EVENT_ID;
use annals_engine::{
    Clause, Column, DataType, Database, ErrorKind, Snapshot, TableSpec, Transaction,
};
use annals_tests::prices::{Prices, history_of, price_batch, price_of, system};
use annals_tests::rows::{Cell, array, batch, rows};

fn put(transaction: &mut Transaction, sku: &str, price: i64, from: &str) {
    transaction.put("prices", &price_batch(sku, price, Some((from, "")))).expect("a put");
}

fn price(snapshot: &Snapshot, sku: &str) -> Option<i64> {
    price_of(snapshot, sku, "", "").expect("an answer")
}

#[test]
fn every_statement_is_seen_by_the_next() {
    let prices = Prices::new();
    prices.now().put("tea", 5, "2020-01-01", "").commit();
    let base = prices.snapshot();
    let mut transaction = prices.database().begin();
    for round in 0..40 {
        put(&mut transaction, "tea", round, "2021-01-01");
        put(&mut transaction, &format!("item {round}"), round, "2021-01-01");
        let own = transaction.snapshot(&base).expect("a snapshot");
        assert_eq!(price(&own, "tea"), Some(round));
        assert_eq!(price(&own, "item 0"), Some(0));
        assert_eq!(price(&own, &format!("item {round}")), Some(round));
        let count = own.scan("prices").unwrap().run().unwrap().map(|b| b.unwrap().num_rows());
        assert_eq!(count.sum::<usize>() as i64, round + 2);
    }
    assert_eq!(price(&prices.snapshot(), "tea"), Some(5), "nobody else sees it");
    let commit = transaction.commit().expect("a commit");
    assert_eq!(price(&prices.snapshot(), "tea"), Some(39));
    assert!(commit.system_time > base.system_time());
}

#[test]
fn an_earlier_snapshot_of_own_writes_stays_as_it_was() {
    let prices = Prices::new();
    let base = prices.snapshot();
    let mut transaction = prices.database().begin();
    put(&mut transaction, "tea", 1, "2021-01-01");
    let first = transaction.snapshot(&base).expect("a snapshot");
    put(&mut transaction, "tea", 2, "2021-01-01");
    let second = transaction.snapshot(&base).expect("a snapshot");
    assert_eq!((price(&first, "tea"), price(&second, "tea")), (Some(1), Some(2)));
    drop(transaction);
    assert_eq!((price(&first, "tea"), price(&second, "tea")), (Some(1), Some(2)));
}

#[test]
fn what_others_commit_meanwhile_is_not_seen() {
    let prices = Prices::new();
    let base = prices.snapshot();
    let mut transaction = prices.database().begin();
    put(&mut transaction, "tea", 1, "2021-01-01");
    prices.now().put("milk", 9, "2020-01-01", "").commit();
    let own = transaction.snapshot(&base).expect("a snapshot");
    assert_eq!((price(&own, "milk"), price(&own, "tea")), (None, Some(1)));
    let own = transaction.snapshot(&prices.snapshot()).expect("a snapshot over a newer base");
    assert_eq!((price(&own, "milk"), price(&own, "tea")), (Some(9), Some(1)));
}

#[test]
fn own_writes_are_believed_after_all_that_the_base_shows_though_the_clock_stands_still() {
    let prices = Prices::new();
    prices.now().put("tea", 5, "2020-01-01", "").commit();
    let base = prices.snapshot();
    let mut transaction = prices.database().begin();
    put(&mut transaction, "tea", 6, "2020-01-01");
    let own = transaction.snapshot(&base).expect("a snapshot");
    let expected = [
        "5: 2020-01-01 .. -, believed 2030-01-01 .. 2030-01-01T00:00:00.000001Z",
        "6: 2020-01-01 .. -, believed 2030-01-01T00:00:00.000001Z .. -",
    ];
    assert_eq!(history_of(&own, "tea"), expected);
    assert_eq!(own.last_change("prices").unwrap(), Some(own.system_time()));
}

#[test]
fn a_system_time_that_was_brought_along_holds_and_is_refused_as_at_commit() {
    let prices = Prices::new();
    prices.at("2020-01-01").put("tea", 5, "2000-01-01", "").commit();
    let base = prices.snapshot();
    let mut transaction = prices.database().begin();
    put(&mut transaction, "tea", 6, "2000-01-01");
    transaction.system_time(system("2021-01-01"));
    let own = transaction.snapshot(&base).expect("a snapshot");
    assert_eq!(own.system_time(), base.system_time(), "the present is not set back");
    assert_eq!(price_of(&own, "tea", "", "2020-12-31").unwrap(), Some(5));
    assert_eq!(price_of(&own, "tea", "", "2021-01-01").unwrap(), Some(6));
    for refused in ["2020-01-01", "2019-01-01", "2031-01-01"] {
        transaction.system_time(system(refused));
        let error = transaction.snapshot(&base).expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let mut same = prices.database().begin();
        put(&mut same, "tea", 6, "2000-01-01");
        same.system_time(system(refused));
        assert_eq!(error.to_string(), same.commit().expect_err("a refusal").to_string());
    }
}

fn events() -> Prices {
    let prices = Prices::new();
    let spec = TableSpec::events("sales").column(Column::new("amount", DataType::BigInt));
    prices.database().create_table(spec).expect("a second table");
    prices
}

fn sell(transaction: &mut Transaction, amounts: &[i64]) {
    let amounts: Vec<Cell> = amounts.iter().map(|amount| Cell::Int(*amount)).collect();
    let amounts = array(DataType::BigInt, &amounts.iter().collect::<Vec<_>>());
    transaction.put("sales", &batch(vec![("amount", amounts)])).expect("a put");
}

fn retract(transaction: &mut Transaction, id: &Cell) {
    let ids = batch(vec![(EVENT_ID, array(DataType::BigInt, &[id]))]);
    transaction.delete("sales", &ids).expect("a delete");
}

/// The amounts of all sales, each with its hidden key.
fn sales(snapshot: &Snapshot) -> Vec<(i64, Cell)> {
    let scan = snapshot.scan("sales").unwrap().valid(Clause::All).columns(["amount", EVENT_ID]);
    let batches = scan.run().expect("a scan");
    let rows = batches.flat_map(|batch| rows(&batch.unwrap(), &["amount", EVENT_ID]));
    let mut found: Vec<_> = rows
        .map(|row| match &row[..] {
            [Cell::Int(amount), id] => (*amount, id.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    found.sort();
    found
}

fn amounts(database: &Database) -> Vec<i64> {
    sales(&database.snapshot().unwrap()).into_iter().map(|(amount, _)| amount).collect()
}

#[test]
fn an_event_of_its_own_is_retracted_by_the_number_it_was_shown_with() {
    let prices = events();
    let database = prices.database();
    let mut committed = database.begin();
    sell(&mut committed, &[1, 2]);
    committed.commit().expect("a commit");
    let base = prices.snapshot();
    let mut transaction = database.begin();
    sell(&mut transaction, &[3, 4]);
    sell(&mut transaction, &[5]);
    let shown = sales(&transaction.snapshot(&base).expect("a snapshot"));
    assert_eq!(shown.iter().map(|(amount, _)| *amount).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    // Others take the numbers that come next in the table.
    let mut other = database.begin();
    sell(&mut other, &[7, 8, 9]);
    other.commit().expect("a commit");
    let id = |amount: i64| &shown.iter().find(|(other, _)| *other == amount).expect("shown").1;
    retract(&mut transaction, id(4));
    retract(&mut transaction, id(2));
    let own = sales(&transaction.snapshot(&base).expect("a snapshot"));
    assert_eq!(own.iter().map(|(amount, _)| *amount).collect::<Vec<_>>(), [1, 3, 5]);
    transaction.commit().expect("a commit");
    assert_eq!(amounts(database), [1, 3, 5, 7, 8, 9]);
}

#[test]
fn a_number_that_no_event_of_its_own_has_yet_means_no_event() {
    let prices = events();
    let mut transaction = prices.database().begin();
    retract(&mut transaction, &Cell::Int(-1));
    retract(&mut transaction, &Cell::Int(i64::MIN));
    sell(&mut transaction, &[1]);
    retract(&mut transaction, &Cell::Int(-2));
    transaction.commit().expect("a commit");
    assert_eq!(amounts(prices.database()), [1]);
}

#[test]
fn when_a_table_last_changed_is_told_exactly_through_all_maintenance() {
    let mut prices = Prices::new();
    prices.database().create_table(Prices::spec("costs")).expect("a second table");
    let never = prices.snapshot();
    prices.at("2024-01-01").put("tea", 5, "2020-01-01", "").commit();
    let first = prices.snapshot();
    prices.database().flush().expect("a flush");
    prices.at("2024-01-02").put("tea", 6, "2020-01-01", "").commit();
    let last = |snapshot: &Snapshot, table| snapshot.last_change(table).expect("an answer");
    assert_eq!(last(&never, "prices"), None);
    assert_eq!(last(&first, "prices"), Some(system("2024-01-01")));
    drop((never, first));
    prices.through_maintenance(|prices, when| {
        let snapshot = prices.snapshot();
        assert_eq!(last(&snapshot, "prices"), Some(system("2024-01-02")), "{when}");
        assert_eq!(last(&snapshot, "costs"), None, "{when}");
    });
}
