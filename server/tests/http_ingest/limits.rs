//! What is too large is refused before it takes the memory: as it comes, as it is unpacked, and as one transaction.

use super::common::Place;
use super::form::{ENCODINGS, Encoding, FORMATS, Format, ingest};
use super::forms::{all_of, prices, server};
use super::server::Server;

/// How much the server takes here.
const BODY_BYTES_MAX: usize = 65_536;

fn limited(place: &Place) -> Server {
    server(place, &format!("--body-bytes-max {BODY_BYTES_MAX}"))
}

/// A body of CSV with one row and blank lines, of so many bytes.
fn csv_of(byte_count: usize) -> Vec<u8> {
    let mut body = b"sku\ntea\n".to_vec();
    body.resize(byte_count, b'\n');
    body
}

#[test]
fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
    let place = Place::new();
    let server = limited(&place);
    let words = format!("the body has more than {BODY_BYTES_MAX} bytes");
    for encoding in ENCODINGS {
        let request = |byte_count: usize| {
            let request = ingest("prices", Format::Csv, encoding.encode(&csv_of(byte_count)));
            match encoding {
                Encoding::Identity => request,
                encoding => request.header("content-encoding", encoding.name()),
            }
        };
        for (exactly, more) in [
            (request(BODY_BYTES_MAX).bytes(), request(BODY_BYTES_MAX + 1).bytes()),
            (request(BODY_BYTES_MAX).chunked(), request(BODY_BYTES_MAX + 1).chunked()),
        ] {
            let to = request(0);
            let mut connection = server.connect();
            connection.send(more).unwrap();
            let reply = connection.reply(&to).unwrap();
            reply.check_problem(413, "body_too_large", &words);
            let mut connection = server.connect();
            connection.send(exactly).unwrap();
            connection.reply(&to).unwrap().ok();
        }
    }
}

#[test]
fn a_small_body_that_unpacks_to_a_large_one_is_refused() {
    let place = Place::new();
    let server = limited(&place);
    for format in [Format::Csv, Format::Ndjson, Format::Parquet] {
        let mut plain = format.body(&prices());
        plain.resize(6 << 20, b'\n');
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let bomb = encoding.encode(&plain);
            assert!(bomb.len() < BODY_BYTES_MAX, "{encoding:?}: {} bytes", bomb.len());
            let request = ingest("prices", format, bomb);
            let request = request.header("content-encoding", encoding.name());
            let words = format!("the body has more than {BODY_BYTES_MAX} bytes after decoding");
            server.ask(&request).check_problem(413, "body_too_large", &words);
        }
    }
    assert_eq!(server.rows(&all_of("prices")), "[]");
}

#[test]
fn a_transaction_larger_than_one_may_be_is_refused_whole() {
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run("CREATE TABLE texts (id TEXT, text TEXT, PRIMARY KEY (id))");
    // A megabyte in each row, which packs to almost nothing; a transaction takes 256 MiB.
    let text = "x".repeat(1 << 20);
    let lines = (0..300).map(|id| format!("{id},{text}\n"));
    let body = "id,text\n".to_owned() + &lines.collect::<String>();
    let packed = Encoding::Zstd.encode(body.as_bytes());
    let request = ingest("texts", Format::Csv, packed).header("content-encoding", "zstd");
    let reply = server.ask(&request);
    reply.check_problem(413, "transaction_too_large", "");
    assert_eq!(server.rows("SELECT count(*) FROM texts FOR ALL VALID_TIME"), "[[0]]");
    // The memory is free again.
    for format in FORMATS {
        let rows = super::form::rows_of("id,text\n1,one\n");
        server.ask(&ingest("texts", format, format.body(&rows))).ok();
    }
}
