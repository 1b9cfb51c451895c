//! The intersection: the instants that two periods share.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray, TimestampMicrosecondArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::arguments::{Periods, coerce, instant_type};

/// `period_intersection`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct PeriodIntersection {
    signature: Signature,
}

impl PeriodIntersection {
    pub(super) fn new() -> PeriodIntersection {
        PeriodIntersection { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

fn fields() -> Fields {
    let field = |name: &str| Field::new(name, instant_type(), true);
    Fields::from(vec![field("valid_from"), field("valid_to")])
}

fn intersect(a: &Periods, b: &Periods, row_count: usize) -> Result<StructArray> {
    let (mut from, mut to) = (Vec::with_capacity(row_count), Vec::with_capacity(row_count));
    for row in 0..row_count {
        let (a, b) = (a.at(row), b.at(row));
        from.push(a.0.max(b.0));
        to.push(a.1.min(b.1));
    }
    let overlaps = BooleanBuffer::collect_bool(row_count, |row| from[row] < to[row]);
    // Fields are NULL where the struct is, too: whoever reads one without asking for the struct sees no made-up instant.
    let column = |instants: Vec<i64>, unbounded: i64| -> ArrayRef {
        let bounded = BooleanBuffer::collect_bool(row_count, |row| instants[row] != unbounded);
        let nulls = NullBuffer::new(&bounded & &overlaps);
        let array = TimestampMicrosecondArray::new(instants.into(), Some(nulls));
        Arc::new(array.with_timezone("UTC"))
    };
    let columns = vec![column(from, i64::MIN), column(to, i64::MAX)];
    Ok(StructArray::try_new(fields(), columns, Some(NullBuffer::new(overlaps)))?)
}

impl ScalarUDFImpl for PeriodIntersection {
    fn name(&self) -> &str {
        "period_intersection"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        coerce(self.name(), given, &[4])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(fields()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let row_count = args.number_rows;
        let a = Periods::of(self.name(), (&args.args[0], &args.args[1]), row_count)?;
        let b = Periods::of(self.name(), (&args.args[2], &args.args[3]), row_count)?;
        if a.is_scalar() && b.is_scalar() {
            let one = intersect(&a, &b, 1)?;
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&one, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(intersect(&a, &b, row_count)?)))
    }
}
