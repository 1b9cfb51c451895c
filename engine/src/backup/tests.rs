//! `docs/format/backup.md` says what the code does.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::folder::{MARKER_FILE, MARKER_MAGIC, POINT_MAGIC, POINTS_DIR};
use super::point::Point;
use super::record::{RECORD, UNFINISHED};
use super::{Folder, Origin};
use crate::disk::{Disk, MemoryDisk};
use crate::document::{check_hex, check_sentences, first_column, json_blocks};
use crate::error::ErrorKind;
use crate::manifest::ManifestState;

const DOCUMENT: &str = include_str!("../../../docs/format/backup.md");

const ORIGIN: Origin =
    Origin { database_id: 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff, branch: None };

/// A folder with one point of an empty database.
fn example() -> (MemoryDisk, Folder) {
    let disk = MemoryDisk::new();
    let shared: Arc<dyn Disk> = disk.clone().into();
    let (folder, _lock) = Folder::prepare(&shared, Path::new("/b"), ORIGIN).unwrap();
    folder.write_point(&point()).unwrap();
    (disk, folder)
}

fn point() -> Point {
    let state =
        ManifestState { database_id: ORIGIN.database_id, wal_file: 7, ..Default::default() };
    Point::new(1, 1_717_200_000_000_000, &state)
}

#[test]
fn the_files_of_the_document_are_what_is_written() {
    let (disk, folder) = example();
    let path = folder.point_path(1);
    check_hex(DOCUMENT, 0, &disk.read_all(&Path::new("/b").join(MARKER_FILE)).unwrap());
    check_hex(DOCUMENT, 1, &disk.read_all(&path).unwrap());
    check_sentences(
        DOCUMENT,
        &[
            format!("the magic `{}`", MARKER_MAGIC.escape_ascii()),
            format!("the magic `{}`", POINT_MAGIC.escape_ascii()),
            format!("| {} | the record", RECORD.0),
            format!("{MARKER_FILE}  "),
            format!("{POINTS_DIR}/0000000001.point  "),
            format!("with `{UNFINISHED}` behind its name"),
            format!("the record, `{}`", serde_json::to_string(&point()).unwrap()),
        ],
    );
}

#[test]
fn the_document_names_every_field_and_no_other() {
    let stored = serde_json::to_value(point()).unwrap();
    let mut names: Vec<&str> = stored.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let mut documented = first_column(DOCUMENT, "## A point");
    documented.sort_unstable();
    assert_eq!(documented, names);
    let marker: Value = serde_json::from_str(json_blocks(DOCUMENT)[0]).unwrap();
    let names: Vec<&str> = marker.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(first_column(DOCUMENT, "## The marker"), names);
}

#[test]
fn what_was_written_comes_back_and_every_flipped_bit_is_found() {
    let (disk, folder) = example();
    assert_eq!(folder.point(1).unwrap().0, point());
    let shared: Arc<dyn Disk> = disk.clone().into();
    let marker = Path::new("/b").join(MARKER_FILE);
    for path in [folder.point_path(1), marker] {
        for bit in 0..disk.read_all(&path).unwrap().len() as u64 * 8 {
            disk.flip_bit(&path, bit).unwrap();
            let found = Folder::existing(&shared, Path::new("/b"));
            let error = found.and_then(|folder| folder.point(1)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "bit {bit} of {path:?}: {error}");
            disk.flip_bit(&path, bit).unwrap();
        }
    }
}

#[test]
fn a_point_of_another_number_or_of_a_newer_build_is_refused() {
    let (disk, folder) = example();
    let shared: Arc<dyn Disk> = disk.into();
    shared.rename(&folder.point_path(1), &folder.point_path(2)).unwrap();
    assert_eq!(folder.point(2).unwrap_err().kind(), ErrorKind::Corrupt);
    let mut newer = serde_json::to_value(point()).unwrap();
    for place in ["", "/state"] {
        newer.pointer_mut(place).unwrap()["colour"] = 1.into();
        let identity = crate::journal::Identity {
            magic: POINT_MAGIC,
            database_id: ORIGIN.database_id,
            number: 1,
        };
        let payload = serde_json::to_vec(&newer).unwrap();
        let path = folder.point_path(1);
        super::record::write_record(shared.as_ref(), &path, &identity, &payload).unwrap();
        assert_eq!(folder.point(1).unwrap_err().kind(), ErrorKind::Unavailable);
    }
}

#[test]
fn a_restored_database_is_another_origin() {
    let disk: Arc<dyn Disk> = MemoryDisk::new().into();
    let restored = Origin { branch: Some(5), ..ORIGIN };
    drop(Folder::prepare(&disk, Path::new("/b"), restored).unwrap());
    let folder = Folder::existing(&disk, Path::new("/b")).unwrap();
    folder.check_origin(restored).unwrap();
    for other in [ORIGIN, Origin { branch: Some(6), ..ORIGIN }] {
        assert_eq!(folder.check_origin(other).unwrap_err().kind(), ErrorKind::Invalid);
    }
}
