//! One statement: what it asks, with what the SQL library does not know taken off.

use sqlparser::ast::{
    Assignment, Expr, FromTable, Ident, ObjectName, Query, SelectItem, SetExpr, Spanned,
    Statement as SqlStatement, TableFactor, TableObject, TableWithJoins, UpdateTableFromKind,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::alter_table::{self, AlterTable};
use super::bind::Parameters;
use super::create_table::{self, CreateTable, table_name};
use super::dialect::AnnalsDialect;
use super::index::{self, CreateIndex};
use super::redact::redact_tokens;
use super::scope::visit_versions;
use super::tokens::{Tokens, Words, are_words, split, word_at};
use super::{depth, sequenced, temporal};
use crate::catalog::is_reserved_table;
use crate::error::{Error, Result, from_parser};

/// A statement and the words that name its places.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub(crate) statement: Statement,
    /// Identifiers with their spans, for errors that name a column or table.
    pub(crate) words: Vec<(String, Span)>,
    /// Whether a hidden column is named anywhere.
    pub(crate) names_periods: bool,
    /// The text without its values; see [`super::redact`].
    pub(crate) redacted: String,
    /// The parameters that it names.
    pub(crate) parameters: Parameters,
}

/// What a statement asks.
#[derive(Clone, Debug)]
pub(crate) enum Statement {
    Query { query: Box<Query>, defaults: Box<Defaults> },
    Explain { is_analyze: bool, is_verbose: bool, statement: Box<Statement> },
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    Erase(Box<Erase>),
    CreateTable(Box<CreateTable>),
    CreateIndex(Box<CreateIndex>),
    DropIndex { name: String, if_exists: bool },
    AlterTable(Box<AlterTable>),
    CreateView { name: ObjectName, query: Box<Query>, or_replace: bool, names_periods: bool },
    DropView { name: ObjectName, if_exists: bool },
    Describe { table: ObjectName, query: Box<Query> },
    Begin { system_time: Option<Expr> },
    Commit,
    Rollback,
    Assert { condition: Expr, message: Option<String>, text: String },
}

/// `SETTING DEFAULT VALID_TIME AS OF e, DEFAULT SYSTEM_TIME AS OF e`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) valid: Option<Expr>,
    pub(crate) system: Option<Expr>,
}

/// `INSERT INTO` or `UPSERT INTO`.
#[derive(Clone, Debug)]
pub(crate) struct Insert {
    pub(crate) table: ObjectName,
    pub(crate) columns: Vec<Ident>,
    pub(crate) source: Box<Query>,
    pub(crate) is_upsert: bool,
}

/// `UPDATE`; the table factor carries the portion.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    pub(crate) table: TableFactor,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) from: Vec<TableWithJoins>,
    pub(crate) selection: Option<Expr>,
}

/// `DELETE`; the table factor carries the portion.
#[derive(Clone, Debug)]
pub(crate) struct Delete {
    pub(crate) table: TableFactor,
    pub(crate) using: Vec<TableWithJoins>,
    pub(crate) selection: Option<Expr>,
}

/// `ERASE`; nothing but a table and a condition.
#[derive(Clone, Debug)]
pub(crate) struct Erase {
    pub(crate) table: TableFactor,
    pub(crate) selection: Expr,
}

/// Cuts text into statements and reads each.
pub(crate) fn parse(sql: &str) -> Result<Vec<Parsed>> {
    split(sql)?.iter().map(|tokens| parse_one(tokens)).collect()
}

fn parse_one(tokens: &[TokenWithSpan]) -> Result<Parsed> {
    depth::check(tokens)?;
    let words: Vec<(String, Span)> = tokens.iter().filter_map(identifier).collect();
    let names_hidden = words.iter().any(|(word, _)| super::scope::is_hidden(word));
    let is_sequenced = tokens.windows(2).any(|pair| are_words(pair, &["SEQUENCED", "VALID_TIME"]));
    // A sequenced aggregate reads the valid periods, whether the statement names them or not.
    let names_periods = names_hidden || is_sequenced;
    let statement = read(&temporal::rewrite(tokens)?, names_periods)
        .map_err(|error| misplaced(error, tokens))?;
    visit_versions(&statement)?;
    let redacted = redact_tokens(tokens);
    let parameters = Parameters::of(tokens)?;
    Ok(Parsed { statement, words, names_periods, redacted, parameters })
}

