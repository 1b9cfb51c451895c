//! `docs/format/manifest.md` says what the code does.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::bitmap::{BitmapMeta, IndexId};
use crate::codec::Secret;
use crate::disk::{Disk, MemoryDisk};
use crate::document::{check_hex, check_sentences, first_column, json_blocks};
use crate::error::ErrorKind;
use crate::journal::{Identity, Writer};
use crate::partition::{Partition, PartitionState};
use crate::schema::{Column, DataType, TableChange, TableSpec};
use crate::segment::{SegmentId, SegmentMeta, Zone};
use crate::supersession::SupersessionMeta;

const DOCUMENT: &str = include_str!("../../../docs/format/manifest.md");

/// An edit in which every field is there.
fn full_edit() -> Edit {
    let any = (i64::MIN, i64::MAX);
    let zone = Zone {
        valid_from: any,
        valid_to: any,
        system_from: any,
        system_to: any,
        start: any,
        end: any,
    };
    let decimal = DataType::Decimal { precision: 10, scale: 2 };
    let spec = TableSpec::keyed("t", ["sum"]).column(Column::new("sum", decimal).with_default(7));
    let renamed = TableChange::RenameColumn { from: "sum".to_owned(), to: "amount".to_owned() };
    let schema = spec.resolve(1).unwrap().changed(&renamed).unwrap().unwrap();
    let segment = SegmentMeta {
        id: SegmentId(1),
        table: 1,
        schema_version: 1,
        partition: Partition::CURRENT,
        row_count: 1,
        open_count: 1,
        data_bytes: 1,
        decoded_bytes: 1,
        index_bytes: 1,
        index_checksum: 1,
        zone,
        open_zone: Some(zone),
        closed_zone: None,
    };
    let section = r#"{"segment":1,"offset":32,"bytes":4,"cut_count":0}"#;
    Edit {
        database_id: Some(format!("{:032x}", 7)),
        tables: vec![schema],
        segments_added: vec![segment.clone()],
        segments_removed: vec![SegmentId(2)],
        supersessions_added: vec![SupersessionMeta {
            id: 3,
            table: 1,
            bytes: 36,
            sections: vec![serde_json::from_str(section).unwrap()],
        }],
        indexes_dropped: vec![IndexId(4)],
        indexes_added: vec![IndexEntry {
            id: IndexId(5),
            name: "by_amount".to_owned(),
            table: 1,
            column: 1,
            created_us: 1,
        }],
        bitmaps_added: vec![BitmapMeta {
            segment: SegmentId(1),
            index: IndexId(5),
            bytes: 80,
            fixed_bytes: 60,
            checksum: 1,
        }],
        progress: vec![TableProgress { table: 1, last_system_us: 1, next_event_id: 1 }],
        wal_file: Some(1),
        wal_file_newest: Some(1),
        wal_frame_count: Some(1),
        commit_number: Some(1),
        next_file_id: Some(1),
        answered_us: Some(1),
        erasure_secret: Some(Secret::of([7; 32])),
        erasures: vec![ErasureEntry {
            number: 1,
            table: 1,
            erased_us: 1,
            by: "somebody".to_owned(),
            reason: Some("asked to".to_owned()),
            file_count: 1,
            keys: vec![ErasedKeyEntry {
                hash: Secret::of([7; 32]).hash(b"key"),
                row_count: 1,
                file_count: 1,
            }],
            unreached: vec!["partition 2024-01, detached to x".to_owned()],
        }],
        branch: Some(format!("{:032x}", 8)),
        backups_added: vec!["/backups".to_owned()],
        backups_removed: vec!["/older".to_owned()],
        ..full_life(segment, zone)
    }
}

/// What an edit says of partitions that leave and come back, of retention and of holds.
fn full_life(segment: SegmentMeta, zone: Zone) -> Edit {
    let partition = Partition::parse("2024-01").unwrap();
    let policy = RetentionPolicy {
        keep: "7 years".to_owned(),
        action: RetentionAction::Archive("x".to_owned()),
    };
    Edit {
        partitions_sealed: vec![SealedEntry {
            table: 1,
            partition,
            state: PartitionState::Detached,
            sealed_us: 1,
            row_count: 1,
            bytes: 1,
            zone,
            location: Some("x".to_owned()),
            checksum: Some(1),
            segments: vec![segment],
            erasure: 0,
        }],
        partitions_attached: vec![PartitionId { table: 1, partition }],
        retentions: vec![RetentionEntry { table: 1, policy: Some(policy) }],
        holds_placed: vec![HoldEntry {
            table: 1,
            name: "case 17".to_owned(),
            placed_us: 1,
            by: "somebody".to_owned(),
            condition: vec![HeldKey { key: 0, values: vec!["7".to_owned()] }],
        }],
        holds_released: vec![HoldId { table: 1, name: "case 17".to_owned() }],
        audit: vec![AuditEntry {
            number: 1,
            at_us: 1,
            by: "somebody".to_owned(),
            action: "detach partition".to_owned(),
            table: "t".to_owned(),
            object: "2024-01".to_owned(),
            detail: "1 rows".to_owned(),
        }],
        ..Edit::default()
    }
}

