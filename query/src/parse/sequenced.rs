//! `SEQUENCED VALID_TIME [FROM a TO b] SELECT ...`: read back from the common table expression that stands for it.

use sqlparser::ast::{
    Expr, GroupByExpr, Ident, Query, SelectItem, SetExpr, Spanned, TableAlias, TableFactor,
    TableWithJoins, WildcardAdditionalOptions,
};

use super::statement::select_query;
use super::temporal::{Form, SEQUENCED, version_arguments, write_version};
use crate::error::{Error, Result};

/// A sequenced aggregate: its range and the query to be asked at every instant, over the versions that overlap the range.
#[derive(Clone, Debug)]
pub(crate) struct Sequenced {
    pub(crate) from: Expr,
    pub(crate) to: Expr,
    pub(crate) query: Box<Query>,
}

fn is_sequenced(query: &Query) -> bool {
    let first = query.with.as_ref().and_then(|with| with.cte_tables.first());
    first.is_some_and(|common| common.alias.name.value == SEQUENCED)
}

/// A statement that is a sequenced query, as a query over it: the order and the limit are of the steps, not of the rows.
pub(super) fn as_subquery(mut query: Box<Query>) -> Result<Box<Query>> {
    if !is_sequenced(&query) {
        return Ok(query);
    }
    let (order_by, limit_clause, fetch) =
        (query.order_by.take(), query.limit_clause.take(), query.fetch.take());
    let alias =
        TableAlias { explicit: true, name: Ident::new("sequenced"), columns: Vec::new(), at: None };
    let derived =
        TableFactor::Derived { lateral: false, subquery: query, alias: Some(alias), sample: None };
    let from = vec![TableWithJoins { relation: derived, joins: Vec::new() }];
    let items = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
    let mut outer = select_query(items, from, None)?;
    (outer.order_by, outer.limit_clause, outer.fetch) = (order_by, limit_clause, fetch);
    Ok(outer)
}

/// The sequenced aggregate that a subquery is, if it is one.
pub(crate) fn sequenced(query: &Query) -> Result<Option<Sequenced>> {
    if !is_sequenced(query) {
        return Ok(None);
    }
    let span = query.span();
    let refuse = |what: &str| {
        Error::invalid(format!("SEQUENCED VALID_TIME: {what} is not supported")).at(span)
    };
    let mut query = Box::new(query.clone());
    let with = query.with.take().ok_or_else(|| refuse("this form"))?;
    let [range] = with.cte_tables.as_slice() else { return Err(refuse("WITH")) };
    let SetExpr::Select(bounds) = &*range.query.body else { return Err(refuse("this form")) };
    let [SelectItem::UnnamedExpr(from), SelectItem::UnnamedExpr(to)] = bounds.projection.as_slice()
    else {
        return Err(refuse("this form"));
    };
    let (from, to) = (from.clone(), to.clone());
    if query.order_by.is_some() || query.limit_clause.is_some() || query.fetch.is_some() {
        return Err(refuse("ORDER BY or LIMIT inside the subquery"));
    }
    let SetExpr::Select(select) = &mut *query.body else { return Err(refuse("a set operation")) };
    if select.distinct.is_some() || select.qualify.is_some() || !select.named_window.is_empty() {
        return Err(refuse("DISTINCT, QUALIFY or WINDOW"));
    }
    if !matches!(&select.group_by, GroupByExpr::Expressions(_, modifiers) if modifiers.is_empty()) {
        return Err(refuse("this GROUP BY"));
    }
    let [TableWithJoins { relation, joins }] = select.from.as_mut_slice() else {
        return Err(refuse("a query over other than one table"));
    };
    let TableFactor::Table { version, args: None, .. } = relation else {
        return Err(refuse("a query over other than one table"));
    };
    if !joins.is_empty() {
        return Err(refuse("a join"));
    }
    let given = version
        .as_ref()
        .map(|version| version_arguments(version).ok_or_else(|| refuse("this version")));
    let given = given.transpose()?.unwrap_or_default();
    if given.valid.is_some() {
        return Err(refuse("FOR VALID_TIME beside it: the range is FROM a TO b,"));
    }
    let valid = (Form::FromTo, vec![from.clone(), to.clone()]);
    *version = Some(write_version(Some(valid), given.system)?);
    Ok(Some(Sequenced { from, to, query }))
}
