//! Period columns of a batch, as numbers and back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::TimestampMicrosecondType;

/// The instants of a period column; NULL is `unbounded`.
pub(super) fn instants(array: &ArrayRef, unbounded: i64) -> Vec<i64> {
    let array = array.as_primitive::<TimestampMicrosecondType>();
    (0..array.len()).map(|at| if array.is_null(at) { unbounded } else { array.value(at) }).collect()
}

/// A period column; unbounded instants are NULL.
pub(super) fn column(instants: impl IntoIterator<Item = i64>) -> ArrayRef {
    let bounded = instants.into_iter().map(|at| (!matches!(at, i64::MIN | i64::MAX)).then_some(at));
    Arc::new(bounded.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}
