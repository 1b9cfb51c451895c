//! What is encoded here is decoded by the Parquet crate; `segment/tests/round_trip.rs` does the same with whole segments.

use std::sync::Arc;

use arrow::array::{
    DictionaryArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::datatypes::{Field, Schema};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;

use super::*;

/// Writes blocks of a column as a row group, and reads it with the Parquet crate.
fn written(
    blocks: &[ArrayRef],
    encoding: Encoding,
    dictionary_bytes_max: usize,
) -> (ArrayRef, ColumnChunkMetaData) {
    let field = Field::new("column", plain_type(blocks[0].data_type()), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let file = ArrowSchemaConverter::new().convert(&schema).unwrap();
    let mut encoder = ColumnEncoder::new(file.column(0), encoding, dictionary_bytes_max);
    blocks.iter().for_each(|block| encoder.push(block).unwrap());
    let properties = Arc::new(WriterProperties::default());
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, file.root_schema_ptr(), properties).unwrap();
    let (pages, close) = encoder.finish().unwrap();
    let mut group = writer.next_row_group().unwrap();
    group.append_column(&pages, close).unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let bytes = Bytes::from(bytes);
    let file = SerializedFileReader::new(bytes.clone()).unwrap();
    let chunk = file.metadata().row_group(0).column(0).clone();
    let rows: Vec<RecordBatch> =
        ParquetRecordBatchReader::try_new(bytes, 1 << 20).unwrap().map(Result::unwrap).collect();
    let columns: Vec<&dyn Array> = rows.iter().map(|batch| &**batch.column(0)).collect();
    (arrow::compute::concat(&columns).unwrap(), chunk)
}

fn check(block: ArrayRef, encoding: Encoding, dictionary_bytes_max: usize) {
    for length in [0, 1, 2, 7, 8, 9, 129, 256, 257, 258, block.len()] {
        let blocks = [block.slice(0, length), block.slice(length, block.len() - length)];
        let (read, _) = written(&blocks, encoding, dictionary_bytes_max);
        assert_eq!(read.to_data(), block.to_data(), "{encoding}, {length}");
    }
}

/// So that any differences of neighbours are met, those that wrap among them.
fn spread(at: i64) -> i64 {
    match at % 5 {
        0 => i64::MIN + at,
        1 => i64::MAX - at,
        _ => at.wrapping_mul(0x1234_5678_9ABC) >> (at % 64),
    }
}

#[test]
fn integers_of_any_size_are_read_back() {
    let some = |at: &i64| at % 11 != 3;
    let longs = (0..2_000).map(|at| some(&at).then(|| spread(at)));
    check(Arc::new(longs.collect::<arrow::array::Int64Array>()), Encoding::DELTA_BINARY_PACKED, 0);
    let ints = (0..2_000).map(|at| some(&at).then(|| spread(at) as i32));
    check(Arc::new(ints.collect::<arrow::array::Int32Array>()), Encoding::DELTA_BINARY_PACKED, 0);
    let bits = (0..2_000).map(|at| some(&at).then_some(at % 300 > 100));
    check(Arc::new(bits.collect::<arrow::array::BooleanArray>()), Encoding::RLE, 0);
}

#[test]
fn a_column_without_any_value_is_read_back() {
    let nulls: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>; 600]));
    check(nulls, Encoding::DELTA_LENGTH_BYTE_ARRAY, 1_000);
    let nulls: ArrayRef = Arc::new(arrow::array::Float64Array::from(vec![None; 600]));
    check(nulls, Encoding::BYTE_STREAM_SPLIT, 0);
}

#[test]
fn a_dictionary_that_is_full_is_given_up_between_two_blocks() {
    let text = |prefix: &str, count: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(
            (0..1_000).map(|at| format!("{prefix}{}", at % count)),
        ))
    };
    let blocks = [text("a", 10), text("b", 900), text("a", 10)];
    let (read, chunk) = written(&blocks, Encoding::DELTA_LENGTH_BYTE_ARRAY, 100);
    let expected = arrow::compute::concat(&blocks.each_ref().map(|block| &**block)).unwrap();
    assert_eq!(read.to_data(), expected.to_data());
    assert!(chunk.dictionary_page_offset().is_some());
    let encodings: Vec<Encoding> = chunk.encodings().collect();
    assert!(encodings.contains(&Encoding::DELTA_LENGTH_BYTE_ARRAY), "{encodings:?}");
    let statistics = chunk.statistics().unwrap();
    assert_eq!(statistics.min_bytes_opt(), Some(&b"a0"[..]));
    assert_eq!(statistics.max_bytes_opt(), Some(&b"b99"[..]));
}

