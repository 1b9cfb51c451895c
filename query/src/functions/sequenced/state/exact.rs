//! Sums and averages of integers and decimals, exact: the total has 192 bits, so that only an answer can overflow, never the way
//! to it.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, UInt64Type};
use datafusion::common::{Result, internal_err};

use super::{Answer, Overflow, State};

/// A sum without an upper bound.
pub(super) struct Exact {
    values: Vec<i128>,
    row_count: i128,
    /// The lower 128 bits of the total, read as signed.
    low: i128,
    /// What is above them: the total is `high * 2^128 + low`.
    high: i64,
}

impl Exact {
    pub(super) fn new(values: &ArrayRef) -> Result<Exact> {
        let values = match values.data_type() {
            DataType::Int64 => words::<Int64Type>(values),
            DataType::UInt64 => words::<UInt64Type>(values),
            DataType::Decimal128(_, _) => words::<Decimal128Type>(values),
            other => return internal_err!("no sum of {other}"),
        };
        Ok(Exact { values, row_count: 0, low: 0, high: 0 })
    }

    fn add(&mut self, row: usize) {
        let value = self.values[row];
        let (low, has_wrapped) = self.low.overflowing_add(value);
        self.low = low;
        self.high += i64::from(has_wrapped) * value.signum() as i64;
        self.row_count += 1;
    }

    fn remove(&mut self, row: usize) {
        let value = self.values[row];
        let (low, has_wrapped) = self.low.overflowing_sub(value);
        self.low = low;
        self.high -= i64::from(has_wrapped) * value.signum() as i64;
        self.row_count -= 1;
    }

    fn total(&self) -> Result<i128, Overflow> {
        if self.high == 0 { Ok(self.low) } else { Err(Overflow) }
    }
}

fn words<T: ArrowPrimitiveType<Native: Into<i128>>>(values: &ArrayRef) -> Vec<i128> {
    values.as_primitive::<T>().values().iter().map(|value| (*value).into()).collect()
}

/// The smallest and the greatest value of a type.
fn limits(data_type: &DataType) -> Result<(i128, i128)> {
    match data_type {
        DataType::Int64 => Ok((i64::MIN.into(), i64::MAX.into())),
        DataType::UInt64 => Ok((0, u64::MAX.into())),
        DataType::Decimal128(precision, _) => {
            let max = 10_i128.pow(u32::from(*precision)) - 1;
            Ok((-max, max))
        }
        other => internal_err!("no sum is of type {other}"),
    }
}

fn within(value: i128, (min, max): (i128, i128)) -> Result<Answer, Overflow> {
    if min <= value && value <= max { Ok(Some(value)) } else { Err(Overflow) }
}

/// The sum; NULL without rows.
pub(super) struct ExactSum {
    exact: Exact,
    limits: (i128, i128),
}

impl ExactSum {
    pub(super) fn new(exact: Exact, data_type: &DataType) -> Result<ExactSum> {
        Ok(ExactSum { exact, limits: limits(data_type)? })
    }
}

impl State for ExactSum {
    fn add(&mut self, row: usize) {
        self.exact.add(row);
    }

    fn remove(&mut self, row: usize) {
        self.exact.remove(row);
    }

    fn answer(&self) -> Result<Answer, Overflow> {
        if self.exact.row_count == 0 {
            return Ok(None);
        }
        within(self.exact.total()?, self.limits)
    }
}

/// The average of decimals, cut off after its last digit as DataFusion does; NULL without rows.
pub(super) struct ExactAverage {
    exact: Exact,
    limits: (i128, i128),
    /// The answer has so many times the digits after the point.
    factor: i128,
}

impl ExactAverage {
    pub(super) fn new(exact: Exact, given: &DataType, answer: &DataType) -> Result<ExactAverage> {
        let (DataType::Decimal128(_, from), DataType::Decimal128(_, to)) = (given, answer) else {
            return internal_err!("no average of {given} is of type {answer}");
        };
        let Ok(digit_count) = u32::try_from(to - from) else {
            return internal_err!("the average of {given} has fewer digits: {answer}");
        };
        Ok(ExactAverage { exact, limits: limits(answer)?, factor: 10_i128.pow(digit_count) })
    }
}

impl State for ExactAverage {
    fn add(&mut self, row: usize) {
        self.exact.add(row);
    }

    fn remove(&mut self, row: usize) {
        self.exact.remove(row);
    }

    fn answer(&self) -> Result<Answer, Overflow> {
        let row_count = self.exact.row_count;
        if row_count == 0 {
            return Ok(None);
        }
        let total = self.exact.total()?;
        // Whole units first: scaling the total could overflow where the average does not.
        let (whole, rest) = (total / row_count, total % row_count);
        let scaled = whole.checked_mul(self.factor);
        let average = scaled.and_then(|scaled| scaled.checked_add(rest * self.factor / row_count));
        within(average.ok_or(Overflow)?, self.limits)
    }
}
