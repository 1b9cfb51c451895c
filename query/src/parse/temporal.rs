//! Temporal clauses: `t FOR VALID_TIME AS OF e FOR SYSTEM_TIME FROM a TO b` becomes `t AT("valid as of" => e, ...)`.
//!
//! No dialect of the SQL library knows the clauses, but it knows a table version written as a function. Names of the arguments have
//! spaces, so that they meet no name of a user. The bounds are delimited by the library's own expression parser, above the
//! precedence of BETWEEN, so that an `AND` after a bound is left alone. Any other `FOR` stays as it is.

use std::collections::HashMap;

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArguments, TableVersion,
};
use sqlparser::dialect::{Dialect, Precedence};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use super::dialect::AnnalsDialect;
use super::tokens::{Tokens, Words, are_words, is_word, token_at, word_at};
use crate::error::{Error, Result, from_parser};

/// A bound is looked for in so many tokens: it is a constant expression.
const BOUND_TOKEN_COUNT_MAX: usize = 512;

/// One of the two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// When it holds in the world.
    Valid,
    /// When the database believed it.
    System,
}

/// How a clause selects by one axis; also the portion of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    AsOf,
    FromTo,
    Between,
    ContainedIn,
    All,
    Portion,
}

const NAMES: &[(Axis, Form, &str, &str)] = &[
    (Axis::Valid, Form::AsOf, "valid as of", ""),
    (Axis::Valid, Form::FromTo, "valid from", "valid to"),
    (Axis::Valid, Form::Between, "valid between", "valid and"),
    (Axis::Valid, Form::ContainedIn, "valid contained from", "valid contained to"),
    (Axis::Valid, Form::All, "valid all", ""),
    (Axis::Valid, Form::Portion, "portion from", "portion to"),
    (Axis::System, Form::AsOf, "system as of", ""),
    (Axis::System, Form::FromTo, "system from", "system to"),
    (Axis::System, Form::Between, "system between", "system and"),
    (Axis::System, Form::ContainedIn, "system contained from", "system contained to"),
    (Axis::System, Form::All, "system all", ""),
];

/// Puts a table version in the place of each run of temporal clauses.
pub(crate) fn rewrite(tokens: &[TokenWithSpan]) -> Result<Tokens> {
    let mut out = Tokens::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if are_words(&tokens[at..], &["SEQUENCED", "VALID_TIME"]) {
            at = push_sequenced(tokens, at, &mut out)?;
            continue;
        }
        let clauses = match is_word(tokens.get(at), "FOR") {
            true => clauses_at(tokens, at)?,
            false => None,
        };
        match clauses {
            Some((clauses, next)) => {
                push_version(&clauses, tokens[at].span, &mut out);
                at = next;
            }
            None => {
                out.push(tokens[at].clone());
                at += 1;
            }
        }
    }
    Ok(out)
}

/// The common table expression that stands for `SEQUENCED VALID_TIME [FROM a TO b]` before a SELECT.
pub(crate) const SEQUENCED: &str = "sequenced valid_time";

/// `SEQUENCED VALID_TIME FROM a TO b SELECT` becomes `WITH "sequenced valid_time" AS (SELECT a, b) SELECT`.
fn push_sequenced(tokens: &[TokenWithSpan], at: usize, out: &mut Tokens) -> Result<usize> {
    let span = tokens[at].span;
    let mut words = Words { tokens, at: at + 2 };
    let bounds = match words.take(&["FROM"]) {
        true => two_bounds(&mut words, "TO")?,
        false => Vec::new(),
    };
    if !is_word(words.rest().first(), "SELECT") {
        return Err(words.expected("SELECT"));
    }
    out.push(word_at("WITH", span));
    out.push(token_at(Token::make_word(SEQUENCED, Some('"')), span));
    out.push(word_at("AS", span));
    out.push(token_at(Token::LParen, span));
    out.push(word_at("SELECT", span));
    for number in 0..2 {
        match bounds.get(number) {
            Some(bound) => out.extend_from_slice(bound),
            None => out.push(word_at("NULL", span)),
        }
        out.push(token_at(Token::Comma, span));
    }
    if let Some(last) = out.last_mut() {
        last.token = Token::RParen;
    }
    Ok(words.at)
}

/// A clause while it is in tokens.
struct Clause<'a> {
    axis: Axis,
    form: Form,
    bounds: Vec<&'a [TokenWithSpan]>,
    allows_partial: bool,
}

