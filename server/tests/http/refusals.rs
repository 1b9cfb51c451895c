//! What is refused before it runs, and what is kept of it; who holds a place, and for how long.

use serde_json::{Value, json};

use super::common::Place;
use super::request::Request;
use super::server::{Server, wait_until};

const CREATE: &str = "CREATE TABLE t (k BIGINT, v BIGINT, PRIMARY KEY (k))";
const INGEST: &str = "/v1/tables/t/rows";

/// A new token, named after its role.
fn token(place: &Place, role: &str) -> String {
    let made = place.annals(&format!("token create -d db --role {role} --name {role}"));
    made.ok().trim().to_owned()
}

/// What is on record with an outcome that is not `ok`: statement, outcome.
fn refused(server: &Server) -> String {
    server.rows(
        "SELECT statement, outcome FROM annals.audit WHERE action = 'statement' AND outcome <> 'ok' ORDER BY at",
    )
}

#[test]
fn http_1_0_is_refused_where_a_part_could_look_whole() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let old = |request: &Request| {
        let text = String::from_utf8(request.bytes()).unwrap();
        text.replacen("HTTP/1.1", "HTTP/1.0", 1)
    };
    let request = Request::sql("SELECT 1");
    let mut client = server.connect();
    client.send(old(&request)).unwrap();
    let reply = client.reply(&request).unwrap();
    reply.check_problem(505, "http_version", "HTTP/1.0");
    let request = Request::get("/healthz");
    let mut client = server.connect();
    client.send(old(&request)).unwrap();
    assert_eq!(client.reply(&request).unwrap().status(), 200);
    server.stop();
}

#[test]
fn statements_that_are_refused_are_on_record_without_their_values() {
    let place = Place::new();
    let (reader, admin) = (token(&place, "reader"), token(&place, "admin"));
    let server = Server::start(&place, "");
    let ask = |token: &str, sql: &str| server.ask(&Request::sql(sql).token(token));
    ask(&admin, CREATE).ok();
    let write = "INSERT INTO t VALUES (1, 4711)";
    ask(&reader, write).check_problem(403, "forbidden", "reader");
    ask(&reader, "SELEC 4711").check_problem(400, "invalid_statement", "SELEC");
    let audit =
        "SELECT \"by\", statement, outcome FROM annals.audit WHERE outcome <> 'ok' ORDER BY at";
    let expect = json!([
        ["reader", "INSERT INTO t VALUES (?, ?)", "forbidden"],
        ["reader", "SELEC ?", "invalid_statement"],
    ]);
    wait_until("both are on record", || ask(&admin, audit).ok().json()["rows"] == expect);
    server.stop();
}

#[test]
fn values_that_no_statement_takes_are_refused() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run(CREATE);
    let ask = |sql: &str, params: Value| {
        server.ask(&Request::post("/v1/sql", &json!({"sql": sql, "params": params})))
    };
    assert_eq!(ask("SELECT $1 + $1", json!([2])).rows(), "[[4]]");
    ask("SELECT $1 + 1", json!([2, 3])).check_problem(400, "invalid_request", "2 values");
    ask("SELECT 1", json!([2])).check_problem(400, "invalid_request", "1 values");
    ask("SELECT $2 + 1", json!([2])).check_problem(400, "invalid_statement", "parameter $2");
    // In turn is in turn of what, with several statements?
    let two = "INSERT INTO t VALUES (?, ?); UPDATE t SET v = ? WHERE k = ?";
    ask(two, json!([1, 2, 3, 1])).check_problem(400, "invalid_statement", "by number");
    let two = "INSERT INTO t VALUES ($1, $2); UPDATE t SET v = $3 WHERE k = $1";
    ask(two, json!([1, 2, 3])).ok();
    assert_eq!(server.rows("SELECT k, v FROM t"), "[[1,3]]");
    server.stop();
}

#[test]
fn more_statements_than_a_request_may_have_are_refused() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let of_count = |count: usize| Request::sql(&"ASSERT true;".repeat(count));
    let reply = server.ask(&of_count(10_001));
    reply.check_problem(400, "invalid_statement", "10001 statements");
    server.stop();
}

#[test]
fn who_brings_rows_slowly_takes_no_place_of_a_query() {
    let place = Place::new();
    let server =
        Server::start(&place, "--running-count-max 1 --ingest-count-max 1 --queue-count-max 0");
    server.run(CREATE);
    let rows = Request::new("POST", INGEST).header("content-type", "text/csv");
    let mut slow = server.connect();
    slow.send(rows.head("transfer-encoding: chunked\r\n")).unwrap();
    slow.send("4\r\nk,v\n\r\n").unwrap();
    server.wait_for_metric("annals_running", |count| count == 1);
    assert_eq!(server.rows("SELECT count(*) FROM t"), "[[0]]");
    let other = rows.clone().body("text/csv", "k,v\n1,1\n");
    server.ask(&other).check_problem(503, "overloaded", "1 requests are running");
    slow.send("4\r\n2,2\n\r\n0\r\n\r\n").unwrap();
    slow.reply(&rows).unwrap().ok();
    assert_eq!(server.rows("SELECT k FROM t"), "[[2]]");
    server.stop();
}