/// What the parser says of a temporal clause that it cannot place speaks of signs that nobody wrote.
fn misplaced(error: Error, tokens: &[TokenWithSpan]) -> Error {
    let Some(place) = error.place() else { return error };
    let is_there = |token: &&TokenWithSpan| {
        (token.span.start.line, token.span.start.column) == (place.line, place.column)
    };
    let found = tokens
        .iter()
        .find(is_there)
        .filter(|token| are_words(std::slice::from_ref(token), &["FOR"]));
    match found {
        Some(token) if !error.message().contains("FOR") => {
            let message =
                "a temporal clause stands behind the name of a table or view, before its alias";
            Error::new(error.kind(), message).at(token.span)
        }
        _ => error,
    }
}

/// A name as the planner will see it: folded to lower case unless quoted.
fn identifier(token: &TokenWithSpan) -> Option<(String, Span)> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => {
            Some((word.value.to_lowercase(), token.span))
        }
        Token::Word(word) => Some((word.value.clone(), token.span)),
        _ => None,
    }
}

fn read(tokens: &[TokenWithSpan], names_periods: bool) -> Result<Statement> {
    let mut words = Words { tokens, at: 0 };
    if words.take(&["EXPLAIN"]) {
        let is_analyze = words.take(&["ANALYZE"]);
        let is_verbose = words.take(&["VERBOSE"]);
        let statement = Box::new(read(words.rest(), names_periods)?);
        return match &*statement {
            Statement::Query { .. } => Ok(Statement::Explain { is_analyze, is_verbose, statement }),
            _ => Err(Error::invalid("EXPLAIN takes a query").at(tokens[0].span)),
        };
    }
    if words.take(&["SETTING"]) {
        return read_setting(words);
    }
    if words.take(&["ASSERT"]) {
        return read_assert(words);
    }
    if words.take(&["UPSERT"]) {
        let insert = as_insert(tokens);
        return read_known(&insert, true, names_periods);
    }
    if words.take(&["BEGIN"]) || words.take(&["START", "TRANSACTION"]) {
        return read_begin(words);
    }
    if words.take(&["ERASE"]) {
        return read_erase(tokens);
    }
    let is_table = |words: &[&str]| are_words(tokens, words);
    if is_table(&["CREATE", "TABLE"]) || is_table(&["CREATE", "EVENT", "TABLE"]) {
        let create = create_table::read(tokens)?;
        return Ok(Statement::CreateTable(Box::new(create)));
    }
    if is_table(&["ALTER", "TABLE"]) {
        let alter = alter_table::read(tokens)?;
        return Ok(Statement::AlterTable(Box::new(alter)));
    }
    if is_table(&["CREATE", "INDEX"]) || is_table(&["CREATE", "UNIQUE", "INDEX"]) {
        return Ok(Statement::CreateIndex(Box::new(index::read_create(tokens)?)));
    }
    if is_table(&["DROP", "INDEX"]) {
        let (name, if_exists) = index::read_drop(tokens)?;
        return Ok(Statement::DropIndex { name, if_exists });
    }
    read_known(tokens, false, names_periods)
}

/// `UPSERT INTO` as the parser knows it.
fn as_insert(tokens: &[TokenWithSpan]) -> Tokens {
    let mut insert = tokens.to_vec();
    insert[0] = word_at("INSERT", tokens[0].span);
    insert
}

/// `ERASE FROM t WHERE condition`, which the parser knows as a DELETE.
fn read_erase(tokens: &[TokenWithSpan]) -> Result<Statement> {
    let (mut delete, span) = (tokens.to_vec(), tokens[0].span);
    delete[0] = word_at("DELETE", span);
    let only = || Error::invalid("ERASE takes one table and a condition: ERASE FROM t WHERE ...");
    let read = read_known(&delete, false, false).map_err(|error| {
        if error.message().contains("in DELETE") { only().at(span) } else { error }
    })?;
    let Statement::Delete(delete) = read else { return Err(only().at(span)) };
    if !delete.using.is_empty() {
        return Err(only().at(span));
    }
    let Some(selection) = delete.selection else {
        let message = "ERASE needs WHERE: it takes every version of a key, for ever";
        return Err(Error::invalid(message).at(span));
    };
    Ok(Statement::Erase(Box::new(Erase { table: delete.table, selection })))
}

