//! The statements of one request: applied together or not at all, and answered once.

use serde_json::json;

use super::common::Place;
use super::request::Request;
use super::server::Server;

const CREATE: &str = "CREATE TABLE t (k BIGINT, v BIGINT, PRIMARY KEY (k))";
const COUNT: &str = "SELECT count(*) FROM t";

fn server_with_table(place: &Place) -> Server {
    let server = Server::start(place, "");
    server.run(CREATE);
    server
}

#[test]
fn what_statements_did_is_told_one_by_one() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let created = server.run(CREATE);
    assert_eq!(created["statements"], json!([{"statement": "CREATE TABLE", "row_count": 0}]));
    let reply = server.sql("INSERT INTO t VALUES (1, 1), (2, 2); UPSERT INTO t VALUES (1, 5); DELETE FROM t WHERE k = 2").ok();
    let answer = reply.json();
    let done = [("INSERT", 2), ("UPSERT", 1), ("DELETE", 1)];
    let done = done.map(|(name, count)| json!({"statement": name, "row_count": count}));
    assert_eq!((&answer["statements"], &answer["row_count"]), (&json!(done), &json!(4)));
    assert_eq!((&answer["columns"], &answer["rows"]), (&json!([]), &json!([])));
    assert_eq!(answer["system_time"], reply.head.one("x-annals-system-time"));
    assert_eq!(server.rows("SELECT k, v FROM t"), "[[1,5]]");
    let versions =
        "SELECT count(DISTINCT _system_from) FROM t FOR ALL VALID_TIME FOR ALL SYSTEM_TIME";
    assert_eq!(server.rows(versions), "[[1]]", "one transaction has one system time");
    server.stop();
}

#[test]
fn the_table_of_statements_can_be_named_by_the_first_request() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run("ERASE FROM annals.statements WHERE row_count < 0");
    server.run("ALTER TABLE annals.statements RETAIN '2 years'");
    server.stop();
}

#[test]
fn a_failure_of_one_statement_leaves_nothing_of_the_others() {
    let place = Place::new();
    let server = server_with_table(&place);
    let check = |sql: &str, status: u16, code: &str, words: &str| {
        server.sql(sql).check_problem(status, code, words);
        assert_eq!(server.rows(COUNT), "[[0]]", "after {sql}");
    };
    let wrong = (400, "invalid_statement");
    check("INSERT INTO t VALUES (1, 1); INSERT INTO u VALUES (1)", wrong.0, wrong.1, "`u`");
    check("INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (1, 1)", 409, "conflict", "");
    let refused = "INSERT INTO t VALUES (1, 1); ASSERT (SELECT count(*) FROM t) > 1, 'too few'";
    check(refused, 409, "conflict", "too few");
    check("INSERT INTO t VALUES (1, 1); SELECT 1 / 0", wrong.0, wrong.1, "zero");
    check("BEGIN; INSERT INTO t VALUES (1, 1); ASSERT false, 'no'; COMMIT", 409, "conflict", "no");
    check("INSERT INTO t VALUES (1, 1); SELEC", wrong.0, wrong.1, "");
    server.run("BEGIN; INSERT INTO t VALUES (1, 1); ROLLBACK");
    assert_eq!(server.rows(COUNT), "[[0]]");
    server.stop();
}

#[test]
fn a_transaction_begins_and_ends_with_its_request() {
    let place = Place::new();
    let server = server_with_table(&place);
    let done =
        server.run("BEGIN; INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (2, 2); COMMIT");
    assert_eq!(done["row_count"], 2);
    let history = "BEGIN WITH (SYSTEM_TIME = TIMESTAMP '2099-01-01T00:00:00Z'); UPSERT INTO t VALUES (9, 9); COMMIT";
    let refused = server.sql(history);
    assert_eq!(refused.status(), 400, "{}", refused.text());
    for sql in [
        "BEGIN",
        "BEGIN; INSERT INTO t VALUES (3, 3)",
        "INSERT INTO t VALUES (3, 3); COMMIT",
        "COMMIT",
        "BEGIN; BEGIN; COMMIT",
        "INSERT INTO t VALUES (3, 3); BEGIN; COMMIT",
        "BEGIN; COMMIT; BEGIN; COMMIT",
    ] {
        let words = "a transaction begins and ends with its request";
        server.sql(sql).check_problem(400, "invalid_statement", words);
    }
    assert_eq!(server.rows(COUNT), "[[2]]");
    server.stop();
}

