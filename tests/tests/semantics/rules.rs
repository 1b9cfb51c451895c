//! The numbered rules.

use annals_engine::{Clause, ErrorKind, Partition, Snapshot};
use annals_tests::check::PERIOD_COLUMNS;
use annals_tests::prices::{Prices, before, price_of, system, valid};
use annals_tests::rows::{Cell, rows};

/// All versions of the table, as (sku, price) and periods, sorted.
fn all_versions(snapshot: &Snapshot) -> Vec<Vec<Cell>> {
    let columns = [&["sku", "price"][..], &PERIOD_COLUMNS].concat();
    let scan = snapshot.scan("prices").expect("the table").columns(columns.iter().copied());
    let scan = scan.valid(Clause::All).system(Clause::All);
    let mut versions: Vec<Vec<Cell>> = scan
        .run()
        .expect("a scan")
        .flat_map(|batch| rows(&batch.expect("a batch"), &columns))
        .collect();
    versions.sort();
    versions
}

#[test]
fn rule_01_closed_open_on_both_axes() {
    let mut prices = Prices::new();
    prices.at("2024-01-10").put("tea", 5, "2024-03-01", "2024-04-01").commit();
    prices.at("2024-02-10").delete("tea", "2024-03-01", "2024-04-01").commit();
    prices.through_maintenance(|prices, when| {
        let ask = |holds: &str, recorded: &str| prices.price("tea", holds, recorded);
        let (first, last) = ("2024-03-01", before("2024-04-01"));
        assert_eq!(ask(&before("2024-03-01"), "2024-01-10"), None, "before valid_from, {when}");
        assert_eq!(ask(first, "2024-01-10"), Some(5), "at valid_from, {when}");
        assert_eq!(ask(&last, "2024-01-10"), Some(5), "before valid_to, {when}");
        assert_eq!(ask("2024-04-01", "2024-01-10"), None, "at valid_to, {when}");
        assert_eq!(ask(first, &before("2024-01-10")), None, "before system_from, {when}");
        assert_eq!(ask(first, &before("2024-02-10")), Some(5), "before system_to, {when}");
        assert_eq!(ask(first, "2024-02-10"), None, "at system_to, {when}");
        assert_eq!(ask(&last, &before("2024-02-10")), Some(5), "in the last corner, {when}");
    });
}

#[test]
fn rule_02_a_put_over_the_middle_leaves_both_sides_standing() {
    let mut prices = Prices::new();
    prices.at("2024-01-01").put("tea", 5, "2024-01-01", "2024-12-01").commit();
    prices.at("2024-02-01").put("tea", 7, "2024-05-01", "2024-06-01").commit();
    prices.through_maintenance(|prices, when| {
        let ask = |holds: &str| prices.price("tea", holds, "2024-02-01");
        assert_eq!(ask("2024-01-01"), Some(5), "{when}");
        assert_eq!(ask(&before("2024-05-01")), Some(5), "{when}");
        assert_eq!(ask("2024-05-01"), Some(7), "{when}");
        assert_eq!(ask(&before("2024-06-01")), Some(7), "{when}");
        assert_eq!(ask("2024-06-01"), Some(5), "{when}");
        assert_eq!(ask(&before("2024-12-01")), Some(5), "{when}");
        assert_eq!(ask("2024-12-01"), None, "{when}");
        assert_eq!(
            prices.history("tea"),
            [
                "5: 2024-01-01 .. 2024-12-01, believed 2024-01-01 .. 2024-02-01",
                "5: 2024-01-01 .. 2024-05-01, believed 2024-02-01 .. -",
                "7: 2024-05-01 .. 2024-06-01, believed 2024-02-01 .. -",
                "5: 2024-06-01 .. 2024-12-01, believed 2024-02-01 .. -",
            ],
            "{when}"
        );
    });
}

#[test]
fn rule_02_a_delete_over_the_middle_leaves_both_sides_standing() {
    let mut prices = Prices::new();
    prices.at("2024-01-01").put("tea", 5, "", "").commit();
    prices.at("2024-02-01").delete("tea", "2024-05-01", "2024-06-01").commit();
    prices.through_maintenance(|prices, when| {
        let ask = |holds: &str| prices.price("tea", holds, "");
        assert_eq!(ask("0001-01-01"), Some(5), "{when}");
        assert_eq!(ask(&before("2024-05-01")), Some(5), "{when}");
        assert_eq!(ask("2024-05-01"), None, "{when}");
        assert_eq!(ask(&before("2024-06-01")), None, "{when}");
        assert_eq!(ask("2024-06-01"), Some(5), "{when}");
        assert_eq!(ask("9999-12-31T23:59:59.999999Z"), Some(5), "{when}");
        assert_eq!(
            prices.history("tea"),
            [
                "5: - .. -, believed 2024-01-01 .. 2024-02-01",
                "5: - .. 2024-05-01, believed 2024-02-01 .. -",
                "5: 2024-06-01 .. -, believed 2024-02-01 .. -",
            ],
            "{when}"
        );
    });
}

