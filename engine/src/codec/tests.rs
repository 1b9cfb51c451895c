//! Batches come back as they were, keys and zones sort as values do, and damaged bytes are judged:
//! with random values of every type. A failure prints the seed of its round.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::*;
use crate::error::ErrorKind;
use crate::schema::DataType;

const TYPES: [DataType; 12] = [
    DataType::Boolean,
    DataType::SmallInt,
    DataType::Integer,
    DataType::BigInt,
    DataType::Real,
    DataType::Double,
    DataType::Decimal { precision: 38, scale: 2 },
    DataType::Text,
    DataType::Bytea,
    DataType::Date,
    DataType::Timestamp,
    DataType::Uuid,
];

struct Random(u64);

impl Random {
    fn of(seed: u64) -> Random {
        println!("seed {seed}");
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Small, large and extreme integers, so that values meet.
    fn integer(&mut self) -> i64 {
        match self.below(4) {
            0 => self.below(5) as i64 - 2,
            1 => [i64::MIN, i64::MAX, i64::MIN + 1, 255, 256][self.below(5) as usize],
            _ => self.next() as i64,
        }
    }

    fn double(&mut self) -> f64 {
        let edges =
            [0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5, -1e-310];
        match self.below(2) {
            0 => edges[self.below(edges.len() as u64) as usize],
            _ => f64::from_bits(self.next()),
        }
    }

    /// Short strings of few bytes, zeros among them, so that they share beginnings.
    fn bytes(&mut self) -> Vec<u8> {
        let alphabet = [0, 0, 1, b'a', b'b', 0x7F];
        (0..self.below(11)).map(|_| alphabet[self.below(6) as usize]).collect()
    }

    fn column(&mut self, data_type: DataType, row_count: usize, nulls: bool) -> ArrayRef {
        let valid: Vec<bool> = (0..row_count).map(|_| !nulls || self.below(3) > 0).collect();
        macro_rules! values {
            ($value:expr) => {
                valid.iter().map(|&valid| valid.then(|| $value)).collect()
            };
        }
        match data_type {
            DataType::Boolean => Arc::new({
                let array: BooleanArray = values!(self.below(2) == 1);
                array
            }),
            DataType::SmallInt => Arc::new({
                let array: Int16Array = values!(self.integer() as i16);
                array
            }),
            DataType::Integer => Arc::new({
                let array: Int32Array = values!(self.integer() as i32);
                array
            }),
            DataType::BigInt => Arc::new({
                let array: Int64Array = values!(self.integer());
                array
            }),
            DataType::Real => Arc::new({
                let array: Float32Array = values!(self.double() as f32);
                array
            }),
            DataType::Double => Arc::new({
                let array: Float64Array = values!(self.double());
                array
            }),
            DataType::Decimal { precision, scale } => Arc::new({
                let array: Decimal128Array =
                    values!(i128::from(self.integer()) * i128::from(self.below(9) as i64));
                array.with_precision_and_scale(precision, scale as i8).unwrap()
            }),
            DataType::Text | DataType::Json => Arc::new({
                let array: StringArray = values!(String::from_utf8(self.bytes()).unwrap());
                array
            }),
            DataType::Bytea => Arc::new({
                let array: BinaryArray = values!(self.bytes());
                array
            }),
            DataType::Date => Arc::new({
                let array: Date32Array = values!(self.integer() as i32);
                array
            }),
            DataType::Timestamp => Arc::new({
                let array: TimestampMicrosecondArray = values!(self.integer());
                array.with_timezone("UTC")
            }),
            DataType::Uuid => {
                let values: Vec<Option<[u8; 16]>> = values!(
                    (u128::from(self.below(3)) << 64 | u128::from(self.next())).to_be_bytes()
                );
                let array =
                    FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), 16);
                Arc::new(array.unwrap())
            }
        }
    }

    fn batch(&mut self, row_count: usize) -> RecordBatch {
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for data_type in TYPES {
            let nulls = self.below(2) == 0;
            fields.push(Field::new(format!("{data_type:?}"), data_type.arrow(), nulls));
            columns.push(self.column(data_type, row_count, nulls));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }
}

