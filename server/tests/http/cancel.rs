//! A client that goes away ends what it asked for, wherever that stands, and the record says so.

use super::client::Connection;
use super::common::Place;
use super::queries::{ENDLESS, FRUITLESS, FRUITLESS_BY_KEY, SILENT, SILENT_CHANGE, asked, stalled};
use super::request::Request;
use super::server::{Server, wait_until};

const CREATE: &str = "CREATE TABLE t (k BIGINT, v BIGINT, PRIMARY KEY (k))";

/// One statement of this text was cancelled, and nothing of it runs any more.
#[track_caller]
fn check_cancelled(server: &Server, text: &str, cancelled_count: u64) {
    server.wait_for_metric("annals_running", |count| count == 0);
    server.wait_for_metric("annals_cancelled_total", |count| count == cancelled_count);
    let sql = format!("SELECT DISTINCT outcome FROM annals.audit WHERE statement LIKE '{text}'");
    server.wait_for_rows(&sql, r#"[["cancelled"]]"#);
}

#[test]
fn in_the_middle_of_a_long_answer() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let (client, _) = stalled(&server);
    assert_eq!(server.metric("annals_running"), 1);
    drop(client);
    check_cancelled(&server, "SELECT a.%", 1);
    server.stop();
}

#[test]
fn before_the_first_row_is_there() {
    let place = Place::new();
    let server = Server::start(&place, "");
    for (sql, cancelled_count) in [(SILENT, 1), (FRUITLESS, 2), (FRUITLESS_BY_KEY, 3)] {
        drop(asked(&server, sql, 1));
        check_cancelled(&server, &format!("%{}%", &sql[..12]), cancelled_count);
    }
    server.stop();
}

#[test]
fn while_others_run_on() {
    let place = Place::new();
    let server = Server::start(&place, "--running-count-max 4");
    let clients: Vec<Connection> = (1..=3).map(|count| asked(&server, SILENT, count)).collect();
    let (kept, _) = stalled(&server);
    drop(clients);
    server.wait_for_metric("annals_running", |count| count == 1);
    server.wait_for_metric("annals_cancelled_total", |count| count == 3);
    assert_eq!(server.rows("SELECT 1"), "[[1]]");
    drop(kept);
    server.wait_for_metric("annals_running", |count| count == 0);
    server.stop();
}

#[test]
fn a_change_leaves_nothing() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run(CREATE);
    let behind = format!("DELETE FROM t; {SILENT}");
    for (sql, text) in [(SILENT_CHANGE, "INSERT INTO t SELECT%"), (&behind, "DELETE%")] {
        let record =
            format!("SELECT DISTINCT outcome FROM annals.audit WHERE statement LIKE '{text}'");
        // Who goes away at once may do so before the statement has begun: then there is nothing to record.
        wait_until(text, || {
            drop(asked(&server, sql, 1));
            server.wait_for_metric("annals_running", |count| count == 0);
            server.rows(&record) == r#"[["cancelled"]]"#
        });
    }
    server.run("INSERT INTO t VALUES (1, 1)");
    assert_eq!(server.rows("SELECT count(*) FROM t FOR ALL SYSTEM_TIME"), "[[1]]");
    server.stop();
}

#[test]
fn who_waits_in_the_queue_gives_up_the_place() {
    let place = Place::new();
    let server =
        Server::start(&place, "--running-count-max 1 --queue-count-max 1 --queue-ms-max 600000");
    let (first, _) = stalled(&server);
    let mut second = server.connect();
    second.send(Request::sql("SELECT 2").bytes()).unwrap();
    server.wait_for_metric("annals_waiting", |count| count == 1);
    drop(second);
    server.wait_for_metric("annals_waiting", |count| count == 0);
    drop(first);
    server.wait_for_metric("annals_running", |count| count == 0);
    server.wait_for_metric("annals_cancelled_total", |count| count > 0);
    assert_eq!(server.metric("annals_cancelled_total"), 1, "the second had not begun");
    server.stop();
}

#[test]
fn in_every_form() {
    let place = Place::new();
    let server = Server::start(&place, "");
    for form in ["application/json", "application/x-ndjson", "application/vnd.apache.arrow.stream"]
    {
        let before = server.metric("annals_cancelled_total");
        let mut client = server.connect();
        client.send(Request::sql(ENDLESS).accept(form).bytes()).unwrap();
        assert_eq!(client.head().unwrap().status, 200);
        drop(client);
        server.wait_for_metric("annals_running", |count| count == 0);
        server.wait_for_metric("annals_cancelled_total", |count| count == before + 1);
    }
    server.stop();
}

#[test]
fn while_its_request_is_still_coming() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run(CREATE);
    let rows = Request::new("POST", "/v1/tables/t/rows").body("application/x-ndjson", "");
    let mut client = server.connect();
    client.send(rows.head("content-length: 1000\r\n")).unwrap();
    client.send("{\"k\": 1, \"v\": 1}\n{\"k\": 2").unwrap();
    server.wait_for_metric("annals_running", |count| count == 1);
    drop(client);
    server.wait_for_metric("annals_running", |count| count == 0);
    assert_eq!(server.rows("SELECT count(*) FROM t"), "[[0]]");
    server.stop();
}
