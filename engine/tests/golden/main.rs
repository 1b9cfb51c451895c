//! Databases that earlier builds wrote stay readable: a copy of `tests/fixtures/v1` is opened and asked, before and after
//! maintenance, and the answers are those that its story (`story.rs`) implies. A database of a newer format is refused.
//!
//! When a format version is added, its golden database is written by
//! `ANNALS_GOLDEN_DIR=engine/tests/fixtures/v2 cargo nextest run -p annals-engine --test golden the_story`; the folder must
//! not exist. Those of older versions are never written again.

#![expect(
    clippy::disallowed_methods,
    reason = "the fixture is copied as files, not through the engine"
)]

mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_engine::arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use annals_engine::arrow::datatypes::TimestampMicrosecondType;
use annals_engine::arrow::util::display::{ArrayFormatter, FormatOptions};
use annals_engine::{
    At, Clause, Column, DataType, Database, ErrorKind, Options, SystemTime, TableChange, ValidTime,
    verify,
};

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::PageIndexPolicy;

/// The present in which the golden database is asked.
const NOW: &str = "2024-07-01";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1")
}

/// A database of one segment, of which pages of the column `note` have rows of two blocks: the Parquet crate, which wrote pages
/// before, gave a dictionary up wherever it was full.
fn fixture_of_pages_across_blocks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pages_across_blocks")
}

