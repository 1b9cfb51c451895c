//! The end of a server: what is being answered is answered or cut at the deadline, what was acknowledged is there, the status is 0.

use std::io::Read;
use std::net::TcpStream;

use super::common::Place;
use super::queries::{SILENT, SILENT_CHANGE, asked, broken, stalled};
use super::request::Request;
use super::server::{Server, wait_until};

const CREATE: &str = "CREATE TABLE t (k BIGINT, v BIGINT, PRIMARY KEY (k))";
const LONG: &str = "SELECT value FROM generate_series(1, 2000000)";

#[test]
fn a_server_without_anything_to_do_ends_at_once() {
    let place = Place::new();
    let server = Server::start(&place, "--shutdown-ms-max 86400000");
    let mut kept = server.connect();
    kept.ask(&Request::get("/healthz")).unwrap().ok();
    let silent = server.connect();
    let mut begun = server.connect();
    begun.send("GET /heal").unwrap();
    server.wait_for_metric("annals_connections", |count| count >= 3);
    drop(begun);
    server.stop();
    assert!(kept.is_closed());
    drop(silent);
}

#[test]
fn an_answer_in_flight_is_answered_to_its_end() {
    let place = Place::new();
    let mut server = Server::start(&place, "--shutdown-ms-max 86400000");
    let mut client = server.connect();
    client.send(Request::sql(LONG).accept("text/csv").bytes()).unwrap();
    let head = client.head().unwrap();
    server.terminate();
    server.wait_for_line("no more connections are accepted");
    wait_until("new connections are refused", || TcpStream::connect(server.at).is_err());
    let mut text = String::new();
    client.body(&head).read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 2_000_001);
    assert!(client.is_closed(), "it is told that there are no more answers");
    assert!(server.wait().success());
}

#[test]
fn what_is_still_running_at_the_deadline_is_cut_and_on_record() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run(CREATE);
    server.stop();
    let mut server = Server::start(&place, "--shutdown-ms-max 300");
    let (mut reading, head) = stalled(&server);
    let mut silent = asked(&server, SILENT, 2);
    let mut changing = asked(&server, SILENT_CHANGE, 3);
    server.terminate();
    let status = server.wait();
    assert!(status.success(), "{status}: {}", server.log());
    assert!(server.log().contains("requests that were still running are cancelled"));
    broken(&mut reading, &head);
    assert!(silent.head().is_err() && changing.head().is_err());
    drop(server);
    let server = Server::start(&place, "");
    let outcomes =
        "SELECT outcome, count(*) FROM annals.audit WHERE statement LIKE '%JOIN%' GROUP BY outcome";
    assert_eq!(server.rows(outcomes), r#"[["cancelled",3]]"#);
    assert_eq!(server.rows("SELECT count(*) FROM t"), "[[0]]");
    server.stop();
}

#[test]
fn what_was_acknowledged_is_there_and_every_statement_on_record() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run(CREATE);
    let mut client = server.connect();
    for k in 0..100 {
        let insert = format!("INSERT INTO t VALUES ({k}, {k})");
        client.ask(&Request::sql(&insert)).unwrap().ok();
    }
    server.stop();
    let verified = place.annals("verify -d db").ok();
    assert!(verified.starts_with("ok: "), "{verified}");
    let server = Server::start(&place, "");
    assert!(!server.log().contains("recovery"), "{}", server.log());
    assert_eq!(server.rows("SELECT count(*), sum(v) FROM t"), "[[100,4950]]");
    let inserts = "SELECT count(*) FROM annals.audit WHERE statement LIKE 'INSERT%' AND outcome = 'ok' AND committed_at IS NOT NULL";
    assert_eq!(server.rows(inserts), "[[100]]");
    server.stop();
}

#[test]
fn a_server_that_is_ending_is_not_ready() {
    let place = Place::new();
    let mut server = Server::start(&place, "--shutdown-ms-max 86400000 --header-ms-max 86400000");
    let request = Request::get("/readyz");
    let bytes = request.bytes();
    let (first, rest) = bytes.split_at(8);
    let mut asking = server.connect();
    asking.send(first).unwrap();
    // Its own connection is counted too.
    server.wait_for_metric("annals_connections", |count| count == 2);
    server.terminate();
    server.wait_for_line("no more connections are accepted");
    asking.send(rest).unwrap();
    let reply = asking.reply(&request).unwrap();
    reply.check_problem(503, "unavailable", "the server is ending");
    assert!(asking.is_closed());
    assert!(server.wait().success());
}

#[test]
fn only_one_server_serves_a_database() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let second = place.annals("serve -d db --listen 127.0.0.1:0");
    assert_eq!((second.status, second.stdout.as_str()), (1, ""), "{second:?}");
    let last = second.stderr.lines().last().unwrap();
    assert!(last.starts_with("annals: ") && last.contains("already open"), "{second:?}");
    let third = place.annals(&format!("serve -d other --listen {}", server.at));
    assert_eq!(third.status, 1, "{third:?}");
    assert!(third.stderr.contains(&format!("cannot listen on {}", server.at)), "{third:?}");
    assert_eq!(server.rows("SELECT 1"), "[[1]]");
    server.stop();
}
