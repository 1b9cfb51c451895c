//! The workload "readings": versions that all end, a tenth of them in each of ten months.

use std::sync::Arc;

use annals_engine::{Column, DataType, TableSpec, VALID_FROM, VALID_TO};
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};

use crate::failure::Result;

/// The months in which versions end: January to October 2023.
pub const MONTH_COUNT: u64 = 10;
/// 2023-01-01 in microseconds since 1970.
const FIRST_US: i64 = 1_672_531_200_000_000;
const DAY_US: i64 = 86_400_000_000;
/// The first day of each month, counted from the first.
const FIRST_DAYS: [i64; 10] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273];
/// Puts of one transaction.
const BATCH_ROW_COUNT: u64 = 10_000;
/// Every sensor has so many readings, one after the other.
const READINGS_OF_SENSOR: u64 = 100;

/// The table.
pub fn spec() -> TableSpec {
    TableSpec::keyed("readings", ["sensor"])
        .column(Column::new("sensor", DataType::BigInt))
        .column(Column::new("value", DataType::Double))
}

/// The transactions, in order; a version holds for some hours of its month.
pub fn batches(row_count: u64) -> impl Iterator<Item = Result<RecordBatch>> {
    let starts = (0..row_count).step_by(BATCH_ROW_COUNT as usize);
    starts.map(move |first| batch(row_count, first..row_count.min(first + BATCH_ROW_COUNT)))
}

fn batch(row_count: u64, rows: std::ops::Range<u64>) -> Result<RecordBatch> {
    let sensor_count = (row_count / READINGS_OF_SENSOR).max(1);
    let sensors = rows.clone().map(|row| (row % sensor_count) as i64);
    let values = rows.clone().map(|row| (row.wrapping_mul(2_654_435_761) % 6_400) as f64 / 64.0);
    let from = |row: u64| {
        let month = row * MONTH_COUNT / row_count;
        // The readings of a sensor in one month follow one another, ten at most, two days apart.
        let number = (row / sensor_count) % (READINGS_OF_SENSOR / MONTH_COUNT);
        FIRST_US + (FIRST_DAYS[month as usize] + 2 * number as i64) * DAY_US + (row % 86_400) as i64
    };
    let starts: Vec<i64> = rows.map(from).collect();
    let ends = starts.iter().map(|at| at + DAY_US);
    let utc =
        |array: TimestampMicrosecondArray| -> ArrayRef { Arc::new(array.with_timezone("UTC")) };
    let columns: [(&str, ArrayRef); 4] = [
        ("sensor", Arc::new(Int64Array::from_iter_values(sensors))),
        ("value", Arc::new(Float64Array::from_iter_values(values))),
        (VALID_FROM, utc(TimestampMicrosecondArray::from(starts.clone()))),
        (VALID_TO, utc(TimestampMicrosecondArray::from_iter_values(ends))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
