//! What goes in comes out: rows of every type, at every size around a block, through every way of
//! reading.

use std::collections::HashMap;

use arrow::compute::cast;
use arrow::datatypes::DataType::Dictionary;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::*;

/// Writes rows and reads them back by columns, by periods and by key.
fn check(row_count: usize, open_count: usize, piece: usize) {
    check_rows(&rows(row_count, open_count, 0xA11A15 + row_count as u64), open_count, piece);
}

fn check_rows(rows: &SegmentRows, open_count: usize, piece: usize) {
    let (disk, row_count) = (disk(), rows.periods.len());
    let meta = write(&disk, 1, rows, piece);
    assert_eq!((meta.row_count as usize, meta.open_count as usize), (row_count, open_count));
    let json = serde_json::to_string(&meta).unwrap();
    assert_eq!(serde_json::from_str::<SegmentMeta>(&json).unwrap(), meta);
    let segment = open(&disk, &meta);
    assert_eq!(faults(&segment).len(), 0, "{:?}", faults(&segment));
    let blocks: Vec<u32> = (0..meta.block_count()).collect();
    let columns: Vec<usize> = (0..rows.columns.len()).rev().collect();
    // The second pass comes from the cache.
    for _ in 0..2 {
        let read = segment.stored_columns(&blocks, &columns).unwrap();
        for (block, arrays) in blocks.iter().zip(&read) {
            let from = (block * BLOCK_ROWS) as usize;
            let length = (BLOCK_ROWS as usize).min(row_count - from);
            for (column, array) in columns.iter().zip(arrays) {
                let expected = rows.columns[*column].slice(from, length);
                assert_eq!(array.to_data(), expected.to_data(), "column {column}, block {block}");
            }
        }
    }
    check_periods(&segment, rows, &blocks);
    check_keys(&segment, rows);
    check_uncached(&segment, rows);
    // Each block by itself, as look-ups read them.
    let segment = open(&disk, &meta);
    for block in blocks {
        let from = (block * BLOCK_ROWS) as usize;
        for column in &columns {
            let read = segment.stored_columns(&[block], &[*column]).unwrap();
            let expected = rows.columns[*column].slice(from, segment.block_len(block));
            assert_eq!(read[0][0].to_data(), expected.to_data(), "column {column}, block {block}");
        }
    }
}

fn check_periods(segment: &Segment, rows: &SegmentRows, blocks: &[u32]) {
    let mut read = Periods::default();
    for block in blocks {
        let first = block * BLOCK_ROWS;
        // Before the block is in the cache, and then from there.
        let packed = [0, 0, segment.block_len(*block) as u32 - 1]
            .map(|row| (row, segment.rect(first + row)));
        let periods = segment.periods(*block).unwrap();
        for (row, rect) in packed {
            assert_eq!(rect.unwrap(), periods.rect(row as usize));
        }
        for row in 0..periods.len() as u32 {
            assert_eq!(segment.rect(first + row).unwrap(), periods.rect(row as usize));
        }
        read.valid_from.extend(periods.valid_from.iter());
        read.valid_to.extend(periods.valid_to.iter());
        read.system_from.extend(periods.system_from.iter());
        read.system_to.extend(periods.system_to.iter());
        let zone = segment.zones().unwrap().blocks[*block as usize];
        assert_eq!(periods.zone(0, periods.len()), Some(zone));
    }
    assert_eq!(read, rows.periods);
    assert_eq!(rows.periods.zone(0, rows.periods.len()), Some(segment.meta().zone));
}

/// Reads all blocks past the cache, where text and bytes may be numbers.
fn check_uncached(segment: &Segment, rows: &SegmentRows) {
    let mut next = 0;
    let each = &mut |block, columns: Vec<ArrayRef>, periods: PeriodBlock| {
        assert_eq!((block, periods.len()), (next, segment.block_len(block)));
        next += 1;
        let from = (block * BLOCK_ROWS) as usize;
        for (column, array) in columns.iter().enumerate() {
            let expected = rows.columns[column].slice(from, periods.len());
            let plain = cast(array, expected.data_type()).unwrap();
            assert_eq!(&*plain, &*expected, "column {column}, block {block}");
        }
        Ok(())
    };
    segment.read_blocks_uncached(each).unwrap();
    assert_eq!(next, segment.meta().block_count());
}

