//! `docs/format/segment.md` says what the code does.

use super::*;
use crate::segment::index_file::{DIRECTORY_ENTRY_BYTES, FORMAT_VERSION, HEADER_BYTES, MAGIC};

/// The table of `docs/format/segment.md` that names the constants holds this line.
fn check(name: &str, value: impl std::fmt::Display) {
    let document = include_str!("../../../../docs/format/segment.md");
    let line = format!("| {name} | {value} |");
    assert!(document.contains(&line), "docs/format/segment.md lacks `{line}`");
}

#[test]
fn the_document_names_the_constants_of_the_code() {
    check("rows of a block", BLOCK_ROWS);
    check("most rows of a row group", ROW_GROUP_ROWS);
    check("bytes of pages that end a row group", ROW_GROUP_BYTES);
    check("bytes of a checksummed piece of the Parquet file", CHECKSUM_BYTES);
    check("magic of the index file", std::str::from_utf8(&MAGIC).unwrap());
    check("format version", FORMAT_VERSION);
    check("bytes of the header", HEADER_BYTES);
    check("bytes of a directory entry", DIRECTORY_ENTRY_BYTES);
    check("bytes of a block in the zone map, without columns", crate::index::zone_row_bytes(0));
    let column = crate::index::zone_row_bytes(1) - crate::index::zone_row_bytes(0);
    check("bytes of a column in the zone map", column);
    check("most bytes of a key page", crate::index::PAGE_BYTES_MAX);
    check("bits of a fragment", crate::index::FRAGMENT_BITS);
}
