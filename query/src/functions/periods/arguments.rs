//! The arguments of functions of periods: their types, and how rows of them are read.

use arrow::array::{Array, AsArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::ColumnarValue;

use annals_engine::ValidTime;

/// The type that every argument is coerced to: an instant as tables show it.
pub(super) fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Coerces the arguments of `function`; an error names the first one that is no instant.
pub(super) fn coerce(
    function: &str,
    given: &[DataType],
    counts: &[usize],
) -> Result<Vec<DataType>> {
    if !counts.contains(&given.len()) {
        let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
        let (counts, given) = (counts.join(" or "), given.len());
        return plan_err!("{function} takes {counts} instants, not {given} arguments");
    }
    for (number, data_type) in (1..).zip(given) {
        let is_instant = matches!(
            data_type,
            DataType::Null
                | DataType::Timestamp(_, _)
                | DataType::Date32
                | DataType::Date64
                | DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
        );
        if !is_instant {
            return plan_err!(
                "{function}: argument {number} is no instant but of type {data_type}"
            );
        }
    }
    Ok(vec![instant_type(); given.len()])
}

/// The instants of an argument: one for each row, or one for all of them.
pub(super) struct Instants {
    values: ScalarBuffer<i64>,
    /// All ones for an array, zero for a scalar: `row & mask` is where the value of a row stands.
    mask: usize,
    /// Where the argument is NULL, if it is anywhere.
    pub(super) nulls: Option<NullBuffer>,
}

impl Instants {
    /// Reads an argument; NULL reads as `unbounded`.
    pub(super) fn of(argument: &ColumnarValue, unbounded: ValidTime) -> Result<Instants> {
        match argument {
            ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(instant, _)) => {
                let values = vec![instant.unwrap_or(unbounded.micros())].into();
                let nulls = instant.is_none().then(|| NullBuffer::new_null(1));
                Ok(Instants { values, mask: 0, nulls })
            }
            ColumnarValue::Array(array) if *array.data_type() == instant_type() => {
                let array = array.as_primitive::<TimestampMicrosecondType>();
                let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0).cloned();
                let values = match nulls {
                    None => array.values().clone(),
                    Some(_) => {
                        let instants = array.iter();
                        instants.map(|instant| instant.unwrap_or(unbounded.micros())).collect()
                    }
                };
                Ok(Instants { values, mask: usize::MAX, nulls })
            }
            other => internal_err!("an instant was not coerced: {}", other.data_type()),
        }
    }

    pub(super) fn at(&self, row: usize) -> i64 {
        self.values[row & self.mask]
    }

    pub(super) fn is_scalar(&self) -> bool {
        self.mask == 0
    }
}

/// The periods of two arguments; unbounded ends are `i64::MIN` and `i64::MAX`.
pub(super) struct Periods {
    from: Instants,
    to: Instants,
}

impl Periods {
    /// Reads two arguments of `function`; an error names the instants of the first period that is empty or inverted.
    pub(super) fn of(
        function: &str,
        (from, to): (&ColumnarValue, &ColumnarValue),
        row_count: usize,
    ) -> Result<Periods> {
        let (from, to) = (Instants::of(from, ValidTime::MIN)?, Instants::of(to, ValidTime::MAX)?);
        let periods = Periods { from, to };
        let row_count = if periods.is_scalar() { 1 } else { row_count };
        for row in 0..row_count {
            let (from, to) = periods.at(row);
            if from >= to {
                let what = if from == to { "empty" } else { "inverted" };
                let (from, to) = (ValidTime::from_micros(from), ValidTime::from_micros(to));
                return exec_err!("{function}: {what} period from {from} to {to}");
            }
        }
        Ok(periods)
    }

    pub(super) fn at(&self, row: usize) -> (i64, i64) {
        (self.from.at(row), self.to.at(row))
    }

    pub(super) fn is_scalar(&self) -> bool {
        self.from.is_scalar() && self.to.is_scalar()
    }
}
