//! Zone prefixes: any value as 64 bits, in an order that never contradicts that of the values.
//!
//! `a <= b` implies `prefix(a) <= prefix(b)`, so the smallest and the greatest prefix of a page
//! enclose those of all its values, and a page can be skipped by them without error. Different
//! values may share a prefix, so nothing else follows: equal prefixes say nothing. The map is part
//! of the on-disk format:
//!
//! ```text
//! BOOLEAN                        0 or 1
//! integers, DATE, TIMESTAMP      widened to 64 bits, the sign bit flipped
//! DECIMAL                        the unscaled integer, cut to 64 bits at its range, the sign bit flipped
//! REAL, DOUBLE                   as a key, in 64 bits (REAL is widened first)
//! TEXT, JSON, BYTEA, UUID        the first 8 bytes, big endian, shorter values filled with zeros
//! ```

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes as types;
use arrow::datatypes::{DataType as ArrowType, TimeUnit};

use super::key::{flip_i64, order_f64};
use crate::error::{Error, Result};

/// The prefix of every row. NULLs have the prefix 0, which means nothing: whoever takes a minimum
/// leaves them out.
///
/// An error of kind `Invalid` names a type that no Annals table has.
pub(crate) fn zone_prefix(array: &ArrayRef) -> Result<Vec<u64>> {
    let mut prefixes: Vec<u64> = match array.data_type() {
        ArrowType::Boolean => array.as_boolean().values().iter().map(u64::from).collect(),
        ArrowType::Int16 => {
            let values = array.as_primitive::<types::Int16Type>().values();
            values.iter().map(|&value| flip_i64(value.into())).collect()
        }
        ArrowType::Int32 => {
            let values = array.as_primitive::<types::Int32Type>().values();
            values.iter().map(|&value| flip_i64(value.into())).collect()
        }
        ArrowType::Date32 => {
            let values = array.as_primitive::<types::Date32Type>().values();
            values.iter().map(|&value| flip_i64(value.into())).collect()
        }
        ArrowType::Int64 => {
            let values = array.as_primitive::<types::Int64Type>().values();
            values.iter().map(|&value| flip_i64(value)).collect()
        }
        ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = array.as_primitive::<types::TimestampMicrosecondType>().values();
            values.iter().map(|&value| flip_i64(value)).collect()
        }
        ArrowType::Float32 => {
            let values = array.as_primitive::<types::Float32Type>().values();
            values.iter().map(|&value| order_f64(value.into())).collect()
        }
        ArrowType::Float64 => {
            let values = array.as_primitive::<types::Float64Type>().values();
            values.iter().map(|&value| order_f64(value)).collect()
        }
        ArrowType::Decimal128(_, _) => {
            let values = array.as_primitive::<types::Decimal128Type>().values();
            let cut = |value: i128| value.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
            values.iter().map(|&value| flip_i64(cut(value))).collect()
        }
        ArrowType::Utf8 => {
            let array = array.as_string::<i32>();
            (0..array.len()).map(|row| first_bytes(array.value(row).as_bytes())).collect()
        }
        ArrowType::Binary => {
            let array = array.as_binary::<i32>();
            (0..array.len()).map(|row| first_bytes(array.value(row))).collect()
        }
        ArrowType::FixedSizeBinary(16) => {
            let array = array.as_fixed_size_binary();
            (0..array.len()).map(|row| first_bytes(array.value(row))).collect()
        }
        other => return Err(Error::invalid(format!("there are no zones of type {other}"))),
    };
    clear_nulls(array, &mut prefixes);
    Ok(prefixes)
}

fn first_bytes(bytes: &[u8]) -> u64 {
    let mut first = [0; 8];
    let count = bytes.len().min(8);
    first[..count].copy_from_slice(&bytes[..count]);
    u64::from_be_bytes(first)
}

fn clear_nulls(array: &ArrayRef, prefixes: &mut [u64]) {
    let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else { return };
    for (prefix, valid) in prefixes.iter_mut().zip(nulls) {
        if !valid {
            *prefix = 0;
        }
    }
}