#[test]
fn rule_03_in_one_transaction_the_later_put_wins_and_no_version_has_zero_length() {
    let mut prices = Prices::new();
    let story = prices.at("2024-01-01").put("tea", 5, "2024-01-01", "2024-12-01");
    let story = story.put("tea", 7, "2024-03-01", "2024-06-01");
    story.put("tea", 9, "2024-05-01", "2024-07-01").put("milk", 1, "2024-01-01", "").commit();
    // Wholly overwritten, and retracted: neither was ever believed.
    let story = prices.at("2024-02-01").put("milk", 2, "2024-01-01", "");
    story.put("milk", 3, "2024-01-01", "").put("bread", 4, "", "").delete("bread", "", "").commit();
    prices.through_maintenance(|prices, when| {
        assert_eq!(
            prices.history("tea"),
            [
                "5: 2024-01-01 .. 2024-03-01, believed 2024-01-01 .. -",
                "7: 2024-03-01 .. 2024-05-01, believed 2024-01-01 .. -",
                "9: 2024-05-01 .. 2024-07-01, believed 2024-01-01 .. -",
                "5: 2024-07-01 .. 2024-12-01, believed 2024-01-01 .. -",
            ],
            "{when}"
        );
        assert_eq!(
            prices.history("milk"),
            [
                "1: 2024-01-01 .. -, believed 2024-01-01 .. 2024-02-01",
                "3: 2024-01-01 .. -, believed 2024-02-01 .. -",
            ],
            "{when}"
        );
        assert_eq!(prices.history("bread"), Vec::<String>::new(), "{when}");
        for version in all_versions(&prices.snapshot()) {
            assert_ne!(version[2], version[3], "no valid period is empty, {when}: {version:?}");
            assert_ne!(version[4], version[5], "no system period is empty, {when}: {version:?}");
        }
    });
}

#[test]
fn rule_03_also_inside_one_batch() {
    use annals_engine::{DataType, VALID_FROM};
    use annals_tests::rows::{array, batch};
    let prices = Prices::new();
    let tea = Cell::text("tea");
    let from = Cell::Time(valid("2024-01-01").micros());
    let rows = batch(vec![
        ("sku", array(DataType::Text, &[&tea, &tea, &tea])),
        ("price", array(DataType::BigInt, &[&Cell::Int(1), &Cell::Int(2), &Cell::Null])),
        (VALID_FROM, array(DataType::Timestamp, &[&from, &from, &from])),
    ]);
    prices.at("2024-01-01").then(|transaction| transaction.put("prices", &rows)).commit();
    assert_eq!(prices.history("tea"), ["-: 2024-01-01 .. -, believed 2024-01-01 .. -"]);
}

#[test]
fn rule_04_at_every_point_at_most_one_version_of_a_key_is_visible() {
    let mut prices = Prices::new();
    let days = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"];
    let mut price = 0;
    for (recorded, day) in days.iter().enumerate() {
        for (from, to) in [(0, 4), (1, 3), (2, 4), (0, 2)] {
            price += 1;
            let minute = format!("{day}T00:0{recorded}:{price:02}Z");
            prices.at(&minute).put("tea", price, days[from], days[to]).commit();
        }
    }
    prices.through_maintenance(|prices, when| {
        let snapshot = prices.snapshot();
        let versions = all_versions(&snapshot);
        let instants = |columns: [usize; 2]| {
            let cells =
                versions.iter().flat_map(move |version| columns.map(|at| version[at].clone()));
            let instants = cells.filter_map(|cell| match cell {
                Cell::Time(micros) => Some([micros - 1, micros]),
                _ => None,
            });
            instants.flatten().collect::<std::collections::BTreeSet<i64>>()
        };
        for t in instants([4, 5]) {
            for v in instants([2, 3]) {
                let scan = snapshot.scan("prices").expect("the table");
                let scan = scan.valid(Clause::AsOf(annals_engine::Time::from_micros(v)));
                let scan = scan.system(Clause::AsOf(annals_engine::Time::from_micros(t)));
                let seen: usize = scan.run().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
                assert!(seen <= 1, "{seen} versions at ({t}, {v}), {when}");
            }
        }
    });
}

