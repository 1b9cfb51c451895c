//! From selected rows to the batches that were asked for.

use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::array::{
    ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::compute::{filter, take};

use super::request::Request;
use crate::error::Result;
use crate::time::Rect;

/// Builds one output batch from columns that hold the selected rows (and maybe others).
pub(crate) struct Projector<'a> {
    pub(crate) request: &'a Request,
    /// The numbers of the columns in `values`, ascending: [`Request::table_columns`].
    pub(crate) table_columns: &'a [usize],
}

impl Projector<'_> {
    /// `values[i]` is column `table_columns[i]`; `rows` are to be taken from them, all of them in order if `None`. `rects` go
    /// with `rows`, or are empty if no period column is needed.
    pub(crate) fn project(
        &self,
        values: &[ArrayRef],
        rows: Option<&[u32]>,
        row_count: usize,
        rects: &[Rect],
    ) -> Result<RecordBatch> {
        let indices = rows.map(|rows| UInt32Array::from(rows.to_vec()));
        let mut taken: Vec<Option<ArrayRef>> = vec![None; self.request.schema.columns.len() + 4];
        let mut column = |number: usize| -> Result<ArrayRef> {
            if let Some(array) = &taken[number] {
                return Ok(array.clone());
            }
            let array = match self.request.period_of(number) {
                Some(period) => period_column(rects, period),
                None => {
                    let at = self.table_columns.partition_point(|other| *other < number);
                    match &indices {
                        Some(indices) => take(&values[at], indices, None)?,
                        None => values[at].clone(),
                    }
                }
            };
            taken[number] = Some(array.clone());
            Ok(array)
        };
        let mut passed: Option<BooleanBuffer> = None;
        for condition in &self.request.filter.conditions {
            let holds = condition.test.evaluate(&column(condition.column)?)?;
            passed = Some(match passed {
                Some(passed) => &passed & holds.values(),
                None => holds.values().clone(),
            });
        }
        let columns: Vec<ArrayRef> =
            self.request.columns.iter().map(|number| column(*number)).collect::<Result<_>>()?;
        let (columns, row_count) = match passed {
            Some(passed) if passed.count_set_bits() < row_count => {
                let passed = BooleanArray::new(passed, None);
                let kept = columns.iter().map(|array| Ok(filter(array, &passed)?));
                (kept.collect::<Result<_>>()?, passed.true_count())
            }
            _ => (columns, row_count),
        };
        let options = RecordBatchOptions::new().with_row_count(Some(row_count));
        Ok(RecordBatch::try_new_with_options(self.request.output.clone(), columns, &options)?)
    }
}

/// A period column of some versions; unbounded instants are NULL.
pub(crate) fn period_column(rects: &[Rect], period: usize) -> ArrayRef {
    let instant = |rect: &Rect| match period {
        0 => rect.valid_from,
        1 => rect.valid_to,
        2 => rect.system_from,
        _ => rect.system_to,
    };
    let instants: ScalarBuffer<i64> = rects.iter().map(instant).collect();
    let is_bounded = |at: usize| !matches!(instants[at], i64::MIN | i64::MAX);
    let bounded = NullBuffer::new(BooleanBuffer::collect_bool(rects.len(), is_bounded));
    let nulls = Some(bounded).filter(|bounded| bounded.null_count() > 0);
    Arc::new(TimestampMicrosecondArray::new(instants, nulls).with_timezone("UTC"))
}
