//! Any Parquet reader opens what a segment stores.

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;

use super::*;

#[test]
fn a_plain_reader_sees_the_columns_and_null_ends() {
    let rows = rows(5_000, 100, 21);
    let disk = disk();
    let meta = write(&disk, 1, &rows, 5_000);
    let [path, _] = open(&disk, &meta).file_paths();
    let bytes = bytes::Bytes::from(disk.read_all(&path).unwrap());
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let ids: Vec<i32> = builder
        .parquet_schema()
        .root_schema()
        .get_fields()
        .iter()
        .map(|field| field.get_basic_info().id())
        .collect();
    assert_eq!(ids[..2], [1, 2]);
    assert_eq!(ids[15..], [1_000_001, 1_000_002, 1_000_003, 1_000_004]);
    let batches: Vec<RecordBatch> =
        builder.with_batch_size(5_000).build().unwrap().map(Result::unwrap).collect();
    let batch = &batches[0];
    assert_eq!(batch.num_rows(), 5_000);
    for (column, name) in
        ["_valid_from", "_valid_to", "_system_from", "_system_to"].iter().enumerate()
    {
        let array = batch.column_by_name(name).unwrap();
        let array = array.as_any().downcast_ref::<TimestampMicrosecondArray>().unwrap();
        assert_eq!(array.timezone(), Some("UTC"));
        let expected = rows.periods.columns()[column];
        for (row, instant) in array.iter().enumerate() {
            let unbounded = [i64::MIN, i64::MAX].contains(&expected[row]);
            assert_eq!(instant, (!unbounded).then_some(expected[row]));
        }
    }
    for (column, field) in schema().arrow().fields().iter().enumerate() {
        let array = batch.column_by_name(field.name()).unwrap();
        assert_eq!(array.to_data(), rows.columns[column].to_data(), "{}", field.name());
    }
}

#[test]
fn a_page_is_a_block() {
    let rows = rows(9_000, 0, 22);
    let disk = disk();
    let meta = write(&disk, 1, &rows, 9_000);
    let [path, _] = open(&disk, &meta).file_paths();
    let bytes = bytes::Bytes::from(disk.read_all(&path).unwrap());
    let options = parquet::arrow::arrow_reader::ArrowReaderOptions::new()
        .with_page_index_policy(parquet::file::metadata::PageIndexPolicy::Required);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options).unwrap();
    let metadata = builder.metadata();
    // The last column's values outgrow its dictionary, where a page is cut early.
    for column in &metadata.offset_index().unwrap()[0][..14] {
        let firsts: Vec<i64> =
            column.page_locations().iter().map(|page| page.first_row_index).collect();
        assert_eq!(firsts, [0, 4_096, 8_192]);
    }
    let encodings: Vec<Encoding> = metadata.row_group(0).column(3).encodings().collect();
    assert!(encodings.contains(&Encoding::DELTA_BINARY_PACKED), "{encodings:?}");
}
