//! Every problem of the table in `docs/server.md` that a client can bring about is brought about, and is as the table says.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::json;

use super::common::Place;
use super::queries::{ENDLESS, SILENT, stalled};
use super::request::{Reply, Request};
use super::server::Server;

/// Status and title by code, as the documentation shows them.
fn documented() -> BTreeMap<String, (u16, String)> {
    let text = include_str!("../../../docs/server.md");
    let (_, section) = text.split_once("\n## Problems\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.split(" | ").collect();
        let (code, status) = (cells[0].trim_end_matches('`'), cells[1].parse().unwrap());
        (code.to_owned(), (status, cells[2].to_owned()))
    });
    rows.collect()
}

/// No client can bring these about by asking, or they come without a document, or only while a server ends.
const ELSEWHERE: [&str; 6] =
    ["internal", "halted", "headers_too_large", "unavailable", "erased", "transaction_too_large"];

#[test]
fn a_log_that_cannot_be_written_halts_writes_and_no_reads() {
    let place = Place::new();
    // A few MB for each file, and a write beyond is an error instead of a signal.
    let mut server = Server::under(&place, "trap '' XFSZ; ulimit -f 2048");
    server.run("CREATE TABLE t (k BIGINT, v TEXT, PRIMARY KEY (k))");
    server.run("INSERT INTO t VALUES (1, 'one')");
    let large = "INSERT INTO t SELECT value + 1, lpad(value::TEXT, 80, 'x') FROM generate_series(1, 100000)";
    server.sql(large).check_problem(503, "halted", "");
    // Whatever is written then, and it is told as long as the server lives.
    server.sql("INSERT INTO t VALUES (2, 'two')").check_problem(503, "halted", "");
    server.ask(&rows("{\"k\": 3, \"v\": \"three\"}\n")).check_problem(503, "halted", "");
    assert_eq!(server.rows("SELECT k, v FROM t"), "[[1,\"one\"]]");
    server.ask(&Request::get("/readyz")).ok();
    server.kill();
    server.wait();
    let server = Server::start(&place, "");
    assert_eq!(server.rows("SELECT k, v FROM t WHERE k = 1"), "[[1,\"one\"]]");
    server.run("UPSERT INTO t VALUES (2, 'two')");
    server.stop();
}

fn rows(body: &str) -> Request {
    let path = "/v1/tables/t/rows";
    Request::new("POST", path).body("application/x-ndjson", body)
}

/// Of a server with small limits and no tokens.
fn of_requests(place: &Place) -> Vec<(&'static str, Reply)> {
    let flags = "--body-bytes-max 1000 --row-count-max 100 --query-ms-max 2000 --query-memory-bytes-max 2097152 --read-ms-max 100";
    let server = Server::start(place, flags);
    server.run("CREATE TABLE t (k BIGINT, v BIGINT, PRIMARY KEY (k))");
    server.run("INSERT INTO t VALUES (1, 1)");
    server.run("ALTER TABLE salaries DETACH PARTITION '2024-04'");
    server.run("ALTER TABLE salaries PLACE HOLD 'case 7'");
    let ask = |request: Request| server.ask(&request);
    let first = rows("{\"k\": 2}\n").header("idempotency-key", "a");
    ask(first.clone()).ok();
    let mut slow = server.connect();
    slow.send(first.head("content-length: 7\r\n")).unwrap();
    let mut old = server.connect();
    let bytes = String::from_utf8(Request::sql("SELECT 1").bytes()).unwrap();
    old.send(bytes.replace("HTTP/1.1", "HTTP/1.0")).unwrap();
    let deep = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let all = vec![
        ("invalid_request", ask(Request::post("/v1/sql", &json!({"sq": 1})))),
        ("invalid_statement", ask(Request::sql("SELEC"))),
        ("invalid_rows", ask(rows("{\"k\": \"x\"}\n"))),
        ("cross_origin", ask(Request::get("/v1/tables").header("host", "evil.example"))),
        ("not_found", ask(Request::get("/v1/none"))),
        ("method_not_allowed", ask(Request::get("/v1/sql"))),
        ("not_acceptable", ask(Request::sql("SELECT 1").accept("image/png"))),
        ("slow_request", slow.reply(&first).unwrap()),
        ("conflict", ask(Request::sql("INSERT INTO t VALUES (1, 1)"))),
        (
            "partition_sealed",
            ask(Request::sql(
                "UPSERT INTO salaries (name, salary, _valid_from, _valid_to)
            VALUES ('ada', 1, '2024-04-02', '2024-04-03')",
            )),
        ),
        ("held", ask(Request::new("DELETE", "/v1/tables/salaries/partitions/2024-12"))),
        (
            "partition_missing",
            ask(Request::sql(
                "SELECT * FROM salaries
            FOR VALID_TIME AS OF '2024-04-02' FOR SYSTEM_TIME AS OF '2024-04-02'",
            )),
        ),
        ("body_too_large", ask(rows(&"{\"k\": 3}\n".repeat(1_000)))),
        ("unsupported_media_type", ask(rows("").body("image/png", "x"))),
        ("idempotency_key_reused", ask(rows("{\"k\": 3}\n").header("idempotency-key", "a"))),
        ("statement_too_deep", ask(Request::sql(&deep))),
        ("time_limit", ask(Request::sql(&SILENT.replace("1000000", "100000")))),
        ("row_limit", ask(Request::sql("SELECT value FROM generate_series(1, 101)"))),
        ("memory_limit", ask(Request::sql(ENDLESS))),
        ("http_version", old.reply(&first).unwrap()),
    ];
    server.stop();
    all
}

