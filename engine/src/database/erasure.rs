//! What is asked of an erasure, and what stays on record of it.

use std::fmt;

use crate::error::{Error, Result};
use crate::manifest::{ErasedKeyEntry, ErasureEntry};
use crate::time::SystemTime;

/// The longest that a name or a reason may be, in bytes: both are kept for ever.
const TEXT_BYTES_MAX: usize = 4_096;

/// Who asks for an erasure, and why. Both stay on record, so neither may tell what was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureRequest {
    by: String,
    reason: Option<String>,
}

impl ErasureRequest {
    /// A request by somebody, who is named as the record shall name them.
    pub fn by(name: impl Into<String>) -> ErasureRequest {
        ErasureRequest { by: name.into(), reason: None }
    }

    /// Says why.
    pub fn reason(mut self, text: impl Into<String>) -> ErasureRequest {
        self.reason = Some(text.into());
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.by.is_empty() {
            return Err(Error::invalid("an erasure needs the name of who asks for it"));
        }
        let longest = self.by.len().max(self.reason.as_ref().map_or(0, String::len));
        if longest > TEXT_BYTES_MAX {
            return Err(Error::invalid(format!(
                "a name or reason of {longest} bytes is longer than {TEXT_BYTES_MAX} bytes"
            )));
        }
        Ok(())
    }

    /// The record of what was done.
    pub(super) fn record(
        &self,
        (number, table): (u64, crate::schema::TableId),
        erased_us: i64,
        file_count: u64,
        keys: Vec<ErasedKeyEntry>,
    ) -> ErasureEntry {
        let (by, reason) = (self.by.clone(), self.reason.clone());
        let unreached = Vec::new();
        ErasureEntry { number, table, erased_us, by, reason, file_count, keys, unreached }
    }
}

/// An erasure that was carried out: what [`crate::Database::erase`] returns, and what stays on record of it for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erasure {
    /// Its number in the database, from 1 on; 0 if there was no trace of any key, and so nothing to erase and nothing on record.
    pub number: u64,
    /// The table's name.
    pub table: String,
    /// Its system time: all that was committed before is erased, what is committed later about the same keys is new.
    pub erased_at: SystemTime,
    /// Who asked for it.
    pub by: String,
    /// Why, if that was told.
    pub reason: Option<String>,
    /// The keys of which there was a trace, or could be one in [`Erasure::unreached`].
    pub keys: Vec<ErasedKey>,
    /// Segments that were rewritten without rows of the keys, or removed because they held nothing else.
    pub file_count: u64,
    /// Places that may hold something of the keys and were not reached: partitions that are detached or archived. Attaching one carries
    /// the erasure out in it.
    pub unreached: Vec<String>,
}

/// A key that was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErasedKey {
    /// HMAC-SHA256 of the encoded key, with a secret of the database: whoever has the folder and knows a key can tell whether it
    /// was erased, and nobody can tell the key from it.
    pub hash: [u8; 32],
    /// The rows of segments that it had. A key that was put and retracted in one transaction, or only ever retracted, had none.
    pub row_count: u64,
    /// In how many segments.
    pub file_count: u64,
}

impl Erasure {
    /// Rows of segments that were removed.
    pub fn row_count(&self) -> u64 {
        self.keys.iter().map(|key| key.row_count).sum()
    }

    pub(super) fn of(record: &ErasureEntry, table: &str) -> Erasure {
        let key = |key: &ErasedKeyEntry| ErasedKey {
            hash: key.hash.0,
            row_count: key.row_count,
            file_count: key.file_count,
        };
        Erasure {
            number: record.number,
            table: table.to_owned(),
            erased_at: SystemTime::from_micros(record.erased_us),
            by: record.by.clone(),
            reason: record.reason.clone(),
            keys: record.keys.iter().map(key).collect(),
            file_count: record.file_count,
            unreached: record.unreached.clone(),
        }
    }
}

impl fmt::Display for Erasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (keys, rows, files) = (self.keys.len(), self.row_count(), self.file_count);
        write!(f, "erased {keys} keys of {}: {rows} rows in {files} segments", self.table)
    }
}
