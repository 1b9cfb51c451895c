//! Each limit of the configuration, on a server that has it small: what reaches it is refused with a code of its own, what stays
//! below is answered, and nothing is kept of what was refused.

use std::io::Read;

use serde_json::json;

use super::common::Place;
use super::queries::{
    ENDLESS, FRUITLESS, FRUITLESS_BY_KEY, SILENT, SILENT_CHANGE, broken, stalled,
};
use super::request::Request;
use super::server::Server;

const CREATE: &str = "CREATE TABLE t (k BIGINT, v BIGINT, PRIMARY KEY (k))";
const COUNT: &str = "SELECT count(*) FROM t";

fn with_length(request: &Request) -> Vec<u8> {
    request.bytes()
}

fn without_length(request: &Request) -> Vec<u8> {
    request.chunked()
}

/// Both ways in which a body can come.
const WAYS: [fn(&Request) -> Vec<u8>; 2] = [with_length, without_length];

#[test]
fn a_statement_that_is_too_large_is_refused_with_and_without_a_length() {
    let place = Place::new();
    let server = Server::start(&place, "--sql-bytes-max 200");
    let of_size = |size: usize| {
        let body = json!({"sql": "SELECT 1 AS one"}).to_string();
        let blanks = " ".repeat(size - body.len());
        Request::post("/v1/sql", &json!(null)).body("application/json", body + &blanks)
    };
    for way in WAYS {
        for (size, is_taken) in [(100, true), (200, true), (201, false), (5_000, false)] {
            let mut client = server.connect();
            client.send(way(&of_size(size))).unwrap();
            let reply = client.reply(&of_size(size)).unwrap();
            match is_taken {
                true => assert_eq!(reply.rows(), "[[1]]"),
                false => reply.check_problem(413, "body_too_large", "more than 200 bytes"),
            }
        }
    }
    let mut client = server.connect();
    let head = of_size(100).head("content-length: 99999999999\r\n");
    client.send(head).unwrap();
    let reply = client.reply(&of_size(100)).unwrap();
    reply.check_problem(413, "body_too_large", "more than 200 bytes");
    server.stop();
}

#[test]
fn rows_that_are_too_many_bytes_are_refused_and_none_is_kept() {
    let place = Place::new();
    let server = Server::start(&place, "--body-bytes-max 4096");
    server.run(CREATE);
    let of_count = |count: usize| {
        let rows: String = (0..count).map(|k| format!("{{\"k\": {k}, \"v\": 1}}\n")).collect();
        Request::new("POST", "/v1/tables/t/rows").body("application/x-ndjson", rows)
    };
    for way in WAYS {
        let mut client = server.connect();
        client.send(way(&of_count(1_000))).unwrap();
        let reply = client.reply(&of_count(1_000)).unwrap();
        reply.check_problem(413, "body_too_large", "4096 bytes");
        assert_eq!(server.rows(COUNT), "[[0]]");
    }
    server.ask(&of_count(100)).ok();
    assert_eq!(server.rows(COUNT), "[[100]]");
    server.stop();
}

#[test]
fn an_answer_of_too_many_rows_is_refused_or_broken_off() {
    let place = Place::new();
    let server = Server::start(&place, "--row-count-max 100000");
    server.run(CREATE);
    let of_count = |count: u64| format!("SELECT value FROM generate_series(1, {count})");
    let whole = server.run(&of_count(100_000));
    assert_eq!(whole["rows"].as_array().unwrap().len(), 100_000);
    let sorted = format!("{} ORDER BY value % 7, value", of_count(100_001));
    for sql in [&of_count(100_001), &sorted, ENDLESS] {
        let mut client = server.connect();
        client.send(Request::sql(sql).accept("text/csv").bytes()).unwrap();
        let head = client.head().unwrap();
        match head.status {
            200 => assert!(broken(&mut client, &head).lines().count() <= 100_001, "{sql}"),
            status => assert_eq!(status, 422, "{sql}"),
        }
    }
    let count = "SELECT count(*) FROM annals.audit WHERE outcome = 'row_limit'";
    server.wait_for_rows(count, "[[3]]");
    let behind = format!("INSERT INTO t VALUES (1, 1); {}", of_count(100_001));
    server.sql(&behind).check_problem(422, "row_limit", "more than 100000 rows");
    assert_eq!(server.rows(COUNT), "[[0]]", "what stands before the query is not kept");
    let below = format!("INSERT INTO t VALUES (1, 1); {}", of_count(100_000));
    assert_eq!(server.run(&below)["rows"].as_array().unwrap().len(), 100_000);
    assert_eq!(server.rows(COUNT), "[[1]]");
    server.stop();
}

