//! Table functions of DataFusion (`generate_series`, `range`): scans whose arguments are part of their name, in our types.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, DFSchema, ScalarValue, TableReference};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use sqlparser::ast::{FunctionArg, FunctionArgExpr, Spanned};

use crate::error::{Error, Result};

/// The plan of a call. Timestamps go in as the nanoseconds that these functions want, and come out as the microseconds in UTC
/// that everything else has.
pub(super) fn plan(
    name: &str,
    arguments: &[FunctionArg],
    planner: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let mut folded = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(syntax)) = argument else {
            let message = format!("{name} takes plain arguments, not `{argument}`");
            return Err(Error::invalid(message).at(argument.span()));
        };
        let expr = planner.sql_to_expr(syntax.clone(), &DFSchema::empty())?;
        let simplifier = ExprSimplifier::new(SimplifyContext::builder().build());
        let expr = simplifier.simplify(simplifier.coerce(expr, &DFSchema::empty())?)?;
        folded.push(in_nanoseconds(expr).map_err(|error| error.at(argument.span()))?);
    }
    let shown: Vec<String> = folded.iter().map(ToString::to_string).collect();
    let source = planner.context_provider().get_table_function_source(name, folded)?;
    let scan_name = TableReference::bare(format!("{name}({})", shown.join(", ")));
    let mut plan = LogicalPlanBuilder::scan(scan_name, source, None)?.alias(name)?;
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let columns: Vec<Expr> =
        plan.schema()
            .iter()
            .map(|(qualifier, field)| {
                let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
                match field.data_type() {
                    DataType::Timestamp(..) => cast(column, instant.clone())
                        .alias_qualified(qualifier.cloned(), field.name()),
                    _ => column,
                }
            })
            .collect();
    if columns.iter().any(|column| !matches!(column, Expr::Column(_))) {
        plan = plan.project(columns)?;
    }
    Ok(plan.build()?)
}

fn in_nanoseconds(expr: Expr) -> Result<Expr> {
    let Expr::Literal(ScalarValue::TimestampMicrosecond(Some(micros), _), metadata) = &expr else {
        return Ok(expr);
    };
    match micros.checked_mul(1_000) {
        Some(nanos) => {
            Ok(Expr::Literal(ScalarValue::TimestampNanosecond(Some(nanos), None), metadata.clone()))
        }
        None => Err(Error::invalid("a series of instants lies between the years 1678 and 2262")),
    }
}
