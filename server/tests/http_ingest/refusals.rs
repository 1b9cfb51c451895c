//! What is wrong is said with its code and its place, and leaves nothing behind.

use super::common::Place;
use super::form::{FORMATS, Format, ingest, rows_of};
use super::forms::{all_of, server};
use super::request::Request;
use super::server::Server;

/// A body of one good row.
const TEA: &str = "sku,cents\ntea,350\n";

/// The request is a problem with this status, code and words, and nothing is written.
#[track_caller]
fn check(server: &Server, request: &Request, expect: (u16, &str, &str)) {
    let (status, code, words) = expect;
    server.ask(request).check_problem(status, code, words);
    assert_eq!(server.rows(&all_of("prices")), "[]", "after {request:?}");
}

#[test]
fn what_a_request_may_not_be_has_its_own_code() {
    let place = Place::new();
    let server = server(&place, "");
    server.run("CREATE EVENT TABLE visits (who TEXT)");
    let is_on_record = "SELECT count(*) > 0 FROM annals.audit WHERE action = 'statement'";
    server.wait_for_rows(is_on_record, "[[true]]");
    let csv = |into: &str| ingest(into, Format::Csv, TEA);
    let type_of = |text: &str| csv("prices").header("content-type", text);
    let reserved = "names with `annals.` in front are the database's own";
    let both = "`valid_from` and `system_time` both name `at`";
    for (request, expect) in [
        (csv("price"), (404, "not_found", "no table `price`")),
        (csv("annals.ingests.1"), (404, "not_found", "no table `annals.ingests.1`")),
        (csv("annals.statements"), (400, "invalid_request", reserved)),
        (type_of("text/html"), (415, "unsupported_media_type", "`text/html`")),
        (type_of("application/json"), (415, "unsupported_media_type", "`application/json`")),
        (type_of(""), (415, "unsupported_media_type", "`Content-Type` is ``")),
        (csv("prices").without("content-type"), (415, "unsupported_media_type", "is ``")),
        (
            csv("prices").header("content-encoding", "br"),
            (415, "unsupported_media_type", "`Content-Encoding` is `br`"),
        ),
        (csv("prices?opp=put"), (400, "invalid_request", "unknown field `opp`")),
        (csv("prices?op=upsert"), (400, "invalid_request", "unknown variant `upsert`")),
        (csv("prices?op=put&op=delete"), (400, "invalid_request", "duplicate field `op`")),
        (csv("prices?valid_from=at&system_time=at"), (400, "invalid_rows", both)),
        (csv("prices?valid_from=since"), (400, "invalid_rows", "`valid_from` names `since`")),
        (csv("visits?op=delete"), (400, "invalid_rows", "its rows have no key to delete them by")),
        (csv("prices").header("idempotency-key", ""), (400, "invalid_request", "1 to 255")),
    ] {
        check(&server, &request, expect);
    }
}

#[test]
fn a_wrong_row_is_named_by_its_line_or_number() {
    let place = Place::new();
    let server = server(&place, "");
    let lines = "sku,cents\ntea,350\nmate,many\n";
    for format in FORMATS {
        let body = format.body(&rows_of(lines));
        let place = match format {
            Format::Csv => "line 3: column `cents`: \"many\" is not a BIGINT",
            _ => "2: column `cents`: \"many\" is not a BIGINT",
        };
        check(&server, &ingest("prices", format, body), (400, "invalid_rows", place));
        let body = format.body(&rows_of("sku,price\ntea,350\n"));
        let words = match format {
            Format::Ndjson => "`price`",
            _ => "table `prices` has no column `price`",
        };
        check(&server, &ingest("prices", format, body), (400, "invalid_rows", words));
        let body = format.body(&rows_of("cents\n350\n"));
        check(&server, &ingest("prices", format, body), (400, "invalid_rows", "`sku`"));
    }
    let future = ingest("prices?system_time=at", Format::Csv, "sku,at\ntea,2999-01-01\n");
    check(&server, &future, (400, "invalid_rows", "line 2: the system time 2999-01-01T00:00:00Z"));
    let inverted = "sku,_valid_from,_valid_to\ntea,2024-01-01,2023-01-01\n";
    let inverted = ingest("prices", Format::Csv, inverted);
    check(&server, &inverted, (400, "invalid_rows", "line 2: inverted period of valid time"));
}

#[test]
fn a_body_of_another_format_is_not_taken_for_rows() {
    let place = Place::new();
    let server = server(&place, "");
    for said in FORMATS {
        for sent in FORMATS.into_iter().filter(|sent| *sent != said) {
            let body = sent.body(&rows_of(TEA));
            check(&server, &ingest("prices", said, body), (400, "invalid_rows", ""));
        }
        for encoding in ["gzip", "zstd"] {
            let plain = ingest("prices", said, said.body(&rows_of(TEA)));
            let plain = plain.header("content-encoding", encoding);
            check(&server, &plain, (400, "invalid_rows", "the body is not as its encoding says"));
        }
    }
}

#[test]
fn rows_of_a_partition_that_has_left_are_refused() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server
        .run("CREATE TABLE prices (sku TEXT, cents BIGINT, PRIMARY KEY (sku)) PARTITION BY MONTH");
    let row =
        |from: &str, to: &str| format!("sku,cents,_valid_from,_valid_to\ntea,1,{from},{to}\n");
    let january = ingest("prices", Format::Csv, row("2020-01-01", "2020-01-20"));
    server.ask(&january).ok();
    server.ask(&Request::new("POST", "/v1/tables/prices/partitions/2020-01/detach")).ok();
    server.ask(&january).check_problem(409, "partition_sealed", "2020-01");
    let march = ingest("prices", Format::Csv, row("2020-03-01", "2020-03-20"));
    server.ask(&march).ok();
}
