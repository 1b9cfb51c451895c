//! Values of fixed width, gathered from many arrays.
//!
//! `interleave` looks at every array each time that it is called, and finds a value through two arrays of pointers. Thousands of calls
//! have some thousand arrays in common here: they are looked at once, and a value is found through one.

use arrow::array::{Array, ArrayData, ArrayRef, make_array};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, DataType as ArrowType};

use crate::error::Result;

/// The values of a column in all sources, none of them NULL.
pub(super) struct FixedWidth {
    data_type: ArrowType,
    values: Values,
}

/// The bits of the values, by their width in bytes.
enum Values {
    Four(Vec<ScalarBuffer<u32>>),
    Eight(Vec<ScalarBuffer<u64>>),
}

impl FixedWidth {
    /// `None` if the arrays, which are of one type, hold values of another width or NULL.
    pub(super) fn new(arrays: &[ArrayRef]) -> Option<FixedWidth> {
        let data_type = arrays.first()?.data_type().clone();
        if arrays.iter().any(|array| array.null_count() > 0) {
            return None;
        }
        let values = match data_type.primitive_width()? {
            4 => Values::Four(arrays.iter().map(bits_of).collect()),
            8 => Values::Eight(arrays.iter().map(bits_of).collect()),
            _ => return None,
        };
        Some(FixedWidth { data_type, values })
    }

    /// The values of some rows: source, row in it.
    pub(super) fn gather(&self, places: &[(usize, usize)]) -> Result<ArrayRef> {
        let bits = match &self.values {
            Values::Four(values) => gathered(values, places),
            Values::Eight(values) => gathered(values, places),
        };
        let array = ArrayData::builder(self.data_type.clone())
            .len(places.len())
            .add_buffer(bits)
            .build()?;
        Ok(make_array(array))
    }
}

fn bits_of<T: ArrowNativeType>(array: &ArrayRef) -> ScalarBuffer<T> {
    let data = array.to_data();
    ScalarBuffer::new(data.buffers()[0].clone(), data.offset(), data.len())
}

fn gathered<T: ArrowNativeType>(values: &[ScalarBuffer<T>], places: &[(usize, usize)]) -> Buffer {
    let bits: Vec<T> = places.iter().map(|(source, row)| values[*source][*row]).collect();
    bits.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, Float64Array, StringArray};
    use arrow::compute::interleave;

    use super::*;

    #[test]
    fn values_are_gathered_as_interleave_does() {
        let eights: Vec<ArrayRef> = vec![
            Arc::new(Float64Array::from(vec![1.5, -0.0, f64::NAN])),
            Arc::new(Float64Array::from(vec![2.5, 3.5, 4.5, 5.5]).slice(1, 2)),
        ];
        let fours: Vec<ArrayRef> = vec![
            Arc::new(Date32Array::from(vec![1, 2, 3])),
            Arc::new(Date32Array::from(vec![4, 5, 6, 7]).slice(1, 2)),
        ];
        let places = [(1, 1), (0, 2), (0, 0), (1, 0), (0, 2)];
        for arrays in [eights, fours] {
            let expected = interleave(&[&*arrays[0], &*arrays[1]], &places).unwrap();
            let gathered = FixedWidth::new(&arrays).unwrap().gather(&places).unwrap();
            assert_eq!(gathered.to_data().buffers()[0], expected.to_data().buffers()[0]);
            assert_eq!(gathered.data_type(), expected.data_type());
        }
    }

    #[test]
    fn others_are_left_to_interleave() {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
        let with_null: ArrayRef = Arc::new(Date32Array::from(vec![Some(1), None]));
        assert!(FixedWidth::new(&[text]).is_none());
        assert!(FixedWidth::new(&[with_null]).is_none());
        assert!(FixedWidth::new(&[]).is_none());
    }
}
