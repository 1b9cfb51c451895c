//! Why a run stopped: one sentence.

use std::fmt;

/// The result of every step of a run.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a run stopped: an error of the engine or the machine, or an answer that is not the truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
}

impl Failure {
    /// A failure with a message of one sentence.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into() }
    }

    /// The same failure with `context` put before its message: `context: message`.
    pub fn context(self, context: impl fmt::Display) -> Failure {
        Failure { message: format!("{context}: {}", self.message) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

macro_rules! from_display {
    ($($source:ty),+) => {
        $(impl From<$source> for Failure {
            fn from(source: $source) -> Failure {
                Failure::new(source.to_string())
            }
        })+
    };
}

from_display!(
    annals_engine::Error,
    annals_query::Error,
    arrow::error::ArrowError,
    hyper::Error,
    parquet::errors::ParquetError,
    serde_json::Error,
    std::io::Error
);
