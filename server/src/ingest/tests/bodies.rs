//! A body is read as what it is, whole: in every format and encoding, and not at all if it breaks off or is too large.

use std::io;

use annals_engine::ErrorKind;
use annals_engine::arrow::array::{DictionaryArray, StringViewArray};
use annals_engine::arrow::datatypes::Int8Type;
use annals_engine::arrow::ipc::CompressionType;
use annals_engine::arrow::ipc::writer::IpcWriteOptions;

use super::*;

#[test]
fn the_same_rows_in_every_format_and_encoding_are_the_same_table() {
    for format in FORMATS {
        for encoding in ENCODINGS {
            let place = Place::new();
            let request = Ingest { encoding, ..puts(format) };
            let ingested = place.ingest(&request, encode(encoding, &body(format))).unwrap();
            assert_eq!((ingested.row_count, ingested.transaction_count), (2, 1));
            assert_eq!(ingested.system_time, place.last_change("prices"), "{request:?}");
            place.check_prices(&VERSIONS);
            place.reopened().check_prices(&VERSIONS);
        }
    }
}

#[test]
fn compressed_bodies_may_have_several_parts() {
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let place = Place::new();
        let (first, second) = CSV.split_at(50);
        let parts = [first, second].map(|part| encode(encoding, part.as_bytes()));
        place.ingest(&Ingest { encoding, ..puts(Format::Csv) }, parts.concat()).unwrap();
        place.check_prices(&VERSIONS);
    }
}

/// Fails when its bytes are read, or ends there.
struct BreaksOff(Cursor<Vec<u8>>, Option<io::ErrorKind>);

impl Read for BreaksOff {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.0.read(buffer)?, self.1) {
            (0, Some(kind)) => Err(io::Error::new(kind, "the client went away")),
            (count, _) => Ok(count),
        }
    }
}

#[test]
fn a_body_whose_reader_fails_at_any_byte_writes_nothing_and_says_so() {
    let place = Place::new();
    for format in FORMATS {
        for encoding in ENCODINGS {
            let bytes = encode(encoding, &body(format));
            for length in 0..=bytes.len() {
                for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe] {
                    let bytes = Cursor::new(bytes[..length].to_vec());
                    let request = Ingest { encoding, ..puts(format) };
                    let reader = Box::new(BreaksOff(bytes, Some(kind)));
                    match place.ingester.ingest(request, reader) {
                        Err(Failure::Body(sentence, error)) => {
                            assert_eq!(error.kind(), kind);
                            assert_eq!(
                                sentence,
                                "the body could not be read to its end: the client went away"
                            );
                        }
                        other => panic!("{format:?} {encoding:?} of {length} bytes: {other:?}"),
                    }
                }
            }
        }
    }
    place.check_prices(&[]);
}

#[test]
fn a_body_that_is_cut_off_is_not_taken_for_a_whole_one() {
    let place = Place::new();
    let schema = StreamWriter::try_new(Vec::new(), &batch().schema()).unwrap();
    let schema_bytes = schema.get_ref().len();
    for format in FORMATS {
        for encoding in ENCODINGS {
            let bytes = encode(encoding, &body(format));
            for length in 0..bytes.len() {
                // Text ends with any line, and a stream of Arrow at the border of any message.
                let may_end = match format {
                    Format::Csv | Format::Ndjson => true,
                    Format::Arrow => [schema_bytes, bytes.len() - 8].contains(&length),
                    Format::Parquet => false,
                };
                if may_end && encoding == Encoding::Identity {
                    continue;
                }
                let request = Ingest { encoding, ..puts(format) };
                let outcome = place.ingest(&request, &bytes[..length]);
                let failure = outcome.expect_err(&format!("{format:?} {encoding:?} {length}"));
                assert_eq!(failure.kind(), Some(Kind::Malformed), "{failure}");
            }
        }
    }
    place.check_prices(&[]);
    // Without the marker at its end a stream is whole all the same.
    let bytes = body(Format::Arrow);
    place.ingest(&puts(Format::Arrow), &bytes[..bytes.len() - 8]).unwrap();
    place.check_prices(&VERSIONS);
}

#[test]
fn bytes_behind_the_end_are_refused() {
    let place = Place::new();
    let mut bytes = body(Format::Arrow);
    bytes.push(0);
    let what = "there are bytes behind the end marker of the Arrow stream";
    check_refused(place.ingest(&puts(Format::Arrow), bytes), Kind::Malformed, what);
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        let mut bytes = encode(encoding, CSV.as_bytes());
        bytes.extend(b"and more");
        let request = Ingest { encoding, ..puts(Format::Csv) };
        assert_eq!(place.ingest(&request, bytes).unwrap_err().kind(), Some(Kind::Malformed));
    }
    place.check_prices(&[]);
}

