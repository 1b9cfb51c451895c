//! A mark by which a snapshot knows that data of a table was erased after it was made.

use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result};
use crate::time::SystemTime;

/// Shared by all versions of a table between two erasures; the later of the two is noted in it.
///
/// An erasure first sets the mark, then takes rows out of memtables and removes files. So who reads and then finds the mark not set
/// has read all that there was.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErasedMark {
    erased_at: Arc<OnceLock<SystemTime>>,
}

impl ErasedMark {
    /// Notes the erasure that ends the versions that share the mark.
    pub(crate) fn set(&self, at: SystemTime) {
        // One erasure at a time, and each begins with a mark of its own.
        let _ = self.erased_at.set(at);
    }

    /// An error once the mark is set.
    pub(crate) fn check(&self, table: &str) -> Result<()> {
        match self.erased_at.get() {
            Some(at) => Err(Error::erased(table, at)),
            None => Ok(()),
        }
    }
}
