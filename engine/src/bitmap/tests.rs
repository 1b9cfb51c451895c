//! Bitmaps through their own writer and reader, and `docs/format/bitmap.md` against both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use roaring::RoaringBitmap;

use super::build::{FILE_BYTES_SMALL, VALUE_BYTES_MAX, VALUE_COUNT_MAX};
use super::*;
use crate::cache::Cache;
use crate::codec::encode_keys;
use crate::disk::{Disk, MemoryDisk};
use crate::document::{check_hex, check_sentences};
use crate::error::{ErrorKind, Result};
use crate::schema::{Column, DataType, TableSchema, TableSpec};

const DOCUMENT: &str = include_str!("../../../docs/format/bitmap.md");
const SEGMENT: SegmentId = SegmentId(3);
const INDEX: IndexId = IndexId(7);

fn schema() -> Arc<TableSchema> {
    let spec = TableSpec::keyed("t", ["k"]).column(Column::new("k", DataType::Text));
    Arc::new(spec.resolve(1).unwrap())
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn encoded(value: &str) -> Vec<u8> {
    encode_keys(&[texts(&[Some(value)])]).unwrap().get(0).to_vec()
}

/// The file of some arrays, one after another, on a disk of its own.
struct Written {
    disk: MemoryDisk,
    file: BitmapFile,
    column: ColumnRows,
}

fn write(arrays: &[ArrayRef]) -> Written {
    let disk = MemoryDisk::new();
    let shared: Arc<dyn Disk> = disk.clone().into();
    let dir = Path::new("current");
    shared.create_dir_all(dir).unwrap();
    let mut column = ColumnRows::default();
    for array in arrays {
        column.push(array).unwrap();
    }
    let row_count = arrays.iter().map(|array| array.len() as u32).sum();
    let meta = write_bitmap(&shared, dir, SEGMENT, INDEX, &mut column).unwrap();
    let cache = Arc::new(Cache::new(1 << 20));
    let file = BitmapFile::new(shared, cache, dir, (schema(), row_count), meta);
    Written { disk, file, column }
}

fn example() -> Written {
    let first = texts(&[Some("a"), Some("a"), None]);
    write(&[first, texts(&[Some("b"), Some("a"), Some("b")])])
}

/// The same file as one who opens the database would see it: nothing of it is in the cache.
fn reopened(written: &Written) -> BitmapFile {
    let (disk, meta) = (written.disk.clone().into(), written.file.meta().clone());
    let row_count = 6;
    let cache = Arc::new(Cache::new(1 << 20));
    BitmapFile::new(disk, cache, Path::new("current"), (schema(), row_count), meta)
}

fn path(written: &Written) -> PathBuf {
    written.file.path().unwrap().to_path_buf()
}

fn rows(file: &BitmapFile, values: &[&str]) -> Result<Vec<u32>> {
    let mut values: Vec<Vec<u8>> = values.iter().map(|value| encoded(value)).collect();
    values.sort_unstable();
    let wanted = Wanted::Values(values);
    Ok(file.rows_of(&wanted)?.iter().collect())
}

#[test]
fn the_file_of_the_document_is_what_is_written() {
    let mut written = example();
    check_hex(DOCUMENT, 0, &written.disk.read_all(&path(&written)).unwrap());
    let name = path(&written).file_name().unwrap().to_str().unwrap().to_owned();
    check_sentences(
        DOCUMENT,
        &[
            format!("`{name}`"),
            format!("magic `{}`", format::MAGIC.escape_ascii()),
            format!("format version, {}", format::FORMAT_VERSION),
            format!("## Header: {} bytes", format::HEADER_BYTES),
            format!("more than {VALUE_COUNT_MAX} distinct values"),
            format!("longer than {VALUE_BYTES_MAX} bytes"),
            format!("longer than both {FILE_BYTES_SMALL} bytes"),
        ],
    );
    written.file.verify(Some(&mut written.column)).unwrap();
    written.file.verify(None).unwrap();
}

#[test]
fn the_rows_of_a_value_are_those_that_hold_it() {
    let written = example();
    for _ in 0..2 {
        // The second time from the cache.
        assert_eq!(rows(&written.file, &["a"]).unwrap(), [0, 1, 4]);
        assert_eq!(rows(&written.file, &["b", "a", "c", "b"]).unwrap(), [0, 1, 3, 4, 5]);
        assert_eq!(rows(&written.file, &["", "aa", "c"]).unwrap(), [0_u32; 0]);
        assert_eq!(rows(&written.file, &["", "c"]).unwrap(), [0_u32; 0]);
        assert_eq!(rows(&written.file, &["", "aa", "b", "b", "c"]).unwrap(), [3, 5]);
        let nulls = written.file.rows_of(&Wanted::Null).unwrap();
        assert_eq!(nulls, RoaringBitmap::from([2]));
    }
    let without = write(&[texts(&[Some(""), Some("\0")])]);
    assert!(without.file.rows_of(&Wanted::Null).unwrap().is_empty());
    assert_eq!(rows(&without.file, &["\0"]).unwrap(), [1]);
    assert_eq!(rows(&without.file, &[""]).unwrap(), [0]);
    let nulls = write(&[texts(&[None; 5])]);
    assert_eq!(nulls.file.rows_of(&Wanted::Null).unwrap().len(), 5);
}

#[test]
fn every_flipped_bit_and_every_lost_byte_is_an_error_that_names_the_file() {
    let mut written = example();
    let path = path(&written);
    let asked = |file: &BitmapFile| -> Result<(Vec<u32>, RoaringBitmap)> {
        Ok((rows(file, &["a", "b"])?, file.rows_of(&Wanted::Null)?))
    };
    let check = |file: &BitmapFile, column: &mut ColumnRows, what: &str| {
        let damages = [asked(file).map(drop), file.verify(Some(column)), file.verify(None)];
        for damage in damages {
            let error = damage.expect_err(what);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
            assert!(error.file().is_some_and(|file| file.ends_with(".bitmap")), "{error}");
        }
    };
    for bit in 0..written.file.meta().bytes * 8 {
        written.disk.flip_bit(&path, bit).unwrap();
        check(&reopened(&written), &mut written.column, &format!("bit {bit}"));
        written.disk.flip_bit(&path, bit).unwrap();
    }
    let whole = written.disk.read_all(&path).unwrap();
    for length in 0..whole.len() {
        written.disk.damage(&path, |bytes| bytes.truncate(length)).unwrap();
        check(&reopened(&written), &mut written.column, &format!("{length} bytes"));
        written.disk.damage(&path, |bytes| *bytes = whole.clone()).unwrap();
    }
    written.disk.damage(&path, |bytes| bytes.push(0)).unwrap();
    check(&reopened(&written), &mut written.column, "a byte more");
    written.disk.damage(&path, |bytes| *bytes = whole.clone()).unwrap();
    asked(&reopened(&written)).unwrap();
}

#[test]
fn a_file_of_another_segment_or_index_or_column_is_found_out() {
    let mut written = example();
    let (segment, index) = (SegmentId(4), IndexId(8));
    for meta in [
        BitmapMeta { segment, ..written.file.meta().clone() },
        BitmapMeta { index, ..written.file.meta().clone() },
    ] {
        let disk = written.disk.clone();
        let shared: Arc<dyn Disk> = disk.clone().into();
        let cache = Arc::new(Cache::new(0));
        let other =
            BitmapFile::new(shared.clone(), cache, Path::new("current"), (schema(), 6), meta);
        shared.create(other.path().unwrap()).unwrap();
        let bytes = disk.read_all(&path(&written)).unwrap();
        disk.damage(other.path().unwrap(), |file| *file = bytes).unwrap();
        assert_eq!(rows(&other, &["a"]).unwrap_err().kind(), ErrorKind::Corrupt);
    }
    let mut other = ColumnRows::default();
    other.push(&texts(&[Some("a"), Some("a"), None, Some("a"), Some("a"), Some("b")])).unwrap();
    let error = written.file.verify(Some(&mut other)).unwrap_err();
    assert!(error.to_string().contains("the bitmaps differ from the column"), "{error}");
    written.file.verify(Some(&mut written.column)).unwrap();
}

#[test]
fn a_column_of_too_many_values_or_too_long_ones_has_no_file() {
    let distinct = |count: usize| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values((0..2 * count).map(|row| (row % count) as i64)))
    };
    assert!(!write(&[distinct(VALUE_COUNT_MAX + 1)]).file.meta().has_file());
    // So many values that each has its own bitmap of few rows: longer than the rows are.
    assert!(!write(&[distinct(VALUE_COUNT_MAX)]).file.meta().has_file());
    assert!(write(&[distinct(100)]).file.meta().has_file());
    let many: Vec<ArrayRef> = (0..32).map(|_| distinct(VALUE_COUNT_MAX)).collect();
    assert!(write(&many).file.meta().has_file());
    let text = "x".repeat(VALUE_BYTES_MAX - 2);
    assert!(write(&[texts(&[Some(&text)])]).file.meta().has_file());
    let text = "x".repeat(VALUE_BYTES_MAX - 1);
    let long = write(&[texts(&[Some("a"), Some(&text), None])]);
    assert!(!long.file.meta().has_file() && long.disk.files().is_empty());
    let unfit = BitmapMeta::unfit(SEGMENT, INDEX);
    assert_eq!((long.file.meta(), long.file.path()), (&unfit, None));
}