/// The run of temporal clauses that begins at a `FOR`, and the position behind it.
fn clauses_at(tokens: &[TokenWithSpan], at: usize) -> Result<Option<(Vec<Clause<'_>>, usize)>> {
    let mut words = Words { tokens, at };
    let mut clauses: Vec<Clause<'_>> = Vec::new();
    while is_word(tokens.get(words.at), "FOR") {
        let span = tokens[words.at].span;
        let Some(clause) = clause_at(&mut words)? else { break };
        if clauses.iter().any(|other| other.axis == clause.axis) {
            let axis = if clause.axis == Axis::Valid { "VALID_TIME" } else { "SYSTEM_TIME" };
            return Err(Error::invalid(format!("{axis} is given twice for one table")).at(span));
        }
        clauses.push(clause);
    }
    Ok(if clauses.is_empty() { None } else { Some((clauses, words.at)) })
}

fn clause_at<'a>(words: &mut Words<'a>) -> Result<Option<Clause<'a>>> {
    for (axis, name) in [(Axis::Valid, "VALID_TIME"), (Axis::System, "SYSTEM_TIME")] {
        if words.take(&["FOR", "ALL", name]) {
            return Ok(Some(Clause {
                axis,
                form: Form::All,
                bounds: Vec::new(),
                allows_partial: false,
            }));
        }
        if words.take(&["FOR", "PORTION", "OF", name]) {
            if axis == Axis::System {
                let error =
                    "a change has a portion of VALID_TIME: SYSTEM_TIME is the database's own";
                return Err(Error::invalid(error).at(words.tokens[words.at - 1].span));
            }
            words.expect(&["FROM"])?;
            let bounds = two_bounds(words, "TO")?;
            return Ok(Some(Clause { axis, form: Form::Portion, bounds, allows_partial: false }));
        }
        if words.take(&["FOR", name]) {
            return spec_at(words, axis).map(Some);
        }
    }
    Ok(None)
}

/// What follows `FOR VALID_TIME` or `FOR SYSTEM_TIME`.
fn spec_at<'a>(words: &mut Words<'a>, axis: Axis) -> Result<Clause<'a>> {
    let (form, bounds) = if words.take(&["AS", "OF"]) {
        (Form::AsOf, vec![bound_at(words)?])
    } else if words.take(&["FROM"]) {
        (Form::FromTo, two_bounds(words, "TO")?)
    } else if words.take(&["BETWEEN"]) {
        (Form::Between, two_bounds(words, "AND")?)
    } else if words.take(&["CONTAINED", "IN"]) {
        (Form::ContainedIn, parenthesised(words)?)
    } else if words.take(&["ALL"]) {
        (Form::All, Vec::new())
    } else {
        return Err(words.expected("AS OF, FROM, BETWEEN, CONTAINED IN or ALL"));
    };
    let allows_partial = axis == Axis::System && words.take(&["ALLOW", "PARTIAL"]);
    Ok(Clause { axis, form, bounds, allows_partial })
}

fn two_bounds<'a>(words: &mut Words<'a>, between: &str) -> Result<Vec<&'a [TokenWithSpan]>> {
    let from = bound_before(words, end_of_first(words.rest(), between))?;
    words.expect(&[between])?;
    Ok(vec![from, bound_at(words)?])
}

fn parenthesised<'a>(words: &mut Words<'a>) -> Result<Vec<&'a [TokenWithSpan]>> {
    take_token(words, &Token::LParen)?;
    let from = bound_at(words)?;
    take_token(words, &Token::Comma)?;
    let to = bound_at(words)?;
    take_token(words, &Token::RParen)?;
    Ok(vec![from, to])
}

fn take_token(words: &mut Words<'_>, token: &Token) -> Result<()> {
    match words.tokens.get(words.at) {
        Some(found) if found.token == *token => {
            words.at += 1;
            Ok(())
        }
        _ => Err(words.expected(&format!("`{token}`"))),
    }
}

/// Where the first of two bounds ends at the latest: `INTERVAL '1' DAY TO now()` would be read as an interval from one unit to
/// another, such as `INTERVAL '1-2' YEAR TO MONTH`, which the SQL library takes any TO for.
fn end_of_first(tokens: &[TokenWithSpan], between: &str) -> usize {
    const UNITS: [&str; 6] = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"];
    let is_end = |at: &usize| {
        let is_unit = UNITS.iter().any(|unit| is_word(tokens.get(at + 1), unit));
        is_word(tokens.get(*at), between) && !is_unit
    };
    (0..tokens.len()).find(is_end).unwrap_or(tokens.len())
}

fn bound_at<'a>(words: &mut Words<'a>) -> Result<&'a [TokenWithSpan]> {
    bound_before(words, words.rest().len())
}

