//! `||` of texts as a function of all that stands between: an operator cannot be wrapped.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};

/// A chain of `||`, with the types, the NULLs and the name that the operator has.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Joined {
    signature: Signature,
}

impl Joined {
    pub(super) fn new() -> Joined {
        Joined { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Joined {
    fn name(&self) -> &str {
        "||"
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String> {
        let names: Vec<String> =
            arguments.iter().map(|argument| argument.schema_name().to_string()).collect();
        Ok(names.join(" || "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let [first, rest @ ..] = given else { return exec_err!("|| stands between values") };
        let (mut types, mut joined) = (vec![first.clone()], first.clone());
        for next in rest {
            let (left, right) = sides(&joined, next)?;
            if types.len() == 1 {
                types[0] = left.clone();
            }
            joined = result(&left, &right)?;
            types.push(right);
        }
        Ok(types)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        let [first, rest @ ..] = given else { return exec_err!("|| stands between values") };
        rest.iter().try_fold(first.clone(), |joined, next| {
            let (left, right) = sides(&joined, next)?;
            result(&left, &right)
        })
    }

    fn return_field_from_args(&self, given: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> =
            given.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let is_nullable = given.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, is_nullable)))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut values = call.args.into_iter();
        let Some(first) = values.next() else { return exec_err!("|| stands between values") };
        values.try_fold(first, |joined, next| {
            let (left, right) = sides(&joined.data_type(), &next.data_type())?;
            let (joined, next) = (joined.cast_to(&left, None)?, next.cast_to(&right, None)?);
            join(joined, next, call.number_rows)
        })
    }
}

/// The types that both sides are brought to.
fn sides(left: &DataType, right: &DataType) -> Result<(DataType, DataType)> {
    BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_input_types()
}

fn result(left: &DataType, right: &DataType) -> Result<DataType> {
    BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_result_type()
}

/// One value behind another, by the operator.
fn join(left: ColumnarValue, right: ColumnarValue, row_count: usize) -> Result<ColumnarValue> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    let mut side = |value: ColumnarValue| -> Arc<dyn PhysicalExpr> {
        match value {
            ColumnarValue::Scalar(value) => Arc::new(Literal::new(value)),
            ColumnarValue::Array(array) => {
                let column = Column::new("value", columns.len());
                fields.push(Field::new("value", array.data_type().clone(), true));
                columns.push(array);
                Arc::new(column)
            }
        }
    };
    let joined = BinaryExpr::new(side(left), Operator::StringConcat, side(right));
    let options = RecordBatchOptions::new().with_row_count(Some(row_count));
    let rows = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?;
    joined.evaluate(&rows)
}
