//! Where the versions of a partition are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a partition is part of the database, and if not, what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartitionState {
    /// It is read and written.
    Live,
    /// It was taken out of every query and lies in a folder of its own below that of the database; it can be attached again.
    Detached,
    /// It was written to another place and taken out of every query; it can be attached again from there.
    Archived,
    /// It was deleted.
    Dropped,
}

impl PartitionState {
    /// Whether it can be attached again.
    pub fn is_attachable(self) -> bool {
        matches!(self, PartitionState::Detached | PartitionState::Archived)
    }
}

impl fmt::Display for PartitionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PartitionState::Live => "live",
            PartitionState::Detached => "detached",
            PartitionState::Archived => "archived",
            PartitionState::Dropped => "dropped",
        })
    }
}
