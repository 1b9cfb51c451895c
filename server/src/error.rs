//! Why a command failed: one sentence, or a reader of our output that went away.

use std::fmt;
use std::io;

use annals_engine::ErrorKind;

/// The result of a command and of its parts.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// A command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// For the reason in this sentence, which is of this kind; exit status 1.
    Reason(String, Kind),
    /// The command line asks for something that makes no sense; exit status 2.
    Usage(String),
    /// A statement failed, for this reason; exit status 1.
    Statement(annals_query::Error),
    /// The user pressed Ctrl-C; exit status 130, as of a program that the signal ends.
    Interrupted,
    /// Whoever read our standard output has seen enough; not worth a word.
    OutputClosed,
    /// What was to be read ended with this error of its reader, told in this sentence.
    Body(String, io::Error),
}

/// What kind of reason a failure has, for whoever answers with a code beside the sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As the engine tells its errors; `Invalid` for what was asked for or given, unless more is known.
    Engine(ErrorKind),
    /// There is no table of that name.
    NoSuchTable,
    /// What was given is not in the format, or the compression, that it is said to be in.
    Malformed,
    /// The format is known, but not this use of it.
    Unsupported,
    /// More bytes than are taken, as they are without compression.
    TooLarge,
    /// The idempotency key was used for another request.
    KeyReused,
    /// A request with the same idempotency key is still running.
    KeyBusy,
}

impl Failure {
    /// A failure for the reason in this sentence: what was asked for, or given, is wrong.
    pub(crate) fn new(reason: impl Into<String>) -> Failure {
        Failure::of(Kind::Engine(ErrorKind::Invalid), reason)
    }

    /// A failure of a kind, for the reason in this sentence.
    pub(crate) fn of(kind: Kind, reason: impl Into<String>) -> Failure {
        Failure::Reason(reason.into(), kind)
    }

    /// The kind of its reason; nothing for failures that have other ways to be told apart.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self {
            Failure::Reason(_, kind) => Some(*kind),
            Failure::Usage(_) => Some(Kind::Engine(ErrorKind::Invalid)),
            Failure::Statement(error) => Some(Kind::Engine(error.kind())),
            _ => None,
        }
    }

    /// A command line that makes no sense.
    pub(crate) fn usage(reason: impl Into<String>) -> Failure {
        Failure::Usage(reason.into())
    }

    /// The same failure with `context` before its sentence.
    pub(crate) fn context(self, context: impl fmt::Display) -> Failure {
        match self {
            Failure::Reason(reason, kind) => Failure::Reason(format!("{context}: {reason}"), kind),
            other => other,
        }
    }

    /// The same failure with `note` after its sentence.
    pub(crate) fn note(self, note: impl fmt::Display) -> Failure {
        match self {
            Failure::Reason(reason, kind) => Failure::Reason(format!("{reason}; {note}"), kind),
            Failure::Body(reason, source) => Failure::Body(format!("{reason}; {note}"), source),
            other => other,
        }
    }
}

impl fmt::Display for Failure {
    /// One line, whatever the values in the sentence hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statement;
        let text = match self {
            Failure::Reason(text, _) | Failure::Usage(text) | Failure::Body(text, _) => text,
            Failure::Statement(error) => {
                statement = error.to_string();
                &statement
            }
            Failure::Interrupted => "interrupted",
            Failure::OutputClosed => "the output was closed",
        };
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        f.write_str(lines.next().unwrap_or_default())?;
        lines.try_for_each(|line| write!(f, " {line}"))
    }
}

impl From<annals_engine::Error> for Failure {
    fn from(source: annals_engine::Error) -> Failure {
        Failure::of(Kind::Engine(source.kind()), source.to_string())
    }
}

impl From<annals_query::Error> for Failure {
    fn from(source: annals_query::Error) -> Failure {
        Failure::Statement(source)
    }
}

impl From<io::Error> for Failure {
    fn from(source: io::Error) -> Failure {
        match source.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::of(Kind::Engine(ErrorKind::Io), source.to_string()),
        }
    }
}

impl From<annals_engine::arrow::error::ArrowError> for Failure {
    fn from(source: annals_engine::arrow::error::ArrowError) -> Failure {
        match source {
            annals_engine::arrow::error::ArrowError::IoError(_, source) => Failure::from(source),
            source => Failure::of(Kind::Malformed, source.to_string()),
        }
    }
}

impl From<parquet::errors::ParquetError> for Failure {
    fn from(source: parquet::errors::ParquetError) -> Failure {
        Failure::of(Kind::Malformed, source.to_string())
    }
}
