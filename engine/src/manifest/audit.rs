//! What is on record of changes that are not transactions: who did what to which table, and when.

use serde::{Deserialize, Serialize};

/// One entry; it is durable with the change that it tells of, and never goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditEntry {
    /// Counted from 1, without gaps.
    pub(crate) number: u64,
    /// When it was done, in microseconds since 1970.
    pub(crate) at_us: i64,
    /// Who asked for it.
    pub(crate) by: String,
    /// What was done, such as `drop partition`.
    pub(crate) action: String,
    /// The table's name at that time.
    pub(crate) table: String,
    /// What of the table it concerns, such as the name of a partition or of a hold; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) object: String,
    /// More of it, in words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) detail: String,
}
