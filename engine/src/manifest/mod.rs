//! What the database consists of: a log of edits, and the state that they add up to.
//!
//! One edit is one atomic change: a flush, a compaction, an erasure, a new table. An edit is durable before anybody acts on it, and files
//! are deleted only after the edit that forgets them is durable. The log is rewritten as one edit, in a new file, when it has
//! grown long.

mod edit;
mod erasure;
mod log;
mod schemas;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use edit::{Edit, TableProgress};
pub(crate) use erasure::{ErasedKeyEntry, ErasureEntry};
pub(crate) use log::{MANIFEST_DIR, ManifestFound, ManifestLog};
pub(crate) use state::{ManifestState, TableState};