#[test]
fn rule_05_versions_with_different_values_never_merge() {
    let mut prices = Prices::new();
    prices.at("2024-01-01").put("tea", 5, "2024-01-01", "2024-02-01").commit();
    prices.at("2024-01-02").put("tea", 6, "2024-02-01", "2024-03-01").commit();
    prices.at("2024-01-03").put("tea", 6, "2024-03-01", "2024-04-01").commit();
    prices.through_maintenance(|prices, when| {
        let ask = |holds: &str| prices.price("tea", holds, "");
        assert_eq!(ask(&before("2024-02-01")), Some(5), "{when}");
        assert_eq!(ask("2024-02-01"), Some(6), "{when}");
        // Equal neighbours may be shown as one or as two; what is believed at the seam is the same.
        assert_eq!(ask(&before("2024-03-01")), Some(6), "{when}");
        assert_eq!(ask("2024-03-01"), Some(6), "{when}");
        assert_eq!(ask("2024-04-01"), None, "{when}");
    });
}

#[test]
fn rule_06_an_empty_or_inverted_period_refuses_the_whole_transaction() {
    let prices = Prices::new();
    prices.at("2024-01-01").put("tea", 5, "2024-01-01", "").commit();
    let before_us = before("2024-03-01");
    for (from, to, what) in [
        ("2024-03-01", "2024-03-01", "empty period of valid time"),
        ("2024-03-01", "2024-02-01", "inverted period of valid time"),
        ("2024-03-01", before_us.as_str(), "inverted period of valid time"),
    ] {
        let story = prices.at("2024-02-01").put("milk", 1, "2024-01-01", "");
        let error = story.put("tea", 6, from, to).try_commit().expect_err("a refusal");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(what), "{error}");
        let story = prices.at("2024-02-01").put("milk", 1, "2024-01-01", "");
        let error = story.delete("tea", from, to).try_commit().expect_err("a refusal");
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(prices.price("milk", "2024-02-01", ""), None, "nothing of it is applied");
        assert_eq!(prices.history("tea").len(), 1);
    }
    // One microsecond is a period.
    prices.at("2024-02-01").put("tea", 6, &before_us, "2024-03-01").commit();
    assert_eq!(prices.price("tea", &before_us, ""), Some(6));
    assert_eq!(prices.price("tea", "2024-03-01", ""), Some(5));
}

#[test]
fn rule_07_as_of_a_later_system_instant_is_an_error_and_of_a_later_valid_instant_is_not() {
    let prices = Prices::new();
    prices.at("2024-01-01").put("tea", 5, "2029-01-01", "2099-01-01").commit();
    let snapshot = prices.snapshot();
    let now = snapshot.system_time();
    assert_eq!(
        price_of(&snapshot, "tea", "", &now.to_string()).unwrap(),
        Some(5),
        "now is allowed"
    );
    let later = annals_engine::SystemTime::from_micros(now.micros() + 1).to_string();
    let error = price_of(&snapshot, "tea", "", &later).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains(&later), "names the instant: {error}");
    assert!(error.to_string().contains(&now.to_string()), "names now: {error}");
    let scan = snapshot.scan("prices").unwrap().system(Clause::AsOf(system(&later)));
    let error = scan.run().expect_err("a refusal");
    assert!(error.to_string().contains(&later), "{error}");

    assert_eq!(price_of(&snapshot, "tea", &before("2099-01-01"), "").unwrap(), Some(5));
    assert_eq!(price_of(&snapshot, "tea", "2099-01-01", "").unwrap(), None);
    // The clock may go on: a snapshot's now is that of its making.
    prices.set_clock("2031-01-01");
    assert!(price_of(&snapshot, "tea", "", "2030-06-01").is_err());
}

#[test]
fn rule_08_a_read_at_a_fixed_system_instant_is_the_same_for_ever() {
    let mut prices = Prices::new();
    prices.now().put("tea", 5, "2020-01-01", "").commit();
    let answered = prices.snapshot().system_time();
    let recorded = answered.to_string();
    assert_eq!(prices.price("tea", "2024-01-01", &recorded), Some(5));
    // The clock stands still and then runs backwards: still every commit is later than what was answered.
    for (clock, price) in [("2030-01-01", 6), ("2029-01-01", 7), ("2020-01-01", 8)] {
        prices.set_clock(clock);
        let commit = prices.now().put("tea", price, "2020-01-01", "").commit();
        assert!(commit.system_time > answered, "{} is not later", commit.system_time);
        assert_eq!(prices.price("tea", "2024-01-01", &recorded), Some(5));
        assert_eq!(prices.price("tea", "2024-01-01", ""), Some(price));
    }
    prices.through_maintenance(|prices, when| {
        assert_eq!(prices.price("tea", "2024-01-01", &recorded), Some(5), "{when}");
        assert_eq!(prices.price("tea", "2024-01-01", ""), Some(8), "{when}");
    });
}