#[test]
fn recorded_history_comes_with_its_system_time() {
    let place = Place::new();
    let server = Server::start(&place, "--audit-statements none");
    let table = "CREATE TABLE t (k BIGINT, v BIGINT, PRIMARY KEY (k))";
    server.run(table);
    let at = server.run("INSERT INTO t VALUES (1, 1)")["system_time"].clone();
    let later = "SELECT TIMESTAMP '2024-01-01T00:00:00Z' < now()";
    assert_eq!(server.rows(later), "[[true]]");
    let earlier = "BEGIN WITH (SYSTEM_TIME = TIMESTAMP '2024-01-01T00:00:00Z'); UPSERT INTO t VALUES (2, 2); COMMIT";
    let refused = server.sql(earlier);
    refused.check_problem(400, "invalid_statement", "2024-01-01");
    assert!(refused.problem().1.contains(at.as_str().unwrap()), "{}", refused.text());
    server.stop();
}

#[test]
fn a_query_at_the_end_sees_what_was_written_before_it() {
    let place = Place::new();
    let server = server_with_table(&place);
    let reply = server.sql(
        "INSERT INTO t VALUES (1, 10); UPSERT INTO t VALUES (2, 20); SELECT k, v FROM t ORDER BY k",
    );
    assert_eq!(reply.json()["system_time"], reply.head.one("x-annals-system-time"));
    let sql = "SELECT DISTINCT _system_from FROM t";
    assert_eq!(server.run(sql)["rows"][0][0], reply.json()["system_time"], "it tells the commit");
    assert_eq!(reply.rows(), "[[1,10],[2,20]]");
    assert_eq!(server.rows(COUNT), "[[2]]", "it was committed");
    let rows =
        server.rows("CREATE TEMPORARY VIEW w AS SELECT v FROM t WHERE k = 2; SELECT v FROM w");
    assert_eq!(rows, "[[20]]");
    server.stop();
}

#[test]
fn what_makes_no_sense_together_is_refused_before_anything_runs() {
    let place = Place::new();
    let server = server_with_table(&place);
    let check = |sql: &str, words: &str| {
        server.sql(sql).check_problem(400, "invalid_statement", words);
    };
    for sql in ["", "   ", ";", ";;", "-- nothing", "/* nothing */ ;"] {
        check(sql, "there is no statement");
    }
    check("SELECT 1; INSERT INTO t VALUES (1, 1)", "only its last statement can be a query");
    check("SELECT 1; SELECT 2", "only its last statement can be a query");
    check("INSERT INTO t VALUES (1, 1); ALTER TABLE t ADD COLUMN w TEXT", "stands alone");
    check("CREATE TABLE u (k BIGINT, PRIMARY KEY (k)); INSERT INTO u VALUES (1)", "stands alone");
    check("ERASE FROM t WHERE k = 1; SELECT 1", "stands alone");
    let by_turn = "INSERT INTO t VALUES (?, 1); INSERT INTO t VALUES (?, 2)";
    check(by_turn, "take their values by number");
    check(&"SELECT 1;".repeat(10_001), "10001 statements are in the request; 10000 may be");
    assert_eq!(server.rows(COUNT), "[[0]]");
    server.sql("SELECT k FROM u").check_problem(400, "invalid_statement", "`u`");
    server.stop();
}

#[test]
fn a_wrong_statement_is_shown_its_place() {
    let place = Place::new();
    let server = server_with_table(&place);
    let check = |sql: &str, line: u64, column: u64| {
        let document = server.sql(sql).json();
        assert_eq!(
            (&document["line"], &document["column"]),
            (&json!(line), &json!(column)),
            "{document}"
        );
        assert_eq!(document["code"], "invalid_statement");
    };
    check("SELEC 1", 1, 1);
    check("SELECT k FROM t WHERE", 1, 17);
    check("INSERT INTO t VALUES (1, 1);\n  SELECT k FROM t FOR VALID_TIME OF now()", 2, 34);
    server.stop();
}

