//! A body that does not come whole leaves nothing behind, wherever it was cut and whatever it is.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::client::PATIENCE;
use super::common::Place;
use super::form::{ENCODINGS, Encoding, FORMATS, Format, ingest};
use super::forms::{all_of, prices, server};
use super::request::Request;
use super::server::Server;

/// How many ingests are on record that ended so.
fn wait_for_outcomes(server: &Server, outcome: &str, count: usize) {
    let asked = "SELECT count(*) FROM annals.audit WHERE statement LIKE 'INGEST %' AND outcome";
    server.wait_for_rows(&format!("{asked} = '{outcome}'"), &format!("[[{count}]]"));
}

/// What a client of today sends, in both framings, without its last bytes.
fn cut_off(request: &Request, byte_count: usize) -> [Vec<u8>; 2] {
    [request.bytes(), request.chunked()].map(|mut bytes| {
        bytes.truncate(bytes.len() - byte_count);
        bytes
    })
}

#[test]
fn a_client_that_goes_away_in_the_middle_writes_nothing() {
    let place = Place::new();
    let server = server(&place, "");
    let mut gone_count = 0;
    for format in FORMATS {
        let request = ingest("prices", format, format.body(&prices()));
        // One byte from the end the rows may all be there, but not the end that says so.
        for byte_count in [1, 5, 40] {
            for bytes in cut_off(&request, byte_count) {
                let mut connection = server.connect();
                connection.send(bytes).unwrap();
                drop(connection);
                gone_count += 1;
            }
        }
    }
    wait_for_outcomes(&server, "cancelled", gone_count);
    server.wait_for_metric("annals_running", |count| count == 0);
    assert_eq!(server.rows(&all_of("prices")), "[]");
    // Nor does it take anything with it.
    server.ask(&ingest("prices", Format::Arrow, Format::Arrow.body(&prices()))).ok();
}

#[test]
fn a_client_that_stops_sending_but_listens_is_not_told_that_it_went_well() {
    let place = Place::new();
    let server = server(&place, "");
    for format in FORMATS {
        let request = ingest("prices", format, format.body(&prices()));
        for bytes in cut_off(&request, 1) {
            let mut stream = TcpStream::connect(server.at).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(&bytes).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let is_told = answer.is_empty() || answer.starts_with("HTTP/1.1 400 ");
            assert!(is_told, "{format:?}: {answer}");
        }
    }
    wait_for_outcomes(&server, "cancelled", 8);
    assert_eq!(server.rows(&all_of("prices")), "[]");
}

#[test]
fn a_body_that_ends_too_early_in_its_own_form_is_refused() {
    let place = Place::new();
    let server = server(&place, "");
    let mut connection = server.connect();
    for format in FORMATS {
        for encoding in ENCODINGS {
            // Text has no end of its own.
            let is_text = matches!(format, Format::Csv | Format::Ndjson);
            if is_text && encoding == Encoding::Identity {
                continue;
            }
            let whole = encoding.encode(&format.body(&prices()));
            // Without the last 8 bytes, its marker of the end, a stream of Arrow is whole.
            for length in [whole.len() - 9, whole.len() / 2, 3] {
                let request = ingest("prices", format, &whole[..length]);
                let request = match encoding {
                    Encoding::Identity => request,
                    encoding => request.header("content-encoding", encoding.name()),
                };
                for bytes in [request.bytes(), request.chunked()] {
                    connection.send(bytes).unwrap();
                    let reply = connection.reply(&request).unwrap();
                    reply.check_problem(400, "invalid_rows", "");
                }
            }
        }
    }
    assert_eq!(server.rows(&all_of("prices")), "[]");
}

#[test]
fn what_is_no_framing_of_a_body_is_no_body() {
    let place = Place::new();
    let server = server(&place, "");
    let request = ingest("prices", Format::Csv, "");
    for (framing, body) in [
        ("transfer-encoding: chunked\r\n", "zz\r\nsku\ntea\n\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked\r\n", "8\r\nsku\ntea\nmore\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked\r\n", "ffffffffffffffffff\r\nsku\ntea\n\r\n0\r\n\r\n"),
        ("content-length: -1\r\n", "sku\ntea\n"),
        ("content-length: 8\r\ncontent-length: 4\r\n", "sku\ntea\n"),
        ("transfer-encoding: chunked, identity\r\n", "8\r\nsku\ntea\n\r\n0\r\n\r\n"),
    ] {
        let mut connection = server.connect();
        connection.send(request.head(framing) + body).unwrap();
        let reply = connection.reply(&request);
        let is_refused = reply.as_ref().map_or(true, |reply| reply.status() == 400);
        assert!(is_refused, "{framing:?} {body:?}: {reply:?}");
    }
    assert_eq!(server.rows(&all_of("prices")), "[]");
}
