//! One error type for the crate: the engine's kinds, a sentence, and the place in the statement it speaks of.

use std::{fmt, io};

use annals_engine::ErrorKind;
use annals_engine::schema::did_you_mean;
use arrow::error::ArrowError;
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

impl From<ArrowError> for Error {
    fn from(source: ArrowError) -> Error {
        from_arrow(&source)
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
        let mut error = translate(&source);
        error.place = error.place.or(place);
        error
    }
}

/// It may be shared by several streams, so that it can be read, not taken.
fn translate(source: &DataFusionError) -> Error {
    match source {
        DataFusionError::External(inner) => from_external(&**inner),
        DataFusionError::ArrowError(inner, _) => from_arrow(inner),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            translate(inner)
        }
        DataFusionError::Shared(inner) => translate(inner),
        DataFusionError::Collection(all) if !all.is_empty() => translate(&all[0]),
        DataFusionError::SQL(inner, _) => from_parser(inner),
        DataFusionError::SchemaError(inner, _) => from_schema(inner),
        DataFusionError::IoError(inner) => from_io(inner),
        DataFusionError::Internal(message) => defect(message),
        DataFusionError::ExecutionJoin(inner) => defect(&inner.to_string()),
        DataFusionError::ResourcesExhausted(message) => {
            Error::new(ErrorKind::Exhausted, first_line(message))
        }
        DataFusionError::Plan(message) => Error::invalid(of_function(message)),
        DataFusionError::Execution(message) => Error::invalid(first_line(message)),
        DataFusionError::NotImplemented(message) => {
            Error::invalid(format!("not supported: {}", first_line(message)))
        }
        other => Error::invalid(first_line(&other.strip_backtrace())),
    }
}

/// What the planner's libraries carry for others: an error of ours, or of one of them inside another's.
fn from_external(source: &(dyn std::error::Error + Send + Sync + 'static)) -> Error {
    if let Some(own) = source.downcast_ref::<Error>() {
        return own.clone();
    }
    if let Some(engine) = source.downcast_ref::<annals_engine::Error>() {
        return engine.clone().into();
    }
    if let Some(inner) = source.downcast_ref::<DataFusionError>() {
        return translate(inner);
    }
    if let Some(inner) = source.downcast_ref::<ArrowError>() {
        return from_arrow(inner);
    }
    match source.downcast_ref::<io::Error>() {
        Some(inner) => from_io(inner),
        None => Error::invalid(first_line(&source.to_string())),
    }
}

fn from_arrow(source: &ArrowError) -> Error {
    match source {
        ArrowError::ExternalError(inner) => from_external(&**inner),
        ArrowError::IoError(_, inner) => from_io(inner),
        other => Error::invalid(first_line(&other.to_string())),
    }
}

/// Queries themselves write and read nothing but what they spill. Where that lies is no matter of clients, and what wraps an error of
/// the operating system names the path: so it is told by its kind alone then.
fn from_io(source: &io::Error) -> Error {
    let what = match source.raw_os_error() {
        Some(_) => source.to_string(),
        None => source.kind().to_string(),
    };
    let message = format!("a temporary file could not be written or read: {what}");
    Error::new(ErrorKind::Io, message)
}

fn defect(message: &str) -> Error {
    let message = format!("a defect in the running of queries: {}", first_line(message));
    Error::new(ErrorKind::Internal, message)
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use annals_engine::ErrorKind;
    use arrow::error::ArrowError;
    use datafusion::error::DataFusionError;

    use super::Error;

    #[test]
    fn what_is_no_fault_of_the_client_is_not_answered_as_one() {
        let full = || DataFusionError::IoError(io::Error::other("/var/secret/x: no room"));
        let through_arrow = ArrowError::from(DataFusionError::ResourcesExhausted("full".into()));
        let of_file = ArrowError::IoError("/var/secret".into(), io::ErrorKind::NotFound.into());
        let cases: [(DataFusionError, ErrorKind); 7] = [
            (full(), ErrorKind::Io),
            (full().context("while /var/secret/y is written"), ErrorKind::Io),
            (DataFusionError::Shared(Arc::new(full())), ErrorKind::Io),
            (of_file.into(), ErrorKind::Io),
            (ArrowError::from(full()).into(), ErrorKind::Io),
            (through_arrow.into(), ErrorKind::Exhausted),
            (DataFusionError::Internal("no such state\nplease report".into()), ErrorKind::Internal),
        ];
        for (source, expected) in cases {
            let shown = source.to_string();
            let error = Error::from(source);
            assert_eq!(error.kind(), expected, "{error}, of {shown}");
            assert!(!error.message().contains("secret"), "{error}");
            assert!(!error.message().contains('\n'), "{error}");
        }
    }
}