#[test]
fn a_query_that_takes_too_long_is_cancelled() {
    let place = Place::new();
    Server::start(&place, "").run(CREATE);
    let server = Server::start(&place, "--query-ms-max 1000");
    let behind = format!("INSERT INTO t VALUES (1, 1); {SILENT}");
    for sql in [SILENT, FRUITLESS, FRUITLESS_BY_KEY, SILENT_CHANGE, &behind] {
        server.sql(sql).check_problem(422, "time_limit", "more than 1000 ms");
    }
    let (mut client, head) = stalled(&server);
    server.wait_for_metric("annals_running", |count| count == 0);
    assert!(broken(&mut client, &head).starts_with("a,b\n1,1\n"));
    let outcomes = "SELECT count(*) FROM annals.audit WHERE outcome = 'time_limit'";
    server.wait_for_rows(outcomes, "[[7]]");
    assert_eq!(server.metric("annals_cancelled_total"), 0, "no client went away");
    assert_eq!(server.rows(COUNT), "[[0]]");
    server.stop();
}

#[test]
fn a_query_that_needs_too_much_memory_is_refused() {
    let place = Place::new();
    Server::start(&place, "").run(CREATE);
    for flags in ["--query-memory-bytes-max 1048576", "--memory-bytes-max 1048576"] {
        let server = Server::start(&place, flags);
        for sql in [
            ENDLESS,
            "SELECT array_agg(value) FROM generate_series(1, 1000000)",
            "INSERT INTO t SELECT value, 1 FROM generate_series(1, 1000000)",
            "INSERT INTO t VALUES (1, 1); SELECT value FROM generate_series(1, 1000000)",
        ] {
            server.sql(sql).check_problem(422, "memory_limit", "");
        }
        // A sort goes to the disk instead.
        let sorted = "SELECT value FROM generate_series(1, 300000) ORDER BY value DESC";
        let rows = server.run(sorted)["rows"].take();
        assert_eq!((&rows[0], &rows[299_999]), (&json!([300_000]), &json!([1])), "{flags}");
        assert_eq!(server.rows(COUNT), "[[0]]", "{flags}");
        server.stop();
    }
}

#[test]
fn a_function_that_would_make_gigabytes_is_refused_before_it_takes_them() {
    let place = Place::new();
    let server = Server::start(&place, "--query-memory-bytes-max 134217728");
    server.run(CREATE);
    server.run("INSERT INTO t SELECT value, 30000000 FROM generate_series(1, 50)");
    for sql in [
        "SELECT repeat('x', 2000000000)",
        "SELECT repeat('x', 100000000) FROM generate_series(1, 10000)",
        "SELECT lpad('x', 2000000000), rpad('x', 2000000000)",
        "SELECT sum(length(repeat('x', v))) FROM t",
        "SELECT array_repeat(array_repeat(1, 100000), 100000)",
        "SELECT range(10000000000)",
        "SELECT repeat('x', 300000000) || repeat('y', 300000000)",
        "SELECT replace(repeat('x', 30000), 'x', repeat('y', 30000))",
        "INSERT INTO t SELECT length(repeat('x', 2000000000)), 1",
        "UPDATE t SET v = length(repeat('x', 2000000000))",
    ] {
        server.sql(sql).check_problem(422, "memory_limit", "");
    }
    assert_eq!(server.rows("SELECT length(repeat('x', 1000000))"), "[[1000000]]");
    // The 128 MiB of the limit and what the server itself takes; the first statement alone asks for 2 GB.
    let peak_kib = server.peak_kib();
    assert!(peak_kib < 384 << 10, "the server took {peak_kib} KiB");
    server.stop();
}

#[test]
fn what_one_query_holds_another_cannot_have() {
    let place = Place::new();
    let server = Server::start(&place, "--memory-bytes-max 12582912");
    let (first, _) = stalled(&server);
    server.sql(ENDLESS).check_problem(422, "memory_limit", "");
    drop(first);
    server.wait_for_metric("annals_running", |count| count == 0);
    drop(stalled(&server));
    server.stop();
}

