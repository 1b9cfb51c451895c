//! INSERT and UPSERT: a query whose columns are the target's.

use annals_engine::schema::did_you_mean;
use annals_engine::{DataType, TableSchema, VALID_FROM, VALID_TO};
use datafusion::logical_expr::LogicalPlan;
use sqlparser::ast::{
    DataType as SqlType, Expr, Ident, Query, SetExpr, Spanned, TimezoneInfo, TypedString,
    Value as Literal,
};

use super::names::with_distinct_names;
use super::select::schema_of;
use super::{Action, Change};
use crate::error::{Error, Result};
use crate::parse::{EVENT_ID, Insert};
use crate::plan::Planner;
use crate::session::Tag;

pub(super) fn plan(planner: &Planner, insert: &Insert) -> Result<Change> {
    let table = schema_of(planner, &insert.table)?;
    let columns = match insert.columns.is_empty() {
        true => {
            let shown = table.columns.iter().map(|column| column.name.clone());
            shown.filter(|name| name != EVENT_ID).collect()
        }
        false => insert.columns.iter().map(folded).collect::<Vec<String>>(),
    };
    for (at, name) in columns.iter().enumerate() {
        let span = insert.columns.get(at).map_or_else(|| insert.table.span(), |ident| ident.span);
        let is_there = table.columns.iter().any(|column| column.name == *name) && name != EVENT_ID;
        if !is_there && name != VALID_FROM && name != VALID_TO {
            let near = did_you_mean(name, table.columns.iter().map(|other| other.name.as_str()));
            return Err(
                Error::invalid(format!("no column `{name}` in `{}`{near}", table.name)).at(span)
            );
        }
        if columns[..at].contains(name) {
            return Err(Error::invalid(format!("column `{name}` is named twice")).at(span));
        }
    }
    let mut source = insert.source.clone();
    type_literals(&mut source, &table, &columns);
    let plan = plan_source(planner, source)?;
    let given = plan.schema().fields().len();
    if given != columns.len() {
        let message = format!("{} columns are named, {given} values are given", columns.len());
        return Err(Error::invalid(message).at(insert.table.span()));
    }
    let is_insert = !insert.is_upsert && !table.is_event;
    let is_values = matches!(&*insert.source.body, SetExpr::Values(_));
    let tag = if insert.is_upsert { Tag::Upsert } else { Tag::Insert };
    let reads_rows = is_insert || !is_values;
    Ok(Change { tag, plan, reads_rows, table, action: Action::Put { columns, is_insert } })
}

/// Columns of a source count by their position, and may have one name: the planner wants different ones. Names are given only where
/// it refuses the query as it is written, and what it says of that is what is told if they do not help.
fn plan_source(planner: &Planner, source: Box<Query>) -> Result<LogicalPlan> {
    let Some(named) = with_distinct_names(&source) else { return planner.plan(source) };
    planner.plan(source).or_else(|error| planner.plan(named).map_err(|_| error))
}

/// Texts that stand for instants and dates are read as such, so that the rows of VALUES may differ in how they write them.
fn type_literals(source: &mut Query, table: &TableSchema, columns: &[String]) {
    let SetExpr::Values(values) = &mut *source.body else { return };
    let types: Vec<Option<SqlType>> =
        columns.iter().map(|name| instant_type(table, name)).collect();
    for row in &mut values.rows {
        for (expr, data_type) in row.iter_mut().zip(&types) {
            let Some(data_type) = data_type else { continue };
            if let Expr::Value(value) = expr
                && matches!(value.value, Literal::SingleQuotedString(_))
            {
                let (data_type, value) = (data_type.clone(), value.clone());
                *expr =
                    Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false });
            }
        }
    }
}

fn instant_type(table: &TableSchema, name: &str) -> Option<SqlType> {
    let timestamp = SqlType::Timestamp(None, TimezoneInfo::None);
    if name == VALID_FROM || name == VALID_TO {
        return Some(timestamp);
    }
    let column = table.columns.iter().find(|column| column.name == name)?;
    match column.data_type {
        DataType::Timestamp => Some(timestamp),
        DataType::Date => Some(SqlType::Date),
        _ => None,
    }
}

fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}