#[test]
fn instants_of_any_number_of_transactions_are_read_back() {
    for count in [1, 10, 5_000] {
        let instant = |at: i64| (at % 11 != 3).then_some(at * 7_919 % count * 1_000_003);
        let block = |from: i64| -> ArrayRef {
            let values: TimestampMicrosecondArray = (from..from + 8_000).map(instant).collect();
            Arc::new(values)
        };
        let blocks = [block(0), block(50), block(9_000)];
        let expected = arrow::compute::concat(&blocks.each_ref().map(|block| &**block)).unwrap();
        for dictionary_bytes_max in [100_000, 1_000] {
            let encoding = Encoding::DELTA_BINARY_PACKED;
            let (read, chunk) = written(&blocks, encoding, dictionary_bytes_max);
            assert_eq!(read.to_data(), expected.to_data(), "{count}, {dictionary_bytes_max}");
            let statistics = chunk.statistics().unwrap();
            assert_eq!(statistics.min_bytes_opt(), Some(&0_i64.to_le_bytes()[..]));
            assert_eq!(
                chunk.dictionary_page_offset().is_some(),
                count as usize * 8 <= dictionary_bytes_max
            );
        }
    }
}

#[test]
fn numbers_of_distinct_values_are_stored_as_the_values() {
    let values: ArrayRef = Arc::new(StringArray::from(vec!["x", "unused", "y", "x"]));
    let numbers = |from: u32| -> ArrayRef {
        let keys: UInt32Array = (from..from + 500)
            .map(|at| (at % 7 != 0).then(|| [0, 2, 3][at as usize % 3]))
            .collect();
        Arc::new(DictionaryArray::try_new(keys, values.clone()).unwrap())
    };
    let other: ArrayRef = Arc::new(StringArray::from(vec!["z"; 3]));
    let plain = |block: &ArrayRef| arrow::compute::cast(block, &ArrowType::Utf8).unwrap();
    let blocks = [numbers(0), numbers(1), other, numbers(2)];
    let expected = blocks.each_ref().map(plain);
    let expected = arrow::compute::concat(&expected.each_ref().map(|block| &**block)).unwrap();
    for dictionary_bytes_max in [64, 12, 4] {
        let encoding = Encoding::DELTA_LENGTH_BYTE_ARRAY;
        let (read, chunk) = written(&blocks, encoding, dictionary_bytes_max);
        assert_eq!(read.to_data(), expected.to_data(), "{dictionary_bytes_max}");
        assert_eq!(chunk.statistics().unwrap().min_bytes_opt(), Some(&b"x"[..]));
    }
}

#[test]
fn large_values_are_cut_into_pages() {
    let large = "l".repeat(7 << 20);
    let text: ArrayRef = Arc::new(StringArray::from_iter_values((0..7).map(|at| &large[at..])));
    let (read, _) = written(std::slice::from_ref(&text), Encoding::DELTA_LENGTH_BYTE_ARRAY, 64);
    assert_eq!(read.to_data(), text.to_data());
}

#[test]
fn bounds_leave_out_what_has_no_order_and_both_zeros_are_within_them() {
    let values: ArrayRef = Arc::new(arrow::array::Float64Array::from(vec![f64::NAN, 0.0, 0.0]));
    let (_, chunk) = written(&[values], Encoding::BYTE_STREAM_SPLIT, 0);
    let statistics = chunk.statistics().unwrap();
    assert_eq!(statistics.min_bytes_opt(), Some(&(-0.0_f64).to_le_bytes()[..]));
    assert_eq!(statistics.max_bytes_opt(), Some(&0.0_f64.to_le_bytes()[..]));
    let values: ArrayRef = Arc::new(arrow::array::Float32Array::from(vec![f32::NAN]));
    let (_, chunk) = written(&[values], Encoding::BYTE_STREAM_SPLIT, 0);
    assert_eq!(chunk.statistics().unwrap().min_bytes_opt(), None);
}
