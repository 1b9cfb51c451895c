//! A statement without its values: what may be kept of it where values must not stay, in an audit log first of all.
//!
//! It is made of tokens: literals of every kind become `?`, comments go, white space is folded to one space. Of the rows of VALUES the
//! first is shown. Names stay, quoted ones too; so what somebody writes as a name though it is a value stays with them. Invariant: no
//! character of a literal or a comment is in the result.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::tokens::{is_word, split};

/// The longest text that is kept, in bytes.
pub(crate) const REDACTED_BYTES_MAX: usize = 4_096;
/// What stands for all that was left out.
const LEFT_OUT: &str = "...";

/// Any text without its values: its statements, joined by `;`. Text that cannot be cut into tokens, or in which signs stand that SQL
/// does not have (so that what is a value and what is not cannot be told), is named by its length alone.
pub(crate) fn redact(sql: &str) -> String {
    let is_strange = |token: &TokenWithSpan| matches!(token.token, Token::Char(_));
    match split(sql) {
        Ok(statements) if !statements.iter().flatten().any(is_strange) => {
            let mut text = Text::default();
            for tokens in &statements {
                if !text.written.is_empty() {
                    text.push("; ");
                }
                text.statement(tokens);
            }
            text.written
        }
        _ => format!("(unreadable statement of {} bytes)", sql.len()),
    }
}

/// One statement without its values.
pub(super) fn redact_tokens(tokens: &[TokenWithSpan]) -> String {
    let mut text = Text::default();
    text.statement(tokens);
    text.written
}

/// What has been written; nothing more is, once it is full.
#[derive(Default)]
struct Text {
    written: String,
    is_full: bool,
}

impl Text {
    fn statement(&mut self, tokens: &[TokenWithSpan]) {
        let (mut at, mut open) = (0, 0_usize);
        // How many parentheses were open where the first row of each VALUES began.
        let mut rows: Vec<usize> = Vec::new();
        while let Some(token) = tokens.get(at).filter(|_| !self.is_full) {
            if at > 0 && tokens[at - 1].span.end != token.span.start {
                self.push(" ");
            }
            match is_literal(&token.token) {
                true => self.push("?"),
                false => self.push(&token.token.to_string()),
            }
            at += 1;
            match token.token {
                Token::LParen => {
                    if at > 1 && is_word(tokens.get(at - 2), "VALUES") {
                        rows.push(open);
                    }
                    open += 1;
                }
                Token::RParen => {
                    open = open.saturating_sub(1);
                    if rows.last() == Some(&open) {
                        rows.pop();
                        let end = behind_rows(tokens, at);
                        if end > at {
                            self.push(", ");
                            self.push(LEFT_OUT);
                        }
                        at = end;
                    }
                }
                _ => (),
            }
        }
    }

    fn push(&mut self, part: &str) {
        let room = REDACTED_BYTES_MAX - LEFT_OUT.len();
        if self.is_full {
            return;
        }
        if self.written.len() + part.len() <= room {
            self.written.push_str(part);
            return;
        }
        let end = part.floor_char_boundary(room - self.written.len());
        self.written.push_str(&part[..end]);
        self.written.push_str(LEFT_OUT);
        self.is_full = true;
    }
}

/// Behind the rows that follow another one at `at`, each after a comma; the last may lack its end.
fn behind_rows(tokens: &[TokenWithSpan], mut at: usize) -> usize {
    let is = |at: usize, wanted: Token| tokens.get(at).is_some_and(|token| token.token == wanted);
    while is(at, Token::Comma) && is(at + 1, Token::LParen) {
        at += 1;
        let mut open = 0_usize;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.token {
                Token::LParen => open += 1,
                Token::RParen => open -= 1,
                _ => (),
            }
            if open == 0 {
                break;
            }
        }
    }
    at
}

fn is_literal(token: &Token) -> bool {
    matches!(
        token,
        Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::TripleSingleQuotedString(_)
            | Token::TripleDoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::SingleQuotedByteStringLiteral(_)
            | Token::DoubleQuotedByteStringLiteral(_)
            | Token::TripleSingleQuotedByteStringLiteral(_)
            | Token::TripleDoubleQuotedByteStringLiteral(_)
            | Token::SingleQuotedRawStringLiteral(_)
            | Token::DoubleQuotedRawStringLiteral(_)
            | Token::TripleSingleQuotedRawStringLiteral(_)
            | Token::TripleDoubleQuotedRawStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::QuoteDelimitedStringLiteral(_)
            | Token::NationalQuoteDelimitedStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Char(_)
    )
}

#[cfg(test)]
mod tests {
    use super::{REDACTED_BYTES_MAX, redact};
    use crate::parse::parse;

