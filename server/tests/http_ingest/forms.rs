//! The same rows are the same table and the same answer, whatever form they come in; and what was written is read back at the time
//! that the answer tells.

use arrow::array::RecordBatch;
use serde_json::json;

use super::common::Place;
use super::form::{ENCODINGS, Encoding, FORMATS, Format, ingest, numbers, rows, texts};
use super::request::{Reply, Request};
use super::server::Server;

/// Two prices of 2024.
pub(crate) fn prices() -> RecordBatch {
    rows(&[
        ("sku", texts([Some("tea"), Some("coffee")])),
        ("cents", numbers([Some(350), None])),
        ("_valid_from", texts([Some("2024-01-01"), Some("2024-01-01")])),
        ("_valid_to", texts([Some("2024-07-01"), None])),
    ])
}

/// What becomes of them.
pub(crate) const PRICES: &str = r#"[["coffee",null,"EUR","2024-01-01T00:00:00Z",null],["tea",350,"EUR","2024-01-01T00:00:00Z","2024-07-01T00:00:00Z"]]"#;

/// A server with an empty table `prices`.
pub(crate) fn server(place: &Place, flags: &str) -> Server {
    let server = Server::start(place, flags);
    make_prices(&server, "prices");
    server
}

/// Makes an empty table of prices.
pub(crate) fn make_prices(server: &Server, name: &str) {
    server.run(&format!(
        "CREATE TABLE {name} (sku TEXT, cents BIGINT, currency TEXT NOT NULL DEFAULT 'EUR', PRIMARY KEY (sku))"
    ));
}

/// The query for everything that a table of prices believes.
pub(crate) fn all_of(table: &str) -> String {
    format!(
        "SELECT sku, cents, currency, _valid_from, _valid_to FROM {table} FOR ALL VALID_TIME ORDER BY sku, _valid_from"
    )
}

/// The same query as of a system instant.
fn all_at(server: &Server, table: &str, system_time: &str) -> String {
    let body = json!({"sql": all_of(table), "system_time": system_time});
    server.ask(&Request::post("/v1/sql", &body)).rows()
}

/// The system time of an answer, in whose body and headers it must be the same.
#[track_caller]
pub(crate) fn system_time(reply: &Reply) -> String {
    let document = reply.json();
    let at = document["system_time"].as_str().unwrap_or_else(|| panic!("{document}"));
    assert_eq!(reply.head.one("x-annals-system-time"), at);
    at.to_owned()
}

#[test]
fn the_same_rows_in_every_form_are_the_same_table_and_answered_alike() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let mut connection = server.connect();
    for format in FORMATS {
        for encoding in ENCODINGS {
            for is_chunked in [false, true] {
                let table = format!("{format:?}_{encoding:?}_{is_chunked}").to_lowercase();
                make_prices(&server, &table);
                let body = encoding.encode(&format.body(&prices()));
                let request = ingest(&table, format, body).accept("application/json");
                let request = match encoding {
                    Encoding::Identity => request,
                    encoding => request.header("content-encoding", encoding.name()),
                };
                let bytes = if is_chunked { request.chunked() } else { request.bytes() };
                connection.send(bytes).unwrap();
                let reply = connection.reply(&request).unwrap().ok();
                let at = system_time(&reply);
                let expect = json!({"transactions": 1, "rows": 2, "system_time": at});
                assert_eq!(reply.json(), expect, "{table}");
                assert!(reply.head.all("idempotency-replayed").is_empty(), "{table}");
                assert_eq!(all_at(&server, &table, &at), PRICES, "{table}");
            }
        }
    }
    assert_eq!(server.metric("annals_rows_ingested_total"), 2 * 24);
}

#[test]
fn what_was_written_is_read_back_at_the_time_it_was_answered_with_also_after_a_crash() {
    let place = Place::new();
    let mut server = server(&place, "");
    let put = |cents: i64| format!("sku,cents,_valid_from\ntea,{cents},2024-01-01\n");
    let times: Vec<String> = (0..5)
        .map(|cents| {
            let reply = server.ask(&ingest("prices", Format::Csv, put(cents))).ok();
            system_time(&reply)
        })
        .collect();
    assert!(times.is_sorted());
    for _ in 0..2 {
        for (at, cents) in times.iter().zip(0..) {
            let expect = format!(r#"[["tea",{cents},"EUR","2024-01-01T00:00:00Z",null]]"#);
            assert_eq!(all_at(&server, "prices", at), expect);
        }
        // It is killed as it stands.
        drop(server);
        server = Server::start(&place, "");
    }
}

#[test]
fn a_body_without_rows_is_answered_and_writes_nothing() {
    let place = Place::new();
    let server = server(&place, "");
    for format in FORMATS {
        let body = format.body(&prices().slice(0, 0));
        let reply = server.ask(&ingest("prices", format, body)).ok();
        let expect = json!({"transactions": 0, "rows": 0, "system_time": null});
        assert_eq!(reply.json(), expect, "{format:?}");
    }
    assert_eq!(server.rows(&all_of("prices")), "[]");
}

#[test]
fn an_answer_as_of_an_instant_tells_that_instant() {
    let place = Place::new();
    let server = server(&place, "");
    server.ask(&ingest("prices", Format::Csv, Format::Csv.body(&prices()))).ok();
    let told = |sql: &str, at: &str| {
        let body = json!({"sql": sql, "system_time": at});
        system_time(&server.ask(&Request::post("/v1/sql", &body)).ok())
    };
    let at = "2024-05-01T00:00:00Z";
    for sql in [all_of("prices").as_str(), "SELECT * FROM prices WHERE sku = 'tea'", "SELECT 1"] {
        assert_eq!(told(sql, at), at, "{sql}");
    }
    // Of what is still to come nothing is known.
    assert!(told("SELECT 1", "2999-01-01T00:00:00Z").as_str() < "2999");
}
