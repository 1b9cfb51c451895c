//! The least and the greatest value of a column chunk, for readers of the Parquet file; the engine itself has zone maps.

use parquet::basic::Type;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::file::statistics::Statistics;

/// Longer bounds are left out.
const BYTES_MAX: usize = 64;

/// The bounds of the values met, as far as they have an order.
#[derive(Debug, Default)]
pub(super) enum Bounds {
    /// No value yet.
    #[default]
    None,
    Bits(bool, bool),
    Integers(i64, i64),
    Floats(f64, f64),
    Bytes(Vec<u8>, Vec<u8>),
    /// With the bytes that each takes.
    Decimals(i128, i128, usize),
}

impl Bounds {
    pub(super) fn note_bits(&mut self, mut values: impl Iterator<Item = bool>) {
        let Some(first) = values.next() else { return };
        let (least, greatest) = values.fold((first, first), |(l, g), value| (l & value, g | value));
        match self {
            Bounds::Bits(l, g) => (*l, *g) = (*l & least, *g | greatest),
            _ => *self = Bounds::Bits(least, greatest),
        }
    }

    pub(super) fn note_integers(&mut self, values: impl Iterator<Item = i64>) {
        let ends = values.fold(None, |ends, value| {
            let (least, greatest) = ends.unwrap_or((value, value));
            Some((value.min(least), value.max(greatest)))
        });
        let Some((least, greatest)) = ends else { return };
        match self {
            Bounds::Integers(l, g) => (*l, *g) = (least.min(*l), greatest.max(*g)),
            _ => *self = Bounds::Integers(least, greatest),
        }
    }

    /// What is no number has no place in the order.
    pub(super) fn note_floats(&mut self, values: impl Iterator<Item = f64>) {
        let ends = values.filter(|value| !value.is_nan()).fold(None, |ends, value| {
            let (least, greatest) = ends.unwrap_or((value, value));
            Some((value.min(least), value.max(greatest)))
        });
        let Some((least, greatest)) = ends else { return };
        match self {
            Bounds::Floats(l, g) => (*l, *g) = (least.min(*l), greatest.max(*g)),
            _ => *self = Bounds::Floats(least, greatest),
        }
    }

    pub(super) fn note_decimals(&mut self, least: i128, greatest: i128, width: usize) {
        match self {
            Bounds::Decimals(l, g, _) => (*l, *g) = (least.min(*l), greatest.max(*g)),
            _ => *self = Bounds::Decimals(least, greatest, width),
        }
    }

    pub(super) fn note_bytes<'a>(&mut self, values: impl Iterator<Item = &'a [u8]>) {
        let ends = values.fold(None, |ends: Option<(&[u8], &[u8])>, value| {
            let (least, greatest) = ends.unwrap_or((value, value));
            Some((value.min(least), value.max(greatest)))
        });
        let Some((least, greatest)) = ends else { return };
        if let Bounds::Bytes(l, g) = self {
            if least < l.as_slice() {
                *l = least.to_vec();
            }
            if greatest > g.as_slice() {
                *g = greatest.to_vec();
            }
        } else {
            *self = Bounds::Bytes(least.to_vec(), greatest.to_vec());
        }
    }

    /// As a column of that type has them.
    pub(super) fn into_statistics(self, of_type: Type, null_count: u64) -> Statistics {
        let nulls = Some(null_count);
        match (of_type, self) {
            (Type::BOOLEAN, Bounds::Bits(least, greatest)) => {
                Statistics::boolean(Some(least), Some(greatest), None, nulls, false)
            }
            (Type::INT32, Bounds::Integers(least, greatest)) => {
                let [least, greatest] = [least, greatest].map(|value| i32::try_from(value).ok());
                Statistics::int32(least, greatest, None, nulls, false)
            }
            (Type::INT64, Bounds::Integers(least, greatest)) => {
                Statistics::int64(Some(least), Some(greatest), None, nulls, false)
            }
            (Type::FLOAT, Bounds::Floats(least, greatest)) => {
                let (least, greatest) = signed_zeros(least, greatest);
                Statistics::float(Some(least as f32), Some(greatest as f32), None, nulls, false)
            }
            (Type::DOUBLE, Bounds::Floats(least, greatest)) => {
                let (least, greatest) = signed_zeros(least, greatest);
                Statistics::double(Some(least), Some(greatest), None, nulls, false)
            }
            (Type::BYTE_ARRAY, Bounds::Bytes(least, greatest)) if is_short(&least, &greatest) => {
                let [least, greatest] = [least, greatest].map(|bytes| Some(ByteArray::from(bytes)));
                Statistics::byte_array(least, greatest, None, nulls, false)
            }
            (Type::FIXED_LEN_BYTE_ARRAY, Bounds::Bytes(least, greatest)) => {
                let fixed = |bytes| Some(FixedLenByteArray::from(bytes));
                let (least, greatest) = (fixed(least), fixed(greatest));
                Statistics::fixed_len_byte_array(least, greatest, None, nulls, false)
            }
            (Type::FIXED_LEN_BYTE_ARRAY, Bounds::Decimals(least, greatest, width)) => {
                let fixed = |value: i128| {
                    Some(FixedLenByteArray::from(value.to_be_bytes()[16 - width..].to_vec()))
                };
                let (least, greatest) = (fixed(least), fixed(greatest));
                Statistics::fixed_len_byte_array(least, greatest, None, nulls, false)
            }
            (Type::BOOLEAN, _) => Statistics::boolean(None, None, None, nulls, false),
            (Type::INT32, _) => Statistics::int32(None, None, None, nulls, false),
            (Type::INT64, _) => Statistics::int64(None, None, None, nulls, false),
            (Type::FLOAT, _) => Statistics::float(None, None, None, nulls, false),
            (Type::DOUBLE, _) => Statistics::double(None, None, None, nulls, false),
            (Type::FIXED_LEN_BYTE_ARRAY, _) => {
                Statistics::fixed_len_byte_array(None, None, None, nulls, false)
            }
            (Type::BYTE_ARRAY | Type::INT96, _) => {
                Statistics::byte_array(None, None, None, nulls, false)
            }
        }
    }
}

fn is_short(least: &[u8], greatest: &[u8]) -> bool {
    least.len().max(greatest.len()) <= BYTES_MAX
}

/// The two zeros are equal as numbers: a bound of zero is the one that leaves none of them out.
fn signed_zeros(least: f64, greatest: f64) -> (f64, f64) {
    let least = if least == 0.0 { -0.0 } else { least };
    let greatest = if greatest == 0.0 { 0.0 } else { greatest };
    (least, greatest)
}
