//! Why a command failed: one sentence, or a reader of our output that went away.

use std::fmt;
use std::io;

/// The result of a command and of its parts.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// A command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// For the reason in this sentence; exit status 1.
    Reason(String),
    /// The command line asks for something that makes no sense; exit status 2.
    Usage(String),
    /// A statement failed, for this reason; exit status 1.
    Statement(annals_query::Error),
    /// The user pressed Ctrl-C; exit status 130, as of a program that the signal ends.
    Interrupted,
    /// Whoever read our standard output has seen enough; not worth a word.
    OutputClosed,
}

impl Failure {
    /// A failure for the reason in this sentence.
    pub(crate) fn new(reason: impl Into<String>) -> Failure {
        Failure::Reason(reason.into())
    }

    /// A command line that makes no sense.
    pub(crate) fn usage(reason: impl Into<String>) -> Failure {
        Failure::Usage(reason.into())
    }

    /// The same failure with `context` before its sentence.
    pub(crate) fn context(self, context: impl fmt::Display) -> Failure {
        match self {
            Failure::Reason(reason) => Failure::Reason(format!("{context}: {reason}")),
            other => other,
        }
    }

    /// The same failure with `note` after its sentence.
    pub(crate) fn note(self, note: impl fmt::Display) -> Failure {
        match self {
            Failure::Reason(reason) => Failure::Reason(format!("{reason}; {note}")),
            other => other,
        }
    }
}

impl fmt::Display for Failure {
    /// One line, whatever the values in the sentence hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statement;
        let text = match self {
            Failure::Reason(text) | Failure::Usage(text) => text,
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
        Failure::Reason(source.to_string())
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
            _ => Failure::Reason(source.to_string()),
        }
    }
}

impl From<annals_engine::arrow::error::ArrowError> for Failure {
    fn from(source: annals_engine::arrow::error::ArrowError) -> Failure {
        match source {
            annals_engine::arrow::error::ArrowError::IoError(_, source) => Failure::from(source),
            source => Failure::Reason(source.to_string()),
        }
    }
}

impl From<parquet::errors::ParquetError> for Failure {
    fn from(source: parquet::errors::ParquetError) -> Failure {
        Failure::Reason(source.to_string())
    }
}
