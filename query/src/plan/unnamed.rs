//! Names for subqueries that have none.
//!
//! DataFusion 55 takes two projections, one over the other, for the same if their expressions are the same, and leaves one out
//! (`optimize_projections`; mended in its pull request 24686). They need not be: `x + 1 AS x` over `x + 1 AS x` adds two. Where both
//! read columns of unnamed subqueries, nothing tells them apart; a name for what the inner one reads does.

use sqlparser::ast::{
    Ident, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins,
};

/// The name that PostgreSQL has for them, too.
const NAME: &str = "unnamed_subquery";

/// Names what an unnamed subquery reads from unnamed subqueries, if it gives names to expressions: else it passes columns on, and to do
/// so twice is to do so once.
pub(super) fn name_what_is_read(subquery: &mut Query) {
    name_in(&mut subquery.body);
}

fn name_in(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) if has_names(select) => {
            let mut count = 0;
            select.from.iter_mut().for_each(|table| name_factors(table, &mut count));
        }
        SetExpr::Query(query) => name_in(&mut query.body),
        // One side is all that is left where the other is found to be empty.
        SetExpr::SetOperation { left, right, .. } => {
            name_in(left);
            name_in(right);
        }
        _ => (),
    }
}

fn has_names(select: &Select) -> bool {
    let is_named = |item: &SelectItem| {
        matches!(item, SelectItem::ExprWithAlias { .. } | SelectItem::ExprWithAliases { .. })
    };
    select.projection.iter().any(is_named)
}

fn name_factors(table: &mut TableWithJoins, count: &mut usize) {
    let joined = table.joins.iter_mut().map(|join| &mut join.relation);
    for factor in std::iter::once(&mut table.relation).chain(joined) {
        match factor {
            TableFactor::Derived { alias: alias @ None, .. } => {
                *count += 1;
                let name = match *count {
                    1 => NAME.to_owned(),
                    count => format!("{NAME}_{count}"),
                };
                let name = Ident::new(name);
                *alias = Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                name_factors(table_with_joins, count);
            }
            _ => (),
        }
    }
}
