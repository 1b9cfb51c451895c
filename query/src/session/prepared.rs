//! A statement that has been read.

use std::sync::Arc;

use super::Tag;
use super::access::{self, Access};
use crate::error::Error;
use crate::parse::Parsed;

/// A statement that has been read and can be run many times, by any session.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) parsed: Arc<Parsed>,
}

impl Prepared {
    /// What the statement asks to be allowed.
    pub fn access(&self) -> Access {
        access::access(&self.parsed.statement)
    }

    /// What kind of statement it is: the tag that its outcome will have.
    pub fn tag(&self) -> Tag {
        access::tag(&self.parsed.statement)
    }

    /// Whether its outcome will have rows.
    pub fn returns_rows(&self) -> bool {
        access::returns_rows(&self.parsed.statement)
    }

    /// How many values its parameters take: the highest number of `$1`, `$2` and so on, or the count of `?`.
    pub fn parameter_count(&self) -> usize {
        self.parsed.parameters.count
    }

    /// Whether it takes values in turn, by `?`: from the first one on, whatever other statements take.
    pub fn takes_in_turn(&self) -> bool {
        self.parsed.parameters.is_in_turn()
    }

    /// The text without its values: every literal is `?`, comments are gone, white space is folded, of the rows of VALUES the first is
    /// shown; at most 4,096 bytes. Names stay. This is what may be kept of a statement where erased values must not stay.
    pub fn redacted(&self) -> &str {
        &self.parsed.redacted
    }

    /// The same error at the place of the name that it speaks of, if it has no place yet: names stand in back quotes, and the
    /// first word of the statement that is this name is meant.
    pub(crate) fn place(&self, error: Error) -> Error {
        if error.place().is_some() {
            return error;
        }
        let named = error.message().split('`').nth(1).map(str::to_owned);
        let Some(named) = named else { return error };
        let last = named.rsplit('.').next().unwrap_or(&named);
        let found = self.parsed.words.iter().find(|(word, _)| *word == last);
        match found {
            Some((_, span)) => error.at(*span),
            None => error,
        }
    }
}
