//! A function that is called only once there is memory for what it will make.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{ExprSchema, Result, ScalarValue, resources_err};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ExpressionPlacement, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, StructFieldMapping,
};

use super::growth::{Growth, type_width};
use super::memory::{Made, holding};
use super::widths::payload;
use super::{estimate, rewrite};

/// What is made of constants alone may be as large as this and be a constant itself. A constant is repeated for each of the 8,192 rows of
/// a batch: then it takes 64 MiB.
pub(super) const CONSTANT_BYTES_MAX: u64 = 8 << 10;
/// What one call makes of a batch is counted from here on: less is what any column of a batch takes.
const UNCOUNTED_BYTES_MAX: u64 = 64 << 10;
/// The most that each value of a type may take whatever it is: a NULL of `FixedSizeBinary(n)` takes n bytes.
const TYPE_BYTES_MAX: u64 = 64 << 10;

/// A function of DataFusion and how it grows; in all else it is that function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl Bounded {
    pub(super) fn new(inner: Arc<ScalarUDF>, growth: Growth) -> Bounded {
        Bounded { inner, growth }
    }

    /// The values of some rows, each column of which is there.
    fn values(&self, call: ScalarFunctionArgs, made: &Made) -> Result<ColumnarValue> {
        let row_count = call.number_rows;
        let byte_count = estimate::bytes(self.growth, &call.args, row_count)?;
        if byte_count <= UNCOUNTED_BYTES_MAX {
            return self.inner.invoke_with_args(call);
        }
        let memory = match made.reserve(self.name(), byte_count) {
            Ok(memory) => memory,
            Err(error) if row_count <= 1 => return Err(error),
            // An estimate errs on the safe side, and a part of the rows may do what all of them do not.
            Err(_) => return self.in_halves(&call, made),
        };
        let array = self.inner.invoke_with_args(call)?.into_array(row_count)?;
        let made_count = payload(&array);
        debug_assert!(made_count <= byte_count, "{}: {made_count}, not {byte_count}", self.name());
        memory.try_resize(usize::try_from(made_count).unwrap_or(usize::MAX))?;
        Ok(ColumnarValue::Array(holding(&array, memory)?))
    }

    fn in_halves(&self, call: &ScalarFunctionArgs, made: &Made) -> Result<ColumnarValue> {
        let middle = call.number_rows / 2;
        let half = |from: usize, count: usize| {
            let slice = |argument: &ColumnarValue| match argument {
                ColumnarValue::Array(array) => ColumnarValue::Array(array.slice(from, count)),
                scalar => scalar.clone(),
            };
            let args = call.args.iter().map(slice).collect();
            let call = ScalarFunctionArgs { args, number_rows: count, ..call.clone() };
            self.values(call, made)?.into_array(count)
        };
        let halves = [half(0, middle)?, half(middle, call.number_rows - middle)?];
        let byte_count = halves.iter().fold(0, |sum: u64, one| sum.saturating_add(payload(one)));
        let memory = made.reserve(self.name(), byte_count)?;
        let whole: ArrayRef = concat(&[&halves[0], &halves[1]])?;
        Ok(ColumnarValue::Array(holding(&whole, memory)?))
    }

    /// The value of arguments that are the same for every row. It may be repeated for each of them by whoever asked; so what is large is
    /// repeated here, where it is counted.
    fn constant(&self, call: ScalarFunctionArgs, made: Option<&Made>) -> Result<ColumnarValue> {
        let row_count = call.number_rows;
        let byte_count = estimate::bytes(self.growth, &call.args, 1)?;
        let Some(made) = made else {
            if byte_count > CONSTANT_BYTES_MAX {
                let name = self.name();
                return resources_err!(
                    "`{name}` makes up to {byte_count} bytes, of which {CONSTANT_BYTES_MAX} can be a constant"
                );
            }
            return self.inner.invoke_with_args(call);
        };
        if byte_count <= CONSTANT_BYTES_MAX {
            return self.inner.invoke_with_args(call);
        }
        let once = made.reserve(self.name(), byte_count)?;
        let value = match self.inner.invoke_with_args(call)? {
            ColumnarValue::Scalar(value) => value,
            ColumnarValue::Array(array) => return Ok(ColumnarValue::Array(holding(&array, once)?)),
        };
        let byte_count = payload(&value.to_array()?);
        if byte_count <= CONSTANT_BYTES_MAX {
            return Ok(ColumnarValue::Scalar(value));
        }
        let memory = made.reserve(self.name(), byte_count.saturating_mul(row_count as u64))?;
        let array = value.to_array_of_size(row_count)?;
        Ok(ColumnarValue::Array(holding(&array, memory)?))
    }
}