#[test]
fn who_comes_when_as_many_run_and_wait_as_may_is_sent_away() {
    let place = Place::new();
    let server =
        Server::start(&place, "--running-count-max 1 --queue-count-max 1 --queue-ms-max 600000");
    let (first, _) = stalled(&server);
    server.wait_for_metric("annals_running", |count| count == 1);
    let mut second = server.connect();
    second.send(Request::sql("SELECT 2").bytes()).unwrap();
    server.wait_for_metric("annals_waiting", |count| count == 1);
    for request in [
        Request::sql("SELECT 3"),
        Request::sql(CREATE),
        Request::new("DELETE", "/v1/tables/t/partitions/2024-01"),
    ] {
        let third = server.ask(&request);
        if third.status() == 404 {
            continue;
        }
        third.check_problem(503, "overloaded", "1 requests are running and 1 are waiting");
        assert_eq!(third.head.one("retry-after"), "1");
    }
    for open in ["/healthz", "/readyz", "/metrics", "/v1/tables"] {
        server.ask(&Request::get(open)).ok();
    }
    drop(first);
    assert_eq!(second.reply(&Request::sql("SELECT 2")).unwrap().rows(), "[[2]]");
    server.stop();
}

#[test]
fn who_waits_too_long_is_sent_away() {
    let place = Place::new();
    let server = Server::start(&place, "--running-count-max 1 --queue-ms-max 50");
    let (first, _) = stalled(&server);
    let second = server.sql("SELECT 2");
    second.check_problem(503, "queue_timeout", "waited for 50 ms");
    assert_eq!(second.head.one("retry-after"), "1");
    drop(first);
    server.wait_for_metric("annals_running", |count| count == 0);
    assert_eq!(server.rows("SELECT 2"), "[[2]]");
    server.stop();
}

#[test]
fn ingests_have_places_of_their_own() {
    let place = Place::new();
    let server =
        Server::start(&place, "--running-count-max 1 --ingest-count-max 1 --queue-count-max 0");
    server.run(CREATE);
    let rows = Request::new("POST", "/v1/tables/t/rows");
    let rows = rows.body("application/x-ndjson", "{\"k\": 1, \"v\": 1}\n");
    let (reading, _) = stalled(&server);
    server.ask(&rows).ok();
    let mut slow = server.connect();
    slow.send(rows.head("content-length: 100\r\n")).unwrap();
    server.wait_for_metric("annals_running", |count| count == 2);
    server.ask(&rows).check_problem(503, "overloaded", "1 requests are running and 0 are waiting");
    server.sql("SELECT 1").check_problem(503, "overloaded", "1 requests are running");
    drop(reading);
    server.wait_for_metric("annals_running", |count| count == 1);
    assert_eq!(server.rows(COUNT), "[[1]]");
    drop(slow);
    server.wait_for_metric("annals_running", |count| count == 0);
    server.ask(&rows.clone().body("application/x-ndjson", "{\"k\": 2}\n")).ok();
    server.stop();
}

#[test]
fn no_more_connections_are_accepted_than_may_be_open() {
    let place = Place::new();
    let server = Server::start(&place, "--connection-count-max 2");
    let healthz = Request::get("/healthz");
    let (mut first, mut second) = (server.connect(), server.connect());
    first.ask(&healthz).unwrap().ok();
    second.ask(&healthz).unwrap().ok();
    let mut third = server.connect();
    third.send(Request::sql("SELECT 3").bytes()).unwrap();
    let metrics = second.ask(&Request::get("/metrics")).unwrap().ok();
    assert!(metrics.text().contains("\nannals_connections 2\n"), "{}", metrics.text());
    drop(first);
    assert_eq!(third.reply(&Request::sql("SELECT 3")).unwrap().rows(), "[[3]]");
    second.ask(&healthz).unwrap().ok();
    server.stop();
}

#[test]
fn a_limit_of_open_files_that_is_too_low_for_the_connections_is_told() {
    let place = Place::new();
    let server = Server::under(&place, "ulimit -S -n 200");
    server.wait_for_line("the process may open 200 files, and 1024 connections and 512 others");
    server.stop();
    let server = Server::under(&place, "ulimit -S -n 2000");
    assert_eq!(server.rows("SELECT 1"), "[[1]]");
    assert!(!server.has_line("the process may open 2000 files"));
    server.stop();
}

#[test]
fn headers_that_are_too_large_are_refused() {
    let place = Place::new();
    let server = Server::start(&place, "--header-bytes-max 8192");
    let with_bytes = |count: usize| Request::get("/healthz").header("x-long", &"x".repeat(count));
    server.ask(&with_bytes(7_000)).ok();
    let mut client = server.connect();
    client.send(with_bytes(9_000).bytes()).unwrap();
    let head = client.head().unwrap();
    assert_eq!((head.status, head.all("content-length")), (431, vec!["0"]));
    assert!(client.is_closed());
    let mut client = server.connect();
    client.send(format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(9_000))).unwrap();
    let status = client.head().unwrap().status;
    assert!([414, 431].contains(&status), "{status}");
    server.stop();
}

