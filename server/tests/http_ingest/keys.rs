//! A request with an idempotency key is applied once, however often it is sent, and every time it is answered alike.

use std::thread;

use serde_json::json;

use super::common::Place;
use super::form::{ENCODINGS, Encoding, FORMATS, Format, ingest};
use super::forms::{make_prices, prices, server, system_time};
use super::request::{Reply, Request};
use super::server::Server;

/// A server with the event table `visits`, in which what is written twice is seen twice.
fn visited(place: &Place) -> Server {
    let server = Server::start(place, "");
    server.run("CREATE EVENT TABLE visits (sku TEXT, cents BIGINT)");
    server
}

/// Two visits.
fn visits(format: Format) -> Vec<u8> {
    let rows = prices();
    format.body(&rows.project(&[0, 1, 2]).unwrap())
}

fn keyed(format: Format, key: &str) -> Request {
    ingest("visits", format, visits(format)).header("idempotency-key", key)
}

fn count(server: &Server) -> String {
    server.rows("SELECT count(*) FROM visits")
}

/// It is the answer that an earlier request had.
#[track_caller]
fn check_replayed(reply: Reply, first: &Reply) {
    let reply = reply.ok();
    assert_eq!(reply.head.one("idempotency-replayed"), "true");
    assert_eq!(reply.body, first.body);
    assert_eq!(system_time(&reply), system_time(first));
}

#[test]
fn a_retry_in_every_format_is_answered_alike_and_applied_once_also_after_crashes() {
    let place = Place::new();
    let mut server = visited(&place);
    let mut firsts: Vec<(Format, Reply)> = Vec::new();
    for (number, format) in (1..).zip(FORMATS) {
        let key = format!("{format:?}");
        let first = server.ask(&keyed(format, &key)).ok();
        assert!(first.head.all("idempotency-replayed").is_empty());
        // It is the rows that count, not how they were packed.
        for encoding in ENCODINGS {
            let body = encoding.encode(&visits(format));
            let again = ingest("visits", format, body).header("idempotency-key", &key);
            let again = match encoding {
                Encoding::Identity => again,
                encoding => again.header("content-encoding", encoding.name()),
            };
            check_replayed(server.ask(&again), &first);
        }
        firsts.push((format, first));
        // The server is killed as it stands, between what it has answered and what comes.
        drop(server);
        server = Server::start(&place, "");
        for (format, first) in &firsts {
            check_replayed(server.ask(&keyed(*format, &format!("{format:?}"))), first);
        }
        assert_eq!(count(&server), format!("[[{}]]", 2 * number));
    }
    assert_eq!(server.metric("annals_rows_ingested_total"), 0, "replays write nothing");
}

#[test]
fn a_key_that_comes_with_something_else_is_refused() {
    let place = Place::new();
    let mut server = visited(&place);
    make_prices(&server, "prices");
    let first = server.ask(&keyed(Format::Csv, "k")).ok();
    let others = |server: &Server| {
        for (other, words) in [
            (ingest("visits", Format::Csv, "sku\ntea\n"), "another body"),
            (ingest("visits?valid_from=sku", Format::Csv, visits(Format::Csv)), "other parameters"),
            (keyed(Format::Ndjson, "k"), "other parameters"),
            (keyed(Format::Parquet, "k"), "other parameters"),
            (keyed(Format::Arrow, "k"), "other parameters"),
        ] {
            let reply = server.ask(&other.header("idempotency-key", "k"));
            reply.check_problem(422, "idempotency_key_reused", words);
        }
        check_replayed(server.ask(&keyed(Format::Csv, "k")), &first);
        assert_eq!(count(server), "[[2]]");
    };
    others(&server);
    drop(server);
    server = Server::start(&place, "");
    others(&server);
    // Another table has keys of its own, and another key is another request.
    let prices = ingest("prices", Format::Csv, Format::Csv.body(&prices()));
    let elsewhere = server.ask(&prices.header("idempotency-key", "k")).ok();
    assert!(elsewhere.head.all("idempotency-replayed").is_empty());
    server.ask(&keyed(Format::Csv, "l")).ok();
    assert_eq!(count(&server), "[[4]]");
}

