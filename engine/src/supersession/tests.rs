//! `docs/format/supersessions.md` says what the code does.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::disk::{Disk, MemoryDisk};
use crate::document::check_hex;
use crate::segment::SegmentId;
use crate::time::{SystemTime, ValidTime};

const DOCUMENT: &str = include_str!("../../../docs/format/supersessions.md");

#[test]
fn the_file_of_the_document_is_what_is_written() {
    let disk = MemoryDisk::new();
    let shared: Arc<dyn Disk> = disk.clone().into();
    let at = SystemTime::parse("2024-02-05").unwrap().micros();
    let from = ValidTime::parse("2024-03-01").unwrap().micros();
    let cuts =
        vec![(7, Cut { at, from, to: i64::MAX }), (7, Cut { at: at + 10, from: at - 3, to: at })];
    let dir = Path::new("supersessions");
    let meta =
        write_supersessions(&shared, dir, (11, 2), &[(SegmentId(3), cuts.clone())], 1).unwrap();
    let bytes = disk.read_all(&dir.join("0000000011.supersessions")).unwrap();
    check_hex(DOCUMENT, 0, &bytes);
    assert_eq!((meta.bytes, meta.sections[0].offset), (bytes.len() as u64, 32));
    let mut found = Vec::new();
    SupersessionFile::new(shared, dir, meta).read(SegmentId(3), 8, &mut found).unwrap();
    assert_eq!(found, cuts);
}
