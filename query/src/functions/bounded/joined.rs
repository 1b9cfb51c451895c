//! `||` of texts as a function: an operator cannot be wrapped.

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
use std::sync::Arc;

/// `||`, with the types, the NULLs and the name that the operator has.
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
        let [left, right] = given else { return exec_err!("|| stands between two values") };
        let types = BinaryTypeCoercer::new(left, &Operator::StringConcat, right);
        let (left, right) = types.get_input_types()?;
        Ok(vec![left, right])
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        let [left, right] = given else { return exec_err!("|| stands between two values") };
        BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_result_type()
    }

    fn return_field_from_args(&self, given: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> =
            given.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let is_nullable = given.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, is_nullable)))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        let mut sides: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
        for argument in call.args {
            match argument {
                ColumnarValue::Scalar(value) => sides.push(Arc::new(Literal::new(value))),
                ColumnarValue::Array(array) => {
                    sides.push(Arc::new(Column::new("value", columns.len())));
                    fields.push(Field::new("value", array.data_type().clone(), true));
                    columns.push(array);
                }
            }
        }
        let (Some(right), Some(left)) = (sides.pop(), sides.pop()) else {
            return exec_err!("|| stands between two values");
        };
        let options = RecordBatchOptions::new().with_row_count(Some(call.number_rows));
        let schema = Arc::new(Schema::new(fields));
        let rows = RecordBatch::try_new_with_options(schema, columns, &options)?;
        BinaryExpr::new(left, Operator::StringConcat, right).evaluate(&rows)
    }
}
