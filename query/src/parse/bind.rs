//! Parameters: `$1`, `$2` by number or `?` in turn, put into the tree before planning, so that they may stand in temporal clauses too.

use std::ops::ControlFlow;

use annals_engine::Value;
use sqlparser::ast::{DataType as SqlType, TimezoneInfo, Value as Literal};
use sqlparser::ast::{Expr, Spanned, TypedString, ValueWithSpan, VisitMut, VisitorMut};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::statement::Statement;
use crate::error::{Error, Result};

/// Which parameters a statement names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// The highest number, or how many `?` there are.
    pub(crate) count: usize,
    /// Whether they are taken in turn.
    pub(crate) is_in_turn: bool,
}

impl Parameters {
    pub(super) fn of(tokens: &[TokenWithSpan]) -> Parameters {
        let mut found = Parameters::default();
        let mut taken = 0;
        for token in tokens {
            let Token::Placeholder(name) = &token.token else { continue };
            if name == "?" {
                taken += 1;
                found.is_in_turn = true;
            }
            let number = name.strip_prefix('$').and_then(|number| number.parse().ok());
            found.count = found.count.max(number.unwrap_or(taken));
        }
        found
    }
}

/// Puts the parameters into a statement.
pub(crate) fn bind_statement(statement: &mut Statement, parameters: &[Value]) -> Result<()> {
    let mut binder = Binder { parameters, next: 0 };
    match statement {
        Statement::Query { query, defaults } => {
            binder.put(&mut defaults.valid)?;
            binder.put(&mut defaults.system)?;
            binder.put(query)
        }
        Statement::Explain { statement, .. } => bind_statement(statement, parameters),
        Statement::Insert(insert) => binder.put(&mut insert.source),
        Statement::Update(update) => {
            binder.put(&mut update.table)?;
            binder.put(&mut update.assignments)?;
            binder.put(&mut update.from)?;
            binder.put(&mut update.selection)
        }
        Statement::Delete(delete) => {
            binder.put(&mut delete.table)?;
            binder.put(&mut delete.using)?;
            binder.put(&mut delete.selection)
        }
        Statement::Erase(erase) => {
            binder.put(&mut erase.table)?;
            binder.put(&mut erase.selection)
        }
        Statement::CreateView { query, .. } => binder.put(query),
        Statement::Begin { system_time } => binder.put(system_time),
        Statement::Assert { condition, .. } => binder.put(condition),
        Statement::CreateTable(_)
        | Statement::CreateIndex(_)
        | Statement::DropIndex { .. }
        | Statement::AlterTable(_)
        | Statement::DropView { .. }
        | Statement::Describe { .. }
        | Statement::Commit
        | Statement::Rollback => Ok(()),
    }
}

struct Binder<'a> {
    parameters: &'a [Value],
    next: usize,
}

impl Binder<'_> {
    fn put<T: VisitMut>(&mut self, node: &mut T) -> Result<()> {
        match node.visit(self) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(error) => Err(error),
        }
    }
}

impl VisitorMut for Binder<'_> {
    type Break = Error;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let Expr::Value(ValueWithSpan { value: Literal::Placeholder(name), span }) = expr else {
            return ControlFlow::Continue(());
        };
        let number = match name.strip_prefix('$') {
            Some(number) => number.parse().ok().filter(|number| *number > 0),
            None if name == "?" => {
                self.next += 1;
                Some(self.next)
            }
            None => None,
        };
        let given = number.and_then(|number| self.parameters.get(number - 1));
        let Some(value) = given else {
            let count = self.parameters.len();
            let error =
                Error::invalid(format!("no value is given for parameter {name}: {count} given"));
            return ControlFlow::Break(error.at(*span));
        };
        let at = expr.span();
        *expr = literal(value, at);
        ControlFlow::Continue(())
    }
}

fn literal(value: &Value, span: Span) -> Expr {
    let plain = |value: Literal| Expr::Value(ValueWithSpan { value, span });
    let typed = |data_type: SqlType, text: String| {
        let value = ValueWithSpan { value: Literal::SingleQuotedString(text), span };
        Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false })
    };
    match value {
        Value::Null => plain(Literal::Null),
        Value::Boolean(value) => plain(Literal::Boolean(*value)),
        Value::Double(_) => {
            typed(SqlType::Double(sqlparser::ast::ExactNumberInfo::None), value.to_string())
        }
        Value::Int(_) | Value::Decimal { .. } => plain(Literal::Number(value.to_string(), false)),
        Value::Text(text) => plain(Literal::SingleQuotedString(text.clone())),
        Value::Date(_) => typed(SqlType::Date, value.to_string()),
        Value::Timestamp(_) => {
            typed(SqlType::Timestamp(None, TimezoneInfo::None), value.to_string())
        }
        Value::Bytes(bytes) => plain(Literal::HexStringLiteral(hex(bytes))),
        Value::Uuid(bytes) => plain(Literal::HexStringLiteral(hex(bytes))),
        other => plain(Literal::SingleQuotedString(other.to_string())),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
