//! Segments through their own writer and reader, on a disk in memory.

mod damage;
mod document;
mod interchange;
mod round_trip;

use std::path::Path;
use std::sync::Arc;

use arrow::array::*;

use super::*;
use crate::cache::Cache;
use crate::codec::encode_keys;
use crate::disk::{Disk, MemoryDisk};

use crate::schema::{Column, DataType, TableSchema, TableSpec};

/// The folder of all segments of these tests.
const DIR: &str = "/db/t";

struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// A table with a column of every type, keyed by two of them.
fn schema() -> TableSchema {
    TableSpec::keyed("every.type", ["id", "name"])
        .column(Column::new("flag", DataType::Boolean))
        .column(Column::new("small", DataType::SmallInt))
        .column(Column::new("middle", DataType::Integer))
        .column(Column::new("id", DataType::BigInt))
        .column(Column::new("real", DataType::Real))
        .column(Column::new("double", DataType::Double))
        .column(Column::new("cents", DataType::Decimal { precision: 9, scale: 2 }))
        .column(Column::new("money", DataType::Decimal { precision: 18, scale: 2 }))
        .column(Column::new("huge", DataType::Decimal { precision: 38, scale: 10 }))
        .column(Column::new("name", DataType::Text))
        .column(Column::new("bytes", DataType::Bytea))
        .column(Column::new("day", DataType::Date))
        .column(Column::new("at", DataType::Timestamp))
        .column(Column::new("uuid", DataType::Uuid))
        .column(Column::new("with.dots", DataType::Json))
        .resolve(9)
        .unwrap()
}

/// An empty disk with the folder, shared by its clones.
fn disk() -> MemoryDisk {
    let disk = MemoryDisk::new();
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk
}

/// Random values of every type, among them NULL, empty and extreme ones; the key is (`row` / 3, a
/// text).
fn batch(row_count: usize, random: &mut Xorshift) -> RecordBatch {
    let mut some = || random.below(5) != 0;
    let present: Vec<Vec<bool>> =
        (0..13).map(|_| (0..row_count).map(|_| some()).collect()).collect();
    let pick = |column: usize, row: usize, value: i64| present[column][row].then_some(value);
    let extreme = |row: usize, low: i64, high: i64| match row % 7 {
        0 => low,
        1 => high,
        _ => (row as i64 * 7_919) % (high / 2),
    };
    let rows = 0..row_count;
    let text = |row: usize| ["", "a", "annals", "ä\u{10FFFF}", "\0\0"][row % 5].to_owned();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.clone().map(|r| pick(0, r, 1).map(|_| r % 2 == 0)).collect::<BooleanArray>()),
        Arc::new(
            rows.clone()
                .map(|r| pick(1, r, extreme(r, -32_768, 32_767)).map(|v| v as i16))
                .collect::<Int16Array>(),
        ),
        Arc::new(
            rows.clone()
                .map(|r| pick(2, r, extreme(r, i32::MIN.into(), i32::MAX.into())).map(|v| v as i32))
                .collect::<Int32Array>(),
        ),
        Arc::new(rows.clone().map(|r| Some(r as i64 / 3)).collect::<Int64Array>()),
        Arc::new(
            rows.clone()
                .map(|r| pick(3, r, r as i64).map(|v| v as f32 / -8.0))
                .collect::<Float32Array>(),
        ),
        Arc::new(
            rows.clone()
                .map(|r| {
                    pick(4, r, r as i64).map(|v| if v == 9 { f64::NAN } else { v as f64 / 64.0 })
                })
                .collect::<Float64Array>(),
        ),
        decimals(rows.clone().map(|r| pick(5, r, extreme(r, -999_999_999, 999_999_999))), 9, 2, 1),
        decimals(
            rows.clone().map(|r| pick(6, r, extreme(r, -(10i64.pow(18) - 1), 10i64.pow(18) - 1))),
            18,
            2,
            1,
        ),
        decimals(rows.clone().map(|r| pick(7, r, r as i64 - 50)), 38, 10, 10i128.pow(30)),
        Arc::new(rows.clone().map(|r| Some(text(r % 4))).collect::<StringArray>()),
        Arc::new(
            rows.clone()
                .map(|r| pick(8, r, 0).map(|_| text(r).into_bytes()))
                .collect::<BinaryArray>(),
        ),
        Arc::new(
            rows.clone()
                .map(|r| pick(9, r, extreme(r, -719_162, 2_932_896)).map(|v| v as i32))
                .collect::<Date32Array>(),
        ),
        Arc::new(
            rows.clone()
                .map(|r| pick(10, r, extreme(r, -62_135_596_800_000_000, 253_402_300_799_999_999)))
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        ),
        Arc::new(
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                rows.clone().map(|r| pick(11, r, 0).map(|_| [r as u8; 16])),
                16,
            )
            .unwrap(),
        ),
        Arc::new(
            rows.clone()
                .map(|r| pick(12, r, 0).map(|_| format!("{{\"n\":{r}}}")))
                .collect::<StringArray>(),
        ),
    ];
    RecordBatch::try_new(schema().arrow(), columns).unwrap()
}

