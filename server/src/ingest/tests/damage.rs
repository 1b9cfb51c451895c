//! Damaged bodies end in an error, or in rows: never in a panic that gets out, nor in half of a transaction.

use super::*;

/// Every byte of a body, changed in several ways.
fn check_each_byte(format: Format) {
    let place = Place::new();
    let whole = body(format);
    for at in 0..whole.len() {
        for byte in [!whole[at], 0, 0x7f, 0xff, whole[at] ^ 1, whole[at] ^ 0x80] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            let before = place.last_change("prices");
            let after = match place.ingest(&puts(format), bytes) {
                Ok(ingested) => ingested.system_time.or(before),
                Err(_) => before,
            };
            assert_eq!(place.last_change("prices"), after, "{format:?}, {byte} at {at}");
        }
    }
}

#[test]
fn no_changed_byte_of_an_arrow_stream_does_harm() {
    check_each_byte(Format::Arrow);
}

#[test]
fn no_changed_byte_of_a_parquet_file_does_harm() {
    check_each_byte(Format::Parquet);
}