#[test]
fn more_bytes_than_are_taken_are_refused_however_small_they_are_sent() {
    let place = Place::new();
    let what = "the body has more than 65536 bytes after decoding";
    for format in FORMATS {
        let mut bomb = body(format);
        bomb.resize(100 << 20, b'\n');
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let request = Ingest { encoding, decoded_bytes_max: 65_536, ..puts(format) };
            let outcome = place.ingest(&request, encode(encoding, &bomb));
            match format {
                // It is known to be wrong before it is known to be too large.
                Format::Arrow => assert!(outcome.is_err()),
                _ => check_refused(outcome, Kind::TooLarge, what),
            }
        }
    }
    let exactly = Ingest { decoded_bytes_max: CSV.len() as u64, ..puts(Format::Csv) };
    let less = Ingest { decoded_bytes_max: CSV.len() as u64 - 1, ..puts(Format::Csv) };
    assert_eq!(place.ingest(&less, CSV).unwrap_err().kind(), Some(Kind::TooLarge));
    place.check_prices(&[]);
    place.ingest(&exactly, CSV).unwrap();
    place.check_prices(&VERSIONS);
}

#[test]
fn a_body_in_another_format_or_encoding_is_refused() {
    let place = Place::new();
    for said in FORMATS {
        for sent in FORMATS.into_iter().filter(|sent| *sent != said) {
            assert!(place.ingest(&puts(said), body(sent)).is_err(), "{sent:?} as {said:?}");
        }
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            let request = Ingest { encoding, ..puts(said) };
            let failure = place.ingest(&request, body(said)).unwrap_err();
            assert_eq!(failure.kind(), Some(Kind::Malformed), "{failure}");
            assert!(place.ingest(&puts(said), encode(encoding, &body(said))).is_err());
        }
    }
    place.check_prices(&[]);
}

#[test]
fn a_body_without_rows_writes_nothing() {
    let place = Place::new();
    let none = batch().slice(0, 0);
    let bodies = [
        (Format::Csv, b"sku\n".to_vec()),
        (Format::Ndjson, Vec::new()),
        (Format::Parquet, parquet(std::slice::from_ref(&none))),
        (Format::Arrow, arrow(std::slice::from_ref(&none))),
    ];
    for (format, bytes) in bodies {
        let ingested = place.ingest(&keyed(format, "k"), bytes).unwrap();
        let nothing =
            Ingested { row_count: 0, transaction_count: 0, system_time: None, is_replay: false };
        assert_eq!(ingested, nothing);
    }
    let what = "the body is empty; expected a header line";
    check_refused(place.ingest(&puts(Format::Csv), ""), Kind::Engine(ErrorKind::Invalid), what);
    let what = "there is no Arrow stream: no schema";
    check_refused(place.ingest(&puts(Format::Arrow), ""), Kind::Malformed, what);
    assert_eq!(place.last_change("prices"), None);
}

#[test]
fn arrow_that_is_compressed_inside_is_refused_with_what_to_do() {
    let place = Place::new();
    let options = IpcWriteOptions::default();
    let options = options.try_with_compression(Some(CompressionType::ZSTD)).unwrap();
    let batch = batch();
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    let bytes = writer.into_inner().unwrap();
    check_refused(
        place.ingest(&puts(Format::Arrow), bytes),
        Kind::Unsupported,
        "message 2 of the Arrow stream is compressed inside; send it uncompressed, and compress the body if at all",
    );
}

#[test]
fn dictionaries_and_views_are_texts() {
    let skus = DictionaryArray::<Int8Type>::from_iter(["tea", "coffee", "tea"]);
    let currencies =
        StringViewArray::from(vec!["EUR", "a currency of more than twelve bytes", "USD"]);
    let batch = RecordBatch::try_from_iter([
        ("sku", Arc::new(skus) as ArrayRef),
        ("currency", Arc::new(currencies) as ArrayRef),
        ("_valid_from", Arc::new(StringArray::from(vec!["2024-01-01"; 3])) as ArrayRef),
    ])
    .unwrap();
    // Of the second and third put of one key the later holds.
    let expect = [
        "coffee - a currency of more than twelve bytes 2024-01-01T00:00:00Z -",
        "tea - USD 2024-01-01T00:00:00Z -",
    ];
    for (format, bytes) in [
        (Format::Arrow, arrow(std::slice::from_ref(&batch))),
        (Format::Parquet, parquet(std::slice::from_ref(&batch))),
    ] {
        let place = Place::new();
        place.ingest(&puts(format), bytes).unwrap();
        place.check_prices(&expect);
    }
}

#[test]
fn many_rows_of_many_batches_are_one_transaction() {
    let batch = |from: i64| {
        let skus = (from..from + 50_000).map(|sku| Some(format!("{sku:07}")));
        let cents = Int64Array::from_iter_values(from..from + 50_000);
        RecordBatch::try_from_iter([
            ("sku", Arc::new(StringArray::from_iter(skus)) as ArrayRef),
            ("cents", Arc::new(cents) as ArrayRef),
        ])
        .unwrap()
    };
    let batches = [batch(0), batch(50_000)];
    for (format, bytes) in [(Format::Arrow, arrow(&batches)), (Format::Parquet, parquet(&batches))]
    {
        let place = Place::new();
        let request = Ingest { decoded_bytes_max: 1 << 30, ..puts(format) };
        let ingested = place.ingest(&request, bytes).unwrap();
        assert_eq!((ingested.row_count, ingested.transaction_count), (100_000, 1));
        let versions = place.versions("prices", false);
        let number = |sku: i64| format!("{sku:07} {sku} EUR ");
        assert!(versions.iter().zip(0..).all(|(line, sku)| line.starts_with(&number(sku))));
        assert_eq!(versions.len(), 100_000);
    }
}
