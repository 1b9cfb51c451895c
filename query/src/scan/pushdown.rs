//! Filters as the engine decides them.

use annals_engine::{Comparison, Predicate, Value};
use arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// The predicate that holds for exactly the rows for which the filter is true; `None` if the engine has none.
pub(crate) fn predicate_of(filter: &Expr, schema: &Schema) -> Option<Predicate> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let both = vec![predicate_of(left, schema)?, predicate_of(right, schema)?];
            Some(Predicate::And(both))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (left, right) = (predicate_of(left, schema)?, predicate_of(right, schema)?);
            one_of(left, right)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let op = comparison_of(*op)?;
            match (&**left, &**right) {
                (Expr::Column(column), Expr::Literal(value, _)) => {
                    compare(&column.name, op, value, schema)
                }
                (Expr::Literal(value, _), Expr::Column(column)) => {
                    compare(&column.name, mirrored(op), value, schema)
                }
                _ => None,
            }
        }
        Expr::Between(between) if !between.negated => {
            let (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) =
                (&*between.expr, &*between.low, &*between.high)
            else {
                return None;
            };
            let low = compare(&column.name, Comparison::GtEq, low, schema)?;
            let high = compare(&column.name, Comparison::LtEq, high, schema)?;
            Some(Predicate::And(vec![low, high]))
        }
        Expr::InList(list) if !list.negated => {
            let Expr::Column(column) = &*list.expr else { return None };
            let field = schema.field_with_name(&column.name).ok()?;
            let value = |item: &Expr| match item {
                Expr::Literal(value, _) if value.is_null() => Some(Value::Null),
                Expr::Literal(value, _) => value_of(value, field.data_type()),
                _ => None,
            };
            let mut values = list.list.iter().map(value).collect::<Option<Vec<_>>>()?;
            // `x IN (..., NULL)` is never true for a row that equals none of the others.
            values.retain(|value| *value != Value::Null);
            Some(Predicate::In { column: column.name.clone(), values })
        }
        Expr::IsNull(inner) => match &**inner {
            Expr::Column(column) => Some(Predicate::IsNull { column: column.name.clone() }),
            _ => None,
        },
        Expr::IsNotNull(inner) => match &**inner {
            Expr::Column(column) => Some(Predicate::IsNotNull { column: column.name.clone() }),
            _ => None,
        },
        Expr::Column(column) => boolean(&column.name, true, schema),
        Expr::Not(inner) => match &**inner {
            Expr::Column(column) => boolean(&column.name, false, schema),
            _ => None,
        },
        _ => None,
    }
}

/// `a = x OR a = y` as `a IN (x, y)`: a short list of values comes from the planner in this form.
fn one_of(left: Predicate, right: Predicate) -> Option<Predicate> {
    let listed = |predicate| match predicate {
        Predicate::Compare { column, op: Comparison::Eq, value } => Some((column, vec![value])),
        Predicate::In { column, values } => Some((column, values)),
        _ => None,
    };
    let ((column, mut values), (other, more)) = (listed(left)?, listed(right)?);
    values.extend(more);
    (column == other).then_some(Predicate::In { column, values })
}

fn boolean(column: &str, wanted: bool, schema: &Schema) -> Option<Predicate> {
    let field = schema.field_with_name(column).ok()?;
    (*field.data_type() == DataType::Boolean)
        .then(|| Predicate::compare(column, Comparison::Eq, Value::Boolean(wanted)))
}

fn compare(
    column: &str,
    op: Comparison,
    value: &ScalarValue,
    schema: &Schema,
) -> Option<Predicate> {
    let field = schema.field_with_name(column).ok()?;
    let value = value_of(value, field.data_type())?;
    Some(Predicate::compare(column, op, value))
}

fn comparison_of(op: Operator) -> Option<Comparison> {
    Some(match op {
        Operator::Eq => Comparison::Eq,
        Operator::NotEq => Comparison::NotEq,
        Operator::Lt => Comparison::Lt,
        Operator::LtEq => Comparison::LtEq,
        Operator::Gt => Comparison::Gt,
        Operator::GtEq => Comparison::GtEq,
        _ => return None,
    })
}

fn mirrored(op: Comparison) -> Comparison {
    match op {
        Comparison::Lt => Comparison::Gt,
        Comparison::LtEq => Comparison::GtEq,
        Comparison::Gt => Comparison::Lt,
        Comparison::GtEq => Comparison::LtEq,
        other => other,
    }
}

/// A value for a column of this Arrow type; `None` if the types differ or it is NULL.
pub(crate) fn value_of(value: &ScalarValue, column: &DataType) -> Option<Value> {
    if value.data_type() != *column {
        return None;
    }
    Some(match value {
        ScalarValue::Boolean(Some(v)) => Value::Boolean(*v),
        ScalarValue::Int16(Some(v)) => Value::Int(i64::from(*v)),
        ScalarValue::Int32(Some(v)) => Value::Int(i64::from(*v)),
        ScalarValue::Int64(Some(v)) => Value::Int(*v),
        ScalarValue::Float32(Some(v)) if !v.is_nan() => Value::Double(f64::from(*v)),
        ScalarValue::Float64(Some(v)) if !v.is_nan() => Value::Double(*v),
        ScalarValue::Decimal128(Some(v), _, scale) => {
            Value::Decimal { unscaled: *v, scale: u8::try_from(*scale).ok()? }
        }
        ScalarValue::Utf8(Some(v)) => Value::Text(v.clone()),
        ScalarValue::Binary(Some(v)) => Value::Bytes(v.clone()),
        ScalarValue::FixedSizeBinary(16, Some(v)) => Value::Uuid(v.as_slice().try_into().ok()?),
        ScalarValue::Date32(Some(v)) => Value::Date(*v),
        ScalarValue::TimestampMicrosecond(Some(v), _) => Value::Timestamp(*v),
        _ => return None,
    })
}
