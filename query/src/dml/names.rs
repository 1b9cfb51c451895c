//! Names for the columns of a query whose columns are taken by position.

use std::collections::HashSet;

use sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr};

/// The same query with different names for the columns of each SELECT; `None` if it has no SELECT to name columns of.
pub(super) fn with_distinct_names(query: &Query) -> Option<Box<Query>> {
    has_select(&query.body).then(|| {
        let mut named = Box::new(query.clone());
        name_columns(&mut named.body);
        named
    })
}

fn has_select(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(_) => true,
        SetExpr::Query(query) => has_select(&query.body),
        SetExpr::SetOperation { left, right, .. } => has_select(left) || has_select(right),
        _ => false,
    }
}

fn name_columns(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_items(&mut select.projection),
        SetExpr::Query(query) => name_columns(&mut query.body),
        SetExpr::SetOperation { left, right, .. } => {
            name_columns(left);
            name_columns(right);
        }
        _ => (),
    }
}

/// The first column of each name keeps it: ORDER BY may speak of it.
fn name_items(items: &mut [SelectItem]) {
    let is_named = |item: &SelectItem| {
        matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
    };
    let has_others = !items.iter().all(is_named);
    let mut taken = HashSet::new();
    for (at, item) in items.iter_mut().enumerate() {
        // Nobody else has a name with a line break in it.
        let alias = Ident::with_quote('"', format!("column\n{}", at + 1));
        match item {
            SelectItem::ExprWithAlias { alias: own, .. }
                if !taken.insert(own.value.to_lowercase()) =>
            {
                *own = alias;
            }
            SelectItem::UnnamedExpr(expr) => {
                let name = column_name(expr).filter(|_| !has_others);
                if !name.is_some_and(|name| taken.insert(name)) {
                    *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
                }
            }
            _ => (),
        }
    }
}

/// The name that an expression gives its column, if it is a column itself.
fn column_name(expr: &Expr) -> Option<String> {
    let ident = match expr {
        Expr::Identifier(ident) => ident,
        Expr::CompoundIdentifier(idents) => idents.last()?,
        _ => return None,
    };
    Some(ident.value.to_lowercase())
}