fn read_setting(mut words: Words<'_>) -> Result<Statement> {
    let mut defaults = Defaults::default();
    loop {
        let span = words.tokens[words.at - 1].span;
        words.take(&["DEFAULT"]);
        let slot = if words.take(&["VALID_TIME"]) {
            &mut defaults.valid
        } else {
            words
                .expect(&["SYSTEM_TIME"])
                .map_err(|_| words.expected("VALID_TIME or SYSTEM_TIME"))?;
            &mut defaults.system
        };
        words.expect(&["AS", "OF"])?;
        if slot.replace(expression(&mut words)?).is_some() {
            return Err(Error::invalid("a default is given twice for one axis").at(span));
        }
        if words.tokens.get(words.at).is_none_or(|token| token.token != Token::Comma) {
            break;
        }
        words.at += 1;
    }
    match read_known(words.rest(), false, false)? {
        Statement::Query { query, .. } => {
            Ok(Statement::Query { query, defaults: Box::new(defaults) })
        }
        _ => Err(words.expected("a query after SETTING")),
    }
}

/// One expression, as far as the parser takes it.
fn expression(words: &mut Words<'_>) -> Result<Expr> {
    let mut parser = parser_of(words.rest());
    let expr = parser.parse_expr().map_err(|error| from_parser(&error))?;
    words.at += parser.index().min(words.rest().len());
    Ok(expr)
}

fn read_assert(mut words: Words<'_>) -> Result<Statement> {
    let condition = expression(&mut words)?;
    let mut message = None;
    if let Some(Token::Comma) = words.tokens.get(words.at).map(|token| &token.token) {
        words.at += 1;
        let Some(Token::SingleQuotedString(text)) = words.rest().first().map(|token| &token.token)
        else {
            return Err(words.expected("a message in quotes"));
        };
        message = Some(text.clone());
        words.at += 1;
    }
    words.end()?;
    let text = condition.to_string();
    Ok(Statement::Assert { condition, message, text })
}

fn read_begin(mut words: Words<'_>) -> Result<Statement> {
    let _ = words.take(&["TRANSACTION"]) || words.take(&["WORK"]);
    let mut system_time = None;
    if words.take(&["WITH"]) {
        let take = |words: &mut Words<'_>, token: Token| match words.rest().first() {
            Some(found) if found.token == token => {
                words.at += 1;
                Ok(())
            }
            _ => Err(words.expected(&format!("`{token}`"))),
        };
        take(&mut words, Token::LParen)?;
        words.expect(&["SYSTEM_TIME"])?;
        take(&mut words, Token::Eq)?;
        system_time = Some(expression(&mut words)?);
        take(&mut words, Token::RParen)?;
    }
    words.end()?;
    Ok(Statement::Begin { system_time })
}

fn parser_of(tokens: &[TokenWithSpan]) -> Parser<'static> {
    Parser::new(&AnnalsDialect).with_tokens_with_locations(tokens.to_vec())
}

