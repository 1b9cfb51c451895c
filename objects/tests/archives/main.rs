//! Partitions archived in object storage, and brought back: through a store in memory, and through the protocol of S3 on loopback.

#[cfg(feature = "aws")]
mod s3;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_engine::arrow::array::{
    ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use annals_engine::arrow::datatypes::Int64Type;
use annals_engine::disk::{Disk, MemoryDisk, is_url};
use annals_engine::{
    Clause, Column, DataType, Database, ErrorKind, ManualClock, Options, Partition, PartitionState,
    Retention, RetentionAction, SystemTime, TableSpec, ValidTime,
};
use annals_objects::ObjectDisk;
use object_store::memory::InMemory;

#[cfg(feature = "aws")]
use s3::S3;

const BY: &str = "the archivist";
const ROW_COUNT: i64 = 20_000;

fn valid(text: &str) -> ValidTime {
    ValidTime::parse(text).unwrap()
}

fn january() -> Partition {
    Partition::parse("2024-01").unwrap()
}

fn rows(from: &str, to: &str, value: i64) -> RecordBatch {
    let count = ROW_COUNT as usize;
    let instant = |text: &str| -> ArrayRef {
        let at = vec![valid(text).micros(); count];
        Arc::new(TimestampMicrosecondArray::from(at).with_timezone("UTC"))
    };
    let keys = Int64Array::from_iter_values(0..ROW_COUNT);
    // Values that no compression makes small.
    let value = |key: i64| key.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64).wrapping_add(value);
    let values = Int64Array::from_iter_values((0..ROW_COUNT).map(value));
    RecordBatch::try_from_iter([
        ("k", Arc::new(keys) as ArrayRef),
        ("v", Arc::new(values) as ArrayRef),
        ("_valid_from", instant(from)),
        ("_valid_to", instant(to)),
    ])
    .unwrap()
}

fn put(database: &Database, at: &str, rows: &RecordBatch) -> annals_engine::Result<()> {
    let mut transaction = database.begin();
    transaction.put("t", rows)?;
    transaction.system_time(SystemTime::parse(at).unwrap());
    transaction.commit().map(|_| ())
}

fn open(local: &MemoryDisk, disk: &Arc<ObjectDisk>) -> Database {
    assert!(!local.takes_urls() && disk.takes_urls());
    let clock = Arc::new(ManualClock::new(SystemTime::parse("2024-06-01").unwrap()));
    let options = Options::default().background(false).clock(clock).disk(disk.clone());
    Database::open("db", options).unwrap()
}

/// Values for January, corrected in its middle, and for February.
fn with_history(local: &MemoryDisk, disk: &Arc<ObjectDisk>) -> Database {
    let database = open(local, disk);
    let table = TableSpec::keyed("t", ["k"])
        .column(Column::new("k", DataType::BigInt))
        .column(Column::new("v", DataType::BigInt));
    database.create_table(table).unwrap();
    put(&database, "2024-01-02", &rows("2024-01-01", "2024-01-31", 1)).unwrap();
    put(&database, "2024-01-20", &rows("2024-01-10", "2024-01-15", 2)).unwrap();
    put(&database, "2024-02-01", &rows("2024-02-01", "2024-02-20", 3)).unwrap();
    database
}

/// Rows and the sum of their values, valid and known at an instant each.
fn sum(database: &Database, holds: &str, known: &str) -> annals_engine::Result<(usize, i64)> {
    let snapshot = database.snapshot()?;
    let scan = snapshot.scan("t")?.columns(["v"]);
    let known = SystemTime::parse(known).unwrap();
    let scan = scan.valid(Clause::AsOf(valid(holds))).system(Clause::AsOf(known));
    let mut all = (0, 0_i64);
    for batch in scan.run()? {
        let batch = batch?;
        let values = batch.column(0).as_primitive::<Int64Type>().values();
        all = (all.0 + values.len(), values.iter().fold(all.1, |sum, v| sum.wrapping_add(*v)));
    }
    Ok(all)
}

const ASKED: [(&str, &str); 4] = [
    ("2024-01-12", "2024-01-05"),
    ("2024-01-12", "2024-05-01"),
    ("2024-01-20", "2024-05-01"),
    ("2024-02-10", "2024-05-01"),
];

fn answers(database: &Database) -> Vec<(usize, i64)> {
    ASKED.iter().map(|(holds, known)| sum(database, holds, known).unwrap()).collect()
}

fn state(database: &Database) -> PartitionState {
    let partitions = database.partitions().unwrap();
    let january = partitions.iter().find(|of| of.partition == "2024-01");
    // It is listed once it has segments of its own.
    january.map_or(PartitionState::Live, |of| of.state)
}