#[test]
fn rule_08_holds_over_a_restart_with_a_clock_that_was_set_back() {
    let mut prices = Prices::new();
    prices.now().put("tea", 5, "2020-01-01", "").commit();
    prices.set_clock("2040-01-01");
    let answered = prices.snapshot().system_time();
    assert_eq!(prices.price("tea", "2024-01-01", &answered.to_string()), Some(5));
    prices.set_clock("2031-01-01");
    prices.reopen();
    let time = prices.now().put("tea", 6, "2020-01-01", "").commit().system_time;
    assert!(time > answered, "{time} is not later than {answered}, which was read");
}

#[test]
fn rule_08_the_history_of_a_table_that_is_being_imported_changes_after_its_last_instant_only() {
    let prices = Prices::new();
    prices.at("2020-01-01").put("tea", 5, "2020-01-01", "").commit();
    assert_eq!(prices.price("tea", "2024-01-01", "2022-01-01"), Some(5));
    prices.at("2021-01-01").put("tea", 6, "2020-01-01", "").commit();
    assert_eq!(prices.price("tea", "2024-01-01", &before("2021-01-01")), Some(5));
    assert_eq!(prices.price("tea", "2024-01-01", "2022-01-01"), Some(6));
}

#[test]
fn rule_09_what_a_partition_that_left_may_have_held_is_refused_by_its_name() {
    let mut prices = Prices::new();
    prices.set_clock("2024-06-01");
    prices.at("2024-01-01").put("tea", 5, "2024-01-01", "2024-03-01").commit();
    prices.at("2024-01-10").put("tea", 6, "2024-02-01", "").commit();
    // What ended in January: the belief of 5 in February, on 10 January; and 5 itself, which holds until 1 February since then.
    let january = Partition::parse("2024-01").expect("a partition");
    prices.database().detach_partitions("prices", &[january], "the archivist").expect("it leaves");
    for when in ["before a restart", "after one"] {
        let snapshot = prices.snapshot();
        for (holds, recorded) in [
            ("2024-01-01", ""),
            (&before("2024-02-01"), ""),
            ("2024-02-01", &before("2024-01-10")),
            ("2024-02-01", "2024-01-01"),
            (&before("2024-03-01"), "2024-01-05"),
        ] {
            let error = price_of(&snapshot, "tea", holds, recorded).expect_err("a partition left");
            assert_eq!(error.kind(), ErrorKind::Missing, "{when}");
            assert!(error.to_string().contains("2024-01"), "{error}");
        }
        // At its end and later, on one axis and the other, it held nothing.
        for recorded in ["", "2024-02-01"] {
            assert_eq!(price_of(&snapshot, "tea", "2024-02-01", recorded).unwrap(), Some(6));
        }
        let scan =
            snapshot.scan("prices").expect("the table").valid(Clause::AsOf(valid("2024-01-15")));
        let partial = scan.allow_partial().run().expect("what is left");
        assert_eq!(partial.missing()[0].partition, "2024-01", "{when}");
        prices.reopen();
    }
}

#[test]
fn rule_10_maintenance_changes_no_answer() {
    let mut prices = Prices::with(
        annals_tests::scratch::Scratch::new(system("2030-01-01")).memtable_bytes(4 << 10),
    );
    for month in 1..=12 {
        for sku in ["tea", "milk", "bread"] {
            let recorded = format!("2024-{month:02}-15T00:00:{:02}Z", sku.len());
            let (from, to) = (format!("2024-{month:02}-01"), format!("2025-{month:02}-01"));
            let story = prices.at(&recorded).put(sku, month, &from, &to);
            story.delete(sku, "2024-06-15", "2024-07-15").commit();
        }
    }
    let mut expected = None;
    prices.through_maintenance(|prices, when| {
        let snapshot = prices.snapshot();
        let mut answers = vec![format!("{:?}", all_versions(&snapshot))];
        for t in 1..=12 {
            for v in 1..=12 {
                let recorded = format!("2024-{t:02}-15T00:00:04Z");
                let holds = format!("2024-{v:02}-01");
                answers.push(format!("{:?}", price_of(&snapshot, "milk", &holds, &recorded)));
            }
        }
        let expected = expected.get_or_insert_with(|| answers.clone());
        assert_eq!(answers, *expected, "{when}");
    });
}
