//! A statement without its values: what may be kept of it where values must not stay, in an audit log first of all.
//!
//! It is made of tokens: literals of every kind become `?`, comments go, white space is folded to one space. Of the rows of VALUES the
//! first is shown. Names stay, quoted ones too; so what somebody writes as a name though it is a value stays with them. A value that
//! lacks its quotes becomes several tokens, so words that touch a literal go with it; and in a text that does not parse so does what
//! is joined by `-`, as a UUID is. Invariant: no character of a literal or a comment is in the result.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::tokens::{is_word, split};

/// The longest text that is kept, in bytes.
pub(crate) const REDACTED_BYTES_MAX: usize = 4_096;
/// What stands for all that was left out.
const LEFT_OUT: &str = "...";

/// Any text that does not parse without its values: its statements, joined by `;`. Text that cannot be cut into tokens, or in which signs stand that SQL
/// does not have (so that what is a value and what is not cannot be told), is named by its length alone.
pub(crate) fn redact(sql: &str) -> String {
    let is_strange = |token: &TokenWithSpan| matches!(token.token, Token::Char(_));
    match split(sql) {
        Ok(statements) if !statements.iter().flatten().any(is_strange) => {
            let mut text = Text { is_loose: true, ..Text::default() };
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
    /// Whether `-` joins parts of a value: nothing says that it is a minus where the text does not parse.
    is_loose: bool,
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
            let run = &tokens[at..run_end(tokens, at, self.is_loose)];
            at += run.len();
            match is_value(run) {
                true => self.push("?"),
                false => run.iter().for_each(|part| self.push(&part.token.to_string())),
            }
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

/// Behind the words and literals that touch one another from `at` on, or behind the one token that is there.
fn run_end(tokens: &[TokenWithSpan], at: usize, is_loose: bool) -> usize {
    let is_part = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) => word.quote_style.is_none(),
        other => is_literal(other),
    };
    let touches = |at: usize| match tokens.get(at - 1..=at) {
        Some([one, other]) => one.span.end == other.span.start,
        _ => false,
    };
    let mut end = at + 1;
    while tokens.get(end - 1).is_some_and(is_part) && touches(end) {
        let is_joined = is_loose && tokens[end].token == Token::Minus && touches(end + 1);
        let next = end + usize::from(is_joined);
        if !is_part(&tokens[next]) {
            break;
        }
        end = next + 1;
    }
    end
}

/// Whether tokens that stand together are a value: one of them is a literal, or words with digits are joined by `-`.
fn is_value(run: &[TokenWithSpan]) -> bool {
    let has_digit = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) => word.value.contains(|sign: char| sign.is_ascii_digit()),
        _ => false,
    };
    run.iter().any(|token| is_literal(&token.token)) || (run.len() > 1 && run.iter().any(has_digit))
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
            r#"SELECT "Mixed Case", `other`, $1 FROM "t" WHERE x = $2"#,
            r#"SELECT "Mixed Case", `other`, $1 FROM "t" WHERE x = $2"#,
        );
        check("SELECT ?, 1 FROM t OFFSET ? LIMIT ?", "SELECT ?, ? FROM t OFFSET ? LIMIT ?");
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
    fn words_that_touch_a_literal_go_with_it() {
        check("SELECT 1secret21 FROM t", "SELECT ? FROM t");
        check("SELECT 1_000secret10, a FROM t", "SELECT ?, a FROM t");
        check("SELECT 'secret'secret FROM t AS u WHERE a=1", "SELECT ? FROM t AS u WHERE a=?");
        check("SELECT a - 1, f(1)x FROM t", "SELECT a - ?, f(?)x FROM t");
        check("SELECT 1/*! secret */,a FROM t", "SELECT ? ,a FROM t");
        // An expression like any other, as long as it can be read as one.
        assert_eq!(parse("SELECT a-1").expect("a query")[0].redacted, "SELECT a-?");
    }

    #[test]
    fn values_without_quotes_are_one_where_nothing_parses() {
        for (sql, expected) in [
            ("SELECT * FROM t WHERE k = 550e8400-e29b-41d4-a716-446655440000", "k = ?"),
            ("SELECT * FROM t WHERE k = e29b550e-e29b-41d4-a716-abcdefabcdef x y", "k = ? x y"),
            ("SELECT * FROM t WHERE k = abcdefab-e29b-abcd x y", "k = ? x y"),
            ("SELECT * FROM t WHERE k = secret-name-7 x y", "k = ? x y"),
            ("SELECT * FROM t WHERE k = 2024-01-02T10 x y", "k = ? x y"),
            ("SELECT * FROM t WHERE k = -1 - 2 x y", "k = -? - ? x y"),
            ("SELECT * FROM t WHERE k = a-b x y", "k = a-b x y"),
            ("SELECT * FROM t WHERE k = 1- x y", "k = ?- x y"),
        ] {
            assert!(parse(sql).is_err(), "{sql}");
            assert_eq!(redact(sql), format!("SELECT * FROM t WHERE {expected}"), "{sql}");
        }
        let names = redact(&"a-".repeat(1_000_000));
        assert!(names.starts_with("a-a-") && names.ends_with("..."));
    }

    #[test]
    fn a_comment_for_other_databases_is_a_comment() {
        check("SELECT 1 /*! FROM secret */", "SELECT ?");
        check("SELECT a /*!50000 , secret */ FROM t", "SELECT a FROM t");
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