fn decimals(
    values: impl Iterator<Item = Option<i64>>,
    precision: u8,
    scale: i8,
    factor: i128,
) -> ArrayRef {
    let values: Decimal128Array = values.map(|v| v.map(|v| i128::from(v) * factor)).collect();
    Arc::new(values.with_precision_and_scale(precision, scale).unwrap())
}

/// Rows of the month 2024-03, of which the first `open_count` are still believed.
fn rows(row_count: usize, open_count: usize, seed: u64) -> SegmentRows {
    println!("seed {seed}");
    let mut random = Xorshift(seed);
    let batch = batch(row_count, &mut random);
    let month = partition().from_us();
    let mut periods = Periods::default();
    let mut starts: Vec<i64> =
        (0..row_count).map(|_| month - 1_000_000 + random.below(500_000) as i64).collect();
    starts[..open_count].sort_unstable();
    starts[open_count..].sort_unstable();
    for (row, start) in starts.into_iter().enumerate() {
        let is_open = row < open_count;
        let end = month + 1 + random.below(1_000_000) as i64;
        let valid_from = match random.below(3) {
            0 => i64::MIN,
            1 => start,
            _ => start - 5,
        };
        periods.valid_from.push(valid_from);
        periods.system_from.push(start);
        periods.valid_to.push(if is_open || random.below(2) == 0 { end } else { i64::MAX });
        periods.system_to.push(if is_open { i64::MAX } else { end + 7 });
    }
    finish_rows(batch, periods, open_count)
}

/// Takes the hash of each row's key, and puts rows of equal start in the order of their keys.
fn finish_rows(batch: RecordBatch, periods: Periods, open_count: usize) -> SegmentRows {
    let key: Vec<ArrayRef> = schema().key.iter().map(|at| batch.column(*at).clone()).collect();
    let keys = encode_keys(&key).unwrap();
    let mut order: Vec<u32> = (0..batch.num_rows() as u32).collect();
    order.sort_by_key(|row| {
        let row = *row as usize;
        (row >= open_count, periods.start(row), keys.get(row).to_vec())
    });
    let take = |values: &[i64]| order.iter().map(|row| values[*row as usize]).collect();
    let [valid_from, valid_to, system_from, system_to] = periods.columns().map(take);
    let columns = batch.columns().iter();
    let indices = UInt32Array::from(order.clone());
    let columns = columns.map(|c| arrow::compute::take(c, &indices, None).unwrap()).collect();
    SegmentRows {
        columns,
        periods: Periods { valid_from, valid_to, system_from, system_to },
        key_hashes: order.iter().map(|row| keys.hash(*row as usize)).collect(),
    }
}

fn partition() -> Partition {
    Partition::parse("2024-03").unwrap()
}

/// Writes a segment in pieces of `piece` rows.
fn write(disk: &MemoryDisk, id: u64, rows: &SegmentRows, piece: usize) -> SegmentMeta {
    let disk = Arc::new(disk.clone());
    let mut writer =
        SegmentWriter::create(disk, Path::new(DIR), SegmentId(id), &schema(), partition()).unwrap();
    let row_count = rows.periods.len();
    for from in (0..row_count).step_by(piece) {
        let length = piece.min(row_count - from);
        let part = |values: &[i64]| values[from..from + length].to_vec();
        let [valid_from, valid_to, system_from, system_to] = rows.periods.columns().map(part);
        let periods = Periods { valid_from, valid_to, system_from, system_to };
        let key_hashes = rows.key_hashes[from..from + length].to_vec();
        let columns = rows.columns.iter().map(|column| column.slice(from, length)).collect();
        writer.write(SegmentRows { columns, periods, key_hashes }).unwrap();
    }
    writer.finish().unwrap()
}

/// The segment as a reader that has touched nothing yet.
fn open(disk: &MemoryDisk, meta: &SegmentMeta) -> Segment {
    let cache = Arc::new(Cache::new(64 << 20));
    Segment::new(Arc::new(disk.clone()), DIR, meta.clone(), Arc::new(schema()), cache)
}

/// Everything `verify` reports.
fn faults(segment: &Segment) -> Vec<crate::error::Error> {
    let mut faults = Vec::new();
    segment.verify(&mut |fault| faults.push(fault)).unwrap();
    faults
}
