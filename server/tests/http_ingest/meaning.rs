//! What parameters make of the same rows in every format: periods, deletes, defaults, and transactions of their own system times.

use serde_json::json;

use super::common::Place;
use super::form::{FORMATS, Format, ingest, rows_of};
use super::forms::{all_of, make_prices, server};
use super::server::Server;

/// Bodies for a table, each with its parameters and as lines of CSV, leave these rows behind; in every format, where all values
/// are texts.
#[track_caller]
fn check(bodies: &[(&str, &str)], expect: &str) {
    let place = Place::new();
    let server = Server::start(&place, "");
    for format in FORMATS {
        let table = format!("{format:?}").to_lowercase();
        make_prices(&server, &table);
        for (parameters, lines) in bodies {
            let body = format.body(&rows_of(lines));
            server.ask(&ingest(&format!("{table}?{parameters}"), format, body)).ok();
        }
        assert_eq!(server.rows(&all_of(&table)), expect, "{format:?}");
    }
}

#[test]
fn periods_come_from_the_columns_that_parameters_name() {
    check(
        &[(
            "valid_from=since&valid_to=until",
            "sku,cents,since,until\ntea,350,2024-01-01,2024-02-01T00:00:00+01:00\nmate,,,2024-01-01\n",
        )],
        r#"[["mate",null,"EUR",null,"2024-01-01T00:00:00Z"],["tea",350,"EUR","2024-01-01T00:00:00Z","2024-01-31T23:00:00Z"]]"#,
    );
}

#[test]
fn rows_are_deleted_where_the_request_says_so_or_their_own_column() {
    let rows = "sku,cents,_valid_from,_valid_to\ntea,350,2024-01-01,\nmate,90,2024-01-01,\n";
    check(
        &[("", rows), ("op=delete", "sku,_valid_from,_valid_to\nmate,2024-01-01,\n")],
        r#"[["tea",350,"EUR","2024-01-01T00:00:00Z",null]]"#,
    );
    check(
        &[(
            "op_column=op",
            "op,sku,cents,_valid_from,_valid_to\n\
             put,tea,350,2024-01-01,\n\
             delete,tea,,2024-03-01,\n\
             put,tea,390,2024-05-01,2024-06-01\n",
        )],
        r#"[["tea",350,"EUR","2024-01-01T00:00:00Z","2024-03-01T00:00:00Z"],["tea",390,"EUR","2024-05-01T00:00:00Z","2024-06-01T00:00:00Z"]]"#,
    );
}

#[test]
fn rows_of_several_system_times_are_as_many_transactions() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let lines = "sku,cents,_valid_from,recorded\n\
                 tea,350,2024-01-01,2024-01-05\n\
                 mate,90,2024-01-01,2024-01-05\n\
                 tea,390,2024-01-01,2024-02-05T12:00:00Z\n";
    for format in FORMATS {
        let table = format!("{format:?}").to_lowercase();
        make_prices(&server, &table);
        let body = format.body(&rows_of(lines));
        let into = format!("{table}?system_time=recorded");
        let reply = server.ask(&ingest(&into, format, body.clone())).ok();
        let last = "2024-02-05T12:00:00Z";
        assert_eq!(reply.json(), json!({"transactions": 2, "rows": 3, "system_time": last}));
        assert_eq!(reply.head.one("x-annals-system-time"), last);
        let at = |instant: &str| {
            server.rows(&format!(
                "SELECT sku, cents FROM {table} FOR SYSTEM_TIME AS OF '{instant}' ORDER BY sku"
            ))
        };
        assert_eq!(at("2024-01-04"), "[]", "{format:?}");
        assert_eq!(at("2024-01-05"), r#"[["mate",90],["tea",350]]"#, "{format:?}");
        assert_eq!(at(last), r#"[["mate",90],["tea",390]]"#, "{format:?}");
        // They are not recorded twice.
        let again = server.ask(&ingest(&into, format, body));
        again.check_problem(400, "invalid_rows", "is not later than the table's last one");
    }
}

#[test]
fn a_column_that_is_left_out_has_its_default_and_one_that_is_null_is_null() {
    check(
        &[("", "sku,_valid_from\ntea,2024-01-01\n")],
        r#"[["tea",null,"EUR","2024-01-01T00:00:00Z",null]]"#,
    );
    let place = Place::new();
    let server = server(&place, "");
    server.run("CREATE EVENT TABLE visits (who TEXT, pages SMALLINT DEFAULT 1)");
    let lines = "{\"who\":\"ann\",\"_valid_from\":\"2024-01-01\"}\n\
                 {\"who\":\"ben\",\"_valid_from\":\"2024-01-01\",\"pages\":null}\n\
                 {\"who\":\"ben\",\"_valid_from\":\"2024-01-01\",\"pages\":null}\n";
    server.ask(&ingest("visits", Format::Ndjson, lines)).ok();
    let visits = server.rows("SELECT who, pages FROM visits ORDER BY who");
    assert_eq!(visits, r#"[["ann",1],["ben",null],["ben",null]]"#);
    let null = server.ask(&ingest("prices", Format::Csv, "sku,currency\ntea,\n"));
    null.check_problem(400, "invalid_rows", "line 2: column `currency` has no value");
}
