//! What the contract says of time stamps.

use annals_engine::{ErrorKind, SystemTime, Time, Valid, ValidTime};
use annals_tests::prices::{Prices, before, system};

#[test]
fn system_times_strictly_increase_whatever_the_clock_does() {
    let mut prices = Prices::new();
    let mut last = SystemTime::MIN;
    for clock in ["2030-01-01", "2030-01-01", "2029-01-01", "2030-01-02", "2030-01-01"] {
        prices.set_clock(clock);
        let commit = prices.now().put("tea", 1, "", "").commit();
        assert!(commit.system_time > last, "{} after {last}", commit.system_time);
        last = commit.system_time;
    }
    assert!(last > system("2030-01-02"), "the clock that runs backwards is not followed");
    // Nor after a restart, with a clock that is years behind.
    prices.set_clock("2001-01-01");
    prices.reopen();
    let commit = prices.now().put("tea", 2, "", "").commit();
    assert!(commit.system_time > last, "{} after {last}", commit.system_time);
    prices.crash();
    let next = prices.now().put("tea", 3, "", "").commit();
    assert!(next.system_time > commit.system_time);
}

#[test]
fn a_clock_that_stands_still_gives_the_next_microsecond() {
    let prices = Prices::new();
    let first = prices.now().put("tea", 1, "", "").commit().system_time;
    let second = prices.now().put("tea", 2, "", "").commit().system_time;
    assert_eq!(second.micros(), first.micros() + 1);
}

#[test]
fn the_wall_clock_is_taken_where_it_is_later() {
    let prices = Prices::new();
    prices.now().put("tea", 1, "", "").commit();
    prices.set_clock("2031-05-05T05:05:05.555555Z");
    let commit = prices.now().put("tea", 2, "", "").commit();
    assert_eq!(commit.system_time.to_string(), "2031-05-05T05:05:05.555555Z");
}

#[test]
fn an_import_brings_its_own_system_time() {
    let prices = Prices::new();
    let commit = prices.at("2008-10-06T13:03:18Z").put("tea", 5, "2000-01-01", "").commit();
    assert_eq!(commit.system_time, system("2008-10-06T13:03:18Z"));
    assert_eq!(prices.price("tea", "2001-01-01", "2008-10-06T13:03:18Z"), Some(5));
    assert_eq!(prices.price("tea", "2001-01-01", &before("2008-10-06T13:03:18Z")), None);
}

#[test]
fn an_own_system_time_must_be_later_than_the_last_of_every_table_it_touches() {
    let prices = Prices::new();
    prices.database().create_table(Prices::spec("costs")).expect("a second table");
    prices.at("2020-01-01").put("tea", 5, "2000-01-01", "").commit();
    for recorded in ["2020-01-01".to_owned(), before("2020-01-01"), "2019-01-01".to_owned()] {
        let error = prices.at(&recorded).put("tea", 6, "2000-01-01", "").try_commit().err();
        let error = error.expect("a refusal");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        let shown = system(&recorded).to_string();
        assert!(error.to_string().contains(&shown), "names its own instant: {error}");
        assert!(error.to_string().contains("2020-01-01T00:00:00Z"), "names the last: {error}");
    }
    assert_eq!(prices.history("tea").len(), 1, "nothing was applied");
    // Another table has a history of its own: tables are imported one after the other.
    let cost = annals_tests::prices::price_batch("tea", 2, Some(("2000-01-01", "")));
    let story = prices.at("2010-01-01").then(|transaction| transaction.put("costs", &cost));
    assert_eq!(story.commit().system_time, system("2010-01-01"));
    // Touching both at an instant that is too early for one of them is refused whole.
    let story = prices.at("2015-01-01").put("milk", 1, "", "");
    assert!(story.then(|transaction| transaction.put("costs", &cost)).try_commit().is_err());
    assert_eq!(prices.price("milk", "", ""), None);
    // A microsecond later is later.
    prices.at("2020-01-01T00:00:00.000001Z").put("tea", 6, "2000-01-01", "").commit();
    assert_eq!(prices.price("tea", "2001-01-01", ""), Some(6));
}

