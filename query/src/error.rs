//! One error type for the crate: the engine's kinds, a sentence, and the place in the statement it speaks of.

use std::fmt;

use annals_engine::ErrorKind;
use annals_engine::schema::did_you_mean;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Location, Span};

/// The result of every fallible call of the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where in the statement, and (by [`Error::kind`]) what the caller can do about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
}

/// A place in the text of the statements: line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The character in the line, from 1.
    pub column: u64,
}

impl Error {
    /// An error of the given kind with a message of one sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), place: None }
    }

    /// The statement is wrong.
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Invalid, message)
    }

    /// The same error at a place of the statement, unless it has one already.
    pub(crate) fn at(mut self, span: Span) -> Error {
        if self.place.is_none() && span.start != Location::empty() {
            self.place = Some(Place { line: span.start.line, column: span.start.column });
        }
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The place in the statement, where one is known.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// The sentence without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column }) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.kind)
    }
}

impl std::error::Error for Error {}

impl From<annals_engine::Error> for Error {
    fn from(source: annals_engine::Error) -> Error {
        Error::new(source.kind(), source.to_string())
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(source: arrow::error::ArrowError) -> Error {
        DataFusionError::from(source).into()
    }
}

impl From<Error> for DataFusionError {
    fn from(source: Error) -> DataFusionError {
        DataFusionError::External(Box::new(source))
    }
}

impl From<DataFusionError> for Error {
    fn from(source: DataFusionError) -> Error {
        let diagnosed = source.diagnostic().and_then(|diagnostic| diagnostic.span);
        let place =
            diagnosed.map(|span| Place { line: span.start.line, column: span.start.column });
        let mut error = translate(source);
        error.place = error.place.or(place);
        error
    }
}

fn translate(source: DataFusionError) -> Error {
    match source {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(inner) => match inner.downcast::<annals_engine::Error>() {
                Ok(engine) => (*engine).into(),
                Err(other) => Error::invalid(other.to_string()),
            },
        },
        DataFusionError::ArrowError(inner, _) => match *inner {
            arrow::error::ArrowError::ExternalError(inner) => {
                translate(DataFusionError::External(inner))
            }
            other => Error::invalid(first_line(&other.to_string())),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            translate(*inner)
        }
        DataFusionError::Shared(inner) => shared(&inner),
        DataFusionError::Collection(mut all) if !all.is_empty() => translate(all.swap_remove(0)),
        DataFusionError::SQL(inner, _) => from_parser(&inner),
        DataFusionError::SchemaError(inner, _) => from_schema(&inner),
        DataFusionError::ResourcesExhausted(message) => {
            Error::new(ErrorKind::Exhausted, first_line(&message))
        }
        DataFusionError::Plan(message) => Error::invalid(of_function(&message)),
        DataFusionError::Execution(message) => Error::invalid(first_line(&message)),
        DataFusionError::NotImplemented(message) => {
            Error::invalid(format!("not supported: {}", first_line(&message)))
        }
        other => Error::invalid(first_line(&other.strip_backtrace())),
    }
}

/// An error that several streams share: it can be read, not taken.
fn shared(source: &DataFusionError) -> Error {
    match source {
        DataFusionError::External(inner) => {
            if let Some(own) = inner.downcast_ref::<Error>() {
                return own.clone();
            }
            match inner.downcast_ref::<annals_engine::Error>() {
                Some(engine) => engine.clone().into(),
                None => Error::invalid(first_line(&inner.to_string())),
            }
        }
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => shared(inner),
        DataFusionError::Shared(inner) => shared(inner),
        DataFusionError::ResourcesExhausted(message) => {
            Error::new(ErrorKind::Exhausted, first_line(message))
        }
        DataFusionError::SchemaError(inner, _) => from_schema(inner),
        DataFusionError::Execution(message) | DataFusionError::Plan(message) => {
            Error::invalid(first_line(message))
        }
        other => Error::invalid(first_line(&other.strip_backtrace())),
    }
}

fn from_schema(source: &SchemaError) -> Error {
    let SchemaError::FieldNotFound { field, valid_fields } = source else {
        return Error::invalid(first_line(&source.to_string()));
    };
    let near = did_you_mean(&field.name, valid_fields.iter().map(|valid| valid.name.as_str()));
    let of = field.relation.as_ref().map(|table| format!(" in `{table}`")).unwrap_or_default();
    Error::invalid(format!("no column `{}`{of}{near}", field.name))
}

/// The parser names its place in the text of the message: `... at Line: 1, Column: 8`.
pub(crate) fn from_parser(source: &ParserError) -> Error {
    let message = match source {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.clone(),
        ParserError::RecursionLimitExceeded => {
            return Error::new(ErrorKind::Exhausted, "the statement is nested too deeply");
        }
    };
    let (what, place) = message.rsplit_once(" at Line: ").unwrap_or((&message, ""));
    let numbers = place.split_once(", Column: ");
    let numbers = numbers.map(|(line, column)| (line.trim().parse(), column.trim().parse()));
    let place = match numbers {
        Some((Ok(line), Ok(column))) => Some(Place { line, column }),
        _ => None,
    };
    let what = what
        .replacen("Expected: ", "expected ", 1)
        .replace(", found: EOF", ", but the statement ends");
    let what = what.replace(", found: ", ", found ");
    Error { place, ..Error::invalid(what) }
}

/// What the planner says of a function that it does not know has the nearest name in a second line.
fn of_function(message: &str) -> String {
    let mut parts = message.split('\'');
    match (parts.next(), parts.next(), parts.nth(1)) {
        (Some("Invalid function "), Some(name), Some(near)) => {
            format!("there is no function `{name}`; did you mean `{near}`?")
        }
        (Some("Invalid function "), Some(name), None) => format!("there is no function `{name}`"),
        _ => first_line(message),
    }
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}