fn check_keys(segment: &Segment, rows: &SegmentRows) {
    let mut naive: HashMap<u64, Vec<u32>> = HashMap::new();
    for (hash, row) in rows.key_hashes.iter().zip(0..) {
        naive.entry(*hash).or_default().push(row);
    }
    let mut hashes: Vec<u64> = naive.keys().copied().collect();
    hashes.sort_unstable();
    let mut merged: HashMap<u64, Vec<u32>> = HashMap::new();
    for section in [Section::Open, Section::Closed] {
        let mut found = |at: usize, row| merged.entry(hashes[at]).or_default().push(row);
        segment.for_each_match(section, &hashes, &mut found).unwrap();
    }
    for (hash, rows) in naive {
        let found = segment.rows_of(hash).unwrap();
        assert!(rows.iter().all(|row| found.contains(row)), "{rows:?} in {found:?}");
        let mut merged = merged.remove(&hash).unwrap();
        merged.sort_unstable();
        assert_eq!(merged, found);
    }
}

#[test]
fn rows_of_every_type_come_back_at_every_size() {
    check(1, 0, 1);
    check(1, 1, 1);
    check(4_095, 4_095, 1_000);
    check(4_096, 1, 4_096);
    check(4_097, 4_096, 5_000);
    check(9_000, 100, 777);
}

#[test]
fn row_groups_are_cut_at_whole_blocks() {
    check(ROW_GROUP_ROWS as usize + 5_000, 4_000, 40_000);
}

#[test]
fn row_groups_of_wide_rows_end_early() {
    let mut rows = rows(20_000, 3_000, 7);
    let mut random = Xorshift(7);
    let wide = (0..20_000).map(|_| {
        let value = (0..256).flat_map(|_| random.below(u64::MAX).to_le_bytes());
        Some(value.collect::<Vec<u8>>())
    });
    rows.columns[10] = Arc::new(wide.collect::<BinaryArray>());
    check_rows(&rows, 3_000, 7_000);
    let disk = disk();
    let meta = write(&disk, 1, &rows, 20_000);
    let data = disk.open(&meta.id.data_path(Path::new(DIR))).unwrap();
    let mut bytes = vec![0; meta.data_bytes as usize];
    data.read_at(0, &mut bytes).unwrap();
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let groups = reader.metadata().row_groups().iter().map(|group| group.num_rows());
    assert_eq!(groups.collect::<Vec<_>>(), [16_384, 3_616]);
}

/// A dictionary that is full is given up between two blocks; the blocks before still need it.
#[test]
fn texts_of_which_a_dictionary_grows_too_large_come_back() {
    for (row_count, width) in [(9_500, 5), (9_500, 20), (12_000, 5), (40_000, 9)] {
        let mut rows = rows(row_count, 3_000, 8);
        let texts = (0..row_count).map(|row| Some(format!("{row:0width$}")));
        rows.columns[10] =
            Arc::new(texts.map(|t| t.map(String::into_bytes)).collect::<BinaryArray>());
        check_rows(&rows, 3_000, 7_000);
    }
}

#[test]
fn text_of_few_values_is_read_as_numbers_unless_it_is_of_the_key() {
    let disk = disk();
    let mut rows = rows(9_500, 3_000, 9);
    let texts = (0..9_500).map(|row| (row % 7 > 0).then(|| format!("{row:020}")));
    rows.columns[14] = Arc::new(texts.collect::<StringArray>());
    let segment = open(&disk, &write(&disk, 1, &rows, 7_000));
    let each = &mut |_, columns: Vec<ArrayRef>, _| {
        let is_numbers = |column: &ArrayRef| matches!(column.data_type(), Dictionary(_, _));
        let numbers: Vec<usize> = (0..columns.len()).filter(|c| is_numbers(&columns[*c])).collect();
        // Of column 14, which has many values, only the first pages are stored like that.
        assert_eq!(numbers, [10]);
        Ok(())
    };
    segment.read_blocks_uncached(each).unwrap();
}