    /// The same from a text as a whole and from the statement that it is.
    fn check(sql: &str, expected: &str) {
        assert_eq!(redact(sql), expected, "{sql}");
        let parsed = parse(sql).unwrap_or_else(|error| panic!("{error}, of {sql}"));
        let [parsed] = parsed.as_slice() else { panic!("one statement: {sql}") };
        assert_eq!(parsed.redacted, expected, "{sql}");
    }

    #[test]
    fn literals_of_every_kind_are_left_out() {
        for literal in [
            "7",
            "1.5",
            "1e3",
            "'secret'",
            "'it''s secret'",
            "E'secret\\n'",
            "N'secret'",
            "U&'secret'",
            "X'5ec2e7'",
            "$$secret$$",
            "$tag$it's secret$tag$",
            "TIMESTAMP '2024-01-01'",
            "INTERVAL '1 day'",
        ] {
            let word = literal.split_once(' ').filter(|_| literal.ends_with('\''));
            let kept = match word {
                Some((word @ ("TIMESTAMP" | "INTERVAL"), _)) => format!("{word} ?"),
                _ => "?".to_owned(),
            };
            check(
                &format!("SELECT {literal} FROM t WHERE a={literal}"),
                &format!("SELECT {kept} FROM t WHERE a={kept}"),
            );
        }
    }

    #[test]
    fn comments_go_and_white_space_is_one_space() {
        check("SELECT  a,\n\tb -- secret\n FROM /* secret */ t\n;", "SELECT a, b FROM t");
        check("SELECT a/* secret */FROM t", "SELECT a FROM t");
        check("SELECT -1, a::TEXT, f.x FROM t AS f", "SELECT -?, a::TEXT, f.x FROM t AS f");
    }

    #[test]
    fn names_and_parameters_stay() {
        check(
            r#"SELECT "Mixed Case", `other`, $1, ? FROM "t" WHERE x = $2"#,
            r#"SELECT "Mixed Case", `other`, $1, ? FROM "t" WHERE x = $2"#,
        );
    }

    #[test]
    fn of_many_rows_the_first_is_shown() {
        check("INSERT INTO t (a) VALUES (1)", "INSERT INTO t (a) VALUES (?)");
        check(
            "UPSERT INTO t VALUES(1, 'secret'), (2, ('a')),\n (3, f(4))",
            "UPSERT INTO t VALUES(?, ?), ...",
        );
        check(
            "SELECT * FROM (VALUES (1), (2), (3)) AS v (a) WHERE a > 1",
            "SELECT * FROM (VALUES (?), ...) AS v (a) WHERE a > ?",
        );
        let rows = vec!["('secret', 1)"; 100_000].join(", ");
        assert_eq!(
            redact(&format!("INSERT INTO t VALUES {rows}")),
            "INSERT INTO t VALUES (?, ?), ..."
        );
    }

    #[test]
    fn long_texts_are_cut() {
        let names = vec!["naïve"; 10_000].join(", ");
        let cut = redact(&format!("SELECT {names}"));
        assert!(
            cut.len() <= REDACTED_BYTES_MAX && cut.len() > REDACTED_BYTES_MAX - 8,
            "{}",
            cut.len()
        );
        assert!(cut.ends_with("..."), "{cut}");
        let one = redact(&"ï".repeat(10_000));
        assert!(one.len() <= REDACTED_BYTES_MAX && one.ends_with("ï..."));
    }

    #[test]
    fn what_cannot_be_read_shows_nothing_of_its_values() {
        assert_eq!(redact("SELEC 'secret' FRM t; SELECT 1"), "SELEC ? FRM t; SELECT ?");
        assert_eq!(redact("SELECT 'secret"), "(unreadable statement of 14 bytes)");
        assert_eq!(redact("SELECT /* secret"), "(unreadable statement of 16 bytes)");
        assert_eq!(redact("SELECT “secret”"), "(unreadable statement of 19 bytes)");
        assert_eq!(redact("INSERT INTO t VALUES (1, ('secret')"), "INSERT INTO t VALUES (?, (?)");
        assert_eq!(redact("VALUES"), "VALUES");
        assert_eq!(redact("VALUES (1)), (2), (3"), "VALUES (?)), (?), (?");
        assert_eq!(redact("VALUES (1), (2), ('secret'"), "VALUES (?), ...");
        let nested = redact(&"VALUES (".repeat(200_000));
        assert!(nested.starts_with("VALUES (VALUES (") && nested.ends_with("..."));
        assert_eq!(redact(""), "");
        assert_eq!(redact(" ;; "), "");
    }
}