#[test]
fn a_retry_while_the_first_runs_is_told_so() {
    let place = Place::new();
    let server = server(&place, "");
    // More than the sockets and the server hold back: once it is sent, the server is reading.
    let mut body = b"sku,cents\ntea,350\n".to_vec();
    body.resize(32 << 20, b'\n');
    let request = ingest("prices", Format::Csv, body).header("idempotency-key", "k");
    let mut bytes = request.bytes();
    let last = bytes.pop().unwrap();
    let mut first = server.connect();
    first.send(bytes).unwrap();
    let second = server.ask(&ingest("prices", Format::Csv, "sku\n").header("idempotency-key", "k"));
    second.check_problem(409, "request_in_progress", "still running");
    let other = ingest("prices", Format::Csv, "sku\nmate\n").header("idempotency-key", "l");
    server.ask(&other).ok();
    first.send([last]).unwrap();
    let first = first.reply(&request).unwrap().ok();
    check_replayed(server.ask(&request), &first);
}

#[test]
fn of_many_at_the_same_time_one_is_applied() {
    let place = Place::new();
    let server = visited(&place);
    for format in FORMATS {
        let request = keyed(format, "k").header("idempotency-key", &format!("{format:?}"));
        let replies: Vec<Reply> = thread::scope(|scope| {
            let ask = || scope.spawn(|| server.ask(&request));
            let asked: Vec<_> = (0..8).map(|_| ask()).collect();
            asked.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (done, busy): (Vec<_>, Vec<_>) =
            replies.into_iter().partition(|reply| reply.status() == 200);
        for reply in busy {
            reply.check_problem(409, "request_in_progress", "");
        }
        let is_first = |reply: &&Reply| reply.head.all("idempotency-replayed").is_empty();
        assert_eq!(done.iter().filter(is_first).count(), 1, "{format:?}");
        assert!(done.iter().all(|reply| reply.body == done[0].body), "{format:?}");
    }
    assert_eq!(count(&server), "[[8]]");
}

#[test]
fn a_request_that_failed_or_broke_off_leaves_its_key_free() {
    let place = Place::new();
    let server = visited(&place);
    let wrong = ingest("visits", Format::Csv, "sku,cents\ntea,many\n");
    let wrong = server.ask(&wrong.header("idempotency-key", "k"));
    wrong.check_problem(400, "invalid_rows", "line 2");
    let request = keyed(Format::Csv, "k");
    let mut connection = server.connect();
    let mut bytes = request.bytes();
    bytes.pop();
    connection.send(bytes).unwrap();
    drop(connection);
    let has_ended = "SELECT count(*) FROM annals.audit WHERE outcome = 'cancelled'";
    server.wait_for_rows(has_ended, "[[1]]");
    let first = server.ask(&request).ok();
    let at = system_time(&first);
    assert_eq!(first.json(), json!({"transactions": 1, "rows": 2, "system_time": at}));
    assert!(first.head.all("idempotency-replayed").is_empty());
    assert_eq!(count(&server), "[[2]]");
}

#[test]
fn a_split_request_that_broke_off_goes_on_where_it_stopped() {
    let place = Place::new();
    let server = server(&place, "");
    let mut body = String::from("sku,cents,_valid_from,recorded\n");
    for row in 0..12_000 {
        let day = row / 500 + 1;
        body.push_str(&format!("{row:05},{day},2020-01-01,2024-01-{day:02}\n"));
    }
    let request = ingest("prices?system_time=recorded", Format::Csv, body);
    let request = request.header("idempotency-key", "k");
    let mut bytes = request.bytes();
    bytes.pop();
    let mut connection = server.connect();
    connection.send(bytes).unwrap();
    let asked = "SELECT count(*) FROM prices FOR ALL VALID_TIME";
    let written = |server: &Server| server.rows(asked);
    super::server::wait_until("some of it is written", || written(&server) != "[[0]]");
    // Killed in the middle, with the client still there.
    drop(server);
    let server = Server::start(&place, "");
    assert_ne!(written(&server), "[[12000]]");
    let reply = server.ask(&request).ok();
    let last = "2024-01-24T00:00:00Z";
    assert_eq!(reply.json(), json!({"transactions": 24, "rows": 12_000, "system_time": last}));
    assert_eq!(written(&server), "[[12000]]");
    let restated = "SELECT count(*) FROM prices FOR ALL VALID_TIME FOR ALL SYSTEM_TIME";
    assert_eq!(server.rows(restated), "[[12000]]");
    check_replayed(server.ask(&request), &reply);
}
