//! A statement that has been read.

use std::sync::Arc;

use crate::error::Error;
use crate::parse::Parsed;

/// A statement that has been read and can be run many times, by any session.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) parsed: Arc<Parsed>,
}

impl Prepared {
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
