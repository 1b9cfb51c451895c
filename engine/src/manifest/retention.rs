//! What is to become of the partitions of a table as they grow old, and what must stay whatever else is said.

use serde::{Deserialize, Serialize};

use crate::schema::TableId;

/// How long the versions of a table are kept after their end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionEntry {
    pub(crate) table: TableId,
    /// `None`: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<RetentionPolicy>,
}

/// A partition that ended so long ago is taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetentionPolicy {
    /// The span as the user wrote it, such as `7 years`.
    pub(crate) keep: String,
    pub(crate) action: RetentionAction,
}

/// What becomes of a partition that has passed out of its table's retention.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RetentionAction {
    /// It is deleted.
    #[default]
    Drop,
    /// It is taken out of every query and stays in a folder below that of the database.
    Detach,
    /// It is written into a folder of its own below this one, as `<table>/<partition>`, and taken out.
    Archive(String),
}

/// A named hold: what it concerns is neither dropped nor erased, by nobody, until it is released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldEntry {
    pub(crate) table: TableId,
    /// Unique in its table.
    pub(crate) name: String,
    pub(crate) placed_us: i64,
    pub(crate) by: String,
    /// What the key of a row must satisfy, all of it; the whole table if there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) condition: Vec<HeldKey>,
}

/// The values that one column of a key may have. Only these: a bound would leave a value in the manifest that nothing holds, and that
/// an erasure must be able to remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldKey {
    /// The position of the column among those of the key.
    pub(crate) key: usize,
    /// As text.
    pub(crate) values: Vec<String>,
}

/// A hold by its table and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldId {
    pub(crate) table: TableId,
    pub(crate) name: String,
}