#[test]
fn batches_come_back_as_they_were_also_when_sliced() {
    for seed in 0..200 {
        let mut random = Random::of(seed);
        let row_count = random.below(40) as usize;
        let whole = random.batch(row_count);
        let from = random.below(row_count as u64 + 1) as usize;
        let count = random.below((row_count - from) as u64 + 1) as usize;
        for batch in [whole.clone(), whole.slice(from, count)] {
            let mut bytes = Vec::new();
            encode_batch(&batch, &mut bytes).unwrap();
            let mut reader = Reader::new(&bytes);
            let back = decode_batch(&mut reader, batch.schema_ref()).unwrap();
            reader.finish().unwrap();
            let mut again = Vec::new();
            encode_batch(&back, &mut again).unwrap();
            assert_eq!(bytes, again, "the bytes do not depend on how arrays were sliced");
            assert_eq!(back, batch);
        }
    }
}

#[test]
fn a_batch_without_columns_keeps_its_row_count() {
    let schema: SchemaRef = Arc::new(Schema::empty());
    let options = RecordBatchOptions::new().with_row_count(Some(7));
    let batch = RecordBatch::try_new_with_options(schema.clone(), vec![], &options).unwrap();
    let mut bytes = Vec::new();
    encode_batch(&batch, &mut bytes).unwrap();
    assert_eq!(decode_batch(&mut Reader::new(&bytes), &schema).unwrap().num_rows(), 7);
}

#[test]
fn damaged_batches_are_judged_and_never_panic() {
    for seed in 0..400 {
        let mut random = Random::of(seed);
        let row_count = 1 + random.below(20) as usize;
        let batch = random.batch(row_count);
        let mut bytes = Vec::new();
        encode_batch(&batch, &mut bytes).unwrap();
        for _ in 0..40 {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len() as u64) as usize;
                damaged[at] = random.next() as u8;
            }
            damaged.truncate(random.below(2 * bytes.len() as u64) as usize);
            if let Ok(batch) = decode_batch(&mut Reader::new(&damaged), batch.schema_ref()) {
                // Whatever was let through can be read and written whole.
                encode_batch(&batch, &mut Vec::new()).unwrap();
                assert!(!format!("{batch:?}").is_empty());
            }
        }
    }
}

#[test]
fn each_rule_of_a_column_is_judged() {
    let check = |field: ArrowType, nullable: bool, bytes: &[u8], says: &str| {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", field, nullable)]));
        let error = decode_batch(&mut Reader::new(bytes), &schema).unwrap_err();
        assert!(error.what.contains(says), "{error}");
    };
    check(ArrowType::Boolean, false, &[1, 0, 0, 0, 0, 2], "behind its last row");
    check(ArrowType::Boolean, false, &[1, 0, 0, 0, 2, 1], "no flags");
    check(ArrowType::Boolean, false, &[1, 0, 0, 0, 1, 0, 1], "non-nullable");
    check(ArrowType::Int64, false, &[255, 255, 255, 255, 0, 1], "bytes are expected");
    check(ArrowType::Utf8, false, &[1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, b'a'], "not 0");
    check(ArrowType::Utf8, false, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xFF], "UTF8");
    let falling = [2, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, b'a'];
    check(ArrowType::Binary, false, &falling, "ffset");
}