/// A store of S3 on loopback, and a disk that finds it.
#[cfg(feature = "aws")]
fn with_s3(local: &MemoryDisk) -> (S3, Arc<ObjectDisk>) {
    let (s3, address) = S3::start();
    let settings = [
        ("aws_endpoint", address.as_str()),
        ("aws_allow_http", "true"),
        ("aws_region", "us-east-1"),
        ("aws_access_key_id", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let disk = ObjectDisk::over(Arc::new(local.clone()));
    let disk = settings.into_iter().fold(disk, |disk, (name, value)| disk.setting(name, value));
    (s3, Arc::new(disk))
}

fn with_memory(local: &MemoryDisk) -> Arc<ObjectDisk> {
    let disk = ObjectDisk::over(Arc::new(local.clone()));
    Arc::new(disk.store("memory://archives", Arc::new(InMemory::new())))
}

#[test]
fn a_partition_goes_to_object_storage_and_comes_back() {
    let local = MemoryDisk::new();
    check_round_trip(&local, &with_memory(&local), "memory://archives");
}

#[cfg(feature = "aws")]
#[test]
fn a_partition_goes_to_s3_and_comes_back() {
    let local = MemoryDisk::new();
    let (s3, disk) = with_s3(&local);
    check_round_trip(&local, &disk, "s3://bucket/old");
    assert_eq!(s3.open_upload_count(), 0);
    assert!(s3.paths().iter().all(|path| path.starts_with("/bucket/old/january/")));
}

fn check_round_trip(local: &MemoryDisk, disk: &Arc<ObjectDisk>, base: &str) {
    let database = with_history(local, disk);
    let before = answers(&database);
    assert!(before.iter().all(|(count, _)| *count == ROW_COUNT as usize));
    let place = PathBuf::from(format!("{base}/january"));
    let change = database.archive_partition("t", january(), &place, BY).unwrap();
    assert_eq!(change.location.as_deref(), place.to_str());
    let names = disk.list(&place).unwrap();
    let has = |ending: &str| names.iter().any(|name| name.ends_with(ending));
    assert!(has(".parquet") && has("partition.json") && !has("unfinished.json"), "{names:?}");
    assert_eq!(disk.list(Path::new(base)).unwrap(), ["january"]);

    database.close().unwrap();
    let database = open(local, disk);
    let refused = sum(&database, "2024-01-12", "2024-05-01").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Missing);
    assert!(refused.to_string().contains(place.to_str().unwrap()), "{refused}");
    assert_eq!(sum(&database, "2024-02-10", "2024-05-01").unwrap(), before[3]);
    // Whether a correction concerns what is archived is looked up there.
    let late = put(&database, "2024-05-02", &rows("2024-01-12", "2024-01-13", 4)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Sealed, "{late}");
    put(&database, "2024-05-02", &rows("2023-01-12", "2023-01-13", 4)).unwrap();

    database.attach_partition("t", january(), None, BY).unwrap();
    assert_eq!(answers(&database), before);
    let twice = database.archive_partition("t", january(), &place, BY).unwrap_err();
    assert!(twice.to_string().contains("is not empty"), "{twice}");
    assert_eq!(answers(&database), before);
}

#[test]
fn a_retention_archives_below_a_url() {
    let local = MemoryDisk::new();
    let disk = with_memory(&local);
    let database = with_history(&local, &disk);
    let archive = RetentionAction::Archive("memory://archives/old".to_owned());
    let retention = Retention::keep("1 month").unwrap().then(archive);
    database.set_retention("t", Some(&retention), BY).unwrap();
    let changes = database.apply_retention().unwrap();
    let places: Vec<_> = changes.iter().map(|change| change.location.clone().unwrap()).collect();
    assert_eq!(places, ["memory://archives/old/t/2024-01", "memory://archives/old/t/2024-02"]);
    database.attach_partition("t", january(), None, BY).unwrap();
    assert_eq!(sum(&database, "2024-01-20", "2024-01-30").unwrap().0, ROW_COUNT as usize);
}

#[cfg(feature = "aws")]
#[test]
fn whichever_request_is_refused_the_partition_is_wholly_in_one_place() {
    let local = MemoryDisk::new();
    let (s3, disk) = with_s3(&local);
    let database = with_history(&local, &disk);
    let before = answers(&database);
    let place = Path::new("s3://bucket/january");
    let mut failed_count = 0;
    for request in 0.. {
        s3.refuse_after(request);
        let archived = database.archive_partition("t", january(), place, BY);
        let was_refused = s3.refuse_nothing();
        match archived {
            Err(error) => {
                assert!(was_refused && error.kind() == ErrorKind::Io, "{error}");
                assert!(error.to_string().contains("s3://bucket/january"), "{error}");
                assert_eq!(state(&database), PartitionState::Live);
                assert_eq!(answers(&database), before);
                failed_count += 1;
            }
            Ok(_) => {
                assert_eq!(state(&database), PartitionState::Archived);
                database.attach_partition("t", january(), None, BY).unwrap();
                assert_eq!(answers(&database), before);
                s3.paths().iter().for_each(|path| {
                    disk.remove(Path::new(&format!("s3:/{path}"))).unwrap();
                });
                if !was_refused {
                    break;
                }
            }
        }
    }
    assert!(failed_count > 8, "{failed_count} requests");
    assert_eq!(s3.open_upload_count(), 0);
}

#[cfg(feature = "aws")]
#[test]
fn an_object_of_several_parts_is_whole_or_not_there() {
    let (s3, disk) = with_s3(&MemoryDisk::new());
    let path = Path::new("s3://bucket/large");
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|at| (at / 9) as u8).collect();
    let write = || {
        let file = disk.create(path)?;
        bytes.chunks(1 << 20).try_for_each(|bytes| file.append(bytes))?;
        file.sync()
    };
    // The look-up, the beginning, three parts, the end.
    for request in 0..6 {
        s3.refuse_after(request);
        let error = write().unwrap_err();
        assert!(s3.refuse_nothing() && error.kind() == ErrorKind::Io, "{error}");
        assert!(s3.paths().is_empty());
    }
    write().unwrap();
    assert_eq!(s3.open_upload_count(), 0, "what failed was taken back");
    let mut read = vec![0; bytes.len()];
    disk.open(path).unwrap().read_at(0, &mut read).unwrap();
    assert!(read == bytes);
}