#[test]
fn what_a_failure_has_left_is_written_over() {
    let written = example();
    let mut column = ColumnRows::default();
    column.push(&texts(&[Some("z"); 6])).unwrap();
    let shared: Arc<dyn Disk> = written.disk.clone().into();
    let dir = Path::new("current");
    let meta = write_bitmap(&shared, dir, SEGMENT, INDEX, &mut column).unwrap();
    let cache = Arc::new(Cache::new(0));
    let file = BitmapFile::new(shared.clone(), cache, dir, (schema(), 6), meta);
    assert_eq!(rows(&file, &["z"]).unwrap().len(), 6);
    file.remove().unwrap();
    file.remove().unwrap();
    discard_bitmap(&shared, dir, SEGMENT, INDEX).unwrap();
    assert!(written.disk.files().is_empty());
}

#[test]
fn nothing_of_an_erased_file_is_read_or_kept() {
    let written = example();
    rows(&written.file, &["a"]).unwrap();
    written.file.erase(crate::time::SystemTime::from_micros(5));
    assert!(written.file.is_erased());
    assert_eq!(rows(&written.file, &["a"]).unwrap_err().kind(), ErrorKind::Erased);
    written.file.remove().unwrap();
    assert_eq!(rows(&written.file, &["b"]).unwrap_err().kind(), ErrorKind::Erased);
}

#[test]
fn the_cache_forgets_a_file_that_is_gone() {
    let written = example();
    let cache = Arc::new(Cache::new(1 << 20));
    let (disk, meta) = (written.disk.clone().into(), written.file.meta().clone());
    let file = BitmapFile::new(disk, cache.clone(), Path::new("current"), (schema(), 6), meta);
    rows(&file, &["a", "b"]).unwrap();
    assert!(cache.byte_count() > 0);
    drop(file);
    assert_eq!(cache.byte_count(), 0);
}
