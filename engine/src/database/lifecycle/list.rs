//! The partitions of a table: those that are part of the database, and those that were.

use std::collections::BTreeMap;

use crate::database::inner::Inner;
use crate::error::Result;
use crate::partition::{Partition, PartitionState};
use crate::time::ValidTime;
use crate::version::TableVersion;

/// A partition of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionInfo {
    /// The table's name.
    pub table: String,
    /// The partition's, such as `2024-03` or `current`.
    pub partition: String,
    /// Its range, from the first instant to the first after it; unbounded for `current`.
    pub range: (ValidTime, ValidTime),
    /// Whether it is live, and if not, what became of it.
    pub state: PartitionState,
    /// The rows of its segments. `current` may also hold rows that have ended and wait to be moved.
    pub row_count: u64,
    /// The bytes of its files.
    pub bytes: u64,
    /// Its segments while it is live.
    pub segment_count: u64,
    /// The folder that holds it, relative to that of the database unless it lies elsewhere; `None` if it was dropped.
    pub location: Option<String>,
}

impl Inner {
    /// The partitions of all tables, each table's in order of time with `current` last. Touches no file.
    pub(in crate::database) fn partitions(&self) -> Result<Vec<PartitionInfo>> {
        self.check_open()?;
        let state = self.shared.lock().state.clone();
        let tables = state.version.tables.values();
        Ok(tables.flat_map(|table| self.partitions_of(table)).collect())
    }

    fn partitions_of(&self, table: &TableVersion) -> Vec<PartitionInfo> {
        let mut found: BTreeMap<Partition, PartitionInfo> = BTreeMap::new();
        let name = &table.schema.name;
        for entry in &table.segments {
            let meta = entry.segment().meta();
            let info = found.entry(meta.partition).or_insert_with(|| {
                let dir = self.files.partition_dir(meta.table, &meta.partition.name());
                let location = Some(self.files.shown(&dir));
                PartitionInfo { location, ..PartitionInfo::empty(name, meta.partition) }
            });
            info.segment_count += 1;
            info.row_count += u64::from(meta.row_count);
            info.bytes += meta.data_bytes + meta.index_bytes;
        }
        for (partition, sealed) in &table.sealed {
            let entry = &sealed.entry;
            let info = PartitionInfo {
                state: entry.state,
                row_count: entry.row_count,
                bytes: entry.bytes,
                location: entry.location.clone(),
                ..PartitionInfo::empty(name, *partition)
            };
            found.insert(*partition, info);
        }
        found.into_values().collect()
    }
}

impl PartitionInfo {
    fn empty(table: &str, partition: Partition) -> PartitionInfo {
        let from = if partition.is_current() { i64::MIN } else { partition.from_us() };
        PartitionInfo {
            table: table.to_owned(),
            partition: partition.name(),
            range: (ValidTime::from_micros(from), ValidTime::from_micros(partition.to_us())),
            state: PartitionState::Live,
            row_count: 0,
            bytes: 0,
            segment_count: 0,
            location: None,
        }
    }
}
