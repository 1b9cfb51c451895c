//! The direct way: one key as of one instant of both times, without a plan.
//!
//! A look-up takes the engine tens of microseconds; planning it would take many times that. So a statement of exactly this shape
//! is answered by the engine at once: `SELECT columns FROM t [FOR ... AS OF literal]* WHERE key = literal [AND ...]`, every key column
//! pinned and nothing else asked. Whatever differs in any way takes the ordinary way, errors too, so that both say the same.

use std::sync::Arc;

use annals_engine::{
    Clause, Comparison, DataType, Predicate, Snapshot, SystemTime, TableSchema, ValidTime, Value,
};
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;
use sqlparser::ast::{
    BinaryOperator, DataType as SqlType, Expr, GroupByExpr, Ident, Query, Select, SelectItem,
    SetExpr, TableFactor, Value as Literal, WildcardAdditionalOptions,
};

use crate::error::Result;
use crate::parse::{Defaults, Form, table_name, version_arguments};

/// The instants at which a session reads tables without a clause, where they are not now.
type Instants = (Option<ValidTime>, Option<SystemTime>);

/// The answer, if the query is of the shape.
pub(super) fn look_up(
    snapshot: &Snapshot,
    query: &Query,
    defaults: &Defaults,
    instants: Instants,
    is_table: impl Fn(&str) -> bool,
) -> Result<Option<SendableRecordBatchStream>> {
    let asked = Asked::read(snapshot, query, defaults, instants, is_table);
    let Some(asked) = asked else { return Ok(None) };
    let mut scan = snapshot
        .scan(&asked.table.name)?
        .columns(asked.columns.iter().map(|(name, _)| name.as_str()));
    if let Some(at) = asked.valid {
        scan = scan.valid(Clause::AsOf(at));
    }
    if let Some(at) = asked.system {
        scan = scan.system(Clause::AsOf(at));
    }
    for (column, value) in asked.key {
        scan = scan.filter(Predicate::compare(column, Comparison::Eq, value));
    }
    let rows = scan.run()?;
    let fields = rows.schema();
    let fields = fields.fields().iter().zip(&asked.columns);
    let fields: Vec<Field> =
        fields.map(|(field, (_, shown))| field.as_ref().clone().with_name(shown)).collect();
    let schema = Arc::new(Schema::new(fields));
    let mut batches = Vec::new();
    for batch in rows {
        batches.push(Ok(RecordBatch::try_new(schema.clone(), batch?.columns().to_vec())?));
    }
    Ok(Some(Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches)))))
}

/// A look-up as it was read.
struct Asked {
    table: Arc<TableSchema>,
    /// Names in the table and as they are shown.
    columns: Vec<(String, String)>,
    valid: Option<ValidTime>,
    system: Option<SystemTime>,
    key: Vec<(String, Value)>,
}

impl Asked {
    fn read(
        snapshot: &Snapshot,
        query: &Query,
        defaults: &Defaults,
        instants: Instants,
        is_table: impl Fn(&str) -> bool,
    ) -> Option<Asked> {
        let is_plain = query.with.is_none()
            && query.order_by.is_none()
            && query.limit_clause.is_none()
            && query.fetch.is_none()
            && defaults.valid.is_none()
            && defaults.system.is_none();
        let SetExpr::Select(select) = query.body.as_ref() else { return None };
        if !is_plain || !is_plain_select(select) {
            return None;
        }
        let [from] = select.from.as_slice() else { return None };
        let TableFactor::Table { name, alias, args: None, version, .. } = &from.relation else {
            return None;
        };
        if !from.joins.is_empty() || alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) {
            return None;
        }
        let name = table_name(name).ok().filter(|name| is_table(name))?;
        let table = snapshot.table_schema(&name).ok()?;
        let qualifier = alias.as_ref().map_or_else(|| name.clone(), |alias| folded(&alias.name));
        let (valid, system) = match version {
            Some(version) => {
                let read = version_arguments(version).filter(|read| !read.is_partial)?;
                let system = instant(read.system)?;
                (instant(read.valid)?, system.map(|at| SystemTime::from_micros(at.micros())))
            }
            None => (None, None),
        };
        let (valid, system) = (valid.or(instants.0), system.or(instants.1));
        if system.is_some_and(|at| at > snapshot.system_time()) {
            return None;
        }
        let columns = columns_of(&table, &select.projection, &qualifier)?;
        let mut key = Vec::new();
        conjuncts(select.selection.as_ref()?, &table, &qualifier, &mut key)?;
        let pinned = |at: &usize| key.iter().any(|(name, _)| *name == table.columns[*at].name);
        if table.is_event || key.len() != table.key.len() || !table.key.iter().all(pinned) {
            return None;
        }
        Some(Asked { table, columns, valid, system, key })
    }
}