#[test]
fn a_column_asked_for_twice_and_blocks_half_in_the_cache_come_back() {
    let rows = rows(20_000, 0, 3);
    let disk = disk();
    let meta = write(&disk, 1, &rows, 20_000);
    let segment = open(&disk, &meta);
    segment.stored_columns(&[1, 3], &[9]).unwrap();
    let before = segment.cache_counters();
    let read = segment.stored_columns(&[0, 1, 3, 4], &[9, 3, 9]).unwrap();
    // Two blocks of column 9 and four of column 3.
    assert_eq!(segment.cache_counters().decoded_blocks - before.decoded_blocks, 6);
    for (block, arrays) in [0, 1, 3, 4].iter().zip(&read) {
        let from = block * BLOCK_ROWS as usize;
        for (column, array) in [9, 3, 9].iter().zip(arrays) {
            let expected = rows.columns[*column].slice(from, array.len());
            assert_eq!(array.to_data(), expected.to_data());
        }
    }
    let before = segment.cache_counters();
    segment.stored_columns(&[0, 1, 3, 4], &[9, 3]).unwrap();
    assert_eq!(segment.cache_counters(), before, "nothing warm is decoded");
}

#[test]
fn keys_come_in_the_order_asked_for_though_a_row_is_named_twice() {
    let disk = disk();
    let meta = write(&disk, 1, &rows(4, 4, 6), 4);
    let segment = open(&disk, &meta);
    let all = segment.keys_of(0, &[0, 1, 2, 3]).unwrap();
    // As many as the block has rows, but not each of them.
    for wanted in [[0, 0, 2, 3], [0, 2, 2, 3], [3, 2, 1, 0]] {
        let found = segment.keys_of(0, &wanted).unwrap();
        for (at, row) in wanted.iter().enumerate() {
            assert_eq!(found.get(at), all.get(*row as usize), "row {row} of {wanted:?}");
        }
    }
}

#[test]
fn a_segment_touches_no_file_before_it_is_asked() {
    let disk = disk();
    let meta = write(&disk, 1, &rows(100, 0, 4), 100);
    let before = disk.call_count();
    let segment = open(&disk, &meta);
    assert_eq!(disk.call_count(), before);
    segment.zones().unwrap();
    assert!(disk.call_count() > before);
}

#[test]
fn a_cache_of_no_size_changes_no_answer_and_a_dropped_segment_leaves_it() {
    let disk = disk();
    let rows = rows(5_000, 10, 5);
    let meta = write(&disk, 1, &rows, 5_000);
    for bytes_max in [0, 1 << 26] {
        let cache = Arc::new(Cache::new(bytes_max));
        let schema = Arc::new(schema());
        let segment =
            Segment::new(Arc::new(disk.clone()), DIR, meta.clone(), schema, cache.clone());
        check_periods(&segment, &rows, &[0, 1]);
        check_keys(&segment, &rows);
        segment.stored_columns(&[0, 1], &[0, 9]).unwrap();
        assert!(cache.byte_count() <= bytes_max);
        drop(segment);
        assert_eq!(cache.byte_count(), 0);
    }
}

#[test]
fn the_same_rows_give_the_same_bytes_however_they_arrive() {
    let rows = rows(10_000, 500, 6);
    let (one, other) = (disk(), disk());
    assert_eq!(write(&one, 1, &rows, 10_000), write(&other, 1, &rows, 311));
    for path in one.files() {
        assert!(one.read_all(&path).unwrap() == other.read_all(&path).unwrap());
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_no_file() {
    let disk = disk();
    let shared = Arc::new(disk.clone());
    let writer =
        SegmentWriter::create(shared, Path::new(DIR), SegmentId(1), &schema(), partition())
            .unwrap();
    assert_eq!(disk.files().len(), 1);
    drop(writer);
    assert_eq!(disk.files().len(), 0);
    let meta = write(&disk, 1, &rows(10, 0, 7), 10);
    let segment = open(&disk, &meta);
    segment.remove_files().unwrap();
    segment.remove_files().unwrap();
    assert_eq!(disk.files().len(), 0);
}
