//! No damaged byte is silent: an error that names the file, or the exact answer.

use super::*;
use crate::error::{Error, ErrorKind};

fn small() -> SegmentRows {
    rows(60, 20, 11)
}

/// Everything a reader can ask of a segment.
fn read_all(segment: &Segment) -> Result<String, Error> {
    let columns: Vec<usize> = (0..schema().columns.len()).collect();
    let mut hashes = small().key_hashes;
    hashes.sort_unstable();
    let mut rows = Vec::new();
    for section in [Section::Open, Section::Closed] {
        segment.for_each_match(section, &hashes, &mut |at, row| rows.push((at, row)))?;
    }
    let (zones, periods) = (segment.zones()?, segment.periods(0)?);
    let arrays = segment.stored_columns(&[0], &columns)?;
    Ok(format!("{rows:?} {zones:?} {periods:?} {arrays:?}"))
}

/// The damage is reported with the name of the file, and reading fails likewise or gives the exact
/// answer.
fn check(disk: &MemoryDisk, meta: &SegmentMeta, damaged: &Path, exact: &str, what: &str) {
    let segment = open(disk, meta);
    let damaged = damaged.display().to_string();
    let faults = faults(&segment);
    assert!(!faults.is_empty(), "{what}: nothing was reported");
    for fault in faults {
        assert_eq!(fault.file(), Some(damaged.as_str()), "{what}: {fault}");
    }
    match read_all(&segment) {
        Ok(answer) => assert!(answer == exact, "{what}: a wrong answer"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}"),
    }
}

#[test]
fn every_flipped_bit_of_both_files_is_reported() {
    let disk = disk();
    let meta = write(&disk, 1, &small(), 60);
    let segment = open(&disk, &meta);
    let exact = read_all(&segment).unwrap();
    for path in segment.file_paths() {
        for bit in 0..disk.read_all(&path).unwrap().len() as u64 * 8 {
            disk.flip_bit(&path, bit).unwrap();
            check(&disk, &meta, &path, &exact, &format!("bit {bit} of {}", path.display()));
            disk.flip_bit(&path, bit).unwrap();
        }
    }
}

#[test]
fn truncated_and_lengthened_files_are_reported() {
    let disk = disk();
    let meta = write(&disk, 1, &small(), 60);
    let segment = open(&disk, &meta);
    let exact = read_all(&segment).unwrap();
    for path in segment.file_paths() {
        let whole = disk.read_all(&path).unwrap();
        for length in (0..whole.len()).step_by(13) {
            disk.damage(&path, |bytes| bytes.truncate(length)).unwrap();
            check(&disk, &meta, &path, &exact, &format!("cut to {length}"));
            disk.damage(&path, |bytes| *bytes = whole.clone()).unwrap();
        }
        disk.damage(&path, |bytes| bytes.push(0)).unwrap();
        check(&disk, &meta, &path, &exact, "one byte more");
        disk.damage(&path, |bytes| *bytes = whole.clone()).unwrap();
    }
}

#[test]
fn another_segments_files_and_stale_ones_are_reported() {
    let disk = disk();
    let meta = write(&disk, 1, &small(), 60);
    let segment = open(&disk, &meta);
    let exact = read_all(&segment).unwrap();
    // The same rows under another number, and other rows under the same number in another database.
    let other = open(&disk, &write(&disk, 2, &small(), 60));
    let elsewhere = self::disk();
    let stale = open(&elsewhere, &write(&elsewhere, 1, &rows(60, 20, 12), 60));
    for (nth, path) in segment.file_paths().iter().enumerate() {
        let whole = disk.read_all(path).unwrap();
        for (from, name) in
            [(&disk, &other.file_paths()[nth]), (&elsewhere, &stale.file_paths()[nth])]
        {
            let foreign = from.read_all(name).unwrap();
            if foreign == whole {
                // The same rows make the same Parquet file, whatever the segment's number.
                assert_eq!(nth, 0);
                continue;
            }
            disk.damage(path, |bytes| *bytes = foreign).unwrap();
            check(&disk, &meta, path, &exact, "foreign bytes");
            disk.damage(path, |bytes| *bytes = whole.clone()).unwrap();
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    for nth in 0..2 {
        let disk = disk();
        let meta = write(&disk, 1, &small(), 60);
        let segment = open(&disk, &meta);
        disk.remove(&segment.file_paths()[nth]).unwrap();
        assert!(segment.zones().is_err());
        let mut count = 0;
        assert!(segment.verify(&mut |_| count += 1).is_err() || count > 0);
    }
}

#[test]
fn a_write_that_fails_leaves_no_segment() {
    let counting = disk();
    let before = counting.call_count();
    write(&counting, 1, &small(), 60);
    let calls = counting.call_count() - before;
    for nth in 0..calls {
        let disk = disk();
        disk.fail_at(disk.call_count() + nth + 1, crate::disk::FaultKind::Io);
        let shared = Arc::new(disk.clone());
        let id = SegmentId(1);
        let written = SegmentWriter::create(shared, Path::new(DIR), id, &schema(), partition())
            .and_then(|mut writer| writer.write(small()).map(|()| writer))
            .and_then(SegmentWriter::finish);
        assert!(written.is_err(), "call {nth}");
        assert_eq!(disk.files().len(), 0, "call {nth}");
    }
}