fn is_plain_select(select: &Select) -> bool {
    select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.named_window.is_empty()
        && matches!(&select.group_by, GroupByExpr::Expressions(by, modifiers) if by.is_empty() && modifiers.is_empty())
}

fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

/// The instant of an AS OF with a literal; `None` for any other form.
fn instant(clause: Option<(Form, Vec<Expr>)>) -> Option<Option<ValidTime>> {
    let Some((form, bounds)) = clause else { return Some(None) };
    let (Form::AsOf, [bound]) = (form, bounds.as_slice()) else { return None };
    let text = match bound {
        Expr::Value(value) => match &value.value {
            Literal::SingleQuotedString(text) => text,
            _ => return None,
        },
        Expr::TypedString(typed) => match (&typed.data_type, &typed.value.value) {
            (SqlType::Date, Literal::SingleQuotedString(text))
                if text.len() == "2024-01-01".len() =>
            {
                text
            }
            (SqlType::Timestamp(..), Literal::SingleQuotedString(text)) => text,
            _ => return None,
        },
        _ => return None,
    };
    ValidTime::parse(text).ok().map(Some)
}

fn columns_of(
    table: &TableSchema,
    items: &[SelectItem],
    qualifier: &str,
) -> Option<Vec<(String, String)>> {
    let mut columns = Vec::new();
    for item in items {
        match item {
            SelectItem::Wildcard(options) if is_default(options) => {
                columns.extend(
                    table.columns.iter().map(|column| (column.name.clone(), column.name.clone())),
                );
            }
            SelectItem::UnnamedExpr(expr) => {
                let name = column_name(expr, qualifier)?;
                columns.push((name.clone(), name));
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                columns.push((column_name(expr, qualifier)?, folded(alias)));
            }
            _ => return None,
        }
    }
    let is_known = |name: &String| {
        crate::parse::is_hidden(name) || table.columns.iter().any(|column| column.name == *name)
    };
    let mut shown: Vec<&String> = columns.iter().map(|(_, shown)| shown).collect();
    shown.sort_unstable();
    let is_unique = shown.windows(2).all(|pair| pair[0] != pair[1]);
    let is_whole = columns.iter().all(|(name, _)| is_known(name) && name != crate::parse::EVENT_ID);
    (is_unique && is_whole).then_some(columns)
}

fn is_default(options: &WildcardAdditionalOptions) -> bool {
    options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
        && options.opt_alias.is_none()
}

fn column_name(expr: &Expr, qualifier: &str) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(folded(name)),
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, name] if folded(table) == qualifier => Some(folded(name)),
            _ => None,
        },
        _ => None,
    }
}

/// The key columns that the condition pins; `None` if it asks anything else.
fn conjuncts(
    condition: &Expr,
    table: &TableSchema,
    qualifier: &str,
    key: &mut Vec<(String, Value)>,
) -> Option<()> {
    match condition {
        Expr::Nested(inner) => conjuncts(inner, table, qualifier, key),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left, table, qualifier, key)?;
            conjuncts(right, table, qualifier, key)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            let name = column_name(left, qualifier)?;
            let at = table.columns.iter().position(|column| column.name == name)?;
            if !table.key.contains(&at) || key.iter().any(|(other, _)| *other == name) {
                return None;
            }
            let value = literal(right, table.columns[at].data_type)?;
            key.push((name, value));
            Some(())
        }
        _ => None,
    }
}

/// A literal whose type is the column's without question.
fn literal(expr: &Expr, data_type: DataType) -> Option<Value> {
    let Expr::Value(value) = expr else { return None };
    match (&value.value, data_type) {
        (
            Literal::Number(text, false),
            DataType::SmallInt | DataType::Integer | DataType::BigInt,
        ) => Value::parse(data_type, text).ok(),
        (Literal::SingleQuotedString(text), DataType::Text) => Some(Value::Text(text.clone())),
        _ => None,
    }
}
