//! What the database consists of: a log of edits, and the state that they add up to.
//!
//! One edit is one atomic change: a flush, a compaction, an erasure, a partition that leaves, a new table or index. An edit is durable before anybody acts on it, and files
//! are deleted only after the edit that forgets them is durable. The log is rewritten as one edit, in a new file, when it has
//! grown long.

mod audit;
mod edit;
mod erasure;
mod index;
mod log;
mod retention;
mod schemas;
mod sealed;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use audit::AuditEntry;
pub(crate) use edit::{Edit, TableProgress};
pub(crate) use erasure::{ErasedKeyEntry, ErasureEntry};
pub(crate) use index::IndexEntry;
pub(crate) use log::{MANIFEST_DIR, ManifestFound, ManifestLog};
pub use retention::RetentionAction;
pub(crate) use retention::{HeldKey, HoldEntry, HoldId, RetentionEntry, RetentionPolicy};
pub(crate) use sealed::{PartitionId, SealedEntry};
pub(crate) use state::{ManifestState, TableState};
