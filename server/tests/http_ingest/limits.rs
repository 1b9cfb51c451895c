//! What is too large is refused before it takes the memory: as it comes, as it is unpacked, and as one transaction.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, FixedSizeBinaryArray, StringArray};
use arrow::array::{Int64Array, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding as ParquetEncoding, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

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

/// A Parquet file with so many rows of one value; what it takes is about the value once.
fn repeated(row_count: i64, value: ArrayRef, encoding: Option<ParquetEncoding>) -> Vec<u8> {
    let column = ColumnPath::from("value");
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    let properties = match encoding {
        Some(encoding) => properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, encoding),
        // The dictionary may be as large as its one value.
        None => properties.set_dictionary_page_size_limit(1 << 24),
    };
    let rows = |from: i64| {
        let ids: ArrayRef = Arc::new((from..from + value.len() as i64).collect::<Int64Array>());
        RecordBatch::try_from_iter([("id", ids), ("value", value.clone())]).unwrap()
    };
    let schema = rows(0).schema();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties.build())).unwrap();
    for from in (0..row_count).step_by(value.len()) {
        writer.write(&rows(from)).unwrap();
    }
    writer.into_inner().unwrap()
}

#[test]
fn a_parquet_file_that_names_a_long_value_often_takes_no_memory_for_each() {
    const ROW_COUNT: i64 = 10_000;
    const PEAK_KIB_MAX: u64 = 900 << 10;
    let place = Place::new();
    let server = Server::start(&place, "");
    server.run("CREATE TABLE texts (id BIGINT, value TEXT, PRIMARY KEY (id))");
    server.run("CREATE TABLE bytes (id BIGINT, value BYTEA, PRIMARY KEY (id))");
    let text = "x".repeat(1 << 20);
    let texts: ArrayRef = Arc::new(StringArray::from(vec![text.as_str(); 10]));
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![text.as_bytes(); 10]));
    let fixed = std::iter::repeat_n(text.as_bytes(), 10);
    let fixed: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(fixed).unwrap());
    let prefixed = Some(ParquetEncoding::DELTA_BYTE_ARRAY);
    for (table, value, encoding) in [
        ("texts", &texts, None),
        ("bytes", &bytes, None),
        ("bytes", &fixed, None),
        ("texts", &texts, prefixed),
        ("bytes", &bytes, prefixed),
    ] {
        let body = repeated(ROW_COUNT, value.clone(), encoding);
        assert!(body.len() < 4 << 20, "{table}, {encoding:?}: {} bytes", body.len());
        let reply = server.ask(&ingest(table, Format::Parquet, body));
        reply.check_problem(413, "transaction_too_large", "");
        let peak_kib = server.peak_kib();
        assert!(peak_kib < PEAK_KIB_MAX, "{table}, {encoding:?}: {peak_kib} KiB");
        // What a transaction can hold is taken, whatever it is written as.
        let few = repeated(20, value.clone(), encoding);
        server.ask(&ingest(table, Format::Parquet, few)).ok();
        let sql = format!("SELECT count(*), min(length(value)) FROM {table}");
        if table == "texts" {
            assert_eq!(server.rows(&sql), "[[20,1048576]]");
        }
        server.run(&format!("DELETE FROM {table}"));
    }
}
