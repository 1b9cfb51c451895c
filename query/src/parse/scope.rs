//! Hidden columns, and the clauses that nobody would read.
//!
//! The four period columns (and the hidden key of an event table) are not part of `*`, but naming one brings it in. The planner
//! knows no hidden columns. So a statement that names none is planned over tables that have none; a statement that names one is
//! planned over tables that have all, and every `*` in it leaves them out by name.

use std::collections::HashMap;
use std::ops::ControlFlow;

use annals_engine::{SYSTEM_FROM, SYSTEM_TO, VALID_FROM, VALID_TO};
use sqlparser::ast::{
    ExcludeSelectItem, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, Query,
    Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, Spanned, TableFactor,
    TableWithJoins, Visit, VisitMut, Visitor, VisitorMut, WildcardAdditionalOptions,
};
use sqlparser::tokenizer::Span;

use super::statement::Statement;
use super::temporal::version_arguments;
use crate::error::{Error, Result};

/// The hidden key of an event table.
pub(crate) const EVENT_ID: &str = "_event_id";

/// Whether a column of this name is left out of `*`.
pub(crate) fn is_hidden(name: &str) -> bool {
    [VALID_FROM, VALID_TO, SYSTEM_FROM, SYSTEM_TO, EVENT_ID].contains(&name)
}

/// What the walk asks of a table's name: the hidden columns it has, `None` if there is no such table.
pub(crate) type HiddenColumns<'a> = dyn Fn(&ObjectName) -> Option<Vec<&'static str>> + 'a;

/// Makes every `*` of a query leave the hidden columns out. For statements that name one.
pub(crate) fn show_periods<T: VisitMut>(node: &mut T, hidden: &HiddenColumns<'_>) -> Result<()> {
    let mut walk = Walk { hidden, open: Vec::new(), visible: HashMap::new() };
    match node.visit(&mut walk) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Walk<'a> {
    hidden: &'a HiddenColumns<'a>,
    /// The common table expressions of the queries that are open.
    open: Vec<Scope>,
    /// The query of a common table expression: how many names of its WITH it sees.
    visible: HashMap<*const Query, usize>,
}

/// Common table expressions of one WITH, and how many of them are in scope just now.
struct Scope {
    names: Vec<String>,
    visible_count: usize,
}

impl Walk<'_> {
    fn is_common(&self, name: &ObjectName) -> bool {
        let [ObjectNamePart::Identifier(name)] = name.0.as_slice() else { return false };
        let name = folded(name);
        self.open
            .iter()
            .flat_map(|scope| &scope.names[..scope.visible_count])
            .any(|common| *common == name)
    }

    /// The qualifier of a factor and the hidden columns that it brings.
    fn hidden_of(&self, factor: &TableFactor) -> Option<(ObjectName, Vec<&'static str>)> {
        let TableFactor::Table { name, alias, args: None, .. } = factor else { return None };
        if self.is_common(name) {
            return None;
        }
        let hidden = (self.hidden)(name)?;
        let qualifier = match alias {
            Some(alias) => ObjectName::from(vec![alias.name.clone()]),
            None => name.clone(),
        };
        Some((qualifier, hidden))
    }
}

