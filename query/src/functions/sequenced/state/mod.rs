//! What an aggregate knows about the rows that are valid at one instant. Rows come and go; what is left is what it would be had
//! the others never come, to the last bit: integers and decimals are added exactly, floats too ([`float`]), and the extremes are
//! those of an ordered multiset ([`ranked`]).
//!
//! A state without rows is as new, so one state serves all groups, one after another.

mod count;
mod exact;
mod float;
mod ranked;

use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};

use super::answers::Shape;
use super::call::Function;
use count::Count;
use exact::{Exact, ExactAverage, ExactSum};
use float::{FloatAverage, FloatSum};
use ranked::{DistinctCount, Extreme, Ranks};

/// An answer as a word that is equal if and only if the answer is; what it stands for is told by [`Shape`]. `None` is NULL.
pub(super) type Answer = Option<i128>;

/// The answer has no place in its type.
#[derive(Debug)]
pub(super) struct Overflow;

/// A state of an aggregate. Only rows that are present are added, and only those that were are removed.
pub(super) trait State: Send {
    fn add(&mut self, row: usize);
    fn remove(&mut self, row: usize);
    fn answer(&self) -> Result<Answer, Overflow>;
}

/// The arguments of all rows of one call.
pub(super) struct Arguments {
    /// The values; `None` if only their presence counts.
    pub(super) values: Option<ArrayRef>,
    /// The rows that count: the argument is not NULL, and the filter is true. `None`: all rows do.
    pub(super) present: Option<BooleanBuffer>,
}

/// One aggregate, ready to be swept.
pub(super) struct Aggregate {
    pub(super) name: String,
    pub(super) present: Option<BooleanBuffer>,
    pub(super) state: Box<dyn State>,
    pub(super) shape: Shape,
    pub(super) data_type: DataType,
}

impl Aggregate {
    /// `data_type` is that of the answer.
    pub(super) fn new(
        function: Function,
        is_distinct: bool,
        (name, data_type): (&str, &DataType),
        arguments: Arguments,
    ) -> Result<Aggregate> {
        let (state, shape) = match (function, arguments.values) {
            (Function::Count, None) => (Box::new(Count::default()) as Box<dyn State>, Shape::Word),
            (Function::Count, Some(values)) if is_distinct => {
                let ranks = Ranks::of(&values)?;
                (Box::new(DistinctCount::new(ranks)) as _, Shape::Word)
            }
            (Function::Min | Function::Max, Some(values)) => {
                let ranks = Ranks::of(&values)?;
                let shape = Shape::Rank(ranks.values.clone());
                (Box::new(Extreme::new(ranks, function == Function::Max)) as _, shape)
            }
            (Function::Sum | Function::Avg, Some(values)) => sum(function, &values, data_type)?,
            (function, _) => return internal_err!("{function} of `{name}` has no argument"),
        };
        let (name, data_type) = (name.to_owned(), data_type.clone());
        Ok(Aggregate { name, present: arguments.present, state, shape, data_type })
    }

    /// Bytes a row that an aggregate takes besides its arguments, at most.
    pub(super) const ROW_BYTES: usize = 40;

    pub(super) fn counts(&self, row: usize) -> bool {
        self.present.as_ref().is_none_or(|present| present.value(row))
    }
}

fn sum(
    function: Function,
    values: &ArrayRef,
    data_type: &DataType,
) -> Result<(Box<dyn State>, Shape)> {
    if *values.data_type() == DataType::Float64 {
        let state: Box<dyn State> = match function {
            Function::Avg => Box::new(FloatAverage(FloatSum::new(values))),
            _ => Box::new(FloatSum::new(values)),
        };
        return Ok((state, Shape::FloatBits));
    }
    let exact = Exact::new(values)?;
    let state: Box<dyn State> = match function {
        Function::Avg => Box::new(ExactAverage::new(exact, values.data_type(), data_type)?),
        _ => Box::new(ExactSum::new(exact, data_type)?),
    };
    Ok((state, Shape::Word))
}
