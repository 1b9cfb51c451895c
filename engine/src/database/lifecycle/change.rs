//! What leaving and coming back tells.

use crate::index::Zone;
use crate::manifest::SealedEntry;
use crate::partition::{Partition, PartitionState};
use crate::time::{SystemTime, ValidTime};

/// What was, or would be, taken out of the database or brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionChange {
    /// The table's name.
    pub table: String,
    /// The partition's, such as `2024-03`.
    pub partition: String,
    /// What became of it; `Live` for what only would be done, or was brought back.
    pub state: PartitionState,
    /// The versions in it.
    pub row_count: u64,
    /// The bytes of its files.
    pub bytes: u64,
    /// The folder that holds it now, relative to that of the database unless it lies elsewhere.
    pub location: Option<String>,
    /// Its versions are valid from the first of these instants on, and none at the second or later. As of a valid instant between them
    /// and a system instant within [`PartitionChange::system`], a keyed table cannot be answered without the partition, if one of the
    /// two lies before [`PartitionChange::before`].
    pub valid: (ValidTime, ValidTime),
    /// They are believed from the first of these instants on, and none at the second or later.
    pub system: (SystemTime, SystemTime),
    /// The latest end of its versions. As of this instant or a later one on both axes, nothing is missing without the partition.
    pub before: SystemTime,
}

impl PartitionChange {
    pub(super) fn new(
        (table, partition): (&str, Partition),
        (row_count, bytes): (u64, u64),
        zone: &Zone,
    ) -> PartitionChange {
        PartitionChange {
            table: table.to_owned(),
            partition: partition.name(),
            state: PartitionState::Live,
            row_count,
            bytes,
            location: None,
            valid: (
                ValidTime::from_micros(zone.valid_from.0),
                ValidTime::from_micros(zone.valid_to.1),
            ),
            system: (
                SystemTime::from_micros(zone.system_from.0),
                SystemTime::from_micros(zone.system_to.1),
            ),
            before: SystemTime::from_micros(zone.end.1),
        }
    }

    /// What is on record of a partition that left, as it is once it is back.
    pub(super) fn of(table: &str, entry: &SealedEntry) -> PartitionChange {
        let counts = (entry.row_count, entry.bytes);
        PartitionChange::new((table, entry.partition), counts, &entry.zone)
    }
}