impl VisitorMut for Walk<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        if let Some(count) = self.visible.remove(&(&raw const *query))
            && let Some(scope) = self.open.last_mut()
        {
            scope.visible_count = count;
        }
        let mut names = Vec::new();
        if let Some(with) = &query.with {
            names = with.cte_tables.iter().map(|common| folded(&common.alias.name)).collect();
            for (at, common) in with.cte_tables.iter().enumerate() {
                let count = at + usize::from(with.recursive);
                self.visible.insert(&raw const *common.query, count);
            }
        }
        let visible_count = 0;
        self.open.push(Scope { names, visible_count });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<Error> {
        self.open.pop();
        // Common table expressions are visited one after the other, then the body: what was just left is in scope from here on.
        if let Some(scope) = self.open.last_mut() {
            scope.visible_count = scope.names.len().min(scope.visible_count + 1);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        match self.rewrite(select) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Walk<'_> {
    fn rewrite(&self, select: &mut Select) -> Result<()> {
        let mut factors = Vec::new();
        for table in &select.from {
            flatten(table, &mut factors);
        }
        if !factors.iter().any(|(factor, _)| self.hidden_of(factor).is_some()) {
            return Ok(());
        }
        if factors.iter().any(|(_, constraint)| matches!(constraint, Some(JoinConstraint::Natural)))
        {
            let message = "NATURAL JOIN would join on the period columns that the statement names: use USING or ON";
            return Err(Error::invalid(message).at(select.span()));
        }
        let mut items = Vec::with_capacity(select.projection.len());
        for item in std::mem::take(&mut select.projection) {
            match item {
                SelectItem::Wildcard(options) => self.expand(options, &factors, &mut items)?,
                SelectItem::QualifiedWildcard(kind, options) => {
                    let options = self.qualified(&kind, options, &factors);
                    items.push(SelectItem::QualifiedWildcard(kind, options));
                }
                other => items.push(other),
            }
        }
        select.projection = items;
        Ok(())
    }

    /// `*` over one table keeps its form; over several it becomes one `t.*` for each.
    fn expand(
        &self,
        options: WildcardAdditionalOptions,
        factors: &[(&TableFactor, Option<&JoinConstraint>)],
        items: &mut Vec<SelectItem>,
    ) -> Result<()> {
        if let [(factor, _)] = factors {
            let hidden = self.hidden_of(factor).map(|(_, hidden)| hidden).unwrap_or_default();
            items.push(SelectItem::Wildcard(without(options, &hidden, &[])));
            return Ok(());
        }
        let is_plain = options.opt_exclude.is_none()
            && options.opt_except.is_none()
            && options.opt_replace.is_none()
            && options.opt_rename.is_none()
            && options.opt_ilike.is_none();
        if !is_plain {
            let message = "`*` with options over several tables cannot stand beside a named period column: write t.* for each";
            return Err(Error::invalid(message));
        }
        for (factor, constraint) in factors {
            let (qualifier, hidden) = match self.hidden_of(factor) {
                Some(found) => found,
                None => (qualifier_of(factor)?, Vec::new()),
            };
            let shared = match constraint {
                Some(JoinConstraint::Using(names)) => names.clone(),
                _ => Vec::new(),
            };
            let kind = SelectItemQualifiedWildcardKind::ObjectName(qualifier);
            let options = without(WildcardAdditionalOptions::default(), &hidden, &shared);
            items.push(SelectItem::QualifiedWildcard(kind, options));
        }
        Ok(())
    }

    fn qualified(
        &self,
        kind: &SelectItemQualifiedWildcardKind,
        options: WildcardAdditionalOptions,
        factors: &[(&TableFactor, Option<&JoinConstraint>)],
    ) -> WildcardAdditionalOptions {
        let SelectItemQualifiedWildcardKind::ObjectName(wanted) = kind else { return options };
        let names = |name: &ObjectName| -> Vec<String> {
            name.0.iter().filter_map(|part| part.as_ident()).map(folded).collect()
        };
        let wanted = names(wanted);
        let found = factors.iter().filter_map(|(factor, _)| self.hidden_of(factor));
        let mut found = found.filter(|(qualifier, _)| names(qualifier).ends_with(&wanted));
        let hidden = found.next().map(|(_, hidden)| hidden).unwrap_or_default();
        without(options, &hidden, &[])
    }
}

/// The tables of a FROM item in order, each with the constraint that joins it.
fn flatten<'a>(
    table: &'a TableWithJoins,
    factors: &mut Vec<(&'a TableFactor, Option<&'a JoinConstraint>)>,
) {
    let first = factors.len();
    push_factor(&table.relation, None, factors);
    for join in &table.joins {
        // A semi or anti join gives the columns of one side only.
        match &join.join_operator {
            JoinOperator::LeftSemi(_)
            | JoinOperator::LeftAnti(_)
            | JoinOperator::Semi(_)
            | JoinOperator::Anti(_) => (),
            JoinOperator::RightSemi(constraint) | JoinOperator::RightAnti(constraint) => {
                factors.truncate(first);
                push_factor(&join.relation, Some(constraint), factors);
            }
            other => push_factor(&join.relation, constraint_of(other), factors),
        }
    }
}

fn push_factor<'a>(
    factor: &'a TableFactor,
    constraint: Option<&'a JoinConstraint>,
    factors: &mut Vec<(&'a TableFactor, Option<&'a JoinConstraint>)>,
) {
    match factor {
        TableFactor::NestedJoin { table_with_joins, alias: None } => {
            flatten(table_with_joins, factors)
        }
        other => factors.push((other, constraint)),
    }
}

fn constraint_of(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint) => Some(constraint),
        _ => None,
    }
}

