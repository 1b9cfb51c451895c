//! Tables with a version: planned as usual, then each scan in them is put to its instants.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result as PlanResult, TableReference};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableScan};
use sqlparser::ast::{FunctionArg, FunctionArgExpr, Spanned, TableFactor};

use super::context::Context;
use super::instant::{Bound, Clauses, clauses};
use crate::error::{Error, Result};
use crate::functions::changes::{ChangesRequest, ChangesTable};
use crate::parse::{sequenced, table_name, version_arguments};
use crate::scan::TemporalTable;
use annals_engine::{Period, SystemTime, ValidTime};

/// Plans what follows FROM: table versions, and the table function `changes`.
#[derive(Debug)]
pub(crate) struct Relations {
    pub(crate) context: Arc<Context>,
}

impl RelationPlanner for Relations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        planner: &mut dyn RelationPlannerContext,
    ) -> PlanResult<RelationPlanning> {
        match relation {
            TableFactor::Table { name, alias, args: Some(args), version, .. }
                if table_name(&name).is_ok_and(|name| name == "changes") =>
            {
                if version.is_some() {
                    let message = "changes(...) has its instants as arguments, not as clauses";
                    return Err(Error::invalid(message).at(name.span()).into());
                }
                let plan = self.changes(&args.args, planner)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
            }
            TableFactor::Table { name, alias, args: Some(args), version: None, .. } => {
                let function = table_name(&name)?;
                let plan = super::table_function::plan(&function, &args.args, planner)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
            }
            TableFactor::Function { lateral: false, name, args, with_ordinality: false, alias } => {
                let function = table_name(&name)?;
                let plan = super::table_function::plan(&function, &args, planner)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
            }
            TableFactor::Table { name, alias, args, version: Some(version), .. } => {
                let span = name.span();
                if args.is_some() {
                    let message = format!("`{name}` is a function: it takes no temporal clause");
                    return Err(Error::invalid(message).at(span).into());
                }
                let read = version_arguments(&version);
                let read = read.ok_or_else(|| Error::invalid("unknown table version").at(span))?;
                let mut to_expr = |syntax| planner.sql_to_expr(syntax, &DFSchema::empty());
                let clauses = clauses(&read, self.context.now(), &mut to_expr)?;
                let bare = TableFactor::Table {
                    name: name.clone(),
                    alias: None,
                    args: None,
                    with_hints: Vec::new(),
                    version: None,
                    with_ordinality: false,
                    partitions: Vec::new(),
                    json_path: None,
                    sample: None,
                    index_hints: Vec::new(),
                };
                let plan = planner.plan(bare)?;
                let plan = at_instants(plan, &clauses).map_err(|error| error.at(span))?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
            }
            TableFactor::Derived { lateral, subquery, alias, sample } => {
                let Some(asked) = sequenced(&subquery)? else {
                    let mut subquery = subquery;
                    if alias.is_none() {
                        super::unnamed::name_what_is_read(&mut subquery);
                    }
                    let derived = TableFactor::Derived { lateral, subquery, alias, sample };
                    return Ok(RelationPlanning::Original(Box::new(derived)));
                };
                let plan = super::sequenced::plan(asked, planner)?;
                Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
            }
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

/// The same plan with its scans at these instants; an error if it is not a table or a view of tables.
fn at_instants(plan: LogicalPlan, clauses: &Clauses) -> Result<LogicalPlan> {
    let is_relation = match &plan {
        LogicalPlan::TableScan(scan) => temporal(scan).is_some(),
        // A view is planned as its query under its name; so is a common table expression, but that one has no instants to give.
        LogicalPlan::SubqueryAlias(outer) => match &*outer.input {
            LogicalPlan::SubqueryAlias(inner) => inner.alias.schema() == Some(crate::scan::VIEWS),
            _ => false,
        },
        _ => false,
    };
    if !is_relation {
        let message =
            "a temporal clause belongs to a table or view; here put it inside the subquery";
        return Err(Error::invalid(message));
    }
    let (mut count, mut taken) = (0, Clauses::default());
    let changed = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
        let Some(table) = temporal(scan) else { return Ok(Transformed::no(node)) };
        count += 1;
        let (table, took) = table.at(clauses);
        if (took.valid, took.system) == (None, None) {
            return Ok(Transformed::no(node));
        }
        taken.valid = taken.valid.or(took.valid);
        taken.system = taken.system.or(took.system);
        let name = TableReference::bare(format!("{} {}", scan.table_name, table.shown()));
        let source = provider_as_source(Arc::new(table));
        let scan_at = LogicalPlanBuilder::scan(name, source, scan.projection.clone())?;
        Ok(Transformed::yes(scan_at.alias(scan.table_name.clone())?.build()?))
    });
    let changed = changed.map_err(Error::from)?.data;
    if count == 0 {
        return Err(Error::invalid("there is no table here that has the two times"));
    }
    if (taken.valid, taken.system) != (clauses.valid, clauses.system) {
        let axis = if taken.valid == clauses.valid { "SYSTEM_TIME" } else { "VALID_TIME" };
        let message = format!(
            "every table of the view has a clause for {axis} of its own: one on the view would be lost"
        );
        return Err(Error::invalid(message));
    }
    changed.recompute_schema().map_err(Error::from)
}