/// The files below a folder, with their contents.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
            found.push((name, fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// A copy of the golden database that a test may change.
fn copy() -> tempfile::TempDir {
    copy_of(&fixture())
}

fn copy_of(fixture: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files(fixture) {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

/// Rows as text, one a line, columns apart by a bar, NULL as `-`.
fn lines(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("-");
    let cell = |column: &ArrayRef, row: usize| {
        // Formatting an instant of a named time zone takes a database of time zones.
        let plain = column.as_primitive_opt::<TimestampMicrosecondType>();
        let plain = plain.map(|instants| instants.clone().with_timezone_opt(None::<&str>));
        let column: &dyn Array = plain.as_ref().map_or(column, |plain| plain);
        ArrayFormatter::try_new(column, &options).unwrap().value(row).to_string()
    };
    let line = |row| batch.columns().iter().map(|c| cell(c, row)).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(line).collect()
}

/// The salary of a key as of both times, read as a key and by a scan.
fn check_pay(db: &Database, name: &str, (system, valid): (&str, &str), expect: Option<&str>) {
    let (system, valid) = (SystemTime::parse(system).unwrap(), ValidTime::parse(valid).unwrap());
    let snapshot = db.snapshot().unwrap();
    let at = At { valid: Some(valid), system: Some(system) };
    let row = snapshot.get("pay", &[name.into()], at).unwrap();
    let by_key = row.map(|row| lines(&row.project(&[1]).unwrap()).concat());
    let scan =
        snapshot.scan("pay").unwrap().valid(Clause::AsOf(valid)).system(Clause::AsOf(system));
    let batches = scan.columns(["name", "salary"]).run().unwrap();
    let scanned: Vec<String> = batches.flat_map(|batch| lines(&batch.unwrap())).collect();
    let scanned = scanned.iter().find_map(|line| line.strip_prefix(&format!("{name}|")));
    assert_eq!(by_key.as_deref(), expect, "{name} as of system {system}, valid {valid}");
    assert_eq!(scanned, expect, "a scan as of system {system}, valid {valid}");
}

/// The salaries that the story implies.
fn check_salaries(db: &Database) {
    for (at, expect) in [
        (("2024-01-04", "2024-02-10"), None),
        (("2024-01-05", "2024-02-10"), Some("100")),
        (("2024-02-04", "2024-03-01"), Some("100")),
        (("2024-02-05", "2024-03-01"), Some("120")),
        (("2024-02-05", "2024-02-29"), Some("100")),
        (("2024-04-04", "2024-02-10"), Some("100")),
        (("2024-04-05", "2024-01-31"), Some("100")),
        (("2024-04-05", "2024-02-01"), Some("115")),
        (("2024-04-05", "2024-02-29T23:59:59.999999Z"), Some("115")),
        (("2024-04-05", "2024-03-01"), Some("120")),
        (("2024-06-01", "2024-05-01"), Some("120")),
        (("2024-06-02", "2024-04-30T23:59:59.999999Z"), Some("120")),
        (("2024-06-02", "2024-05-01"), None),
        (("2024-06-02", "2023-12-31"), None),
    ] {
        check_pay(db, "ann", at, expect);
    }
    check_pay(db, "bob", ("2024-06-02", "2024-06-02"), Some("90"));
    check_pay(db, "bob", ("2024-06-02", "2024-06-01"), None);
    check_pay(db, "bob", ("2024-06-01", "2024-06-02"), None);
}

/// Every answer that the story implies.
fn check_answers(db: &Database) {
    check_salaries(db);
    let snapshot = db.snapshot().unwrap();
    let history = lines(&snapshot.history("pay", &["ann".into()]).unwrap());
    let expect = [
        "ann|100|2024-01-01T00:00:00|-|2024-01-05T00:00:00|2024-02-05T00:00:00",
        "ann|100|2024-01-01T00:00:00|2024-03-01T00:00:00|2024-02-05T00:00:00|2024-04-05T00:00:00",
        "ann|120|2024-03-01T00:00:00|-|2024-02-05T00:00:00|2024-06-02T00:00:00",
        "ann|100|2024-01-01T00:00:00|2024-02-01T00:00:00|2024-04-05T00:00:00|-",
        "ann|115|2024-02-01T00:00:00|2024-03-01T00:00:00|2024-04-05T00:00:00|-",
        "ann|120|2024-03-01T00:00:00|2024-05-01T00:00:00|2024-06-02T00:00:00|-",
    ];
    assert_eq!(history, expect);
    check_kinds_and_trips(db);
}

fn check_kinds_and_trips(db: &Database) {
    let snapshot = db.snapshot().unwrap();
    let all = |table: &str, system: Option<&str>| {
        let scan = snapshot.scan(table).unwrap().valid(Clause::All);
        let scan = match system {
            Some(at) => scan.system(Clause::AsOf(SystemTime::parse(at).unwrap())),
            None => scan,
        };
        let mut found: Vec<String> =
            scan.run().unwrap().flat_map(|batch| lines(&batch.unwrap())).collect();
        found.sort();
        found
    };
    let full = "é\0|-7|true|-2147483648|9223372036854775807|-1.5|1e300|-123.45|00ff|1969-12-31|\
                9999-12-31T23:59:59.999999|000102030405060708090a0b0c0d0e0f|{\"a\":1}";
    assert_eq!(all("kinds", None), ["|7|-|-|-|-|-|-|-|-|-|-|-", full]);
    assert_eq!(all("kinds", Some("2024-05-31")), [""; 0]);
    assert_eq!(all("trips", None), ["Oslo", "Turku"]);
    assert_eq!(all("trips", Some("2024-06-01T00:00:00.000001Z")), ["Bergen", "Oslo", "Turku"]);
    assert_eq!(all("trips", Some("2024-06-01")), [""; 0]);
}

/// Holds a database against the story at every step of maintenance.
fn check_through_maintenance(dir: &Path) {
    let db = story::open(dir, NOW).unwrap();
    assert_eq!(db.recovery().transaction_count, 2);
    assert!(db.recovery().cuts.is_empty() && db.recovery().removed_files.is_empty());
    check_answers(&db);
    db.flush().unwrap();
    check_answers(&db);
    db.compact(&mut |_| ()).unwrap();
    check_answers(&db);
    db.close().unwrap();
    check_answers(&story::open(dir, NOW).unwrap());
}

#[test]
fn the_story_is_told_by_this_build() {
    let dir = tempfile::tempdir().unwrap();
    let fresh = std::env::var_os("ANNALS_GOLDEN_DIR").map(PathBuf::from);
    if let Some(fresh) = &fresh {
        let fresh = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(fresh);
        assert!(!fresh.exists(), "{} is there already", fresh.display());
        story::write(&fresh).unwrap();
    }
    story::write(dir.path()).unwrap();
    check_through_maintenance(dir.path());
}

#[test]
fn a_database_of_version_1_gives_the_answers_of_its_story() {
    let dir = copy();
    let report = verify(dir.path(), &Options::default(), &mut |damage| panic!("{damage}")).unwrap();
    assert_eq!(report.file_count, files(&fixture()).len() as u64 - 1, "all files but LOCK");
    check_through_maintenance(dir.path());
}

/// Holds the table `notes` against what was put, read by a scan and by keys. As many rows as are in `added` have the note "new".
fn check_notes(db: &Database, added: i64) {
    let snapshot = db.snapshot().unwrap();
    let expect = |id: i64| {
        let note = if id < added { "new".to_owned() } else { format!("the note number {id:05}") };
        let kind = if id % 4 > 0 { format!("kind {}", id % 3) } else { "-".to_owned() };
        format!("{id}|{note}|{kind}")
    };
    let scan = snapshot.scan("notes").unwrap().columns(["id", "note", "kind"]).run().unwrap();
    let mut found: Vec<String> = scan.flat_map(|batch| lines(&batch.unwrap())).collect();
    let mut expected: Vec<String> = (0..9_000).map(expect).collect();
    found.sort();
    expected.sort();
    assert!(found == expected);
    for id in [0, 2_600, 2_700, 4_095, 4_096, 8_191, 8_192, 8_999] {
        let row = snapshot.get("notes", &[id.into()], At::default()).unwrap().unwrap();
        assert_eq!(lines(&row.project(&[0, 1, 2]).unwrap()), [expect(id)]);
    }
}

#[test]
fn pages_with_rows_of_two_blocks_are_read_as_others_are() {
    let fixture = fixture_of_pages_across_blocks();
    let data = fixture.join("tables/000001/current/0000000000000001.parquet");
    let policy = PageIndexPolicy::Required;
    let options = ArrowReaderOptions::new().with_offset_index_policy(policy);
    let parquet = ArrowReaderMetadata::load(&fs::File::open(data).unwrap(), options).unwrap();
    let pages = parquet.metadata().offset_index().unwrap()[0][1].page_locations();
    assert!(pages.iter().any(|page| page.first_row_index % 4_096 != 0), "{pages:?}");

    let dir = copy_of(&fixture);
    let db = story::open(dir.path(), NOW).unwrap();
    check_notes(&db, 0);
    let ids = 0..5_i64;
    let kinds: StringArray =
        ids.clone().map(|id| (id % 4 > 0).then(|| format!("kind {}", id % 3))).collect();
    let notes = StringArray::from(vec!["new"; 5]);
    let ids: ArrayRef = Arc::new(ids.collect::<Int64Array>());
    let columns = [("id", ids), ("note", Arc::new(notes)), ("kind", Arc::new(kinds))];
    let mut tx = db.begin();
    tx.put("notes", &RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    tx.commit().unwrap();
    check_notes(&db, 5);
    db.compact(&mut |_| ()).unwrap();
    check_notes(&db, 5);
    db.close().unwrap();
    let report = verify(dir.path(), &Options::default(), &mut |damage| panic!("{damage}")).unwrap();
    assert_eq!(report.damage_count, 0);
    check_notes(&story::open(dir.path(), NOW).unwrap(), 5);
}

/// What the story implies once its tables were changed.
fn check_changed_answers(db: &Database) {
    check_salaries(db);
    let snapshot = db.snapshot().unwrap();
    let all = |table: &str, columns: &[&str]| {
        let scan =
            snapshot.scan(table).unwrap().valid(Clause::All).columns(columns.iter().copied());
        let mut found: Vec<String> =
            scan.run().unwrap().flat_map(|batch| lines(&batch.unwrap())).collect();
        found.sort();
        found.dedup();
        found
    };
    assert_eq!(all("pay", &["name", "grade"]), ["ann|1", "bob|1"]);
    let kinds = ["text", "small", "integer", "double_real", "decimal"];
    assert_eq!(all("kinds", &kinds), ["|7|-|-|-", "é\0|-7|-2147483648|-1.5|-123.4500"]);
    let system = SystemTime::parse("2024-06-01T00:00:00.000001Z").unwrap();
    let trips = snapshot.scan("trips").unwrap().system(Clause::AsOf(system)).run().unwrap();
    let found: Vec<String> = trips.flat_map(|batch| lines(&batch.unwrap())).collect();
    assert_eq!(found, ["nowhere", "nowhere", "nowhere"], "a column of the name of one before");
}

#[test]
fn the_tables_of_a_database_of_version_1_can_be_changed() {
    let dir = copy();
    let db = story::open(dir.path(), NOW).unwrap();
    let change =
        |table: &str, change: TableChange| db.alter_table(table, &change).map(drop).unwrap();
    let widen = |column: &str, data_type| {
        change("kinds", TableChange::WidenColumn { column: column.to_owned(), data_type });
    };
    let rename = |table: &str, from: &str, to: &str| {
        let (from, to) = (from.to_owned(), to.to_owned());
        change(table, TableChange::RenameColumn { from, to });
    };
    let grade = Column::new("grade", DataType::SmallInt).not_null().with_default(1);
    change("pay", TableChange::AddColumn(grade));
    widen("integer", DataType::BigInt);
    widen("real", DataType::Double);
    widen("decimal", DataType::Decimal { precision: 14, scale: 4 });
    rename("kinds", "real", "double_real");
    let place = db.table("trips").unwrap().columns[1].name.clone();
    change("trips", TableChange::DropColumn(place.clone()));
    change(
        "trips",
        TableChange::AddColumn(Column::new(place, DataType::Text).with_default("nowhere")),
    );
    check_changed_answers(&db);
    // Without a close: the log, which is of before, is read again.
    drop(db);
    let db = story::open(dir.path(), NOW).unwrap();
    check_changed_answers(&db);
    db.flush().unwrap();
    check_changed_answers(&db);
    db.compact(&mut |_| ()).unwrap();
    check_changed_answers(&db);
    db.close().unwrap();
    let report = verify(dir.path(), &Options::default(), &mut |damage| panic!("{damage}")).unwrap();
    assert_eq!(report.damage_count, 0);
    check_changed_answers(&story::open(dir.path(), NOW).unwrap());
}

#[test]
fn the_golden_database_has_every_kind_of_file() {
    let names: Vec<String> = files(&fixture()).into_iter().map(|(name, _)| name).collect();
    for (kind, count_min) in [
        ("LOCK", 1),
        (".manifest", 1),
        (".wal", 2),
        (".supersessions", 1),
        (".index", 4),
        (".parquet", 4),
        ("/current/", 2),
        ("/2024-02/", 2),
    ] {
        let count = names.iter().filter(|name| name.contains(kind)).count();
        assert!(count >= count_min, "{count} of {kind} in {names:#?}");
    }
    // `docs/format/database.md` shows part of this very folder.
    let document = include_str!("../../../docs/format/database.md");
    let tree = document.split("```").nth(1).unwrap().lines().skip(1);
    let shown: Vec<&str> = tree.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(shown.len() > 5);
    for path in shown {
        assert!(names.iter().any(|name| name.starts_with(path)), "{path} in {names:#?}");
    }
}

/// Makes the header of a journal say a newer version, checksum and all.
fn make_newer(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[8..12].copy_from_slice(&2_u32.to_le_bytes());
    // The checksum is seeded with 0.
    let sum = crc32c::crc32c_append(crc32c::crc32c(&[0; 8]), &bytes[..60]);
    bytes[60..64].copy_from_slice(&sum.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_database_of_a_newer_format_is_refused_and_left_as_it_is() {
    for suffix in [".manifest", ".wal"] {
        let dir = copy();
        for (name, _) in files(dir.path()).iter().filter(|(name, _)| name.ends_with(suffix)) {
            make_newer(&dir.path().join(name));
        }
        let before = files(dir.path());
        let error = story::open(dir.path(), NOW).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("format version 2"), "{error}");
        assert!(files(dir.path()) == before, "{suffix}: the refused database was changed");
    }
}

#[test]
fn a_database_that_lost_its_manifest_is_never_taken_for_a_new_one() {
    for length in [None, Some(0), Some(64), Some(65), Some(1_000)] {
        let dir = copy();
        drop(story::open(dir.path(), NOW).unwrap());
        let mut names = files(dir.path()).into_iter().map(|(name, _)| name);
        let manifest = names.find(|name| name.ends_with(".manifest")).unwrap();
        let path = dir.path().join(manifest);
        match length {
            None => fs::remove_file(path).unwrap(),
            Some(length) => {
                fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap()
            }
        }
        let before = files(dir.path());
        let error = story::open(dir.path(), NOW).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "cut to {length:?}: {error}");
        assert!(files(dir.path()) == before, "cut to {length:?}: the refused database was changed");
    }
}