#[test]
fn a_head_that_does_not_end_is_not_waited_for() {
    let place = Place::new();
    let server = Server::start(&place, "--header-ms-max 100");
    let healthz = Request::get("/healthz");
    let mut fresh = server.connect();
    fresh.send("GET /healthz HT").unwrap();
    assert!(fresh.is_closed());
    let mut kept = server.connect();
    kept.ask(&healthz).unwrap().ok();
    kept.send("GET /healthz HTTP/1.1\r\nhost: loc").unwrap();
    assert!(kept.is_closed());
    let mut trickling = server.connect();
    trickling.send("GET /healthz HTTP/1.1\r\n").unwrap();
    while trickling.send("x-more: and more\r\n").is_ok() {}
    server.wait_for_metric("annals_connections", |count| count == 1);
    server.stop();
}

#[test]
fn a_connection_without_a_request_is_closed() {
    let place = Place::new();
    let server = Server::start(&place, "--idle-ms-max 100");
    let mut silent = server.connect();
    assert!(silent.is_closed());
    let mut kept = server.connect();
    kept.ask(&Request::get("/healthz")).unwrap().ok();
    assert!(kept.is_closed());
    server.stop();
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let place = Place::new();
    let server = Server::start(&place, "--read-ms-max 100");
    server.run(CREATE);
    let sql = Request::sql("INSERT INTO t VALUES (1, 1)");
    let rows = Request::new("POST", "/v1/tables/t/rows").body("application/x-ndjson", "");
    for (request, part) in [(sql, "{\"sql\": \"INS"), (rows, "{\"k\": 1, \"v\": 1}\n{\"k\":")] {
        let mut client = server.connect();
        client.send(request.head("content-length: 200\r\n")).unwrap();
        client.send(part).unwrap();
        let reply = client.reply(&request).unwrap();
        reply.check_problem(408, "slow_request", "no byte of the body came for 100 ms");
        assert!(client.is_closed(), "the rest would pass for a request");
    }
    assert_eq!(server.rows(COUNT), "[[0]]");
    server.stop();
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let place = Place::new();
    let server = Server::start(&place, "--write-ms-max 200");
    let (mut client, head) = stalled(&server);
    server.wait_for_metric("annals_running", |count| count == 0);
    let outcome = "SELECT outcome FROM annals.audit WHERE statement LIKE '%CROSS JOIN%'";
    server.wait_for_rows(outcome, r#"[["cancelled"]]"#);
    let mut rest = Vec::new();
    client.body(&head).read_to_end(&mut rest).unwrap_err();
    server.stop();
}

#[test]
fn what_explains_a_query_by_running_it_is_held_to_its_time_too() {
    let place = Place::new();
    let server = Server::start(&place, "--query-ms-max 200");
    let reply = server.sql(&format!("EXPLAIN ANALYZE {SILENT}"));
    reply.check_problem(422, "time_limit", "200 ms");
    server.wait_for_metric("annals_running", |count| count == 0);
    server.stop();
}

#[test]
fn an_erasure_is_held_to_its_time_while_it_looks_for_keys() {
    let place = Place::new();
    let server = Server::start(&place, "--query-ms-max 3000");
    server.run(CREATE);
    server.run("INSERT INTO t VALUES (1, 1)");
    let reply = server.sql(&format!("ERASE FROM t WHERE k = ({SILENT})"));
    reply.check_problem(422, "time_limit", "3000 ms");
    // Nor does it keep others from writing.
    server.run("UPSERT INTO t VALUES (2, 2)");
    assert_eq!(server.rows(COUNT), "[[2]]");
    server.stop();
}

#[test]
fn what_is_committed_is_answered_whole_whatever_the_time_limit() {
    let change = "UPSERT INTO t SELECT value AS k, value AS v FROM generate_series(1, 60000); SELECT k, v FROM t";
    for limit_ms in [10, 20, 40, 80, 160, 320, 640] {
        let place = Place::new();
        // Making the table takes time as well.
        assert!(place.command("sql -d db").arg(CREATE).status().unwrap().success());
        let server = Server::start(&place, &format!("--query-ms-max {limit_ms}"));
        let reply = server.sql(change);
        let count = match reply.status() {
            200 => {
                assert_eq!(reply.json()["rows"].as_array().unwrap().len(), 60_000);
                60_000
            }
            _ => {
                reply.check_problem(422, "time_limit", "ms");
                0
            }
        };
        server.stop();
        let found = place.all_of("t").len() - 1;
        assert_eq!(found, count, "with {limit_ms} ms");
    }
}
