//! UPDATE and DELETE as the query for the rows they concern.

use std::collections::HashMap;
use std::sync::Arc;

use annals_engine::schema::did_you_mean;
use annals_engine::{TableSchema, VALID_FROM, VALID_TO, ValidTime};
use sqlparser::ast::{
    AssignmentTarget, Expr, Ident, ObjectName, ObjectNamePart, SelectItem, Spanned, TableWithJoins,
};

use super::portion::{Portion, Target};
use super::{Action, Change};
use crate::error::{Error, Result};
use crate::parse::{Delete, Update, select_query, table_name};
use crate::plan::Planner;
use crate::session::Tag;

pub(super) fn plan_update(
    planner: &Planner,
    update: &Update,
    acts_from: ValidTime,
) -> Result<Change> {
    let schema = |name: &ObjectName| schema_of(planner, name);
    let (target, table) = Target::read(planner, &update.table, acts_from, schema)?;
    if table.is_event {
        let message =
            format!("rows of event table `{}` are never changed: DELETE and INSERT", table.name);
        return Err(Error::invalid(message).at(target.name.span()));
    }
    let mut assigned: HashMap<String, Expr> = HashMap::new();
    for assignment in &update.assignments {
        let column = match &assignment.target {
            AssignmentTarget::ColumnName(name) => column_of(&table, name)?,
            AssignmentTarget::Tuple(_) => {
                let message = "SET takes one column at a time";
                return Err(Error::invalid(message).at(assignment.span()));
            }
        };
        if assigned.insert(column.clone(), assignment.value.clone()).is_some() {
            let message = format!("column `{column}` is set twice");
            return Err(Error::invalid(message).at(assignment.span()));
        }
    }
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let items = names.iter().map(|name| match assigned.remove(*name) {
        Some(expr) => SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', *name) },
        None => SelectItem::UnnamedExpr(qualified(&target.qualifier, name)),
    });
    let items: Vec<SelectItem> = items.chain(periods(&target.qualifier)).collect();
    let may_repeat = !update.from.is_empty();
    let plan = plan_query(planner, &target, items, &update.from, &update.selection)?;
    let action = Action::Update { portion: target.portion, may_repeat };
    Ok(Change { tag: Tag::Update, plan, reads_rows: true, table, action })
}

pub(super) fn plan_delete(
    planner: &Planner,
    delete: &Delete,
    acts_from: ValidTime,
) -> Result<Change> {
    let schema = |name: &ObjectName| schema_of(planner, name);
    let (target, table) = Target::read(planner, &delete.table, acts_from, schema)?;
    let keys = table.key.iter().map(|at| table.columns[*at].name.as_str());
    let items = keys.map(|name| SelectItem::UnnamedExpr(qualified(&target.qualifier, name)));
    let items: Vec<SelectItem> = items.chain(periods(&target.qualifier)).collect();
    let plan = plan_query(planner, &target, items, &delete.using, &delete.selection)?;
    let portion = if table.is_event { Portion::ALL } else { target.portion };
    let action = Action::Delete { portion };
    Ok(Change { tag: Tag::Delete, plan, reads_rows: true, table, action })
}

/// The rows that a change concerns, planned over tables that show their period columns.
fn plan_query(
    planner: &Planner,
    target: &Target,
    items: Vec<SelectItem>,
    others: &[TableWithJoins],
    selection: &Option<Expr>,
) -> Result<datafusion::logical_expr::LogicalPlan> {
    let relation = TableWithJoins { relation: target.factor.clone(), joins: Vec::new() };
    let from = std::iter::once(relation).chain(others.iter().cloned()).collect();
    planner.naming_periods().plan(select_query(items, from, selection.clone())?)
}

pub(super) fn schema_of(planner: &Planner, name: &ObjectName) -> Result<Arc<TableSchema>> {
    let table = table_name(name)?;
    planner.table_schema(&table).map_err(|error| error.at(name.span()))
}

/// The name of the column that is set; the table's name or alias may stand before it.
fn column_of(table: &TableSchema, name: &ObjectName) -> Result<String> {
    let Some(ObjectNamePart::Identifier(ident)) = name.0.last() else {
        return Err(Error::invalid(format!("`{name}` is not a column")).at(name.span()));
    };
    let column = match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    };
    let at = table.columns.iter().position(|other| other.name == column);
    let Some(at) = at else {
        let near = did_you_mean(&column, table.columns.iter().map(|other| other.name.as_str()));
        let message = format!("no column `{column}` in `{}`{near}", table.name);
        return Err(Error::invalid(message).at(name.span()));
    };
    if table.key.contains(&at) {
        let message = format!(
            "key column `{column}` cannot be set: DELETE the old key and INSERT the new one"
        );
        return Err(Error::invalid(message).at(name.span()));
    }
    Ok(column)
}

fn periods(qualifier: &ObjectName) -> Vec<SelectItem> {
    [VALID_FROM, VALID_TO].map(|name| SelectItem::UnnamedExpr(qualified(qualifier, name))).to_vec()
}

pub(super) fn qualified(qualifier: &ObjectName, name: &str) -> Expr {
    let parts = qualifier.0.iter().filter_map(|part| part.as_ident()).cloned();
    Expr::CompoundIdentifier(parts.chain([Ident::with_quote('"', name)]).collect())
}
