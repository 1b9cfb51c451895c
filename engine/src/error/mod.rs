//! One error type for the whole engine: a kind that says what to do next, a sentence that says what happened and where.

mod kind;

pub use kind::ErrorKind;

use std::fmt;
use std::path::Path;

/// The result of every fallible call of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and (by [`Error::kind`]) what the caller can do about it.
///
/// The message is one sentence with the values in it. Errors about stored bytes carry the file and the offset.
#[derive(Clone)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    file: String,
    offset: u64,
}

impl Error {
    /// An error of the given kind with a message of one sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { inner: Box::new(Inner { kind, message: message.into(), place: None }) }
    }

    /// The request is wrong.
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Invalid, message)
    }

    /// A limit was reached.
    pub fn exhausted(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Exhausted, message)
    }

    /// An expectation of the transaction does not hold.
    pub fn conflict(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Conflict, message)
    }

    /// Stored bytes are not what was written; names file and byte offset.
    pub fn corrupt(file: impl AsRef<Path>, offset: u64, what: impl fmt::Display) -> Error {
        let file = file.as_ref().display().to_string();
        let message = format!("corrupt file {file} at offset {offset}: {what}");
        Error {
            inner: Box::new(Inner {
                kind: ErrorKind::Corrupt,
                message,
                place: Some(Place { file, offset }),
            }),
        }
    }

    /// The operating system refused to read or list; `action` is a verb phrase such as `read`.
    pub fn io(action: &str, file: impl AsRef<Path>, source: &std::io::Error) -> Error {
        let file = file.as_ref().display();
        Error::new(ErrorKind::Io, format!("cannot {action} {file}: {source}"))
    }

    /// A write or sync failed; no later write can be trusted.
    pub fn halted(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Halted, message)
    }

    /// Closed, locked by another process, or written by a newer format.
    pub fn unavailable(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Unavailable, message)
    }

    /// The snapshot that was asked is older than an erasure in the table; `at` is its instant.
    pub(crate) fn erased(table: &str, at: impl fmt::Display) -> Error {
        let what = format!("data of table `{table}` was erased at {at}");
        Error::new(ErrorKind::Erased, format!("{what}, and this snapshot is older: take a new one"))
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The damaged file, for errors of kind [`ErrorKind::Corrupt`].
    pub fn file(&self) -> Option<&str> {
        self.inner.place.as_ref().map(|place| place.file.as_str())
    }

    /// The byte offset of the damage in [`Error::file`].
    pub fn offset(&self) -> Option<u64> {
        self.inner.place.as_ref().map(|place| place.offset)
    }

    /// The same error with `context` put before its message: `context: message`.
    pub fn context(mut self, context: impl fmt::Display) -> Error {
        self.inner.message = format!("{context}: {}", self.inner.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({})", self.inner.kind, self.inner.message)
    }
}

impl std::error::Error for Error {}

impl From<arrow::error::ArrowError> for Error {
    /// Arrow refuses batches whose shape or types do not fit: the request is wrong.
    fn from(source: arrow::error::ArrowError) -> Error {
        Error::invalid(source.to_string())
    }
}
