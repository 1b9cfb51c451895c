//! `CREATE INDEX` and `DROP INDEX`. There is one kind of index, so that USING BITMAP may be left out.

use sqlparser::ast::{Ident, ObjectName};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::create_table::{fold, table_name};
use super::dialect::AnnalsDialect;
use super::tokens::Words;
use crate::error::{Error, Result, from_parser};

/// An index to be made.
#[derive(Clone, Debug)]
pub(crate) struct CreateIndex {
    pub(crate) name: String,
    pub(crate) table: ObjectName,
    pub(crate) column: String,
    pub(crate) if_not_exists: bool,
}

/// Reads `CREATE INDEX [IF NOT EXISTS] i ON t [USING BITMAP] (column)`.
pub(super) fn read_create(tokens: &[TokenWithSpan]) -> Result<CreateIndex> {
    let mut words = Words { tokens, at: 0 };
    words.expect(&["CREATE"])?;
    let refused = |what: &str, at: usize| {
        let form = "CREATE INDEX i ON t USING BITMAP (column) is";
        Err(Error::invalid(format!("{what} is not supported ({form})")).at(tokens[at].span))
    };
    if words.take(&["UNIQUE"]) {
        return refused("a UNIQUE index", words.at - 1);
    }
    words.expect(&["INDEX"])?;
    if words.take(&["CONCURRENTLY"]) {
        return refused("CONCURRENTLY, which every index is made,", words.at - 1);
    }
    let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
    if !if_not_exists && words.take(&["ON"]) {
        return refused("an index without a name", words.at - 1);
    }
    let name = fold(&identifier(&mut words)?);
    words.expect(&["ON"])?;
    let table = object_name(&mut words)?;
    if words.take(&["USING"]) && !words.take(&["BITMAP"]) {
        return match words.rest().first() {
            Some(kind) => refused(&format!("an index of the kind {}", kind.token), words.at),
            None => Err(words.expected("BITMAP")),
        };
    }
    take(&mut words, &Token::LParen)?;
    let column = fold(&identifier(&mut words)?);
    if words.rest().first().is_some_and(|token| token.token == Token::Comma) {
        return refused("an index on several columns", words.at);
    }
    take(&mut words, &Token::RParen)?;
    words.end()?;
    Ok(CreateIndex { name, table, column, if_not_exists })
}

/// Reads `DROP INDEX [IF EXISTS] i`: the name, and whether it may be missing.
pub(super) fn read_drop(tokens: &[TokenWithSpan]) -> Result<(String, bool)> {
    let mut words = Words { tokens, at: 0 };
    words.expect(&["DROP", "INDEX"])?;
    let if_exists = words.take(&["IF", "EXISTS"]);
    let name = object_name(&mut words)?;
    words.end()?;
    Ok((table_name(&name)?, if_exists))
}

fn identifier(words: &mut Words<'_>) -> Result<Ident> {
    parsed(words, |parser| parser.parse_identifier())
}

fn object_name(words: &mut Words<'_>) -> Result<ObjectName> {
    parsed(words, |parser| parser.parse_object_name(false))
}

fn parsed<T>(
    words: &mut Words<'_>,
    parse: impl Fn(&mut Parser<'_>) -> Result<T, sqlparser::parser::ParserError>,
) -> Result<T> {
    if words.rest().is_empty() {
        return Err(words.expected("a name"));
    }
    let mut parser = Parser::new(&AnnalsDialect).with_tokens_with_locations(words.rest().to_vec());
    let found = parse(&mut parser).map_err(|error| from_parser(&error))?;
    words.at += parser.index().min(words.rest().len());
    Ok(found)
}

fn take(words: &mut Words<'_>, token: &Token) -> Result<()> {
    match words.rest().first() {
        Some(found) if found.token == *token => {
            words.at += 1;
            Ok(())
        }
        _ => Err(words.expected(&format!("`{token}`"))),
    }
}
