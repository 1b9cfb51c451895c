//! What the contract says of transactions.

use annals_engine::ErrorKind;
use annals_tests::prices::{Prices, history_of, price_batch, price_of};

#[test]
fn a_batch_of_statements_commits_atomically_over_several_tables() {
    let mut prices = Prices::new();
    prices.database().create_table(Prices::spec("costs")).expect("a second table");
    let cost = price_batch("tea", 2, Some(("2024-01-01", "")));
    let story = prices.at("2024-01-01").put("tea", 5, "2024-01-01", "");
    let commit = story.then(|transaction| transaction.put("costs", &cost)).commit();
    prices.through_maintenance(|prices, when| {
        assert_eq!(prices.price("tea", "", ""), Some(5), "{when}");
        let snapshot = prices.snapshot();
        let key = [annals_engine::Value::from("tea")];
        let found = snapshot.get("costs", &key, annals_engine::At::default()).unwrap();
        let found = found.unwrap_or_else(|| panic!("the cost is there, {when}"));
        let since = annals_tests::rows::rows(&found, &["_system_from"]);
        let expected = annals_tests::rows::Cell::Time(commit.system_time.micros());
        assert_eq!(since, [[expected]], "one transaction, one system time, {when}");
    });
}

#[test]
fn nothing_of_a_transaction_is_seen_before_it_commits_or_when_it_is_given_up() {
    let mut prices = Prices::new();
    let story = prices.now().put("tea", 5, "", "");
    assert_eq!(prices.price("tea", "", ""), None);
    drop(story);
    prices.crash();
    assert_eq!(prices.history("tea"), Vec::<String>::new());
}

#[test]
fn a_commit_is_visible_to_every_read_that_starts_after_it() {
    let prices = Prices::new();
    for price in 0..50 {
        prices.now().put_now("tea", price).commit();
        assert_eq!(prices.price("tea", "", ""), Some(price));
    }
}

#[test]
fn a_running_read_keeps_the_snapshot_it_began_with() {
    let prices = Prices::new();
    prices.at("2024-01-01").put("tea", 5, "2020-01-01", "").commit();
    let snapshot = prices.snapshot();
    let rows = snapshot.scan("prices").unwrap().columns(["price"]).run().unwrap();
    // An import may be recorded before the snapshot's now; it was committed after the snapshot all the same.
    prices.at("2025-01-01").put("tea", 6, "2020-01-01", "").commit();
    prices.now().put("tea", 7, "2020-01-01", "").put("milk", 1, "2020-01-01", "").commit();
    prices.database().flush().expect("a flush");
    prices.database().compact(&mut |_| ()).expect("a compaction");
    let seen: Vec<_> =
        rows.flat_map(|batch| annals_tests::rows::rows(&batch.unwrap(), &["price"])).collect();
    assert_eq!(seen, [[annals_tests::rows::Cell::Int(5)]]);
    assert_eq!(price_of(&snapshot, "tea", "", "").unwrap(), Some(5));
    assert_eq!(price_of(&snapshot, "milk", "", "").unwrap(), None);
    let history = ["5: 2020-01-01 .. -, believed 2024-01-01 .. -"];
    assert_eq!(history_of(&snapshot, "tea"), history);
    assert_eq!(prices.price("tea", "", ""), Some(7));
}

#[test]
fn an_expectation_that_does_not_hold_refuses_the_transaction_whole() {
    let prices = Prices::new();
    prices.at("2024-01-01").put("tea", 5, "2020-01-01", "").commit();
    let refused = prices.now().put("tea", 6, "2020-01-01", "").put("milk", 1, "2020-01-01", "");
    let refused = refused.then(|transaction| {
        let holds =
            |snapshot: &annals_engine::Snapshot| Ok(price_of(snapshot, "tea", "", "")? == Some(4));
        transaction.expect("the tea costs 4", holds);
        Ok(())
    });
    let error = refused.try_commit().expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("the tea costs 4"), "{error}");
    assert_eq!(prices.price("milk", "", ""), None);
    assert_eq!(prices.price("tea", "", ""), Some(5));

    let accepted = prices.now().put("tea", 6, "2020-01-01", "").then(|transaction| {
        transaction.expect("the tea costs 5", |snapshot| {
            Ok(price_of(snapshot, "tea", "", "")? == Some(5))
        });
        Ok(())
    });
    accepted.commit();
    assert_eq!(prices.price("tea", "", ""), Some(6));
}

#[test]
fn an_expectation_sees_what_was_committed_after_the_transaction_began() {
    let prices = Prices::new();
    prices.now().put("tea", 5, "2020-01-01", "").commit();
    let story = prices.now().put("tea", 7, "2020-01-01", "").then(|transaction| {
        transaction.expect("still 5", |snapshot| Ok(price_of(snapshot, "tea", "", "")? == Some(5)));
        Ok(())
    });
    prices.now().put("tea", 6, "2020-01-01", "").commit();
    assert_eq!(story.try_commit().expect_err("a refusal").kind(), ErrorKind::Conflict);
    assert_eq!(prices.price("tea", "", ""), Some(6), "no update is lost");
}

#[test]
fn backdated_facts_are_no_different_in_kind() {
    // The same statements about the same periods, once far in the past and once far in the future.
    let told = |from: &str, middle: &str, to: &str| {
        let prices = Prices::new();
        prices.at("2024-01-01").put("tea", 5, from, to).commit();
        prices.at("2024-01-02").put("tea", 6, middle, to).commit();
        prices.at("2024-01-03").delete("tea", from, middle).commit();
        let lines = prices.history("tea").into_iter();
        lines.map(|line| line.replace(from, "A").replace(middle, "B").replace(to, "C")).collect()
    };
    let past: Vec<String> = told("1901-01-01", "1902-01-01", "1903-01-01");
    let future: Vec<String> = told("2901-01-01", "2902-01-01", "2903-01-01");
    assert_eq!(past, future);
}
