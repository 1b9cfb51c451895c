//! Text and bytes as numbers of distinct values.
//!
//! A gathered value of text would be copied from one place in memory to another, and then looked up among the distinct values of its row
//! group. Where values are few they are looked up once, before, and numbers are gathered.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, DictionaryArray, StringArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType as ArrowType;

use crate::error::Result;
use crate::segment::{BytesOf, Dictionary};

/// Distinct values take no more bytes than this, so that what is met of them stays in a core's cache.
const VALUES_BYTES_MAX: usize = 256 * 1024;
/// Once so many rows were met ...
const TRIAL_ROW_COUNT: usize = 8_192;
/// ... there are so many of them for each distinct value, or nothing is gained.
const ROWS_PER_VALUE_MIN: usize = 4;
/// The number of NULL.
const NULL: u32 = u32::MAX;

/// The values of a column in all sources, as numbers.
pub(super) struct Numbered {
    /// For each source the number of each row.
    numbers: Vec<Vec<u32>>,
    /// The value that each number stands for.
    values: ArrayRef,
    has_nulls: bool,
}

impl Numbered {
    /// `None` if the arrays, which are of one type, hold neither text nor bytes, or too many different values.
    pub(super) fn new(arrays: &[ArrayRef]) -> Result<Option<Numbered>> {
        let Some(first) = arrays.first() else { return Ok(None) };
        let data_type = first.data_type();
        if !matches!(data_type, ArrowType::Utf8 | ArrowType::Binary) {
            return Ok(None);
        }
        let mut dictionary = Dictionary::new(VALUES_BYTES_MAX, true);
        let (mut numbers, mut row_count) = (Vec::with_capacity(arrays.len()), 0);
        for array in arrays {
            let bytes = BytesOf::new(array);
            let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
            let rows = (0..array.len()).filter(|row| nulls.is_none_or(|n| n.is_valid(*row)));
            let places = dictionary.places_of(rows.map(|row| bytes.get(row)));
            let Some(mut places) = places else { return Ok(None) };
            if let Some(nulls) = nulls {
                let mut valid = places.into_iter();
                let number = |is_valid| if is_valid { valid.next() } else { None };
                places = nulls.iter().map(number).map(|place| place.unwrap_or(NULL)).collect();
            }
            row_count += array.len();
            numbers.push(places);
            let value_count = dictionary.values().len();
            if row_count >= TRIAL_ROW_COUNT && value_count * ROWS_PER_VALUE_MIN > row_count {
                return Ok(None);
            }
        }
        let has_nulls = arrays.iter().any(|array| array.null_count() > 0);
        Ok(Some(Numbered { numbers, values: array_of(&dictionary, data_type)?, has_nulls }))
    }

    /// The values of some rows: source, row in it.
    pub(super) fn gather(&self, places: &[(usize, usize)]) -> Result<ArrayRef> {
        let numbers = places.iter().map(|(source, row)| self.numbers[*source][*row]);
        let keys: UInt32Array = match self.has_nulls {
            true => numbers.map(|number| (number != NULL).then_some(number)).collect(),
            false => UInt32Array::from_iter_values(numbers),
        };
        Ok(Arc::new(DictionaryArray::try_new(keys, self.values.clone())?))
    }
}

/// The values of a dictionary, in the order of their places.
fn array_of(dictionary: &Dictionary, data_type: &ArrowType) -> Result<ArrayRef> {
    let values = dictionary.values();
    let offsets = OffsetBuffer::from_lengths(values.iter().map(|value| value.len()));
    let bytes = values.concat().into();
    Ok(match data_type {
        ArrowType::Utf8 => Arc::new(StringArray::try_new(offsets, bytes, None)?),
        _ => Arc::new(BinaryArray::try_new(offsets, bytes, None)?),
    })
}
