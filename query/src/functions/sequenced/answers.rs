//! Answers with their periods, on the way to record batches.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
    UInt32Array, UInt64Array,
};
use arrow::compute::take;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{Result, internal_err};

use super::state::{Aggregate, Answer};

/// What the word of an answer stands for.
pub(super) enum Shape {
    /// The number itself, of an integer or a decimal without its point.
    Word,
    /// The bits of a `Float64`.
    FloatBits,
    /// The place of the value among these.
    Rank(ArrayRef),
}

impl Shape {
    /// Words are within the limits of `data_type`: their states have judged them.
    fn array(&self, data_type: &DataType, answers: &[Answer]) -> Result<ArrayRef> {
        let answers = answers.iter();
        Ok(match (self, data_type) {
            (Shape::Word, DataType::Int64) => {
                Arc::new(answers.map(|a| a.map(|word| word as i64)).collect::<Int64Array>())
            }
            (Shape::Word, DataType::UInt64) => {
                Arc::new(answers.map(|a| a.map(|word| word as u64)).collect::<UInt64Array>())
            }
            (Shape::Word, DataType::Decimal128(precision, scale)) => {
                let array: Decimal128Array = answers.copied().collect();
                Arc::new(array.with_precision_and_scale(*precision, *scale)?)
            }
            (Shape::FloatBits, DataType::Float64) => {
                let float = |word: i128| f64::from_bits(word as u64);
                Arc::new(answers.map(|a| a.map(float)).collect::<Float64Array>())
            }
            (Shape::Rank(values), _) => {
                let ranks: UInt32Array = answers.map(|a| a.map(|rank| rank as u32)).collect();
                take(values, &ranks, None)?
            }
            (_, other) => return internal_err!("no aggregate answers with {other}"),
        })
    }
}

/// Rows of the output, column by column.
pub(super) struct Pieces {
    pub(super) groups: Vec<u32>,
    pub(super) from: Vec<i64>,
    pub(super) to: Vec<i64>,
    /// For each aggregate the answers of all rows.
    pub(super) answers: Vec<Vec<Answer>>,
}

impl Pieces {
    pub(super) fn new(aggregate_count: usize) -> Pieces {
        let answers = vec![Vec::new(); aggregate_count];
        Pieces { groups: Vec::new(), from: Vec::new(), to: Vec::new(), answers }
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    pub(super) fn push(&mut self, group: u32, (from, to): (i64, i64), answers: &[Answer]) {
        self.groups.push(group);
        self.from.push(from);
        self.to.push(to);
        for (column, answer) in self.answers.iter_mut().zip(answers) {
            column.push(*answer);
        }
    }

    /// The batch: the columns of the group (`group_columns` has a row for each group), the answers, the period.
    pub(super) fn batch(
        self,
        group_columns: &[ArrayRef],
        aggregates: &[Aggregate],
        schema: &SchemaRef,
    ) -> Result<RecordBatch> {
        let groups = UInt32Array::from(self.groups);
        let mut columns = Vec::with_capacity(schema.fields().len());
        for column in group_columns {
            columns.push(take(column, &groups, None)?);
        }
        for (aggregate, answers) in aggregates.iter().zip(&self.answers) {
            columns.push(aggregate.shape.array(&aggregate.data_type, answers)?);
        }
        columns.push(instants(&self.from, i64::MIN));
        columns.push(instants(&self.to, i64::MAX));
        Ok(RecordBatch::try_new(schema.clone(), columns)?)
    }
}

fn instants(instants: &[i64], unbounded: i64) -> ArrayRef {
    let instants = instants.iter().map(|at| (*at != unbounded).then_some(*at));
    Arc::new(instants.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}
