//! Keys as bytes that sort as the keys do. The encoding is part of the on-disk format: key hashes
//! and the order of segments depend on it.
//!
//! The values of a key are encoded one after another. No encoding is the beginning of another, so
//! the bytes of two keys compare as the keys do, column by column:
//!
//! ```text
//! BOOLEAN                        1 byte, 0 or 1
//! SMALLINT, INTEGER, BIGINT,     2, 4 or 8 bytes, big endian, the sign bit flipped
//! DATE, TIMESTAMP
//! DECIMAL                        16 bytes, big endian, the sign bit flipped (the unscaled integer)
//! REAL, DOUBLE                   4 or 8 bytes, big endian: IEEE 754 bits, all flipped if negative, else
//!                                only the sign; -0.0 is 0.0; there is one NaN, the greatest
//! UUID                           its 16 bytes
//! TEXT, JSON, BYTEA              the bytes, with 00 written as 00 FF, then 00 00
//! ```
//!
//! The hash of a key is the XXH3 (64 bits, seed 0) of these bytes.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, FixedSizeBinaryArray, StringArray,
};
use arrow::datatypes as types;
use arrow::datatypes::{DataType as ArrowType, TimeUnit};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};

const ESCAPED: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xFF;

/// The encoded keys of the rows of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    /// Where each key begins in `bytes`, and where the last one ends: one more than there are keys.
    pub(crate) offsets: Vec<u32>,
    /// The keys, one after another.
    pub(crate) bytes: Vec<u8>,
}

impl Keys {
    /// How many keys there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The bytes it takes in memory.
    pub(crate) fn byte_count(&self) -> usize {
        self.offsets.capacity() * 4 + self.bytes.capacity()
    }

