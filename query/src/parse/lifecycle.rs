//! What `ALTER TABLE t` asks beside changes of columns: partitions that leave and come back, retention, holds.

use annals_engine::{Retention, RetentionAction};
use sqlparser::ast::{BinaryOperator, Expr, Spanned};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token};

use super::create_table::fold;
use super::dialect::AnnalsDialect;
use super::tokens::Words;
use crate::error::{Error, Result, from_parser};

/// What a statement about the life of a table's data asks.
#[derive(Clone, Debug)]
pub(crate) enum LifecycleChange {
    Detach {
        partition: String,
        is_dry_run: bool,
    },
    Drop {
        partition: String,
        is_dry_run: bool,
    },
    Archive {
        partition: String,
        to: String,
    },
    Attach(AttachFrom),
    Retain(Option<Retention>),
    /// Key columns and the literals that each may be.
    PlaceHold {
        name: String,
        condition: Vec<(String, Vec<Expr>)>,
    },
    ReleaseHold {
        name: String,
    },
}

/// Which partition is to come back.
#[derive(Clone, Debug)]
pub(crate) enum AttachFrom {
    Name(String),
    Folder(String),
}

/// What an error names where nothing of this follows the name of the table.
pub(crate) const EXPECTED: &str =
    "DETACH, ATTACH, DROP or ARCHIVE PARTITION, RETAIN, PLACE HOLD or RELEASE HOLD";

/// Reads what follows `ALTER TABLE t`; `None` if it is none of this, and nothing is taken then.
pub(crate) fn read(words: &mut Words<'_>) -> Result<Option<LifecycleChange>> {
    let change = if words.take(&["DETACH", "PARTITION"]) {
        let partition = text(words, "the name of a partition in quotes")?;
        LifecycleChange::Detach { partition, is_dry_run: words.take(&["DRY", "RUN"]) }
    } else if words.take(&["DROP", "PARTITION"]) {
        let partition = text(words, "the name of a partition in quotes")?;
        LifecycleChange::Drop { partition, is_dry_run: words.take(&["DRY", "RUN"]) }
    } else if words.take(&["ARCHIVE", "PARTITION"]) {
        let partition = text(words, "the name of a partition in quotes")?;
        words.expect(&["TO"])?;
        LifecycleChange::Archive { partition, to: folder(words)? }
    } else if words.take(&["ATTACH", "PARTITION", "FROM"]) {
        LifecycleChange::Attach(AttachFrom::Folder(folder(words)?))
    } else if words.take(&["ATTACH", "PARTITION"]) {
        let name = text(words, "the name of a partition in quotes, or FROM and a folder")?;
        LifecycleChange::Attach(AttachFrom::Name(name))
    } else if words.take(&["RETAIN"]) {
        LifecycleChange::Retain(retention(words)?)
    } else if words.take(&["PLACE", "HOLD"]) {
        let name = text(words, "the name of the hold in quotes")?;
        let condition = if words.take(&["WHERE"]) { condition(words)? } else { Vec::new() };
        LifecycleChange::PlaceHold { name, condition }
    } else if words.take(&["RELEASE", "HOLD"]) {
        LifecycleChange::ReleaseHold { name: text(words, "the name of the hold in quotes")? }
    } else {
        return Ok(None);
    };
    Ok(Some(change))
}

/// What follows RETAIN: a span and what then, or FOREVER.
pub(crate) fn retention(words: &mut Words<'_>) -> Result<Option<Retention>> {
    if words.take(&["FOREVER"]) {
        return Ok(None);
    }
    let at = words.rest().first().map(|token| token.span);
    let span = text(words, "a span such as '7 years', or FOREVER")?;
    let retention = Retention::keep(span).map_err(|error| match at {
        Some(at) => Error::from(error).at(at),
        None => error.into(),
    })?;
    if !words.take(&["THEN"]) {
        return Ok(Some(retention));
    }
    let action = if words.take(&["DROP"]) {
        RetentionAction::Drop
    } else if words.take(&["DETACH"]) {
        RetentionAction::Detach
    } else if words.take(&["ARCHIVE", "TO"]) {
        RetentionAction::Archive(folder(words)?)
    } else {
        return Err(words.expected("DROP, DETACH or ARCHIVE TO"));
    };
    Ok(Some(retention.then(action)))
}

fn text(words: &mut Words<'_>, what: &str) -> Result<String> {
    match words.rest().first().map(|token| &token.token) {
        Some(Token::SingleQuotedString(text)) => {
            words.at += 1;
            Ok(text.clone())
        }
        _ => Err(words.expected(what)),
    }
}

fn folder(words: &mut Words<'_>) -> Result<String> {
    let at = words.rest().first().map(|token| token.span);
    let folder = text(words, "a folder in quotes")?;
    if folder.contains("://") {
        let message =
            format!("`{folder}`: archives in object storage are not supported, only folders");
        let error = Error::invalid(message);
        return Err(at.map_or(error.clone(), |at| error.at(at)));
    }
    Ok(folder)
}

/// Conditions on columns by = or IN, joined by AND.
fn condition(words: &mut Words<'_>) -> Result<Vec<(String, Vec<Expr>)>> {
    let tokens = words.rest().to_vec();
    let mut parser = Parser::new(&AnnalsDialect).with_tokens_with_locations(tokens);
    let expr = parser.parse_expr().map_err(|error| from_parser(&error))?;
    words.at += parser.index().min(words.rest().len());
    pinned(expr).map_err(|span| {
        let message = "the condition of a hold compares key columns by = or IN, joined by AND";
        Error::invalid(message).at(span)
    })
}

/// The columns that a condition pins to values, if it does nothing else; otherwise the place of what it does.
pub(crate) fn pinned(expr: Expr) -> std::result::Result<Vec<(String, Vec<Expr>)>, Span> {
    let mut found = Vec::new();
    let mut pending = vec![expr];
    while let Some(expr) = pending.pop() {
        let span = expr.span();
        match expr {
            Expr::Nested(inner) => pending.push(*inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                pending.extend([*right, *left]);
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                found.push((column(&left)?, vec![*right]));
            }
            Expr::InList { expr, list, negated: false } => found.push((column(&expr)?, list)),
            _ => return Err(span),
        }
    }
    Ok(found)
}

fn column(expr: &Expr) -> std::result::Result<String, Span> {
    match expr {
        Expr::Identifier(name) => Ok(fold(name)),
        other => Err(other.span()),
    }
}
