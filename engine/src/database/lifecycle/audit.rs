//! What is on record: who changed what beside transactions.

use std::path::Path;

use crate::database::inner::{Inner, Manifest};
use crate::error::{Error, Result};
use crate::manifest::AuditEntry;
use crate::time::SystemTime;

/// The longest that a name may be, in bytes: it is kept for ever.
const NAME_BYTES_MAX: usize = 4_096;

/// Something that is on record for ever: a partition that left or came back, a hold, a retention policy, an erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditRecord {
    /// Its number in the database, from 1 on, without gaps.
    pub number: u64,
    /// When it was done.
    pub at: SystemTime,
    /// Who asked for it.
    pub by: String,
    /// What was done, such as `drop partition`.
    pub action: String,
    /// The table's name at that time.
    pub table: String,
    /// What of the table it concerns, such as the name of a partition or of a hold; may be empty.
    pub object: String,
    /// More of it, in words; may be empty.
    pub detail: String,
}

impl Inner {
    /// Everything on record, oldest first.
    pub(in crate::database) fn audit(&self) -> Result<Vec<AuditRecord>> {
        self.check_open()?;
        let manifest = self.manifest.lock();
        let record = |entry: &std::sync::Arc<AuditEntry>| AuditRecord {
            number: entry.number,
            at: SystemTime::from_micros(entry.at_us),
            by: entry.by.clone(),
            action: entry.action.clone(),
            table: entry.table.clone(),
            object: entry.object.clone(),
            detail: entry.detail.clone(),
        };
        Ok(manifest.state.audit.iter().map(record).collect())
    }
}

/// Puts entries on record that go with one edit.
pub(in crate::database) struct Auditor<'a> {
    pub(in crate::database) at_us: i64,
    pub(in crate::database) by: &'a str,
    pub(in crate::database) table: &'a str,
}

impl Auditor<'_> {
    /// The entry behind those of the manifest and `earlier` ones of the same edit.
    pub(in crate::database) fn entry(
        &self,
        manifest: &Manifest,
        earlier: &[AuditEntry],
        action: &str,
        object: &str,
        detail: String,
    ) -> AuditEntry {
        AuditEntry {
            number: manifest.state.next_audit() + earlier.len() as u64,
            at_us: self.at_us,
            by: self.by.to_owned(),
            action: action.to_owned(),
            table: self.table.to_owned(),
            object: object.to_owned(),
            detail,
        }
    }
}

/// An error unless `by` can stand on record as who asked for something.
pub(super) fn check_by(by: &str) -> Result<()> {
    match by.len() {
        0 => Err(Error::invalid("the record needs the name of who asks for it")),
        1..=NAME_BYTES_MAX => Ok(()),
        length => Err(Error::invalid(format!(
            "a name of {length} bytes is longer than {NAME_BYTES_MAX} bytes"
        ))),
    }
}

/// A path as text for the record.
pub(super) fn text_of(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Error::invalid(format!("{} is not UTF-8", path.display())))
}
