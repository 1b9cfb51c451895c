//! Functions of periods are closed-open, on arrays and on scalars, and an unbounded end is never taken for a missing one.

use arrow::util::pretty::pretty_format_batches;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;

async fn rows(sql: &str) -> Result<String> {
    let session = SessionContext::new();
    super::functions().into_iter().for_each(|function| session.register_udf(function));
    let batches = session.sql(sql).await?.collect().await?;
    Ok(pretty_format_batches(&batches)?.to_string())
}

/// The value of an expression, or the first line of its error.
async fn value(expr: &str) -> String {
    match rows(&format!("SELECT {expr} AS value")).await {
        Ok(shown) => shown.lines().nth(3).unwrap().trim_matches(['|', ' ']).to_owned(),
        Err(error) => error.strip_backtrace().lines().next().unwrap().to_owned(),
    }
}

async fn check(expr: &str, expect: &str) {
    assert_eq!(value(expr).await, expect, "{expr}");
}

/// Periods of days in January 2024; 0 is unbounded.
fn period((from, to): (u32, u32)) -> String {
    let day = |day: u32| match day {
        0 => "NULL".to_owned(),
        day => format!("DATE '2024-01-{day:02}'"),
    };
    format!("{}, {}", day(from), day(to))
}

#[tokio::test]
async fn predicates_hold_as_their_definitions_say() {
    const PERIODS: [(u32, u32); 11] =
        [(1, 2), (2, 3), (1, 3), (3, 5), (2, 4), (1, 5), (4, 5), (0, 2), (0, 0), (3, 0), (0, 9)];
    // The instants of a period: half days, the first of which stand for all before January, the last for all after.
    let instants = |(from, to): (u32, u32)| 2 * from..if to == 0 { 22 } else { 2 * to };
    for a in PERIODS {
        for b in PERIODS {
            let (x, y) = (instants(a), instants(b));
            let ends = a.1 > 0 && b.0 > 0;
            let begins = a.0 > 0 && b.1 > 0;
            let expected = [
                ("contains", y.clone().all(|at| x.contains(&at))),
                ("overlaps", y.clone().any(|at| x.contains(&at))),
                ("equals", a == b),
                ("precedes", ends && a.1 <= b.0),
                ("succeeds", begins && a.0 >= b.1),
                ("immediately_precedes", ends && a.1 == b.0),
                ("immediately_succeeds", begins && a.0 == b.1),
            ];
            let (a, b) = (period(a), period(b));
            let calls = expected.map(|(name, _)| format!("period_{name}({a}, {b})::TEXT"));
            let shown = value(&format!("concat_ws(',', {})", calls.join(", "))).await;
            let expected = expected.map(|(_, holds)| holds.to_string()).join(",");
            assert_eq!(shown, expected, "[{a}) and [{b})");
        }
    }
}

#[tokio::test]
async fn an_instant_at_the_end_is_outside() {
    check("period_contains(DATE '2024-01-01', DATE '2024-02-01', DATE '2024-01-01')", "true").await;
    check("period_contains(DATE '2024-01-01', DATE '2024-02-01', DATE '2024-02-01')", "false")
        .await;
    check("period_contains(NULL, DATE '2024-02-01', TIMESTAMP '1700-01-01')", "true").await;
    check("period_contains(DATE '2024-01-01', NULL, '2999-01-01T00:00:00Z')", "true").await;
    check("period_contains(DATE '2024-01-01', NULL, NULL)", "").await;
}

#[tokio::test]
async fn unbounded_and_no_overlap_are_told_apart() {
    let of = |a: &str, b: &str| format!("period_intersection({a}, {b})");
    let (march, since) = ("DATE '2024-03-01', DATE '2024-04-01'", "DATE '2024-03-15', NULL");
    let shown = of(march, since);
    check(&shown, "{valid_from: 2024-03-15T00:00:00Z, valid_to: 2024-04-01T00:00:00Z}").await;
    check(&format!("{shown}['valid_from']"), "2024-03-15T00:00:00Z").await;
    check(&of("NULL, NULL", since), "{valid_from: 2024-03-15T00:00:00Z, valid_to: }").await;
    check(&format!("{} IS NULL", of("NULL, NULL", "NULL, NULL")), "false").await;
    let apart = of(march, "DATE '2024-04-01', NULL");
    check(&apart, "").await;
    check(&format!("{apart} IS NULL"), "true").await;
    check(&format!("{apart}['valid_to'] IS NULL"), "true").await;
}

#[tokio::test]
async fn arrays_and_scalars_mix() {
    let table = "(VALUES (TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-05'), \
                         (TIMESTAMP '2024-01-05', NULL), (NULL, TIMESTAMP '2024-01-02')) AS t(f, u)";
    let sql = format!(
        "SELECT period_overlaps(f, u, DATE '2024-01-01', DATE '2024-01-05') AS o, \
                period_contains(f, u, DATE '2024-01-05') AS c, \
                period_contains(DATE '2024-01-01', DATE '2024-01-09', u) AS i, \
                period_intersection(f, u, DATE '2024-01-03', NULL) AS x FROM {table}"
    );
    let expect = "\
+-------+-------+------+----------------------------------------------------------------------+
| o     | c     | i    | x                                                                    |
+-------+-------+------+----------------------------------------------------------------------+
| true  | false | true | {valid_from: 2024-01-03T00:00:00Z, valid_to: 2024-01-05T00:00:00Z} |
| false | true  |      | {valid_from: 2024-01-05T00:00:00Z, valid_to: }                       |
| true  | false | true |                                                                      |
+-------+-------+------+----------------------------------------------------------------------+";
    let squeezed = |text: &str| text.replace([' ', '-', '+'], "");
    assert_eq!(squeezed(&rows(&sql).await.unwrap()), squeezed(expect));
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let equal = "DATE '2024-01-01', DATE '2024-01-01'";
    check(
        &format!("period_overlaps({equal}, NULL, NULL)"),
        "Execution error: period_overlaps: empty period from 2024-01-01T00:00:00Z to \
         2024-01-01T00:00:00Z",
    )
    .await;
    let error = rows("SELECT period_overlaps(NULL, NULL, NULL)").await.unwrap_err().to_string();
    assert!(error.contains("period_overlaps takes 4 instants, not 3 arguments"), "{error}");
    let error = rows("SELECT period_equals(1, NULL, NULL, NULL)").await.unwrap_err().to_string();
    assert!(error.contains("argument 1 is no instant but of type Int64"), "{error}");
}