fn temporal(scan: &TableScan) -> Option<TemporalTable> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<TemporalTable>().cloned()
}

impl Relations {
    /// `changes('t', from_system, to_system [, valid_from, valid_to])`. The arguments are part of the scan's name: see the module of plans.
    fn changes(
        &self,
        arguments: &[FunctionArg],
        planner: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        let usage = || {
            Error::invalid(
                "changes takes ('table', from_system, to_system [, valid_from, valid_to])",
            )
        };
        let mut syntax = Vec::new();
        for argument in arguments {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else {
                return Err(usage().at(argument.span()));
            };
            syntax.push(expr.clone());
        }
        let [table, from, to, valid @ ..] = syntax.as_slice() else { return Err(usage()) };
        let sqlparser::ast::Expr::Value(literal) = table else {
            return Err(usage().at(table.span()));
        };
        let sqlparser::ast::Value::SingleQuotedString(name) = &literal.value else {
            return Err(usage().at(table.span()));
        };
        let mut to_expr = |syntax| planner.sql_to_expr(syntax, &DFSchema::empty());
        let now = self.context.now();
        let mut instant = |syntax: &sqlparser::ast::Expr| -> Result<SystemTime> {
            let Bound(Some(at)) = Bound::fold(syntax, &mut to_expr)? else {
                return Err(
                    Error::invalid("changes needs two system instants, not NULL").at(syntax.span())
                );
            };
            let at = SystemTime::from_micros(at);
            if at > now {
                let message = format!(
                    "system time {at} lies after the present of the statement, {now}: the answer could still change"
                );
                return Err(Error::invalid(message).at(syntax.span()));
            }
            Ok(at)
        };
        let (start, end) = (instant(from)?, instant(to)?);
        let (low, high) = match valid {
            [] => (Bound(None), Bound(None)),
            [low, high] => (Bound::fold(low, &mut to_expr)?, Bound::fold(high, &mut to_expr)?),
            _ => return Err(usage()),
        };
        let (low, high): (ValidTime, ValidTime) = (low.from(), high.to());
        let valid = Period::new(low, high).map_err(|error| Error::from(error).at(from.span()))?;
        let snapshot = self.context.snapshot();
        let schema =
            snapshot.table_schema(name).map_err(|error| Error::from(error).at(table.span()))?;
        let request = ChangesRequest::new(snapshot.clone(), schema, (start, end), valid);
        let request = request.map_err(|error| Error::from(error).at(from.span()))?;
        let shown = request.to_string();
        let provider = Arc::new(ChangesTable::new(request));
        let plan = LogicalPlanBuilder::scan(
            TableReference::bare(shown),
            provider_as_source(provider),
            None,
        );
        let plan = plan.and_then(|plan| plan.alias("changes")).and_then(LogicalPlanBuilder::build);
        plan.map_err(Error::from)
    }
}
