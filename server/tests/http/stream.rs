//! Answers leave as they are computed, take no more memory the longer they are, and never look whole if they are not.

use std::io::{BufRead, BufReader, Read};

use super::common::Place;
use super::queries::{ENDLESS, broken, stalled};
use super::request::Request;
use super::server::Server;

/// How much more memory a server may take for a long answer than before it, in KiB.
const GROWTH_KIB_MAX: u64 = 200 << 10;
const LONG_ROW_COUNT: u64 = 10_000_000;

#[test]
fn the_first_rows_leave_before_the_last_are_computed() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let starts = [
        ("application/json", "{\"columns\":[{\"name\":\"a\""),
        ("application/x-ndjson", "{\"a\":1,\"b\":1}"),
        ("text/csv", "a,b"),
    ];
    for (form, start) in starts {
        let mut client = server.connect();
        client.send(Request::sql(ENDLESS).accept(form).bytes()).unwrap();
        let head = client.head().unwrap();
        let mut lines = BufReader::new(client.body(&head)).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(first.starts_with(start), "{form}: {first}");
        assert_eq!(lines.take(10_000).filter(|line| line.is_ok()).count(), 10_000, "{form}");
    }
    server.stop();
}

#[test]
fn memory_stays_flat_however_long_an_answer_is() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run("SELECT value FROM generate_series(1, 100000)");
    let before = server.peak_kib();
    let sql = format!("SELECT value FROM generate_series(1, {LONG_ROW_COUNT})");
    let mut client = server.connect();
    client.send(Request::sql(&sql).accept("text/csv").bytes()).unwrap();
    let head = client.head().unwrap();
    let mut reader = BufReader::with_capacity(1 << 20, client.body(&head));
    let (mut line_count, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        let count = reader.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        line_count += buffer[..count].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    assert_eq!(line_count, LONG_ROW_COUNT + 1);
    let after = server.peak_kib();
    assert!(after - before < GROWTH_KIB_MAX, "{before} KiB before, {after} KiB after");
    server.wait_for_metric("annals_rows_sent_total", |count| count >= LONG_ROW_COUNT);
    server.stop();
}

#[test]
fn memory_stays_flat_while_clients_do_not_read() {
    let place = Place::new();
    let server = Server::start(&place, "--running-count-max 8 --query-memory-bytes-max 67108864");
    drop(stalled(&server));
    let before = server.peak_kib();
    let clients: Vec<_> = (0..8).map(|_| stalled(&server)).collect();
    server.wait_for_metric("annals_running", |count| count == 8);
    let after = server.peak_kib();
    assert!(after - before < 2 * GROWTH_KIB_MAX, "{before} KiB before, {after} KiB after");
    drop(clients);
    server.stop();
}

#[test]
fn an_error_in_the_middle_never_looks_like_an_end() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let sql = "SELECT 1000000 / (2000000 - value) AS x FROM generate_series(1, 3000000)";
    for form in [
        "application/json",
        "application/x-ndjson",
        "text/csv",
        "application/vnd.apache.arrow.stream",
    ] {
        let mut client = server.connect();
        client.send(Request::sql(sql).accept(form).bytes()).unwrap();
        let head = client.head().unwrap();
        assert_eq!(head.status, 200, "{form}");
        let mut bytes = Vec::new();
        let error = client.body(&head).read_to_end(&mut bytes).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{form}: {error}");
        assert!(bytes.len() > 1 << 20, "{form}: {} bytes came", bytes.len());
    }
    let outcomes = "SELECT DISTINCT outcome FROM annals.audit WHERE statement LIKE 'SELECT ? / %'";
    server.wait_for_rows(outcomes, r#"[["invalid_statement"]]"#);
    let early = "SELECT 1 / (2 - value) AS x FROM generate_series(1, 3)";
    server.sql(early).check_problem(400, "invalid_statement", "zero");
    server.stop();
}

#[test]
fn an_answer_whose_server_is_killed_never_looks_like_an_end() {
    let place = Place::new();
    let mut server = Server::start(&place, "");
    let (mut client, head) = stalled(&server);
    server.kill();
    let came = broken(&mut client, &head);
    assert!(came.starts_with("a,b\n1,1\n"));
    server.wait();
}

#[test]
fn what_is_asked_at_once_is_answered_in_turn() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let mut client = server.connect();
    let requests: Vec<Request> =
        (0..50).map(|number| Request::sql(&format!("SELECT {number} AS number"))).collect();
    let bytes: Vec<u8> = requests.iter().flat_map(Request::bytes).collect();
    client.send(bytes).unwrap();
    for (number, request) in requests.iter().enumerate() {
        assert_eq!(client.reply(request).unwrap().rows(), format!("[[{number}]]"));
    }
    let long = client.ask(&Request::sql("SELECT value FROM generate_series(1, 200000)"));
    let rows = long.unwrap().ok().json()["rows"].take();
    assert_eq!(rows.as_array().unwrap().len(), 200_000);
    assert_eq!(client.ask(&Request::sql("SELECT 1")).unwrap().rows(), "[[1]]");
    server.stop();
}

#[test]
fn who_could_not_tell_a_part_from_the_whole_is_refused() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let bytes = Request::sql("SELECT 1 AS one").bytes();
    let old = String::from_utf8(bytes).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    let mut client = server.connect();
    client.send(old).unwrap();
    let reply = client.reply(&Request::sql("SELECT 1 AS one")).unwrap();
    reply.check_problem(505, "http_version", "ask in HTTP/1.1");
    assert!(client.is_closed());
    server.stop();
}