#[test]
fn parameters_are_null_booleans_numbers_and_strings() {
    let place = Place::new();
    let server = server_with_table(&place);
    let ask = |sql: &str, params: serde_json::Value| {
        server.ask(&Request::post("/v1/sql", &json!({"sql": sql, "params": params})))
    };
    let check = |sql: &str, params: serde_json::Value, expect: &str| {
        assert_eq!(ask(sql, params).rows(), expect, "{sql}");
    };
    check("SELECT $1 AS a, $2 AS b, $3 AS c", json!([1, true, "x"]), r#"[[1,true,"x"]]"#);
    check("SELECT ? + 1, ? || 'y'", json!([1, "x"]), r#"[[2,"xy"]]"#);
    check("SELECT $1 IS NULL, $2", json!([null, 1.5]), "[[true,\"1.5\"]]");
    check("SELECT $1", json!([9_007_199_254_740_993_i64]), r#"[["9007199254740993"]]"#);
    check(
        "SELECT $1 = CAST('18446744073709551615' AS DECIMAL(20,0))",
        json!([u64::MAX]),
        "[[true]]",
    );
    check("SELECT $2 AS a, $1 AS b, $1 AS c", json!([1, 2]), "[[2,1,1]]");
    let insert = "INSERT INTO t (k, v, _valid_from) VALUES ($1, $2, $3)";
    ask(insert, json!([1, null, "2024-01-01T00:00:00Z"])).ok();
    check("SELECT k FROM t FOR VALID_TIME AS OF $1", json!(["2024-06-01"]), "[[1]]");
    check("SELECT k FROM t FOR VALID_TIME AS OF $1", json!(["2023-06-01"]), "[]");
    ask("SELECT $1", json!([])).check_problem(400, "invalid_statement", "$1");
    ask("SELECT $1", json!([[1]])).check_problem(400, "invalid_request", "parameter 1 is neither");
    ask("SELECT $2", json!([1])).check_problem(400, "invalid_statement", "$2");
    ask("SELECT '$1'", json!([])).ok();
    let many = ask("SELECT $1", json!([1, 2]));
    many.check_problem(400, "invalid_request", "`params` has 2 values");
    server.stop();
}

/// Queries of types that not every form has a place for.
const UNUSUAL: &[&str] = &[
    "SELECT INTERVAL '1 month' AS x",
    "SELECT [1, 2] AS x",
    "SELECT struct(1, 'a') AS x",
    "SELECT map(['a'], [1]) AS x",
    "SELECT NULL AS x",
    "SELECT arrow_cast('x', 'Dictionary(Int8, Utf8)') AS x",
    "SELECT arrow_cast('x', 'Utf8View') AS x",
    "SELECT arrow_cast(12, 'Duration(s)') AS x",
    "SELECT arrow_cast(1, 'Time64(ns)') AS x",
    "SELECT arrow_cast(1.5, 'Float16') AS x",
    "SELECT arrow_cast(10000000000000000, 'Timestamp(s, None)') AS x",
    "SELECT arrow_cast([1, 2], 'FixedSizeList(2, Int64)') AS x",
    "SELECT arrow_cast('x', 'RunEndEncoded(\"run_ends\": non-null Int32, \"values\": Utf8)') AS x",
    "SELECT arrow_cast(1, 'Decimal256(76, 0)') AS x",
    "SELECT 1 AS x, 2 AS x",
];

#[test]
fn what_is_answered_with_a_problem_has_not_been_committed() {
    let place = Place::new();
    let server = server_with_table(&place);
    let forms = [
        "application/json",
        "application/x-ndjson",
        "text/csv",
        "application/vnd.apache.arrow.stream",
    ];
    let mut k = 0;
    for query in UNUSUAL {
        for form in forms {
            k += 1;
            let sql = format!("INSERT INTO t VALUES ({k}, 1); {query}");
            let status = server.ask(&Request::sql(&sql).accept(form)).status();
            assert_ne!(status, 500, "{query} as {form}");
            let found = server.rows(&format!("SELECT count(*) FROM t WHERE k = {k}"));
            let expected = if status == 200 { "[[1]]" } else { "[[0]]" };
            assert_eq!(found, expected, "{status} for {query} as {form}");
        }
    }
    server.stop();
}