#[test]
fn an_own_system_time_must_not_lie_in_the_future() {
    let prices = Prices::new();
    let error = prices.at("2030-01-01T00:00:00.000001Z").put("tea", 5, "", "").try_commit();
    let error = error.expect_err("a refusal");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("2030-01-01T00:00:00.000001Z"), "{error}");
    assert!(error.to_string().contains("2030-01-01T00:00:00Z"), "names now: {error}");
    assert_eq!(prices.price("tea", "", ""), None);
    let commit = prices.at("2030-01-01").put("tea", 5, "", "").commit();
    assert_eq!(commit.system_time, system("2030-01-01"), "now itself is not the future");
}

#[test]
fn a_table_that_has_lived_on_the_engines_clock_can_no_longer_be_backfilled() {
    let prices = Prices::new();
    let live = prices.now().put("tea", 5, "", "").commit().system_time;
    let error = prices.at("2029-01-01").put("tea", 6, "", "").try_commit().expect_err("refused");
    assert!(error.to_string().contains(&live.to_string()), "names the last instant: {error}");
}

#[test]
fn commit_numbers_are_unique_and_have_no_gaps() {
    let mut prices = Prices::new();
    let first = prices.now().put("tea", 1, "", "").commit().number;
    drop(prices.now().put("tea", 2, "", ""));
    assert!(prices.at("2001-01-01").put("tea", 2, "", "").try_commit().is_err());
    assert_eq!(prices.now().put("tea", 3, "", "").commit().number, first + 1);
    prices.crash();
    assert_eq!(prices.now().put("tea", 4, "", "").commit().number, first + 2);
    prices.reopen();
    assert_eq!(prices.now().put("tea", 5, "", "").commit().number, first + 3);
}

#[test]
fn a_put_without_a_period_holds_from_the_transactions_system_time_on() {
    let mut prices = Prices::new();
    let own = prices.now().put_now("tea", 5).commit().system_time.to_string();
    let imported = "2020-01-01T00:00:00.000001Z";
    let milk = Prices::new();
    milk.at(imported).put_now("milk", 3).commit();
    assert_eq!(milk.price("milk", imported, imported), Some(3));
    assert_eq!(milk.price("milk", &before(imported), imported), None);
    prices.through_maintenance(|prices, when| {
        assert_eq!(prices.price("tea", &own, ""), Some(5), "{when}");
        assert_eq!(prices.price("tea", &before(&own), ""), None, "{when}");
        assert_eq!(prices.price("tea", "9999-12-31T23:59:59.999999Z", ""), Some(5), "{when}");
    });
}

#[test]
fn a_delete_without_a_portion_acts_from_the_transactions_system_time_on() {
    let mut prices = Prices::new();
    prices.at("2020-01-01").put("tea", 5, "2000-01-01", "").commit();
    prices.at("2021-01-01").delete_now("tea").commit();
    prices.through_maintenance(|prices, when| {
        assert_eq!(prices.price("tea", "2000-01-01", ""), Some(5), "{when}");
        assert_eq!(prices.price("tea", &before("2021-01-01"), ""), Some(5), "{when}");
        assert_eq!(prices.price("tea", "2021-01-01", ""), None, "{when}");
        let earlier = before("2021-01-01");
        assert_eq!(prices.price("tea", "2021-01-01", &earlier), Some(5), "{when}");
    });
}

#[test]
fn user_instants_reach_from_the_year_1_to_the_year_9999() {
    let mut prices = Prices::new();
    let (first, last) = ("0001-01-01", "9999-12-31T23:59:59.999999Z");
    prices.at("2020-01-01").put("tea", 5, first, last).commit();
    prices.through_maintenance(|prices, when| {
        assert_eq!(prices.price("tea", first, ""), Some(5), "{when}");
        assert_eq!(prices.price("tea", &before(last), ""), Some(5), "{when}");
        assert_eq!(prices.price("tea", last, ""), None, "{when}");
    });
    assert!(ValidTime::parse("10000-01-01T00:00:00Z").is_err());
    assert!(ValidTime::parse("0000-12-31T23:59:59Z").is_err());
}

#[test]
fn literals_are_utc_inside() {
    let parse = |text| Time::<Valid>::parse(text).expect("an instant").to_string();
    assert_eq!(parse("2024-06-01T12:00:00+02:00"), "2024-06-01T10:00:00Z", "converted");
    assert_eq!(parse("2024-06-01T12:00:00"), "2024-06-01T12:00:00Z", "UTC without an offset");
    assert_eq!(parse("2024-06-01"), "2024-06-01T00:00:00Z", "a date is its midnight");
}
