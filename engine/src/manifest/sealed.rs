//! Partitions that are not part of the database any more, and what must be known of them.
//!
//! The range of such a partition is sealed: no write may create a version in it or change one. Who reads where it may have held the
//! answer is told so.

use serde::{Deserialize, Serialize};

use crate::index::Zone;
use crate::partition::{Partition, PartitionState};
use crate::schema::TableId;
use crate::segment::SegmentMeta;

/// A partition that was detached, archived or dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealedEntry {
    pub(crate) table: TableId,
    pub(crate) partition: Partition,
    /// Never live.
    pub(crate) state: PartitionState,
    /// When it was taken out, in microseconds since 1970.
    pub(crate) sealed_us: i64,
    /// The versions it held.
    pub(crate) row_count: u64,
    /// The bytes of its files.
    pub(crate) bytes: u64,
    /// Between which instants its versions lie: where it may have held an answer.
    pub(crate) zone: Zone,
    /// The folder of its files, relative to that of the database unless it lies elsewhere; none once it is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    /// The CRC-32C of the `partition.json` in that folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<u32>,
    /// Its segments, while it can be attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) segments: Vec<SegmentMeta>,
    /// The number of the last erasure before it was taken out: later ones are carried out when it is attached.
    #[serde(default)]
    pub(crate) erasure: u64,
}

/// A partition that is part of the database again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartitionId {
    pub(crate) table: TableId,
    pub(crate) partition: Partition,
}

impl SealedEntry {
    /// Which partition it is, and where.
    pub(crate) fn place(&self) -> String {
        let (partition, state) = (self.partition, self.state);
        match &self.location {
            Some(location) => format!("partition {partition}, {state} to {location}"),
            None => format!("partition {partition}, {state}"),
        }
    }

    pub(crate) fn id(&self) -> PartitionId {
        PartitionId { table: self.table, partition: self.partition }
    }
}
