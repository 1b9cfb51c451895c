//! Filters that another operator finds while the query runs: the keys of a small side of a join, the bound of a top-k.
//!
//! They are never needed for the answer: whoever made one filters again. So what the engine cannot take is left out.

use std::sync::Arc;

use annals_engine::{Comparison, Predicate};
use arrow::datatypes::Schema;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, DynamicFilterPhysicalExpr, InListExpr, Literal,
};

use super::pushdown::value_of;

/// The most values of a list that are handed to the engine.
const LIST_COUNT_MAX: usize = 100_000;

/// What of a filter the engine can use, as it stands now.
pub(crate) fn predicates_now(filter: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Vec<Predicate> {
    let mut found = Vec::new();
    collect(filter, schema, &mut found);
    found
}

fn collect(filter: &Arc<dyn PhysicalExpr>, schema: &Schema, found: &mut Vec<Predicate>) {
    if let Some(dynamic) = filter.downcast_ref::<DynamicFilterPhysicalExpr>() {
        if let Ok(current) = dynamic.current() {
            collect(&current, schema, found);
        }
        return;
    }
    if let Some(binary) = filter.downcast_ref::<BinaryExpr>() {
        if *binary.op() == Operator::And {
            collect(binary.left(), schema, found);
            collect(binary.right(), schema, found);
        } else if let Some(predicate) = comparison(binary, schema) {
            found.push(predicate);
        }
        return;
    }
    if let Some(list) = filter.downcast_ref::<InListExpr>()
        && let Some(predicate) = in_list(list, schema)
    {
        found.push(predicate);
    }
}

fn comparison(binary: &BinaryExpr, schema: &Schema) -> Option<Predicate> {
    let column = binary.left().downcast_ref::<Column>()?;
    let literal = binary.right().downcast_ref::<Literal>()?;
    let op = match binary.op() {
        Operator::Eq => Comparison::Eq,
        Operator::Lt => Comparison::Lt,
        Operator::LtEq => Comparison::LtEq,
        Operator::Gt => Comparison::Gt,
        Operator::GtEq => Comparison::GtEq,
        _ => return None,
    };
    let field = schema.field_with_name(column.name()).ok()?;
    Some(Predicate::compare(column.name(), op, value_of(literal.value(), field.data_type())?))
}

fn in_list(list: &InListExpr, schema: &Schema) -> Option<Predicate> {
    if list.negated() || list.list().len() > LIST_COUNT_MAX {
        return None;
    }
    let column = list.expr().downcast_ref::<Column>()?;
    let field = schema.field_with_name(column.name()).ok()?;
    let value = |item: &Arc<dyn PhysicalExpr>| {
        value_of(item.downcast_ref::<Literal>()?.value(), field.data_type())
    };
    let values = list.list().iter().map(value).collect::<Option<Vec<_>>>()?;
    Some(Predicate::In { column: column.name().to_owned(), values })
}
