//! The bytes of values, whole and row by row, and counts among arguments.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, OffsetSizeTrait};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

/// An argument: a value for each row, or one for all of them.
pub(super) struct Column {
    pub(super) array: ArrayRef,
    is_scalar: bool,
}

impl Column {
    pub(super) fn of(argument: &ColumnarValue) -> Result<Column> {
        Ok(match argument {
            ColumnarValue::Array(array) => Column { array: array.clone(), is_scalar: false },
            ColumnarValue::Scalar(value) => Column { array: value.to_array()?, is_scalar: true },
        })
    }

    /// The bytes of so many rows of it.
    pub(super) fn byte_count(&self, row_count: usize) -> u64 {
        let bytes = payload(&self.array);
        if self.is_scalar { bytes.saturating_mul(row_count as u64) } else { bytes }
    }

    /// The elements of so many rows of it, those of arrays in arrays too.
    pub(super) fn element_count(&self, row_count: usize) -> u64 {
        let count = elements(&self.array);
        if self.is_scalar { count.saturating_mul(row_count as u64) } else { count }
    }

    /// The bytes of each row.
    pub(super) fn widths(&self) -> ByRow {
        ByRow { values: widths(&self.array), is_scalar: self.is_scalar }
    }

    /// The elements of each row; of what is no array, one.
    pub(super) fn lengths(&self) -> ByRow {
        ByRow { values: lengths(&self.array), is_scalar: self.is_scalar }
    }

    /// The number of each row; none and negative ones are 0.
    pub(super) fn counts(&self) -> Result<ByRow> {
        let numbers = cast(&self.array, &DataType::Int64)?;
        let numbers: &Int64Array = numbers.as_primitive::<Int64Type>();
        let values = numbers.iter().map(|number| number.unwrap_or(0).max(0).unsigned_abs());
        Ok(ByRow { values: values.collect(), is_scalar: self.is_scalar })
    }
}

/// A number for each row, or one for all of them.
pub(super) struct ByRow {
    values: Vec<u64>,
    is_scalar: bool,
}

impl ByRow {
    pub(super) fn at(&self, row: usize) -> u64 {
        self.values.get(if self.is_scalar { 0 } else { row }).copied().unwrap_or(0)
    }
}

/// The bytes of the values of an array, without what other slices of its buffers hold.
pub(super) fn payload(array: &dyn Array) -> u64 {
    let validity = array.len() as u64 / 8;
    let values = match array.data_type() {
        DataType::Utf8 => span(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => span(array.as_string::<i64>().value_offsets()),
        DataType::Binary => span(array.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => span(array.as_binary::<i64>().value_offsets()),
        DataType::Utf8View => of_views(array.as_string_view().views()),
        DataType::BinaryView => of_views(array.as_binary_view().views()),
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            columns.fold(0, |sum: u64, column| sum.saturating_add(payload(column)))
        }
        DataType::Dictionary(..) => payload(array.as_any_dictionary().values()),
        other => match children(array) {
            Some(children) => payload(&children).saturating_add(4 * array.len() as u64),
            None => (other.primitive_width().unwrap_or(1) * array.len()) as u64,
        },
    };
    values.saturating_add(validity)
}

/// The elements of an array of arrays that its rows have.
fn children(array: &dyn Array) -> Option<ArrayRef> {
    fn slice<O: OffsetSizeTrait>(values: &ArrayRef, offsets: &[O]) -> ArrayRef {
        let from = offsets.first().map_or(0, |offset| offset.as_usize());
        let to = offsets.last().map_or(0, |offset| offset.as_usize());
        values.slice(from, to - from)
    }
    Some(match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            slice(list.values(), list.value_offsets())
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            slice(list.values(), list.value_offsets())
        }
        DataType::Map(..) => {
            let map = array.as_map();
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            slice(&entries, map.value_offsets())
        }
        DataType::FixedSizeList(..) => array.as_fixed_size_list().values().clone(),
        _ => return None,
    })
}

fn elements(array: &dyn Array) -> u64 {
    match children(array) {
        Some(children) => elements(&children).saturating_add(children.len() as u64),
        None => 0,
    }
}

fn lengths(array: &dyn Array) -> Vec<u64> {
    match array.data_type() {
        DataType::List(_) => steps(array.as_list::<i32>().value_offsets()),
        DataType::LargeList(_) => steps(array.as_list::<i64>().value_offsets()),
        DataType::Map(..) => steps(array.as_map().value_offsets()),
        DataType::FixedSizeList(_, count) => vec![u64::try_from(*count).unwrap_or(0); array.len()],
        _ => vec![1; array.len()],
    }
}

fn widths(array: &dyn Array) -> Vec<u64> {
    match array.data_type() {
        DataType::Utf8 => steps(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => steps(array.as_string::<i64>().value_offsets()),
        DataType::Binary => steps(array.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => steps(array.as_binary::<i64>().value_offsets()),
        DataType::Utf8View => array.as_string_view().views().iter().map(of_view).collect(),
        DataType::BinaryView => array.as_binary_view().views().iter().map(of_view).collect(),
        DataType::Struct(_) => {
            let mut sums = vec![0; array.len()];
            for column in array.as_struct().columns() {
                sums.iter_mut().zip(widths(column)).for_each(|(sum, width)| *sum += width);
            }
            sums
        }
        other => match children(array) {
            Some(children) => {
                let mut widths = widths(&children).into_iter();
                let lengths = lengths(array);
                lengths
                    .iter()
                    .map(|count| 4 + widths.by_ref().take(*count as usize).sum::<u64>())
                    .collect()
            }
            None => vec![other.primitive_width().unwrap_or(1) as u64; array.len()],
        },
    }
}

fn span<O: OffsetSizeTrait>(offsets: &[O]) -> u64 {
    let (first, last) = (offsets.first(), offsets.last());
    let bytes = last.map_or(0, |last| last.as_usize()) - first.map_or(0, |first| first.as_usize());
    (bytes + size_of_val(offsets)) as u64
}

fn steps<O: OffsetSizeTrait>(offsets: &[O]) -> Vec<u64> {
    offsets.windows(2).map(|pair| (pair[1].as_usize() - pair[0].as_usize()) as u64).collect()
}

/// The length of a view's value is in its lowest 32 bits.
fn of_view(view: &u128) -> u64 {
    u64::from(*view as u32)
}

fn of_views(views: &[u128]) -> u64 {
    views.iter().map(of_view).sum::<u64>() + size_of_val(views) as u64
}
