//! SQL types in expressions: as columns have them, where DataFusion would choose others.

use std::sync::Arc;

use annals_engine::{DataType as ColumnType, Value};
use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, TypePlanner};
use datafusion::logical_expr::{Expr, ExprSchemable};
use sqlparser::ast::{ArrayElemTypeDef, DataType as SqlType};

/// TIMESTAMP is microseconds in UTC, with years 1 to 9999; nanoseconds would end in 2262. JSON is text, UUID 16 bytes.
#[derive(Debug)]
pub(crate) struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let data_type = match sql_type {
            SqlType::Timestamp(..) | SqlType::TimestampNtz(_) | SqlType::Datetime(_) => {
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
            }
            SqlType::JSON
            | SqlType::JSONB
            | SqlType::Text
            | SqlType::Varchar(_)
            | SqlType::String(_) => DataType::Utf8,
            SqlType::Uuid => DataType::FixedSizeBinary(16),
            SqlType::Bytea => DataType::Binary,
            SqlType::Array(_) if element_count(sql_type) > ELEMENT_COUNT_MAX => {
                return plan_err!(
                    "each value of the type {sql_type} has more than {ELEMENT_COUNT_MAX} elements"
                );
            }
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Field::new("", data_type, true))))
    }
}

/// A type of arrays can say how many elements each has. NULL has as many, so that a type is all it takes to fill memory.
const ELEMENT_COUNT_MAX: u64 = 4_096;

fn element_count(sql_type: &SqlType) -> u64 {
    match sql_type {
        SqlType::Array(ArrayElemTypeDef::SquareBracket(element, count)) => {
            element_count(element).saturating_mul(count.unwrap_or(1))
        }
        SqlType::Array(
            ArrayElemTypeDef::AngleBracket(element) | ArrayElemTypeDef::Parenthesis(element),
        ) => element_count(element),
        _ => 1,
    }
}

/// A text beside a UUID is read as one.
#[derive(Debug)]
pub(crate) struct Uuids;

impl ExprPlanner for Uuids {
    fn plan_binary_op(
        &self,
        mut expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if is_uuid(&expr.left, schema) {
            expr.right = as_uuid(expr.right)?;
        } else if is_uuid(&expr.right, schema) {
            expr.left = as_uuid(expr.left)?;
        }
        Ok(PlannerResult::Original(expr))
    }
}

fn is_uuid(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|data_type| data_type == DataType::FixedSizeBinary(16))
}

fn as_uuid(expr: Expr) -> Result<Expr> {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = &expr else { return Ok(expr) };
    match Value::parse(ColumnType::Uuid, text).map_err(crate::Error::from)? {
        Value::Uuid(bytes) => {
            Ok(Expr::Literal(ScalarValue::FixedSizeBinary(16, Some(bytes.to_vec())), None))
        }
        _ => Ok(expr),
    }
}