    /// The bytes of the key of row `row`, which must be below [`Keys::len`].
    pub(crate) fn get(&self, row: usize) -> &[u8] {
        &self.bytes[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// Whether the prefix of each key tells it from all other keys.
    pub(crate) fn are_short(&self) -> bool {
        self.offsets.windows(2).all(|ends| (ends[1] - ends[0]) as usize <= KEY_PREFIX_BYTES)
    }

    /// The hash of the key of row `row`.
    pub(crate) fn hash(&self, row: usize) -> u64 {
        xxh3_64(self.get(row))
    }
}

/// How many bytes of a key its prefix has.
const KEY_PREFIX_BYTES: usize = 8;

/// The first bytes of an encoded key as a number that sorts as keys do, as far as they differ in these. No key is the beginning of
/// another, so a key of no more bytes than these shares its prefix with no other key of the table.
pub(crate) fn key_prefix(key: &[u8]) -> u64 {
    let mut prefix = [0; KEY_PREFIX_BYTES];
    let len = key.len().min(prefix.len());
    prefix[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(prefix)
}

/// Encodes the key columns of a batch, all of one length.
///
/// An error of kind `Invalid` names the row and the position of the column of a NULL; `Exhausted`
/// says that the keys of one batch take 4 GiB or more.
pub(crate) fn encode_keys(columns: &[ArrayRef]) -> Result<Keys> {
    let row_count = columns.first().map_or(0, |column| column.len());
    let mut typed = Vec::with_capacity(columns.len());
    for (position, column) in columns.iter().enumerate() {
        if column.len() != row_count {
            return Err(Error::invalid("key columns differ in length"));
        }
        if let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0) {
            let row = nulls.iter().position(|valid| !valid).unwrap_or(0);
            return Err(Error::invalid(format!(
                "the key is NULL in row {row} (column {position} of the key)"
            )));
        }
        typed.push(KeyColumn::of(column)?);
    }
    if let [KeyColumn::Int64(values)] = typed.as_slice() {
        return encode_integers(values);
    }
    let mut keys = Keys { offsets: Vec::with_capacity(row_count + 1), bytes: Vec::new() };
    keys.bytes.reserve(row_count * typed.len() * 12);
    keys.offsets.push(0);
    for row in 0..row_count {
        for column in &typed {
            column.put(row, &mut keys.bytes);
        }
        keys.offsets.push(u32::try_from(keys.bytes.len()).map_err(|_| too_large())?);
    }
    Ok(keys)
}

fn too_large() -> Error {
    Error::exhausted("the keys of one batch take 4 GiB or more")
}

/// Keys of one BIGINT or TIMESTAMP, the common case: eight bytes each.
fn encode_integers(values: &[i64]) -> Result<Keys> {
    let end = values.len().checked_mul(8).and_then(|end| u32::try_from(end).ok());
    let end = end.ok_or_else(too_large)?;
    let mut bytes = vec![0; end as usize];
    let (words, _) = bytes.as_chunks_mut::<8>();
    for (word, &value) in words.iter_mut().zip(values) {
        *word = flip_i64(value).to_be_bytes();
    }
    Ok(Keys { offsets: (0..=end).step_by(8).collect(), bytes })
}

/// A key column with its type known, so that rows are encoded without looking it up again.
enum KeyColumn<'a> {
    Boolean(&'a BooleanArray),
    Int16(&'a [i16]),
    Int32(&'a [i32]),
    Int64(&'a [i64]),
    Float32(&'a [f32]),
    Float64(&'a [f64]),
    Decimal(&'a [i128]),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
    Uuid(&'a FixedSizeBinaryArray),
}

impl KeyColumn<'_> {
    fn of(column: &ArrayRef) -> Result<KeyColumn<'_>> {
        Ok(match column.data_type() {
            ArrowType::Boolean => KeyColumn::Boolean(column.as_boolean()),
            ArrowType::Int16 => {
                KeyColumn::Int16(column.as_primitive::<types::Int16Type>().values())
            }
            ArrowType::Int32 => {
                KeyColumn::Int32(column.as_primitive::<types::Int32Type>().values())
            }
            ArrowType::Date32 => {
                KeyColumn::Int32(column.as_primitive::<types::Date32Type>().values())
            }
            ArrowType::Int64 => {
                KeyColumn::Int64(column.as_primitive::<types::Int64Type>().values())
            }
            ArrowType::Timestamp(TimeUnit::Microsecond, _) => {
                let array = column.as_primitive::<types::TimestampMicrosecondType>();
                KeyColumn::Int64(array.values())
            }
            ArrowType::Float32 => {
                KeyColumn::Float32(column.as_primitive::<types::Float32Type>().values())
            }
            ArrowType::Float64 => {
                KeyColumn::Float64(column.as_primitive::<types::Float64Type>().values())
            }
            ArrowType::Decimal128(_, _) => {
                KeyColumn::Decimal(column.as_primitive::<types::Decimal128Type>().values())
            }
            ArrowType::Utf8 => KeyColumn::Text(column.as_string()),
            ArrowType::Binary => KeyColumn::Bytes(column.as_binary()),
            ArrowType::FixedSizeBinary(16) => KeyColumn::Uuid(column.as_fixed_size_binary()),
            other => return Err(Error::invalid(format!("a key column can't be of type {other}"))),
        })
    }

    fn put(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            KeyColumn::Boolean(array) => out.push(u8::from(array.value(row))),
            KeyColumn::Int16(values) => out.extend((values[row] ^ i16::MIN).to_be_bytes()),
            KeyColumn::Int32(values) => out.extend((values[row] ^ i32::MIN).to_be_bytes()),
            KeyColumn::Int64(values) => out.extend(flip_i64(values[row]).to_be_bytes()),
            KeyColumn::Float32(values) => out.extend(order_f32(values[row]).to_be_bytes()),
            KeyColumn::Float64(values) => out.extend(order_f64(values[row]).to_be_bytes()),
            KeyColumn::Decimal(values) => out.extend((values[row] ^ i128::MIN).to_be_bytes()),
            KeyColumn::Text(array) => put_escaped(array.value(row).as_bytes(), out),
            KeyColumn::Bytes(array) => put_escaped(array.value(row), out),
            KeyColumn::Uuid(array) => out.extend_from_slice(array.value(row)),
        }
    }
}

fn put_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for (i, piece) in bytes.split(|&byte| byte == 0).enumerate() {
        if i > 0 {
            out.extend([ESCAPED, ESCAPED_ZERO]);
        }
        out.extend_from_slice(piece);
    }
    out.extend([ESCAPED, ESCAPED]);
}

/// A signed integer as an unsigned one of the same order.
pub(super) fn flip_i64(value: i64) -> u64 {
    (value ^ i64::MIN) as u64
}

/// A float as an unsigned integer of the same order: -0.0 is 0.0, and one NaN is the greatest of
/// all.
pub(super) fn order_f64(value: f64) -> u64 {
    let bits = if value.is_nan() { f64::NAN.abs().to_bits() } else { (value + 0.0).to_bits() };
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn order_f32(value: f32) -> u32 {
    let bits = if value.is_nan() { f32::NAN.abs().to_bits() } else { (value + 0.0).to_bits() };
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}