/// The names in an object, as they are stored and as the document's table below `heading` has them.
fn check_names(heading: &str, object: &Value) {
    let mut documented = first_column(DOCUMENT, heading);
    let mut stored: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    documented.sort_unstable();
    stored.sort_unstable();
    assert_eq!(documented, stored, "{heading}");
}

#[test]
fn the_document_names_every_field_and_no_other() {
    let edit = serde_json::to_value(full_edit()).unwrap();
    check_names("## Edits", &edit);
    check_names("### A table entry", &edit["tables"][0]);
    check_names("### A segment entry", &edit["segments_added"][0]);
    check_names("### A supersession entry", &edit["supersessions_added"][0]);
    check_names("### An index entry", &edit["indexes_added"][0]);
    check_names("### A bitmap entry", &edit["bitmaps_added"][0]);
    check_names("### A progress entry", &edit["progress"][0]);
    check_names("### An erasure entry", &edit["erasures"][0]);
    check_names("### An erased key", &edit["erasures"][0]["keys"][0]);
    check_names("### A sealed partition entry", &edit["partitions_sealed"][0]);
    check_names("### A partition name", &edit["partitions_attached"][0]);
    check_names("### A retention entry", &edit["retentions"][0]);
    check_names("### A hold entry", &edit["holds_placed"][0]);
    check_names("### A hold name", &edit["holds_released"][0]);
    check_names("### An audit entry", &edit["audit"][0]);
    let column = &edit["tables"][0]["columns"][0];
    assert_eq!(column["data_type"].to_string(), r#"{"decimal":{"precision":10,"scale":2}}"#);
    assert_eq!(column["default"], "7");
    check_names("### A column entry", column);
    assert_eq!(serde_json::to_string(&Edit::default()).unwrap(), "{}");
}

#[test]
fn the_edits_of_the_document_are_edits() {
    let blocks = json_blocks(DOCUMENT);
    assert_eq!(blocks.len(), 4);
    for block in blocks {
        let edit: Edit = serde_json::from_str(block).unwrap();
        let block: Value = serde_json::from_str(block).unwrap();
        assert_eq!(serde_json::to_value(edit).unwrap(), block);
    }
}

#[test]
fn a_field_of_a_newer_build_is_refused_wherever_it_stands() {
    let edit = serde_json::to_value(full_edit()).unwrap();
    let places = [
        "",
        "/tables/0",
        "/tables/0/columns/0",
        "/segments_added/0",
        "/segments_added/0/partition",
        "/segments_added/0/zone",
        "/supersessions_added/0",
        "/supersessions_added/0/sections/0",
        "/indexes_added/0",
        "/bitmaps_added/0",
        "/progress/0",
        "/erasures/0",
        "/erasures/0/keys/0",
    ];
    for place in places {
        let mut newer = edit.clone();
        newer.pointer_mut(place).unwrap()["colour"] = 1.into();
        assert!(serde_json::from_value::<Edit>(newer).is_err(), "{place}");
    }
    let disk = MemoryDisk::new();
    let shared: Arc<dyn Disk> = disk.into();
    let path = Path::new(MANIFEST_DIR).join("0000000001.manifest");
    shared.create_dir_all(Path::new(MANIFEST_DIR)).unwrap();
    let identity = Identity { magic: log::MAGIC, database_id: 0, number: 1 };
    let mut writer = Writer::create(&*shared, &path, &identity, 1).unwrap();
    writer.append(log::EDIT, br#"{"wal_file":1,"colour":1}"#).unwrap();
    writer.seal(0).unwrap();
    let error = ManifestLog::judge(&shared, Path::new(MANIFEST_DIR)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[test]
fn the_file_of_the_document_is_what_is_written() {
    let disk = MemoryDisk::new();
    let shared: Arc<dyn Disk> = disk.clone().into();
    let database_id = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;
    let mut state = ManifestState { database_id, ..ManifestState::default() };
    let dir = Path::new(MANIFEST_DIR);
    let mut log = ManifestLog::begin(shared.clone(), dir.to_path_buf(), &state, None).unwrap();
    let close = Edit {
        wal_file_newest: Some(1),
        wal_frame_count: Some(0),
        answered_us: Some(1_717_200_000_000_000),
        ..Edit::default()
    };
    let first = serde_json::to_string(&state.as_edit()).unwrap();
    state.apply(&close).unwrap();
    log.append(&close, &state).unwrap();
    log.close().unwrap();
    let bytes = disk.read_all(&dir.join("0000000001.manifest")).unwrap();
    check_hex(DOCUMENT, 0, &bytes);
    check_sentences(
        DOCUMENT,
        &[
            format!("the magic `{}`", log::MAGIC.escape_ascii()),
            format!("in the folder `{MANIFEST_DIR}`"),
            format!("| {} | one edit", log::EDIT.0),
            format!("the first edit, `{first}`"),
            format!("the edit of the close, `{}`", serde_json::to_string(&close).unwrap()),
        ],
    );
    let found = ManifestLog::judge(&shared, dir).unwrap().unwrap();
    assert_eq!((found.state, found.cut), (state, None));
}

#[test]
fn a_manifest_of_a_newer_format_is_told_from_a_damaged_one() {
    let disk = MemoryDisk::new();
    let shared: Arc<dyn Disk> = disk.clone().into();
    let dir = Path::new(MANIFEST_DIR);
    ManifestLog::begin(shared.clone(), dir.to_path_buf(), &ManifestState::default(), None).unwrap();
    disk.damage(&dir.join("0000000001.manifest"), |bytes| bytes[8] = 2).unwrap();
    let judge = || ManifestLog::judge(&shared, dir).map(drop).unwrap_err().kind();
    assert_eq!(judge(), ErrorKind::Corrupt);
    disk.damage(&dir.join("0000000001.manifest"), |bytes| {
        let sum = crate::codec::checksum(0, &bytes[..60]);
        bytes[60..64].copy_from_slice(&sum.to_le_bytes());
    })
    .unwrap();
    assert_eq!(judge(), ErrorKind::Unavailable);
}

#[test]
fn a_flipped_bit_of_a_manifest_in_use_is_an_error_or_changes_nothing() {
    let disk = MemoryDisk::new();
    let shared: Arc<dyn Disk> = disk.clone().into();
    let dir = Path::new(MANIFEST_DIR);
    let mut state = ManifestState::default();
    let mut log = ManifestLog::begin(shared.clone(), dir.to_path_buf(), &state, None).unwrap();
    let path = dir.join("0000000001.manifest");
    // First the whole state alone, then with an edit behind it; never closed.
    for edit in [None, Some(Edit { answered_us: Some(5), ..Edit::default() })] {
        if let Some(edit) = edit {
            state.apply(&edit).unwrap();
            log.append(&edit, &state).unwrap();
        }
        for bit in 0..disk.read_all(&path).unwrap().len() as u64 * 8 {
            disk.flip_bit(&path, bit).unwrap();
            match ManifestLog::judge(&shared, dir) {
                Ok(found) => {
                    assert_eq!(found.map(|found| found.state), Some(state.clone()), "bit {bit}")
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "bit {bit}: {error}"),
            }
            disk.flip_bit(&path, bit).unwrap();
        }
    }
}

#[test]
fn an_erasure_begins_a_file_without_the_edits_before_it() {
    let disk = MemoryDisk::new();
    let shared: Arc<dyn Disk> = disk.clone().into();
    let dir = Path::new(MANIFEST_DIR);
    let mut state = ManifestState::default();
    let mut log = ManifestLog::begin(shared.clone(), dir.to_path_buf(), &state, None).unwrap();
    let full = full_edit();
    let (tables, erasures) = (full.tables, full.erasures);
    let made = Edit { tables, segments_added: full.segments_added, ..Edit::default() };
    let segments_removed = vec![SegmentId(1)];
    let erase = Edit { segments_removed, erasures, ..Edit::default() };
    for edit in [&made, &erase] {
        state.apply(edit).unwrap();
        log.append(edit, &state).unwrap();
    }
    assert_eq!(disk.files(), [dir.join("0000000002.manifest")]);
    let text = String::from_utf8_lossy(&disk.read_all(&disk.files()[0]).unwrap()).into_owned();
    assert!(!text.contains("decoded_bytes"), "{text}");
    assert_eq!(ManifestLog::judge(&shared, dir).unwrap().unwrap().state, state);
    assert!(state.apply(&erase).is_err(), "an erasure is carried out once");
}

#[test]
fn indexes_and_bitmaps_go_with_what_they_are_of() {
    let full = full_edit();
    let mut state = ManifestState::default();
    let (tables, segments_added) = (full.tables, full.segments_added);
    state.apply(&Edit { tables, segments_added, ..Edit::default() }).unwrap();
    let index = Edit { indexes_added: full.indexes_added, ..Edit::default() };
    let bitmap = Edit { bitmaps_added: full.bitmaps_added, ..Edit::default() };
    let drop_segment = Edit { segments_removed: vec![SegmentId(1)], ..Edit::default() };
    let drop_index = Edit { indexes_dropped: vec![IndexId(5)], ..Edit::default() };
    let refused = |state: &ManifestState, edit: &Edit| state.clone().apply(edit).is_err();
    assert!(refused(&state, &bitmap), "of no index");
    assert!(refused(&state, &drop_index), "of no index");
    state.apply(&index).unwrap();
    assert!(refused(&state, &index), "twice");
    let mut second = index.clone();
    second.indexes_added[0].id = IndexId(6);
    assert!(refused(&state, &second), "a second of the name");
    second.indexes_added[0].name = "other".to_owned();
    second.indexes_added[0].column = 9;
    assert!(refused(&state, &second), "of no column");
    state.apply(&bitmap).unwrap();
    assert!(refused(&state, &bitmap), "twice");
    let mut again = ManifestState::default();
    again.apply(&state.as_edit()).unwrap();
    assert_eq!(again, state);
    let mut without = state.clone();
    without.apply(&drop_segment).unwrap();
    assert_eq!((without.indexes.len(), without.bitmaps.len()), (1, 0));
    assert!(refused(&without, &bitmap), "of no segment");
    state.apply(&drop_index).unwrap();
    assert_eq!((state.indexes.len(), state.bitmaps.len()), (0, 0));
}

#[test]
fn the_next_number_never_falls() {
    let mut state = ManifestState::default();
    for next in [7, 5] {
        state.apply(&Edit { next_file_id: Some(next), ..Edit::default() }).unwrap();
        assert_eq!(state.next_file_id, 7);
    }
}

#[test]
fn the_entries_of_a_table_are_kept_as_long_as_rows_may_have_them() {
    let spec = TableSpec::keyed("t", ["k"]).column(Column::new("k", DataType::BigInt));
    let mut schemas = vec![spec.resolve(1).unwrap()];
    for name in ["a", "b", "c"] {
        let change = TableChange::AddColumn(Column::new(name, DataType::Text));
        schemas.push(schemas.last().unwrap().changed(&change).unwrap().unwrap());
    }
    let mut state = ManifestState::default();
    for schema in &schemas {
        state.apply(&Edit { tables: vec![schema.clone()], ..Edit::default() }).unwrap();
    }
    let versions = |state: &ManifestState| {
        state.tables[&1].schemas().map(|schema| schema.version).collect::<Vec<_>>()
    };
    let again = |state: &ManifestState| {
        let mut again = ManifestState::default();
        again.apply(&state.as_edit()).unwrap();
        assert_eq!(again, *state);
    };
    assert_eq!(versions(&state), [0, 1, 2, 3]);
    again(&state);
    let older = Edit { tables: vec![schemas[1].clone()], ..Edit::default() };
    assert!(state.clone().apply(&older).is_err(), "an entry does not come back");
    let segments_added = full_edit().segments_added;
    state.apply(&Edit { segments_added: segments_added.clone(), ..Edit::default() }).unwrap();
    state.forget_schemas(&[(1, 2)].into());
    assert_eq!(versions(&state), [1, 2, 3], "of the segment, of the log, in force");
    again(&state);
    let mut segment = segments_added[0].clone();
    (segment.id, segment.schema_version) = (SegmentId(9), 0);
    let stale = Edit { segments_added: vec![segment], ..Edit::default() };
    assert!(state.clone().apply(&stale).is_err(), "a segment of an entry that is forgotten");
    state.forget_schemas(&[].into());
    assert_eq!(versions(&state), [1, 3]);
}

#[test]
fn an_entry_whose_columns_are_numbered_wrongly_contradicts_the_state() {
    let edit = full_edit();
    let entry = serde_json::to_value(&edit.tables[0]).unwrap();
    for (place, number) in [
        ("/columns/0/id", 0),
        ("/columns/0/id", 2),
        ("/last_column_id", 0),
        ("/version", 0),
        ("/key/0", 1),
    ] {
        let mut entry = entry.clone();
        *entry.pointer_mut(place).unwrap() = number.into();
        let tables = vec![serde_json::from_value(entry).unwrap()];
        let applied = ManifestState::default().apply(&Edit { tables, ..Edit::default() });
        assert!(applied.is_err(), "{place} = {number}");
    }
}