/// To DataFusion a negative count of a column is an enormous one while it sets memory apart.
fn without_negative_counts(call: &mut ScalarFunctionArgs) {
    if let Some(ColumnarValue::Array(counts)) = call.args.get_mut(1)
        && let Some(numbers) = counts.as_primitive_opt::<Int64Type>()
    {
        *counts = Arc::new(numbers.unary::<_, Int64Type>(|number| number.max(0)));
    }
}

/// That what the type says of each value takes no more than it may.
fn checked(field: FieldRef) -> Result<FieldRef> {
    match type_width(field.data_type()) {
        0..=TYPE_BYTES_MAX => Ok(field),
        width => resources_err!(
            "each value of the type {} takes {width} bytes; it may be {TYPE_BYTES_MAX}",
            field.data_type()
        ),
    }
}

#[deny(clippy::missing_trait_methods)]
impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        #[expect(deprecated)]
        self.inner.inner().display_name(args)
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let updated = self.inner.inner().with_updated_config(config)?;
        Some(ScalarUDF::new_from_impl(Bounded::new(Arc::new(updated), self.growth)))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        checked(self.inner.return_field_from_args(args)?)
    }

    fn is_nullable(&self, args: &[Expr], schema: &dyn ExprSchema) -> bool {
        #[expect(deprecated)]
        self.inner.inner().is_nullable(args, schema)
    }

    fn is_strict(&self) -> bool {
        self.inner.is_strict()
    }

    fn invoke_with_args(&self, mut call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if self.growth == Growth::Pad {
            without_negative_counts(&mut call);
        }
        let options = call.config_options.clone();
        let made = Made::of(&options);
        let is_constant = call.args.iter().all(|one| matches!(one, ColumnarValue::Scalar(_)));
        match made {
            Some(made) if !is_constant => self.values(call, made),
            made if is_constant => self.constant(call, made),
            // Columns, and no statement that runs: what tells from statistics which rows are of interest, a few values at a time.
            _ => self.inner.invoke_with_args(call),
        }
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(match self.inner.simplify(args, context)? {
            ExprSimplifyResult::Simplified(expr) => {
                ExprSimplifyResult::Simplified(rewrite::all_bounded(expr)?)
            }
            original => original,
        })
    }

    fn preimage(
        &self,
        args: &[Expr],
        literal: &Expr,
        context: &SimplifyContext,
    ) -> Result<PreimageResult> {
        self.inner.preimage(args, literal, context)
    }

    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }

    fn conditional_arguments<'a>(
        &self,
        args: &'a [Expr],
    ) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(args)
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        self.inner.evaluate_bounds(inputs)
    }

    fn propagate_constraints(
        &self,
        interval: &Interval,
        inputs: &[&Interval],
    ) -> Result<Option<Vec<Interval>>> {
        self.inner.propagate_constraints(interval, inputs)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn preserves_lex_ordering(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.inner.preserves_lex_ordering(inputs)
    }

    fn strictly_order_preserving(&self, inputs: &[ExprProperties]) -> Result<bool> {
        self.inner.strictly_order_preserving(inputs)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn struct_field_mapping(&self, literals: &[Option<ScalarValue>]) -> Option<StructFieldMapping> {
        self.inner.struct_field_mapping(literals)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.inner.placement(args)
    }
}