/// Of requests that come while others are running.
fn of_others(place: &Place) -> Vec<(&'static str, Reply)> {
    let server = Server::start(place, "--running-count-max 1 --queue-count-max 0");
    let (first, _) = stalled(&server);
    let overloaded = server.sql("SELECT 1");
    drop(first);
    server.stop();
    let server = Server::start(place, "--running-count-max 1 --queue-ms-max 10");
    let request = rows("").header("idempotency-key", "b");
    let mut slow = server.connect();
    slow.send(request.head("content-length: 10\r\n")).unwrap();
    server.wait_for_metric("annals_running", |count| count == 1);
    let in_progress = server.ask(&request);
    let (second, _) = stalled(&server);
    let queue_timeout = server.sql("SELECT 1");
    drop((second, slow));
    server.stop();
    vec![
        ("overloaded", overloaded),
        ("request_in_progress", in_progress),
        ("queue_timeout", queue_timeout),
    ]
}

/// Of a server that asks for tokens.
fn of_strangers(place: &Place) -> Vec<(&'static str, Reply)> {
    let token = place.annals("token create -d db --role reader --name reader").ok();
    let server = Server::start(place, "");
    let change = Request::sql("DELETE FROM t").token(token.trim());
    let all = vec![("unauthenticated", server.sql("SELECT 1")), ("forbidden", server.ask(&change))];
    server.stop();
    all
}

/// Of a server whose files are damaged.
fn of_damage() -> Vec<(&'static str, Reply)> {
    let place = Place::with_salaries();
    place.annals("compact -d db").ok();
    damage(&place.path("db"));
    let server = Server::start(&place, "").expect_error("answered");
    let all = "SELECT * FROM salaries FOR ALL VALID_TIME FOR ALL SYSTEM_TIME";
    let reply = server.sql(all);
    assert_eq!(server.rows("SELECT 1"), "[[1]]", "it goes on");
    server.stop();
    vec![("corrupt", reply)]
}

/// Turns a byte in the first pages of every Parquet file.
fn damage(folder: &std::path::Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            let mut bytes = std::fs::read(&path).unwrap();
            (4..200).for_each(|at| bytes[at] ^= 0xff);
            std::fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn every_problem_is_as_the_documentation_says() {
    let place = Place::with_salaries();
    place.annals("compact -d db").ok();
    let mut documented = documented();
    let mut all = of_requests(&place);
    all.extend(of_others(&place));
    all.extend(of_strangers(&place));
    all.extend(of_damage());
    for (code, reply) in all {
        let (found, detail) = reply.problem();
        assert_eq!(found, code, "{detail}");
        let (status, title) = documented.remove(code).unwrap();
        assert_eq!(
            (reply.status(), reply.json()["title"].as_str().unwrap()),
            (status, title.as_str())
        );
        assert!(reply.head.one("content-length").parse::<usize>().unwrap() > 0);
    }
    let left: Vec<&String> = documented.keys().collect();
    let mut elsewhere = ELSEWHERE;
    elsewhere.sort_unstable();
    assert_eq!(left, elsewhere);
}

#[test]
fn a_query_that_began_before_an_erasure_breaks_off() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run("CREATE TABLE t (k BIGINT, v TEXT, PRIMARY KEY (k))");
    server.run("INSERT INTO t SELECT value, repeat('x', 200) FROM generate_series(1, 300000)");
    server.stop();
    place.annals("compact -d db").ok();
    let server = Server::start(&place, "");
    let mut client = server.connect();
    client.send(Request::sql("SELECT k, v FROM t").accept("text/csv").bytes()).unwrap();
    let head = client.head().unwrap();
    assert_eq!(head.status, 200);
    server.run("ERASE FROM t WHERE k = 7");
    let error = client.body(&head).read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    let outcome = "SELECT outcome FROM annals.audit WHERE statement = 'SELECT k, v FROM t'";
    server.wait_for_rows(outcome, r#"[["erased"]]"#);
    assert_eq!(server.rows("SELECT count(*) FROM t"), "[[299999]]");
    server.stop();
}
