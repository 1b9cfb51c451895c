//! A sequenced aggregate: planned as an ordinary one, whose aggregate then becomes a sweep.

use annals_engine::{Period, VALID_FROM, VALID_TO, ValidTime};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result as PlanResult};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, LogicalPlanBuilder, Projection};
use sqlparser::ast::{Spanned, TableFactor};

use super::instant::Bound;
use crate::error::{Error, Result};
use crate::functions::sequenced::{Call, sequenced_aggregate};
use crate::parse::Sequenced;

/// The plan of a sequenced aggregate: the columns of its SELECT, then `_valid_from` and `_valid_to`.
pub(super) fn plan(
    asked: Sequenced,
    planner: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let span = asked.query.span();
    let refuse = |what: &str| Error::invalid(format!("SEQUENCED VALID_TIME: {what}")).at(span);
    let mut to_expr = |syntax| planner.sql_to_expr(syntax, &DFSchema::empty());
    let (from, to) =
        (Bound::fold(&asked.from, &mut to_expr)?, Bound::fold(&asked.to, &mut to_expr)?);
    let (from, to): (ValidTime, ValidTime) = (from.from(), to.to());
    let range = Period::new(from, to).map_err(|error| Error::from(error).at(asked.from.span()))?;
    let derived =
        TableFactor::Derived { lateral: false, subquery: asked.query, alias: None, sample: None };
    let plan = planner.plan(derived)?;
    let LogicalPlan::Projection(projection) = plan else {
        return Err(refuse("a query of groups and aggregates is needed"));
    };
    let (aggregate, having) = match projection.input.as_ref() {
        LogicalPlan::Aggregate(aggregate) => (aggregate, None),
        LogicalPlan::Filter(filter) => match filter.input.as_ref() {
            LogicalPlan::Aggregate(aggregate) => (aggregate, Some(filter.predicate.clone())),
            _ => return Err(refuse("a query of groups and aggregates is needed")),
        },
        _ => return Err(refuse("a query of groups and aggregates is needed")),
    };
    let swept = sweep(aggregate, range)?;
    let rename = |expr: Expr| renamed(expr, aggregate.schema.as_ref(), swept.schema());
    let mut builder = LogicalPlanBuilder::from(swept.clone());
    if let Some(having) = having.clone() {
        builder = builder.filter(rename(having)?)?;
    }
    let mut items = Vec::new();
    for (expr, (qualifier, field)) in projection.expr.iter().zip(projection.schema.iter()) {
        items.push(
            rename(expr.clone())?.unalias().alias_qualified(qualifier.cloned(), field.name()),
        );
    }
    if having.is_none() && shows_steps(&projection, aggregate) {
        items.extend(periods());
        return Ok(builder.project(items)?.build()?);
    }
    merged(builder.build()?, items, aggregate.group_expr.len(), range)
}

fn periods() -> [Expr; 2] {
    [VALID_FROM, VALID_TO].map(|name| Expr::Column(Column::new_unqualified(name)))
}

/// Whether every step of the sweep is one of what is shown: all aggregates are, as they are.
fn shows_steps(projection: &Projection, aggregate: &Aggregate) -> bool {
    let at = |expr: &Expr| match expr.clone().unalias() {
        Expr::Column(column) => aggregate.schema.maybe_index_of_column(&column),
        _ => None,
    };
    let shown: Option<Vec<usize>> = projection.expr.iter().map(at).collect();
    let mut aggregates = aggregate.group_expr.len()..aggregate.schema.fields().len();
    shown.is_some_and(|shown| aggregates.all(|at| shown.contains(&at)))
}

/// Steps of each group that show the same, as one: a sweep over what is shown, in which the groups stay apart.
fn merged(
    steps: LogicalPlan,
    items: Vec<Expr>,
    group_count: usize,
    range: Period<annals_engine::Valid>,
) -> Result<LogicalPlan> {
    let item_count = items.len();
    let group = |at: usize| {
        Expr::Column(Column::from(steps.schema().qualified_field(at)))
            .alias(format!("sequenced group {at}"))
    };
    let wanted: Vec<Expr> =
        items.into_iter().chain((0..group_count).map(group)).chain(periods()).collect();
    let shown = LogicalPlanBuilder::from(steps.clone()).project(wanted)?.build()?;
    let mut columns: Vec<Expr> = shown.schema().columns().into_iter().map(Expr::Column).collect();
    columns.truncate(item_count + group_count);
    let [from, to] = periods();
    let swept = sequenced_aggregate(shown, columns.clone(), Vec::new(), (from, to), range)?;
    let wanted = columns.into_iter().take(item_count).chain(periods());
    Ok(LogicalPlanBuilder::from(swept).project(wanted)?.build()?)
}

fn sweep(aggregate: &Aggregate, range: Period<annals_engine::Valid>) -> Result<LogicalPlan> {
    let group_count = aggregate.group_expr.len();
    let names = aggregate.schema.fields()[group_count..].iter().map(|field| field.name().as_str());
    let calls = aggregate.aggr_expr.iter().zip(names);
    let calls = calls.map(|(expr, name)| Call::from_expr(&expr.clone().unalias(), name));
    let calls = calls.collect::<PlanResult<Vec<Call>>>()?;
    let input = aggregate.input.as_ref().clone();
    let period = |name: &str| -> Result<Expr> {
        let found = input.schema().columns().into_iter().find(|column| column.name == name);
        found
            .map(Expr::Column)
            .ok_or_else(|| Error::invalid(format!("there is no column {name} to sweep over")))
    };
    let period = (period(VALID_FROM)?, period(VALID_TO)?);
    Ok(sequenced_aggregate(input, aggregate.group_expr.clone(), calls, period, range)?)
}

/// The expression over the columns of the sweep in place of the aggregate's: they stand in the same order.
fn renamed(expr: Expr, from: &DFSchema, to: &DFSchema) -> Result<Expr> {
    let renamed = expr.transform_up(|node| match &node {
        Expr::Column(column) => match from.maybe_index_of_column(column) {
            Some(at) => Ok(Transformed::yes(Expr::Column(Column::from(to.qualified_field(at))))),
            None => Ok(Transformed::no(node)),
        },
        _ => Ok(Transformed::no(node)),
    });
    Ok(renamed?.data)
}