/// A statement that the parser knows.
fn read_known(tokens: &[TokenWithSpan], is_upsert: bool, names_periods: bool) -> Result<Statement> {
    let first = tokens.first().map_or(Span::empty(), |token| token.span);
    let mut parser = parser_of(tokens);
    let last = tokens.last().map_or(Span::empty(), |token| token.span);
    // An error without a place speaks of the end.
    let statement = parser.parse_statement().map_err(|error| from_parser(&error).at(last))?;
    Words { tokens, at: parser.index().min(tokens.len()) }.end()?;
    let refused = |what: &str| Err(Error::invalid(format!("{what} is not supported")).at(first));
    match statement {
        SqlStatement::Query(query) => {
            let query = sequenced::as_subquery(query)?;
            Ok(Statement::Query { query, defaults: Box::default() })
        }
        SqlStatement::Insert(insert) => {
            let is_plain = insert.on.is_none()
                && insert.returning.is_none()
                && insert.output.is_none()
                && insert.or.is_none()
                && !insert.ignore
                && !insert.overwrite
                && !insert.replace_into
                && insert.partitioned.is_none()
                && insert.after_columns.is_empty()
                && insert.assignments.is_empty()
                && insert.table_alias.is_none()
                && insert.insert_alias.is_none();
            let (TableObject::TableName(table), Some(source), true) =
                (insert.table, insert.source, is_plain)
            else {
                return refused(
                    "this form of INSERT (INSERT INTO t (columns) VALUES or SELECT is)",
                );
            };
            let columns = insert.columns.into_iter().map(column_name).collect::<Result<_>>()?;
            Ok(Statement::Insert(Box::new(Insert { table, columns, source, is_upsert })))
        }
        SqlStatement::Update(update) => {
            let is_plain = update.returning.is_none()
                && update.output.is_none()
                && update.or.is_none()
                && update.order_by.is_empty()
                && update.limit.is_none()
                && update.table.joins.is_empty();
            if !is_plain {
                return refused("RETURNING, ORDER BY, LIMIT or a join in UPDATE (use FROM)");
            }
            let from = match update.from {
                Some(
                    UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from),
                ) => from,
                None => Vec::new(),
            };
            let (table, selection) = (update.table.relation, update.selection);
            Ok(Statement::Update(Box::new(Update {
                table,
                assignments: update.assignments,
                from,
                selection,
            })))
        }
        SqlStatement::Delete(delete) => {
            let is_plain = delete.returning.is_none()
                && delete.output.is_none()
                && delete.order_by.is_empty()
                && delete.limit.is_none()
                && delete.tables.is_empty();
            let (FromTable::WithFromKeyword(mut from) | FromTable::WithoutKeyword(mut from)) =
                delete.from;
            if !is_plain || from.len() != 1 || !from[0].joins.is_empty() {
                return refused(
                    "RETURNING, ORDER BY, LIMIT or several tables in DELETE (use USING)",
                );
            }
            let (table, using) = (from.remove(0).relation, delete.using.unwrap_or_default());
            Ok(Statement::Delete(Box::new(Delete { table, using, selection: delete.selection })))
        }
        SqlStatement::CreateView(view) => {
            if !view.temporary || view.materialized || !view.columns.is_empty() {
                return refused("a view that is kept (CREATE TEMPORARY VIEW v AS SELECT is)");
            }
            let (name, query, or_replace) = (view.name, view.query, view.or_replace);
            Ok(Statement::CreateView { name, query, or_replace, names_periods })
        }
        SqlStatement::Drop {
            object_type: sqlparser::ast::ObjectType::View,
            if_exists,
            mut names,
            ..
        } if names.len() == 1 => Ok(Statement::DropView { name: names.remove(0), if_exists }),
        SqlStatement::Commit { .. } => Ok(Statement::Commit),
        SqlStatement::Rollback { savepoint: None, .. } => Ok(Statement::Rollback),
        SqlStatement::ExplainTable { table_name, .. } => describe(table_name),
        SqlStatement::ShowTables { .. } => {
            let query = canned("SELECT table_name FROM annals.tables ORDER BY table_name")?;
            Ok(Statement::Query { query, defaults: Box::default() })
        }
        other => {
            let text = other.to_string();
            let verb = text.split_whitespace().next().unwrap_or_default().to_owned();
            refused(&format!("{verb} in this form"))
        }
    }
}

fn column_name(name: ObjectName) -> Result<Ident> {
    match name.0.as_slice() {
        [sqlparser::ast::ObjectNamePart::Identifier(name)] => Ok(name.clone()),
        _ => Err(Error::invalid(format!("`{name}` is not the name of a column"))),
    }
}

/// `DESCRIBE t` asks the catalogue.
fn describe(table: ObjectName) -> Result<Statement> {
    let name = table_name(&table)?;
    if is_reserved_table(&name) {
        let message = format!("`{name}` is a system table: DESCRIBE takes a table");
        return Err(Error::invalid(message).at(table.span()));
    }
    let name = name.replace('\'', "''");
    let query = canned(&format!(
        "SELECT column_name, data_type, is_nullable, is_key FROM annals.columns \
         WHERE table_name = '{name}' ORDER BY ordinal_position"
    ))?;
    Ok(Statement::Describe { table, query })
}

fn canned(sql: &str) -> Result<Box<Query>> {
    let parsed =
        Parser::new(&AnnalsDialect).try_with_sql(sql).and_then(|mut parser| parser.parse_query());
    parsed.map_err(|error| from_parser(&error))
}

/// `SELECT TRUE WHERE condition`, for an assertion: there EXISTS and IN may stand, which the planner does not know elsewhere.
pub(crate) fn condition_query(condition: Expr) -> Result<Box<Query>> {
    let one = SelectItem::UnnamedExpr(Expr::value(sqlparser::ast::Value::Boolean(true)));
    select_query(vec![one], Vec::new(), Some(condition))
}

/// `SELECT items FROM tables WHERE selection`.
pub(crate) fn select_query(
    items: Vec<SelectItem>,
    from: Vec<TableWithJoins>,
    selection: Option<Expr>,
) -> Result<Box<Query>> {
    let parsed = Parser::new(&AnnalsDialect)
        .try_with_sql("SELECT 1")
        .and_then(|mut parser| parser.parse_query());
    let mut query = parsed.map_err(|error| from_parser(&error))?;
    if let SetExpr::Select(select) = &mut *query.body {
        (select.projection, select.from, select.selection) = (items, from, selection);
    }
    Ok(query)
}