/// The tokens of one bound, as far as the SQL library takes them for one expression, and at most `length` of them.
fn bound_before<'a>(words: &mut Words<'a>, length: usize) -> Result<&'a [TokenWithSpan]> {
    let rest = &words.rest()[..length];
    if rest.is_empty() {
        return Err(words.expected("an instant"));
    }
    let rest = &rest[..rest.len().min(BOUND_TOKEN_COUNT_MAX)];
    let mut parser = Parser::new(&AnnalsDialect).with_tokens_with_locations(rest.to_vec());
    let precedence = AnnalsDialect.prec_value(Precedence::Between);
    parser.parse_subexpr(precedence).map_err(|error| from_parser(&error))?;
    let length = parser.index().min(rest.len());
    words.at += length;
    Ok(&rest[..length])
}

fn push_version(clauses: &[Clause<'_>], span: Span, out: &mut Tokens) {
    out.push(word_at("AT", span));
    out.push(token_at(Token::LParen, span));
    for clause in clauses {
        let names =
            NAMES.iter().find(|(axis, form, ..)| (*axis, *form) == (clause.axis, clause.form));
        let Some((_, _, first, second)) = names else { continue };
        push_argument(first, clause.bounds.first().copied(), span, out);
        if !second.is_empty() {
            push_argument(second, clause.bounds.get(1).copied(), span, out);
        }
        if clause.allows_partial {
            push_argument(ALLOW_PARTIAL, None, span, out);
        }
    }
    // Every argument ends with a comma; the last one is the parenthesis' place.
    if let Some(last) = out.last_mut() {
        last.token = Token::RParen;
    }
}

/// The argument that says that what is left will do.
const ALLOW_PARTIAL: &str = "allow partial";

fn push_argument(name: &str, bound: Option<&[TokenWithSpan]>, span: Span, out: &mut Tokens) {
    out.push(token_at(Token::make_word(name, Some('"')), span));
    out.push(token_at(Token::RArrow, span));
    match bound {
        Some(bound) => out.extend_from_slice(bound),
        None => out.push(word_at("TRUE", span)),
    }
    out.push(token_at(Token::Comma, span));
}

/// The clauses of a table version as [`rewrite`] wrote it: form and bounds for each axis.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    pub(crate) valid: Option<(Form, Vec<Expr>)>,
    pub(crate) system: Option<(Form, Vec<Expr>)>,
    /// Whether what is left will do where partitions are missing.
    pub(crate) is_partial: bool,
}

/// Reads a table version back; `None` if it is not one of ours.
pub(crate) fn version_arguments(version: &TableVersion) -> Option<Version> {
    let TableVersion::Function(Expr::Function(function)) = version else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    let mut given = HashMap::new();
    for argument in &list.args {
        let FunctionArg::Named { name, arg, operator: FunctionArgOperator::RightArrow } = argument
        else {
            return None;
        };
        let FunctionArgExpr::Expr(bound) = arg else { return None };
        given.insert(name.value.as_str(), bound);
    }
    let is_partial = given.remove(ALLOW_PARTIAL).is_some();
    let mut read = Version { is_partial, ..Version::default() };
    for (axis, form, first, second) in NAMES {
        let Some(first) = given.remove(first) else { continue };
        let mut bounds = vec![first.clone()];
        if !second.is_empty() {
            bounds.push((*given.remove(second)?).clone());
        }
        match axis {
            Axis::Valid => read.valid = Some((*form, bounds)),
            Axis::System => read.system = Some((*form, bounds)),
        }
    }
    given.is_empty().then_some(read)
}

/// A table version with these clauses, as [`version_arguments`] reads it.
pub(crate) fn write_version(
    valid: Option<(Form, Vec<Expr>)>,
    system: Option<(Form, Vec<Expr>)>,
) -> Result<TableVersion> {
    let mut text = Vec::new();
    let mut bounds = Vec::new();
    for (axis, clause) in [(Axis::Valid, valid), (Axis::System, system)] {
        let Some((form, given)) = clause else { continue };
        let names = NAMES.iter().find(|(other, its, ..)| (*other, *its) == (axis, form));
        let Some((_, _, first, second)) = names else { continue };
        let names = [*first, *second].into_iter().filter(|name| !name.is_empty());
        for (at, name) in names.enumerate() {
            text.push(format!("\"{name}\" => TRUE"));
            bounds.push(given.get(at).cloned());
        }
    }
    let text = format!("AT({})", text.join(", "));
    let parsed =
        Parser::new(&AnnalsDialect).try_with_sql(&text).and_then(|mut parser| parser.parse_expr());
    let mut expr = parsed.map_err(|error| from_parser(&error))?;
    if let Expr::Function(function) = &mut expr
        && let FunctionArguments::List(list) = &mut function.args
    {
        for (argument, bound) in list.args.iter_mut().zip(bounds) {
            if let (FunctionArg::Named { arg, .. }, Some(bound)) = (argument, bound) {
                *arg = FunctionArgExpr::Expr(bound);
            }
        }
    }
    Ok(TableVersion::Function(expr))
}
