//! A sequenced aggregate covers what it must and no instant more, and its pieces are maximal.

use annals_engine::Period;
use datafusion::prelude::{col, lit};

use super::super::{Call, Function};
use super::{lines, period, run, session};

/// Rows of `(g, v, from, to)` in days of January 2024 as SQL; NULL is unbounded.
fn table(rows: &[&str]) -> String {
    let (values, filter) = match rows {
        [] => ("('', 0, '01', '02')".to_owned(), "WHERE false"),
        rows => (rows.join(", "), ""),
    };
    let day = |column: &str| {
        format!("arrow_cast('2024-01-' || {column}, 'Timestamp(Microsecond, Some(\"UTC\"))')")
    };
    format!(
        "SELECT g::TEXT AS g, v::BIGINT AS v, {} AS _valid_from, {} AS _valid_to \
         FROM (VALUES {values}) AS t(g, v, f, u) {filter}",
        day("f"),
        day("u")
    )
}

fn calls() -> Vec<Call> {
    vec![Call::count_rows("count"), Call::of(Function::Sum, col("v"), "sum")]
}

async fn check(
    rows: &[&str],
    is_grouped: bool,
    range: Period<annals_engine::Valid>,
    expect: &[&str],
) {
    let groups = if is_grouped { vec![col("g")] } else { Vec::new() };
    let answer = run(&session(), &table(rows), groups, calls(), range).await.unwrap();
    assert_eq!(lines(&answer), expect, "{rows:?} over {range}");
}

#[tokio::test]
async fn without_groups_the_whole_range_is_covered() {
    let january = period("2024-01-02", "2024-01-09");
    check(&[], false, Period::ALL, &["0 - - -"]).await;
    check(&[], false, january, &["0 - 2024-01-02 2024-01-09"]).await;
    check(
        &["('a', 5, '04', '06')"],
        false,
        january,
        &["0 - 2024-01-02 2024-01-04", "1 5 2024-01-04 2024-01-06", "0 - 2024-01-06 2024-01-09"],
    )
    .await;
    check(&["('a', 5, NULL, '06')"], false, Period::ALL, &["1 5 - 2024-01-06", "0 - 2024-01-06 -"])
        .await;
    check(&["('a', 5, NULL, NULL)"], false, Period::ALL, &["1 5 - -"]).await;
}

#[tokio::test]
async fn a_group_appears_only_where_it_has_a_row() {
    check(&[], true, Period::ALL, &[]).await;
    let rows = ["('a', 5, '02', '04')", "('a', 5, '06', NULL)", "(NULL, NULL, NULL, '03')"];
    check(
        &rows,
        true,
        Period::ALL,
        &["a 1 5 2024-01-02 2024-01-04", "a 1 5 2024-01-06 -", "- 1 - - 2024-01-03"],
    )
    .await;
}

#[tokio::test]
async fn periods_are_clipped_to_the_range() {
    let range = period("2024-01-03", "2024-01-07");
    let rows = [
        "('a', 1, '01', '03')",
        "('a', 2, '01', '05')",
        "('a', 4, '05', '07')",
        "('a', 8, '06', '09')",
        "('a', 16, '07', '09')",
        "('b', 1, '07', NULL)",
    ];
    check(
        &rows,
        true,
        range,
        &[
            "a 1 2 2024-01-03 2024-01-05",
            "a 1 4 2024-01-05 2024-01-06",
            "a 2 12 2024-01-06 2024-01-07",
        ],
    )
    .await;
    check(&rows[3..4], false, range, &["0 - 2024-01-03 2024-01-06", "1 8 2024-01-06 2024-01-07"])
        .await;
}

#[tokio::test]
async fn neighbours_with_one_answer_are_one_piece() {
    let rows = ["('a', 5, '02', '04')", "('a', 5, '04', '06')", "('a', 6, '06', '08')"];
    check(
        &rows,
        true,
        Period::ALL,
        &["a 1 5 2024-01-02 2024-01-06", "a 1 6 2024-01-06 2024-01-08"],
    )
    .await;
    let group = vec![col("g")];
    let answer = run(&session(), &table(&rows), group, Vec::new(), Period::ALL).await;
    assert_eq!(lines(&answer.unwrap()), ["a 2024-01-02 2024-01-08"]);
}

#[tokio::test]
async fn a_filter_and_distinct_tell_what_counts() {
    let rows = ["('a', 5, '02', '06')", "('a', 5, '03', '05')", "('a', NULL, '01', '09')"];
    let calls = vec![
        Call { is_distinct: true, ..Call::of(Function::Count, col("v"), "distinct") },
        Call { filter: Some(col("v").eq(lit(5))), ..Call::count_rows("five") },
        Call::of(Function::Count, col("v"), "present"),
    ];
    let answer = run(&session(), &table(&rows), Vec::new(), calls, Period::ALL).await.unwrap();
    let expect = [
        "0 0 0 - 2024-01-02",
        "1 1 1 2024-01-02 2024-01-03",
        "1 2 2 2024-01-03 2024-01-05",
        "1 1 1 2024-01-05 2024-01-06",
        "0 0 0 2024-01-06 -",
    ];
    assert_eq!(lines(&answer), expect);
}

#[tokio::test]
async fn an_answer_without_a_place_in_its_type_is_an_error_that_names_the_instant() {
    let rows = ["('a', 9223372036854775807, '02', '06')", "('a', 1, '04', '05')"];
    let error = run(&session(), &table(&rows), Vec::new(), calls(), Period::ALL).await;
    let error = error.unwrap_err().strip_backtrace();
    let expect = "`sum` overflows Int64 at the valid time 2024-01-04T00:00:00Z";
    assert!(error.contains(expect), "{error}");
    let apart = ["('a', 9223372036854775807, '02', '04')", "('a', 1, '04', '05')"];
    check(
        &apart,
        true,
        Period::ALL,
        &["a 1 9223372036854775807 2024-01-02 2024-01-04", "a 1 1 2024-01-04 2024-01-05"],
    )
    .await;
}

#[tokio::test]
async fn what_a_sweep_cannot_compute_is_an_error() {
    let error = async |call: Call| {
        let answer = run(&session(), &table(&[]), Vec::new(), vec![call], Period::ALL).await;
        answer.unwrap_err().strip_backtrace()
    };
    let distinct = Call { is_distinct: true, ..Call::of(Function::Sum, col("v"), "s") };
    assert!(error(distinct).await.contains("SEQUENCED sum(DISTINCT ...)"));
    let sum = Call::of(Function::Sum, col("g"), "s");
    assert!(!error(sum).await.is_empty());
    let filter = Call { filter: Some(col("v")), ..Call::count_rows("c") };
    assert!(error(filter).await.contains("FILTER of `c` is of type Int64, not BOOLEAN"));
    let nothing = run(&session(), &table(&[]), Vec::new(), Vec::new(), Period::ALL).await;
    let nothing = nothing.unwrap_err().strip_backtrace();
    assert!(nothing.contains("SEQUENCED needs a column to group by or an aggregate"), "{nothing}");
}
