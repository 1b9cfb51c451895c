//! Periods in queries: which versions each clause selects, on each axis, at and beside the bounds.

use annals_engine::{Axis, Clause, ErrorKind, Time};
use annals_tests::prices::Prices;

const DAYS: [&str; 4] = ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"];

fn at<A: Axis>(text: &str, micros: i64) -> Time<A> {
    Time::from_micros(Time::<A>::parse(text).expect("an instant").micros() + micros)
}

/// One version with the valid and the system period `[2024-02-01, 2024-03-01)`.
fn one_version() -> Prices {
    let prices = Prices::new();
    prices.at(DAYS[1]).put("tea", 5, DAYS[1], DAYS[2]).commit();
    prices.at(DAYS[2]).delete("tea", DAYS[1], DAYS[2]).commit();
    prices
}

/// Every clause with bounds at and beside `[from, to)`, and whether it selects the period.
fn clauses<A: Axis>() -> Vec<(Clause<A>, bool, String)> {
    let (from, to) = (DAYS[1], DAYS[2]);
    let mut all = vec![(Clause::All, true, "ALL".to_owned())];
    for (text, micros, selected) in
        [(from, -1, false), (from, 0, true), (to, -1, true), (to, 0, false), (to, 1, false)]
    {
        let shown = format!("AS OF {text} {micros:+} us");
        all.push((Clause::AsOf(at(text, micros)), selected, shown));
    }
    let early = |micros| at::<A>(from, micros);
    let late = |micros| at::<A>(to, micros);
    let long_ago = at::<A>(DAYS[0], 0);
    let long_after = at::<A>(DAYS[3], 0);
    for (a, b, from_to, between, contained) in [
        (long_ago, early(0), false, true, false),
        (long_ago, early(-1), false, false, false),
        (long_ago, early(1), true, true, false),
        (late(-1), long_after, true, true, false),
        (late(0), long_after, false, false, false),
        (early(0), late(0), true, true, true),
        (early(1), late(0), true, true, false),
        (early(0), late(-1), true, true, false),
        (early(-1), late(1), true, true, true),
        (early(5), early(6), true, true, false),
    ] {
        all.push((Clause::FromTo(a, b), from_to, format!("FROM {a} TO {b}")));
        all.push((Clause::Between(a, b), between, format!("BETWEEN {a} AND {b}")));
        all.push((Clause::ContainedIn(a, b), contained, format!("CONTAINED IN ({a}, {b})")));
    }
    for instant in [early(-1), early(0), late(-1), late(0)] {
        let inside = instant >= early(0) && instant < late(0);
        all.push((Clause::Between(instant, instant), inside, format!("BETWEEN {instant} twice")));
    }
    let unbounded = [
        (Clause::FromTo(Time::MIN, Time::MAX), true),
        (Clause::Between(Time::MIN, Time::MAX), true),
        (Clause::FromTo(Time::MIN, early(0)), false),
        (Clause::FromTo(Time::MIN, early(1)), true),
        (Clause::Between(Time::MIN, early(0)), true),
        (Clause::FromTo(late(-1), Time::MAX), true),
        (Clause::FromTo(late(0), Time::MAX), false),
        (Clause::Between(late(0), Time::MAX), false),
    ];
    all.extend(unbounded.map(|(clause, selected)| (clause, selected, "unbounded".to_owned())));
    all
}

#[test]
fn every_clause_selects_by_the_valid_period() {
    let mut prices = one_version();
    prices.through_maintenance(|prices, when| {
        for (clause, selected, shown) in clauses() {
            let snapshot = prices.snapshot();
            let scan = snapshot.scan("prices").unwrap().valid(clause).system(Clause::All);
            let found: usize = scan.run().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
            assert_eq!(found, usize::from(selected), "{shown}, {when}");
        }
    });
}

#[test]
fn every_clause_selects_by_the_system_period() {
    let mut prices = one_version();
    prices.through_maintenance(|prices, when| {
        for (clause, selected, shown) in clauses() {
            let snapshot = prices.snapshot();
            let scan = snapshot.scan("prices").unwrap().valid(Clause::All).system(clause);
            let found: usize = scan.run().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
            assert_eq!(found, usize::from(selected), "{shown}, {when}");
        }
    });
}

#[test]
fn an_answer_shows_the_whole_period() {
    use annals_tests::check::PERIOD_COLUMNS;
    let prices = one_version();
    let snapshot = prices.snapshot();
    let inside = at("2024-02-10", 0);
    let scan = snapshot.scan("prices").unwrap().columns(PERIOD_COLUMNS);
    let scan = scan.valid(Clause::FromTo(inside, at("2024-02-11", 0)));
    let batches = scan.system(Clause::AsOf(at("2024-02-10", 0))).run().unwrap();
    let shown: Vec<_> =
        batches.flat_map(|b| annals_tests::rows::rows(&b.unwrap(), &PERIOD_COLUMNS)).collect();
    let shown: Vec<String> = shown.concat().iter().map(ToString::to_string).collect();
    let (from, to) = ("2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z");
    assert_eq!(shown, [from, to, from, to]);
}

#[test]
fn an_empty_range_is_an_error_and_between_equal_bounds_is_not() {
    let prices = one_version();
    let snapshot = prices.snapshot();
    for (a, b) in [(DAYS[1], DAYS[1]), (DAYS[2], DAYS[1])] {
        let scan = snapshot.scan("prices").unwrap();
        let error = scan.valid(Clause::FromTo(at(a, 0), at(b, 0))).run().expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains("2024-02-01T00:00:00Z"), "names the bounds: {error}");
        let scan = snapshot.scan("prices").unwrap();
        assert!(scan.system(Clause::FromTo(at(a, 0), at(b, 0))).run().is_err());
    }
    let scan = snapshot.scan("prices").unwrap();
    assert!(scan.valid(Clause::Between(at(DAYS[1], 0), at(DAYS[1], 0))).run().is_ok());
}