#[test]
fn an_ingest_whose_client_goes_away_is_on_record_as_cancelled() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run(CREATE);
    let rows = Request::new("POST", INGEST).header("content-type", "text/csv");
    let mut slow = server.connect();
    slow.send(rows.head("transfer-encoding: chunked\r\n")).unwrap();
    slow.send("8\r\nk,v\n1,1\n\r\n").unwrap();
    server.wait_for_metric("annals_running", |count| count == 1);
    drop(slow);
    wait_until("it is on record", || refused(&server) == r#"[["INGEST INTO t","cancelled"]]"#);
    assert_eq!(server.metric("annals_cancelled_total"), 1);
    // What is refused by its head alone has not begun.
    let mut client = server.connect();
    let request = rows.head("content-length: 99999999999999\r\n");
    client.send(request).unwrap();
    client.reply(&rows).unwrap().check_problem(413, "body_too_large", "bytes");
    assert_eq!(server.metric("annals_cancelled_total"), 1);
    server.stop();
}

#[test]
fn partitions_stay_below_the_archive_root_whoever_names_the_folder() {
    let place = Place::new();
    let root = place.path("archives");
    std::fs::create_dir(&root).unwrap();
    let server = Server::start(&place, &format!("--archive-root {}", root.display()));
    server.run("CREATE TABLE s (k BIGINT, v BIGINT, PRIMARY KEY (k)) PARTITION BY MONTH");
    for value in 1..=2 {
        let at = format!("BEGIN WITH (SYSTEM_TIME = TIMESTAMP '2024-0{value}-10')");
        server.run(&format!("{at}; UPSERT INTO s VALUES (1, {value}); COMMIT"));
    }
    let elsewhere = place.path("elsewhere");
    for sql in [
        format!("ALTER TABLE s ARCHIVE PARTITION '2024-02' TO '{}'", elsewhere.display()),
        format!("ALTER TABLE s ATTACH PARTITION FROM '{}'", elsewhere.display()),
        format!("ALTER TABLE s RETAIN '7 years' THEN ARCHIVE TO '{}'", elsewhere.display()),
        format!("ALTER TABLE s ARCHIVE PARTITION '2024-02' TO '{}/../elsewhere'", root.display()),
    ] {
        server.sql(&sql).check_problem(400, "invalid_statement", "does not lie below");
    }
    assert!(!elsewhere.exists());
    server
        .run(&format!("ALTER TABLE s ARCHIVE PARTITION '2024-02' TO '{}/2024-02'", root.display()));
    server.stop();
}

#[test]
fn a_query_that_fails_soon_after_its_first_rows_is_a_problem() {
    let place = Place::new();
    let server = Server::start(&place, "--row-count-max 20000");
    let reply = server.sql("SELECT * FROM generate_series(1, 30000)");
    reply.check_problem(422, "row_limit", "20000");
    server.stop();
}

#[test]
fn ingests_and_changes_of_partitions_that_are_refused_are_on_record() {
    let place = Place::new();
    let (reader, admin) = (token(&place, "reader"), token(&place, "admin"));
    let server = Server::start(&place, "");
    let ask = |token: &str, request: Request| server.ask(&request.token(token));
    ask(&admin, Request::sql(CREATE)).ok();
    let rows = Request::new("POST", INGEST).body("text/csv", "k,v\n1,1\n");
    ask(&reader, rows.clone()).check_problem(403, "forbidden", "reader");
    ask(&admin, rows.header("content-type", "text/html")).check_problem(
        415,
        "unsupported_media_type",
        "text/html",
    );
    let detach = Request::new("POST", "/v1/tables/t/partitions/2024-01/detach");
    ask(&reader, detach).check_problem(403, "forbidden", "reader");
    let audit =
        "SELECT \"by\", statement, outcome FROM annals.audit WHERE outcome <> 'ok' ORDER BY at";
    let expect = json!([
        ["reader", "INGEST INTO t", "forbidden"],
        ["admin", "INGEST INTO t", "unsupported_media_type"],
        ["reader", "CHANGE PARTITION '2024-01' OF t", "forbidden"],
    ]);
    let is_there = || ask(&admin, Request::sql(audit)).ok().json()["rows"] == expect;
    wait_until("all three are on record", is_there);
    server.stop();
}

#[test]
fn what_an_ingest_has_written_before_it_failed_is_on_record() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run(CREATE);
    let row = |k: usize| format!("{k},{k},2024-01-0{}\n", 1 + k / 5_000);
    let rows = format!("k,v,at\n{}3,x,2024-01-03\n", (0..10_000).map(row).collect::<String>());
    let request = Request::new("POST", "/v1/tables/t/rows?system_time=at").body("text/csv", rows);
    server.ask(&request).check_problem(
        400,
        "invalid_rows",
        "5000 rows in 1 transactions before it",
    );
    let audit = "SELECT row_count, outcome FROM annals.audit WHERE statement = 'INGEST INTO t'";
    server.wait_for_rows(audit, r#"[[5000,"invalid_rows"]]"#);
    assert_eq!(server.metric("annals_rows_ingested_total"), 5_000);
    server.stop();
}

#[test]
fn a_number_of_a_parameter_keeps_all_its_digits() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run("CREATE TABLE d (k BIGINT, v DECIMAL(38, 6), PRIMARY KEY (k))");
    let numbers = ["100000000000000000001", "12345678901234567890.123456", "-0.000001", "1e3"];
    for (k, number) in numbers.iter().enumerate() {
        let body =
            format!(r#"{{"sql": "UPSERT INTO d VALUES ($1, $2)", "params": [{k}, {number}]}}"#);
        let request = Request::new("POST", "/v1/sql").body("application/json", body);
        server.ask(&request).ok();
    }
    assert_eq!(
        server.rows("SELECT v FROM d ORDER BY k"),
        r#"[["100000000000000000001.000000"],["12345678901234567890.123456"],["-0.000001"],["1000.000000"]]"#
    );
    server.stop();
}