/// How values of a column compare: floats in total order with one zero and one NaN, all else as
/// Arrow orders it.
fn compare(column: &ArrayRef, a: usize, b: usize) -> Ordering {
    let float = |a: f64, b: f64| {
        let order = |f: f64| if f.is_nan() { f64::NAN.abs() } else { f + 0.0 };
        order(a).total_cmp(&order(b))
    };
    let any = column.as_any();
    macro_rules! by {
        ($array:ty) => {
            if let Some(array) = any.downcast_ref::<$array>() {
                return array.value(a).cmp(&array.value(b));
            }
        };
    }
    by!(BooleanArray);
    by!(Int16Array);
    by!(Int32Array);
    by!(Int64Array);
    by!(Decimal128Array);
    by!(Date32Array);
    by!(TimestampMicrosecondArray);
    by!(StringArray);
    by!(BinaryArray);
    by!(FixedSizeBinaryArray);
    if let Some(array) = any.downcast_ref::<Float32Array>() {
        return float(array.value(a).into(), array.value(b).into());
    }
    let array = any.downcast_ref::<Float64Array>().unwrap();
    float(array.value(a), array.value(b))
}

#[test]
fn keys_sort_and_hash_as_their_columns_do() {
    for seed in 0..300 {
        let mut random = Random::of(seed);
        let columns: Vec<ArrayRef> = (0..=random.below(3))
            .map(|_| {
                let data_type = TYPES[random.below(12) as usize];
                random.column(data_type, 24, false).slice(3, 21)
            })
            .collect();
        let keys = encode_keys(&columns).unwrap();
        assert_eq!(keys.len(), 21);
        for a in 0..keys.len() {
            for b in 0..keys.len() {
                let orders = columns.iter().map(|column| compare(column, a, b));
                let expected = orders.fold(Ordering::Equal, Ordering::then);
                assert_eq!(keys.get(a).cmp(keys.get(b)), expected, "rows {a} and {b}: {columns:?}");
                assert_eq!(keys.hash(a) == keys.hash(b), expected == Ordering::Equal);
            }
        }
    }
}

#[test]
fn the_key_encoding_is_as_documented() {
    let check = |column: ArrayRef, expected: &[u8]| {
        let keys = encode_keys(&[Arc::clone(&column)]).unwrap();
        assert_eq!(keys.get(0), expected, "{column:?}");
    };
    check(Arc::new(BooleanArray::from(vec![true])), &[1]);
    check(Arc::new(Int16Array::from(vec![-1])), &[0x7F, 0xFF]);
    check(Arc::new(Int64Array::from(vec![1])), &[0x80, 0, 0, 0, 0, 0, 0, 1]);
    check(Arc::new(Float32Array::from(vec![-0.0])), &[0x80, 0, 0, 0]);
    check(Arc::new(Float64Array::from(vec![-f64::NAN])), &[0xFF, 0xF8, 0, 0, 0, 0, 0, 0]);
    check(Arc::new(StringArray::from(vec!["a\0b"])), b"a\0\xFFb\0\0");
    check(Arc::new(StringArray::from(vec![""])), &[0, 0]);
    let hash = encode_keys(&[Arc::new(Int64Array::from(vec![1]))]).unwrap().hash(0);
    assert_eq!(hash, xxhash_rust::xxh3::xxh3_64(&[0x80, 0, 0, 0, 0, 0, 0, 1]));
}

#[test]
fn a_null_in_a_key_is_refused_by_row_and_position() {
    let first: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let second: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None]));
    let error = encode_keys(&[first, second]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.to_string(), "the key is NULL in row 2 (column 1 of the key)");
}

#[test]
fn zone_prefixes_never_contradict_the_order_of_values() {
    for seed in 0..300 {
        let mut random = Random::of(seed);
        let column = random.column(TYPES[(seed % 12) as usize], 40, false);
        let prefixes = zone_prefix(&column).unwrap();
        for a in 0..column.len() {
            for b in 0..column.len() {
                if compare(&column, a, b) != Ordering::Greater {
                    assert!(prefixes[a] <= prefixes[b], "rows {a} and {b} of {column:?}");
                }
            }
        }
    }
    let nulls: ArrayRef = Arc::new(Int64Array::from(vec![Some(0), None]));
    assert_eq!(zone_prefix(&nulls).unwrap(), [1 << 63, 0]);
}
