//! The predicates: how two periods lie to each other.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::arguments::{Instants, Periods, coerce};
use annals_engine::ValidTime;

/// How a period lies to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Relation {
    Contains,
    Overlaps,
    Equals,
    Precedes,
    Succeeds,
    ImmediatelyPrecedes,
    ImmediatelySucceeds,
}

impl Relation {
    pub(super) const EVERY: [Relation; 7] = [
        Relation::Contains,
        Relation::Overlaps,
        Relation::Equals,
        Relation::Precedes,
        Relation::Succeeds,
        Relation::ImmediatelyPrecedes,
        Relation::ImmediatelySucceeds,
    ];

    fn function(self) -> &'static str {
        match self {
            Relation::Contains => "period_contains",
            Relation::Overlaps => "period_overlaps",
            Relation::Equals => "period_equals",
            Relation::Precedes => "period_precedes",
            Relation::Succeeds => "period_succeeds",
            Relation::ImmediatelyPrecedes => "period_immediately_precedes",
            Relation::ImmediatelySucceeds => "period_immediately_succeeds",
        }
    }

    /// Whether `a` lies so to `b`. No period begins at `i64::MAX` or ends at `i64::MIN`, so an end without a bound never meets
    /// the beginning of another period.
    fn holds(self, a: (i64, i64), b: (i64, i64)) -> bool {
        match self {
            Relation::Contains => a.0 <= b.0 && b.1 <= a.1,
            Relation::Overlaps => a.0 < b.1 && b.0 < a.1,
            Relation::Equals => a == b,
            Relation::Precedes => a.1 <= b.0,
            Relation::Succeeds => b.1 <= a.0,
            Relation::ImmediatelyPrecedes => a.1 == b.0,
            Relation::ImmediatelySucceeds => b.1 == a.0,
        }
    }
}

/// `period_contains` and its siblings.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct PeriodPredicate {
    relation: Relation,
    signature: Signature,
}

impl PeriodPredicate {
    pub(super) fn new(relation: Relation) -> PeriodPredicate {
        PeriodPredicate { relation, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn relate(&self, a: &Periods, b: &Periods, row_count: usize) -> ColumnarValue {
        let holds = |row: usize| self.relation.holds(a.at(row), b.at(row));
        if a.is_scalar() && b.is_scalar() {
            return ColumnarValue::Scalar(ScalarValue::Boolean(Some(holds(0))));
        }
        let held = BooleanBuffer::collect_bool(row_count, holds);
        ColumnarValue::Array(Arc::new(BooleanArray::new(held, None)))
    }
}

/// Whether periods contain instants; NULL where the instant is.
fn contains_instant(periods: &Periods, instants: &Instants, row_count: usize) -> ColumnarValue {
    let contains = |row: usize| {
        let ((from, to), instant) = (periods.at(row), instants.at(row));
        from <= instant && instant < to
    };
    if instants.is_scalar() && (periods.is_scalar() || instants.nulls.is_some()) {
        let contained = instants.nulls.is_none().then(|| contains(0));
        return ColumnarValue::Scalar(ScalarValue::Boolean(contained));
    }
    let contained = BooleanBuffer::collect_bool(row_count, contains);
    ColumnarValue::Array(Arc::new(BooleanArray::new(contained, instants.nulls.clone())))
}

impl ScalarUDFImpl for PeriodPredicate {
    fn name(&self) -> &str {
        self.relation.function()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let counts: &[usize] = if self.relation == Relation::Contains { &[3, 4] } else { &[4] };
        coerce(self.name(), given, counts)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let row_count = args.number_rows;
        let a = Periods::of(self.name(), (&args.args[0], &args.args[1]), row_count)?;
        if let [_, _, instant] = args.args.as_slice() {
            // What stands for a NULL instant is never looked at.
            let instants = Instants::of(instant, ValidTime::MIN)?;
            return Ok(contains_instant(&a, &instants, row_count));
        }
        let b = Periods::of(self.name(), (&args.args[2], &args.args[3]), row_count)?;
        Ok(self.relate(&a, &b, row_count))
    }
}
