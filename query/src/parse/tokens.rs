//! Text to tokens, and tokens to statements.

use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};

use super::dialect::AnnalsDialect;
use crate::error::{Error, Result, from_parser};

/// The tokens of one statement, without white space and comments.
pub(crate) type Tokens = Vec<TokenWithSpan>;

/// Cuts text into statements at `;`. Empty statements are left out.
pub(crate) fn split(sql: &str) -> Result<Vec<Tokens>> {
    let tokens = Tokenizer::new(&AnnalsDialect, sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| from_parser(&error.into()))?;
    let mut statements = vec![Tokens::new()];
    for token in tokens {
        match token.token {
            Token::SemiColon => statements.push(Tokens::new()),
            Token::Whitespace(_) => (),
            _ => statements.last_mut().expect("there is always one").push(token),
        }
    }
    statements.retain(|statement| !statement.is_empty());
    Ok(statements)
}

/// Whether text is whole: no quote or comment is left open and its last token ends a statement. A prompt asks for more otherwise.
pub(crate) fn is_complete(sql: &str) -> bool {
    match Tokenizer::new(&AnnalsDialect, sql).tokenize() {
        Ok(tokens) => {
            let last = tokens.iter().rev().find(|token| !matches!(token, Token::Whitespace(_)));
            last.is_none_or(|token| *token == Token::SemiColon)
        }
        Err(error) => !error.message.contains("Unterminated") && !error.message.contains("EOF"),
    }
}

/// Whether the token is an unquoted word, whatever its case.
pub(crate) fn is_word(token: Option<&TokenWithSpan>, word: &str) -> bool {
    match token.map(|token| &token.token) {
        Some(Token::Word(found)) => {
            found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word)
        }
        _ => false,
    }
}

/// Whether the tokens from a position on are these unquoted words.
pub(crate) fn are_words(tokens: &[TokenWithSpan], words: &[&str]) -> bool {
    words.iter().enumerate().all(|(at, word)| is_word(tokens.get(at), word))
}

/// A token that stands where another one stood.
pub(crate) fn token_at(token: Token, span: Span) -> TokenWithSpan {
    TokenWithSpan { token, span }
}

/// An unquoted word in the place of another one, for the parser's eyes.
pub(crate) fn word_at(word: &str, span: Span) -> TokenWithSpan {
    token_at(Token::make_word(word, None), span)
}

/// Cursor over the words before a statement that the parser knows.
pub(crate) struct Words<'a> {
    pub(crate) tokens: &'a [TokenWithSpan],
    pub(crate) at: usize,
}

impl<'a> Words<'a> {
    /// Takes these words if they come next.
    pub(crate) fn take(&mut self, words: &[&str]) -> bool {
        let found = are_words(&self.tokens[self.at..], words);
        if found {
            self.at += words.len();
        }
        found
    }

    /// Takes these words or fails with what was found instead.
    pub(crate) fn expect(&mut self, words: &[&str]) -> Result<()> {
        match self.take(words) {
            true => Ok(()),
            false => Err(self.expected(&words.join(" "))),
        }
    }

    pub(crate) fn rest(&self) -> &'a [TokenWithSpan] {
        &self.tokens[self.at..]
    }

    /// An error that names what was expected and what was found.
    pub(crate) fn expected(&self, what: &str) -> Error {
        match self.tokens.get(self.at) {
            Some(found) => {
                Error::invalid(format!("expected {what}, found {}", found.token)).at(found.span)
            }
            None => {
                let span = self.tokens.last().map_or(Span::empty(), |token| token.span);
                Error::invalid(format!("expected {what}, but the statement ends")).at(span)
            }
        }
    }

    /// Fails if anything is left.
    pub(crate) fn end(&self) -> Result<()> {
        match self.tokens.get(self.at) {
            Some(_) => Err(self.expected("the end of the statement")),
            None => Ok(()),
        }
    }
}
