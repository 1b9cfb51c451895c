//! Parameters: `$1`, `$2` by number or `?` in turn, put into the tree before planning, so that they may stand in temporal clauses too.
//!
//! The tree has them in another order than the text, OFFSET behind LIMIT for one: the turn of a `?` is told by its place in the text.

use std::ops::ControlFlow;

use annals_engine::Value;
use sqlparser::ast::{DataType as SqlType, TimezoneInfo, Value as Literal};
use sqlparser::ast::{Expr, Spanned, TypedString, ValueWithSpan, VisitMut, VisitorMut};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use super::statement::Statement;
use crate::error::{Error, Result};

/// Which parameters a statement names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// The highest number, or how many `?` there are.
    pub(crate) count: usize,
    /// Where each `?` stands, from the first to the last.
    in_turn: Vec<Location>,
}

impl Parameters {
    /// Those of a statement; an error if it has them in turn and by number: `?` would take a value that a number names too.
    pub(super) fn of(tokens: &[TokenWithSpan]) -> Result<Parameters> {
        let mut found = Parameters::default();
        let mut is_by_number = false;
        for token in tokens {
            let Token::Placeholder(name) = &token.token else { continue };
            if name == "?" {
                found.in_turn.push(token.span.start);
            } else if let Some(number) = name.strip_prefix('$') {
                is_by_number = true;
                found.count = found.count.max(number.parse().unwrap_or_default());
            }
            if is_by_number && found.is_in_turn() {
                let message = "a statement takes its values in turn, by `?`, or by number, such as `$1`, not both ways";
                return Err(Error::invalid(message).at(token.span));
            }
        }
        found.count = found.count.max(found.in_turn.len());
        Ok(found)
    }

    /// Whether they are taken in turn.
    pub(crate) fn is_in_turn(&self) -> bool {
        !self.in_turn.is_empty()
    }

    /// The number of the value that a parameter takes, from 1.
    fn number_of(&self, name: &str, span: Span) -> Option<usize> {
        match name.strip_prefix('$') {
            Some(number) => number.parse().ok().filter(|number| *number > 0),
            None => self.in_turn.binary_search(&span.start).ok().map(|before| before + 1),
        }
    }
}

/// Puts the values of its parameters into a statement.
pub(crate) fn bind_statement(
    statement: &mut Statement,
    parameters: &Parameters,
    values: &[Value],
) -> Result<()> {
    let mut binder = Binder { parameters, values };
    match statement {
        Statement::Query { query, defaults } => {
            binder.put(&mut defaults.valid)?;
            binder.put(&mut defaults.system)?;
            binder.put(query)
        }
        Statement::Explain { statement, .. } => bind_statement(statement, parameters, values),
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
    parameters: &'a Parameters,
    values: &'a [Value],
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
        let number = self.parameters.number_of(name, *span);
        let given = number.and_then(|number| self.values.get(number - 1));
        let Some(value) = given else {
            let count = self.values.len();
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

#[cfg(test)]
mod tests {
    use annals_engine::Value;

    use super::bind_statement;
    use crate::error::Result;
    use crate::parse::{Statement, parse};

    fn bound(sql: &str, values: &[i64]) -> Result<Statement> {
        let parsed = parse(sql)?.remove(0);
        let values: Vec<Value> = values.iter().map(|value| Value::Int(*value)).collect();
        let mut statement = parsed.statement;
        bind_statement(&mut statement, &parsed.parameters, &values)?;
        Ok(statement)
    }

    fn query(sql: &str, values: &[i64]) -> String {
        match bound(sql, values).expect(sql) {
            Statement::Query { query, defaults } => match (&defaults.valid, &defaults.system) {
                (Some(valid), Some(system)) => format!("{valid}, {system}: {query}"),
                _ => query.to_string(),
            },
            other => panic!("a query, not {other:?}"),
        }
    }

    #[test]
    fn values_are_taken_in_the_order_of_the_text() {
        let expected = "SELECT k FROM t ORDER BY k LIMIT 5 OFFSET 2";
        assert_eq!(query("SELECT k FROM t ORDER BY k\n LIMIT ? OFFSET ?", &[5, 2]), expected);
        assert_eq!(query("SELECT k FROM t ORDER BY k\n OFFSET ?\n LIMIT ?", &[2, 5]), expected);
        assert_eq!(query("SELECT k FROM t ORDER BY k OFFSET $2 LIMIT $1", &[5, 2]), expected);
        assert_eq!(
            query("SETTING SYSTEM_TIME AS OF ?, VALID_TIME AS OF ? SELECT ?", &[1, 2, 3]),
            "2, 1: SELECT 3"
        );
        let explained = bound("EXPLAIN SELECT 1 OFFSET ? LIMIT ?", &[2, 5]).expect("a plan");
        let Statement::Explain { statement, .. } = explained else { panic!("EXPLAIN") };
        let Statement::Query { query, .. } = *statement else { panic!("a query") };
        assert_eq!(query.to_string(), "SELECT 1 LIMIT 5 OFFSET 2");
    }

    #[test]
    fn each_statement_begins_with_the_first_value() {
        let parsed = parse("SELECT ?, ?; SELECT $3; SELECT\n?; SELECT 1").expect("statements");
        let counts: Vec<(usize, bool)> =
            parsed.iter().map(|one| (one.parameters.count, one.parameters.is_in_turn())).collect();
        assert_eq!(counts, [(2, true), (3, false), (1, true), (0, false)]);
        let mut last = parsed[2].statement.clone();
        bind_statement(&mut last, &parsed[2].parameters, &[Value::Int(7)]).expect("a value");
        assert!(matches!(last, Statement::Query { query, .. } if query.to_string() == "SELECT 7"));
    }

    #[test]
    fn a_parameter_without_a_value_is_named_as_it_was_written() {
        for (sql, expected) in [
            ("SELECT ?,\n ?", "line 2, column 2: no value is given for parameter ?: 1 given"),
            ("SELECT $2", "line 1, column 8: no value is given for parameter $2: 1 given"),
            ("SELECT $0", "line 1, column 8: no value is given for parameter $0: 1 given"),
        ] {
            let error = bound(sql, &[1]).map(|_| ()).expect_err(sql);
            assert_eq!(error.to_string(), expected, "{sql}");
        }
    }

    #[test]
    fn in_turn_and_by_number_are_not_mixed() {
        for (sql, column) in [("SELECT ?, $1", 11), ("SELECT $2, $1, ?", 16)] {
            let error = bound(sql, &[1, 2]).map(|_| ()).expect_err(sql);
            let place = error.place().map(|place| (place.line, place.column));
            assert_eq!(place, Some((1, column)), "{error}, of {sql}");
            assert!(error.message().contains("not both ways"), "{error}, of {sql}");
        }
    }
}
