//! `ALTER TABLE t ...`: what is to be changed stands behind the table's name, each kind of change read by a function of its own.

use annals_engine::TableChange;
use sqlparser::ast::{ColumnOption, ObjectName, Spanned};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::create_table::{column_of, data_type};
use super::dialect::AnnalsDialect;
use super::lifecycle::{self, LifecycleChange};
use super::tokens::Words;
use crate::error::{Error, Result, from_parser};

/// A change of a table.
#[derive(Clone, Debug)]
pub(crate) struct AlterTable {
    pub(crate) name: ObjectName,
    pub(crate) action: TableAction,
}

/// What is to be done with the table.
#[derive(Clone, Debug)]
pub(crate) enum TableAction {
    /// Its columns are changed; `is_optional`, if the column to be added is not there yet, or the one to be dropped is there.
    Change { change: TableChange, is_optional: bool },
    /// Its partitions leave or come back, its retention is set, a hold is placed or released.
    Lifecycle(LifecycleChange),
}

/// Reads the whole statement.
pub(crate) fn read(tokens: &[TokenWithSpan]) -> Result<AlterTable> {
    let mut words = Words { tokens, at: 0 };
    words.expect(&["ALTER", "TABLE"])?;
    let name = parsed(&mut words, |parser| parser.parse_object_name(false))?;
    let action = if let Some(change) = lifecycle::read(&mut words)? {
        TableAction::Lifecycle(change)
    } else if words.take(&["ADD"]) {
        add(&mut words)?
    } else if words.take(&["DROP"]) {
        drop_column(&mut words)?
    } else if words.take(&["RENAME"]) {
        rename(&mut words)?
    } else if words.take(&["ALTER"]) {
        widen(&mut words)?
    } else {
        return Err(
            words.expected(&format!("ADD, DROP, RENAME or ALTER COLUMN, {}", lifecycle::EXPECTED))
        );
    };
    words.end()?;
    Ok(AlterTable { name, action })
}

/// `[COLUMN] [IF NOT EXISTS] c type [NOT NULL] [DEFAULT literal]`.
fn add(words: &mut Words<'_>) -> Result<TableAction> {
    words.take(&["COLUMN"]);
    let is_optional = words.take(&["IF", "NOT", "EXISTS"]);
    let definition = parsed(words, Parser::parse_column_def)?;
    let is_key = |option: &ColumnOption| matches!(option, ColumnOption::PrimaryKey(_));
    if definition.options.iter().any(|option| is_key(&option.option)) {
        let message = "the key of a table does not change: a column cannot be added to it";
        return Err(Error::invalid(message).at(definition.span()));
    }
    let change = TableChange::AddColumn(column_of(&definition)?);
    Ok(TableAction::Change { change, is_optional })
}

/// `[COLUMN] [IF EXISTS] c`.
fn drop_column(words: &mut Words<'_>) -> Result<TableAction> {
    words.take(&["COLUMN"]);
    let is_optional = words.take(&["IF", "EXISTS"]);
    let change = TableChange::DropColumn(column_name(words)?);
    Ok(TableAction::Change { change, is_optional })
}

/// `[COLUMN] a TO b`.
fn rename(words: &mut Words<'_>) -> Result<TableAction> {
    if words.take(&["TO"]) {
        let span = words.tokens[words.at - 1].span;
        return Err(Error::invalid("a table keeps its name: RENAME takes a column").at(span));
    }
    words.take(&["COLUMN"]);
    let from = column_name(words)?;
    words.expect(&["TO"])?;
    let to = column_name(words)?;
    let change = TableChange::RenameColumn { from, to };
    Ok(TableAction::Change { change, is_optional: false })
}

/// `[COLUMN] c [SET DATA] TYPE type`.
fn widen(words: &mut Words<'_>) -> Result<TableAction> {
    words.take(&["COLUMN"]);
    let column = column_name(words)?;
    words.take(&["SET", "DATA"]);
    words.expect(&["TYPE"])?;
    let span = words.rest().first().map(|token| token.span);
    let written = parsed(words, Parser::parse_data_type)?;
    let data_type = data_type(&written.to_string());
    let data_type = data_type.map_err(|error| span.map_or(error.clone(), |span| error.at(span)))?;
    let change = TableChange::WidenColumn { column, data_type };
    Ok(TableAction::Change { change, is_optional: false })
}

/// The name of a column: folded to lower case unless quoted.
fn column_name(words: &mut Words<'_>) -> Result<String> {
    let Some(Token::Word(word)) = words.rest().first().map(|token| &token.token) else {
        return Err(words.expected("the name of a column"));
    };
    words.at += 1;
    Ok(match word.quote_style {
        Some(_) => word.value.clone(),
        None => word.value.to_lowercase(),
    })
}

/// What the parser of the SQL library takes of the words.
fn parsed<T>(
    words: &mut Words<'_>,
    parse: impl FnOnce(&mut Parser<'static>) -> std::result::Result<T, ParserError>,
) -> Result<T> {
    let rest = words.rest();
    let mut parser = Parser::new(&AnnalsDialect).with_tokens_with_locations(rest.to_vec());
    let last = rest.last().or(words.tokens.last()).map(|token| token.span);
    let found = parse(&mut parser).map_err(|error| {
        // An error without a place speaks of the end.
        let error = from_parser(&error);
        match last {
            Some(span) => error.at(span),
            None => error,
        }
    })?;
    words.at += parser.index().min(rest.len());
    Ok(found)
}
