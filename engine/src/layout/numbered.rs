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
    /// `None` if the arrays, which are of one type but that some may be numbers already, hold neither text nor bytes, or too many
    /// different values.
    pub(super) fn new(arrays: &[ArrayRef]) -> Result<Option<Numbered>> {
        let Some(first) = arrays.first() else { return Ok(None) };
        let data_type = match first.data_type() {
            ArrowType::Dictionary(_, values) => values,
            other => other,
        };
        if !matches!(data_type, ArrowType::Utf8 | ArrowType::Binary) {
            return Ok(None);
        }
        let mut dictionary = Dictionary::new(VALUES_BYTES_MAX, true);
        let (mut numbers, mut row_count) = (Vec::with_capacity(arrays.len()), 0);
        for array in arrays {
            let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
            let places = if array.data_type() == data_type {
                let bytes = BytesOf::new(array);
                let rows = (0..array.len()).filter(|row| nulls.is_none_or(|n| n.is_valid(*row)));
                dictionary.places_of(rows.map(|row| bytes.get(row)))
            } else {
                dictionary.places_of_numbers(array)
            };
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

#[cfg(test)]
mod tests {
    use arrow::compute::{cast, interleave};

    use super::*;

    /// Texts with NULLs among them, of so many values.
    fn texts(row_count: usize, value_count: usize) -> ArrayRef {
        let text = |row: usize| {
            (!row.is_multiple_of(5)).then(|| format!("value {}", row * 7 % value_count))
        };
        Arc::new((0..row_count).map(text).collect::<StringArray>())
    }

    fn numbers_of(array: &ArrayRef) -> ArrayRef {
        let numbers = ArrowType::Dictionary(Box::new(ArrowType::UInt32), Box::new(ArrowType::Utf8));
        cast(array, &numbers).unwrap()
    }

    #[test]
    fn texts_and_numbers_of_texts_are_gathered_alike() {
        let plain = [texts(500, 3), texts(900, 40), texts(900, 40), texts(10, 4), texts(1, 1)];
        let places: Vec<(usize, usize)> =
            (0..5).map(|at| (at, 0)).chain((0..800).map(|row| (1 + row % 2, row))).collect();
        let expected = interleave(&plain.each_ref().map(|array| &**array), &places).unwrap();
        let numbered = plain.each_ref().map(numbers_of);
        let mut mixed = plain.clone();
        mixed[1] = numbered[1].slice(0, 900);
        // Batches of one page have its values in common.
        mixed[2] = numbered[1].slice(0, 900);
        for arrays in [plain, numbered, mixed] {
            let gathered = Numbered::new(&arrays).unwrap().unwrap().gather(&places).unwrap();
            assert_eq!(&*cast(&gathered, &ArrowType::Utf8).unwrap(), &*expected);
        }
    }

    #[test]
    fn texts_of_many_values_stay_texts() {
        let many = texts(20_000, 19_997);
        assert!(Numbered::new(&[numbers_of(&many)]).unwrap().is_none());
        assert!(Numbered::new(&[many]).unwrap().is_none());
    }
}