#[cfg(feature = "aws")]
#[test]
fn an_archive_that_was_changed_is_not_attached() {
    let local = MemoryDisk::new();
    let (s3, disk) = with_s3(&local);
    let database = with_history(&local, &disk);
    let place = Path::new("s3://bucket/january");
    database.archive_partition("t", january(), place, BY).unwrap();
    let paths = s3.paths();
    let data = paths.iter().find(|path| path.ends_with(".parquet")).unwrap();
    s3.change(data, |bytes| bytes[1_000] ^= 1);
    let error = database.attach_partition("t", january(), None, BY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("s3://bucket/january/"), "{error}");
    s3.change(data, |bytes| bytes[1_000] ^= 1);
    s3.change(data, |bytes| bytes.truncate(2_000));
    database.attach_partition("t", january(), None, BY).unwrap_err();
    assert_eq!(state(&database), PartitionState::Archived);
}

#[test]
fn of_two_databases_one_has_a_place() {
    let (local, other) = (MemoryDisk::new(), MemoryDisk::new());
    let shared = Arc::new(InMemory::new());
    let disk_of = |local: &MemoryDisk| {
        let disk = ObjectDisk::over(Arc::new(local.clone()));
        Arc::new(disk.store("memory://shared", shared.clone()))
    };
    let (disk, other_disk) = (disk_of(&local), disk_of(&other));
    let (database, other) = (with_history(&local, &disk), with_history(&other, &other_disk));
    let place = Path::new("memory://shared/january");
    // What an attempt leaves that is still writing its first file.
    database.archive_partition("t", january(), place, BY).unwrap();
    let mark = place.join("unfinished.json");
    let file = disk.create(&mark).unwrap();
    file.append(b"[\"annals partition\",\"of another database\",1,\"2024-01\"]").unwrap();
    file.sync().unwrap();
    for name in disk.list(place).unwrap().iter().filter(|name| *name != "unfinished.json") {
        disk.remove(&place.join(name)).unwrap();
    }
    let error = other.archive_partition("t", january(), place, BY).unwrap_err();
    assert!(error.to_string().contains("it is to hold another partition"), "{error}");
    assert!(disk.exists(&mark).unwrap(), "nothing of others is removed");
    assert_eq!(state(&other), PartitionState::Live);
}

#[test]
fn a_place_that_is_none_is_refused_before_anything_is_done() {
    let local = MemoryDisk::new();
    let disk = with_memory(&local);
    let database = with_history(&local, &disk);
    let before = answers(&database);
    for place in ["ftp://host/a", "memory://other/a", "s3://bucket//a", "memory://archives/../a"] {
        assert!(is_url(Path::new(place)));
        let error = database.archive_partition("t", january(), Path::new(place), BY).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{place}: {error}");
        assert!(error.to_string().contains(place), "{error}");
        database.attach_partition_from("t", Path::new(place), BY).unwrap_err();
        let archive = RetentionAction::Archive(place.to_owned());
        let retention = Retention::keep("1 month").unwrap().then(archive);
        database.set_retention("t", Some(&retention), BY).unwrap_err();
    }
    assert_eq!(state(&database), PartitionState::Live);
    assert_eq!(answers(&database), before);
}