fn qualifier_of(factor: &TableFactor) -> Result<ObjectName> {
    let alias = match factor {
        TableFactor::Table { name, alias: None, .. } => return Ok(name.clone()),
        TableFactor::Table { alias, .. }
        | TableFactor::Derived { alias, .. }
        | TableFactor::TableFunction { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::NestedJoin { alias, .. } => alias,
        _ => &None,
    };
    match alias {
        Some(alias) => Ok(ObjectName::from(vec![alias.name.clone()])),
        None => {
            let message =
                "`*` beside a named period column needs an alias for every subquery in FROM";
            Err(Error::invalid(message).at(factor.span()))
        }
    }
}

/// The options with more names left out.
fn without(
    mut options: WildcardAdditionalOptions,
    hidden: &[&'static str],
    shared: &[ObjectName],
) -> WildcardAdditionalOptions {
    let mut names: Vec<ObjectName> = match options.opt_exclude.take() {
        Some(ExcludeSelectItem::Single(name)) => vec![name],
        Some(ExcludeSelectItem::Multiple(names)) => names,
        None => Vec::new(),
    };
    let excepted = options.opt_except.iter().flat_map(|except| {
        std::iter::once(&except.first_element).chain(&except.additional_elements)
    });
    let given: Vec<String> = names
        .iter()
        .filter_map(|name| name.0.first()?.as_ident())
        .chain(excepted)
        .map(folded)
        .collect();
    let hidden = hidden.iter().filter(|name| !given.iter().any(|given| given == **name));
    names.extend(hidden.map(|name| ObjectName::from(vec![Ident::with_quote('"', *name)])));
    names.extend(shared.iter().cloned());
    options.opt_exclude = (!names.is_empty()).then_some(ExcludeSelectItem::Multiple(names));
    options
}

fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

/// Refuses every clause of a query that the planner would drop in silence, table versions that are not ours first of all.
pub(crate) fn visit_versions(statement: &Statement) -> Result<()> {
    let mut check = Check;
    let flow = match statement {
        Statement::Query { query, .. } | Statement::CreateView { query, .. } => {
            query.visit(&mut check)
        }
        Statement::Explain { statement, .. } => return visit_versions(statement),
        Statement::Insert(insert) => insert.source.visit(&mut check),
        Statement::Update(update) => {
            let mut flow = update.table.visit(&mut check);
            for part in &update.assignments {
                flow = flow_or(flow, || part.visit(&mut check));
            }
            for part in &update.from {
                flow = flow_or(flow, || part.visit(&mut check));
            }
            flow_or(flow, || update.selection.visit(&mut check))
        }
        Statement::Delete(delete) => {
            let mut flow = delete.table.visit(&mut check);
            for part in &delete.using {
                flow = flow_or(flow, || part.visit(&mut check));
            }
            flow_or(flow, || delete.selection.visit(&mut check))
        }
        Statement::Erase(erase) => {
            let flow = erase.table.visit(&mut check);
            flow_or(flow, || erase.selection.visit(&mut check))
        }
        Statement::Assert { condition, .. } => condition.visit(&mut check),
        _ => ControlFlow::Continue(()),
    };
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

fn flow_or(
    flow: ControlFlow<Error>,
    next: impl FnOnce() -> ControlFlow<Error>,
) -> ControlFlow<Error> {
    match flow {
        ControlFlow::Continue(()) => next(),
        stopped => stopped,
    }
}

/// Whether a query's body is a change, or has one among the operands of UNION and its like; subqueries are visited for themselves.
fn is_change(body: &SetExpr) -> bool {
    let mut pending = vec![body];
    while let Some(body) = pending.pop() {
        match body {
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                return true;
            }
            SetExpr::SetOperation { left, right, .. } => pending.extend([&**left, &**right]),
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => (),
        }
    }
    false
}

struct Check;

impl Check {
    fn refuse(what: &str, span: Span) -> ControlFlow<Error> {
        ControlFlow::Break(Error::invalid(format!("{what} is not supported")).at(span))
    }
}

impl Visitor for Check {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if is_change(&query.body) {
            return Check::refuse("a change inside a query", query.span());
        }
        let is_plain = query.locks.is_empty()
            && query.for_clause.is_none()
            && query.settings.is_none()
            && query.format_clause.is_none()
            && query.pipe_operators.is_empty();
        match is_plain {
            true => ControlFlow::Continue(()),
            false => Check::refuse(
                "FOR UPDATE, FOR XML, SETTINGS, FORMAT or a pipe operator",
                query.span(),
            ),
        }
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        let is_plain = select.into.is_none()
            && select.prewhere.is_none()
            && select.connect_by.is_empty()
            && select.cluster_by.is_empty()
            && select.distribute_by.is_empty()
            && select.sort_by.is_empty()
            && select.lateral_views.is_empty()
            && select.top.is_none()
            && select.exclude.is_none()
            && select.value_table_mode.is_none();
        match is_plain {
            true => ControlFlow::Continue(()),
            false => Check::refuse("a clause of this SELECT", select.span()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        match factor {
            TableFactor::Table {
                version,
                with_hints,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
                ..
            } => {
                let is_plain = with_hints.is_empty()
                    && !with_ordinality
                    && partitions.is_empty()
                    && json_path.is_none()
                    && sample.is_none()
                    && index_hints.is_empty();
                if !is_plain {
                    return Check::refuse("a clause of this table", factor.span());
                }
                match version {
                    Some(version) if version_arguments(version).is_none() => Check::refuse(
                        "this table version (FOR VALID_TIME and FOR SYSTEM_TIME are)",
                        factor.span(),
                    ),
                    _ => ControlFlow::Continue(()),
                }
            }
            TableFactor::Derived { sample: Some(_), .. } => {
                Check::refuse("a sample", factor.span())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
