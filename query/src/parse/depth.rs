//! A bound on how deep a statement's tree can become, before it is built.
//!
//! `1 + 1 + 1 ...` needs no parentheses to become a tree as deep as it is long, and trees are walked and freed by recursion. So
//! the operators that may nest in one another are counted on the tokens.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::tokens::is_word;
use crate::error::{Error, Result};
use annals_engine::ErrorKind;

/// The most operators that may stand in one expression, those around it included.
const OPERATOR_COUNT_MAX: usize = 1_000;
/// The most parentheses that may be open.
const PARENTHESIS_COUNT_MAX: usize = 200;
/// The most CASEs, CASTs and their like that may stand in one another. Where one cannot be read, the parser tries it again as a name
/// or a function, and all that is in it too: each level doubles the time that an error takes.
const RETRIED_COUNT_MAX: usize = 16;
/// The most tokens of one statement.
const TOKEN_COUNT_MAX: usize = 4_000_000;

/// Words that join two operands, or stand before one.
const OPERATOR_WORDS: &[&str] = &[
    "AND",
    "OR",
    "NOT",
    "XOR",
    "IS",
    "IN",
    "LIKE",
    "ILIKE",
    "BETWEEN",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "COLLATE",
    "AT",
    "DIV",
    "CASE",
    "ELSE",
    "OVERLAPS",
    "SIMILAR",
    "RLIKE",
    "REGEXP",
    "EXPLAIN",
    "WITH",
    "PRIOR",
    "INTERVAL",
];

/// Words before a parenthesis whose inside may be read twice.
const RETRIED_WORDS: &[&str] = &[
    "CAST",
    "TRY_CAST",
    "SAFE_CAST",
    "CONVERT",
    "NOT",
    "EXISTS",
    "EXTRACT",
    "CEIL",
    "FLOOR",
    "POSITION",
    "SUBSTRING",
    "SUBSTR",
    "OVERLAY",
    "TRIM",
    "INTERVAL",
    "MATCH",
    "STRUCT",
    "MAP",
    "PRIOR",
    "FROM",
    "JOIN",
    "LATERAL",
];

/// Refuses a statement whose tree could be too deep to walk.
pub(crate) fn check(tokens: &[TokenWithSpan]) -> Result<()> {
    if tokens.len() > TOKEN_COUNT_MAX {
        let message =
            format!("a statement of {} tokens is longer than {TOKEN_COUNT_MAX}", tokens.len());
        return Err(Error::new(ErrorKind::Exhausted, message));
    }
    check_retried(tokens)?;
    // Operators since the last comma, one count for each open parenthesis, and their sum.
    let (mut open, mut count) = (vec![0_usize], 0_usize);
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => open.push(0),
            Token::RParen | Token::RBracket | Token::RBrace if open.len() > 1 => {
                count -= open.pop().unwrap_or_default();
            }
            Token::Comma => count -= open.last_mut().map(std::mem::take).unwrap_or_default(),
            other if is_operator(other) => {
                if let Some(last) = open.last_mut() {
                    *last += 1;
                    count += 1;
                }
            }
            _ => (),
        }
        if count > OPERATOR_COUNT_MAX || open.len() > PARENTHESIS_COUNT_MAX {
            let message =
                "the statement is nested too deeply, or an expression has too many operators";
            return Err(Error::new(ErrorKind::Exhausted, message).at(token.span));
        }
    }
    Ok(())
}

fn check_retried(tokens: &[TokenWithSpan]) -> Result<()> {
    // For each open parenthesis, whether its inside may be read twice; the CASEs that are open.
    let (mut open, mut case_count, mut count) = (Vec::new(), 0_usize, 0_usize);
    for (at, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => {
                let before = at.checked_sub(1).and_then(|before| tokens.get(before));
                let is_retried = RETRIED_WORDS.iter().any(|word| is_word(before, word));
                open.push(is_retried);
                count += usize::from(is_retried);
            }
            Token::RParen => count -= usize::from(open.pop().unwrap_or_default()),
            Token::Word(_) if is_word(Some(token), "CASE") => case_count += 1,
            Token::Word(_) if is_word(Some(token), "END") => {
                case_count = case_count.saturating_sub(1)
            }
            _ => (),
        }
        if count + case_count > RETRIED_COUNT_MAX {
            let message = format!(
                "more than {RETRIED_COUNT_MAX} of CASE, CAST, NOT, or subqueries in FROM, stand in one another"
            );
            return Err(Error::new(ErrorKind::Exhausted, message).at(token.span));
        }
    }
    Ok(())
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_none()
                && OPERATOR_WORDS.iter().any(|operator| word.value.eq_ignore_ascii_case(operator))
        }
        Token::Number(..) | Token::Char(_) | Token::Placeholder(_) | Token::EOF | Token::Period => {
            false
        }
        Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::DoubleQuotedByteStringLiteral(_) => false,
        _ => true,
    }
}
