//! What a scan is estimated to touch and give, before it reads: never less than it gives, and pruned by what it says.

use annals_engine::{Clause, Comparison, Predicate, Scan, ScanEstimate};
use annals_tests::prices::{Prices, system, valid};

fn estimate(scan: &Scan) -> ScanEstimate {
    let estimate = scan.estimate().expect("an estimate");
    let count = scan.clone().run().expect("a scan").map(|batch| batch.unwrap().num_rows());
    let count: usize = count.sum();
    assert!(count as u64 <= estimate.row_count_max, "{count} rows, {estimate}");
    estimate
}

/// Some past, some present, some of it unflushed.
fn prices() -> Prices {
    let prices = Prices::new();
    prices.at("2024-01-05").put("tea", 1, "2024-01-01", "2024-02-01").commit();
    prices.at("2024-01-06").put("milk", 2, "2024-03-01", "").commit();
    prices.database().compact(&mut |_| ()).expect("a compaction");
    prices.at("2024-06-01").put("milk", 3, "2024-04-01", "2024-05-01").commit();
    prices.database().flush().expect("a flush");
    prices
}

#[test]
fn segments_are_told_by_what_rules_them_out() {
    let prices = prices();
    let snapshot = prices.snapshot();
    let scan = || snapshot.scan("prices").unwrap();
    let all = scan().valid(Clause::All).system(Clause::All);
    let whole = estimate(&all);
    assert_eq!((whole.segment_kept_count, whole.segment_count), (3, 3), "{whole}");
    assert_eq!(whole.partition_count, 2, "{whole}");

    let present = estimate(&scan());
    let names: Vec<&str> =
        present.partitions_kept.iter().map(|kept| kept.partition.as_str()).collect();
    assert_eq!(names, ["current"], "{present}");
    assert_eq!(present.segment_pruned_by_valid_time_count, 2, "{present}");

    let early = scan().valid(Clause::All).system(Clause::AsOf(system("2023-01-01")));
    let early = estimate(&early);
    assert_eq!((early.row_count_max, early.byte_count), (0, 0), "{early}");
    assert_eq!(early.segment_pruned_by_system_time_count, 3, "{early}");
    assert_eq!(early.partitions_kept, []);
}

#[test]
fn a_bound_holds_where_rows_stand_for_several_versions() {
    let prices = prices();
    for (from, to) in
        [("2024-03-10", "2024-03-11"), ("2024-03-20", "2024-03-21"), ("2025-01-01", "")]
    {
        prices.now().put("milk", 9, from, to).commit();
        prices.now().delete("tea", from, to).commit();
        let snapshot = prices.snapshot();
        let all = snapshot.scan("prices").unwrap().valid(Clause::All).system(Clause::All);
        let before = estimate(&all);
        assert!(before.memtable_row_count > 0, "{before}");
        prices.database().flush().expect("a flush");
        let snapshot = prices.snapshot();
        estimate(&snapshot.scan("prices").unwrap().valid(Clause::All).system(Clause::All));
    }
}

#[test]
fn limits_and_keys_bound_the_rows() {
    let prices = prices();
    let snapshot = prices.snapshot();
    let scan = || snapshot.scan("prices").unwrap();
    assert_eq!(estimate(&scan().valid(Clause::All).limit(1)).row_count_max, 1);
    let tea = Predicate::compare("sku", Comparison::Eq, "tea");
    let one = estimate(&scan().valid(Clause::AsOf(valid("2024-01-10"))).filter(tea));
    assert!(one.is_look_up);
    assert_eq!(one.row_count_max, 1);
    let wide = estimate(&scan().columns(["sku", "price"])).byte_count;
    let narrow = estimate(&scan().columns(["price"])).byte_count;
    assert!(narrow > 0 && narrow < wide, "{narrow} of {wide} bytes");
    let error = scan().columns(["colour"]).estimate().expect_err("no such column");
    assert!(error.to_string().contains("colour"), "{error}");
}
