//! Sizes and counts, for people and for monitoring.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::inner::Inner;
use crate::error::Result;
use crate::partition::Partition;
use crate::time::SystemTime;
use crate::version::TableVersion;

/// Sizes and counts of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// The tables, in the order in which they were made.
    pub tables: Vec<TableStats>,
    /// Transactions committed since the database was made.
    pub transaction_count: u64,
    /// Bytes of memory that unflushed assertions take.
    pub memtable_bytes: u64,
    /// Bytes of memory that decoded columns and index pages take.
    pub cache_bytes: u64,
}

/// Sizes and counts of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TableStats {
    /// Its name.
    pub name: String,
    /// Its partitions in order of time, `current` last.
    pub partitions: Vec<PartitionStats>,
    /// Assertions that are not in segments yet.
    pub memtable_row_count: u64,
    /// Cuts of rows in segments that no compaction has turned into plain rows yet.
    pub supersession_count: u64,
    /// The system time of its last transaction.
    pub last_system_time: Option<String>,
}

/// Sizes and counts of a partition of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartitionStats {
    /// Its name, such as `2024-03` or `current`.
    pub partition: String,
    /// Its segments.
    pub segment_count: u64,
    /// The rows in them.
    pub row_count: u64,
    /// The bytes of their files.
    pub bytes: u64,
}

impl Inner {
    pub(super) fn stats(&self) -> Result<Stats> {
        self.check_open()?;
        let clocks: BTreeMap<_, _> = {
            let writer = self.writer.lock();
            writer.clocks.iter().map(|(id, clock)| (*id, clock.last_system)).collect()
        };
        let (state, transaction_count) = {
            let shared = self.shared.lock();
            (shared.state.clone(), shared.visible_commit)
        };
        let tables = state.version.tables.values().map(|table| {
            let id = table.schema.id;
            let last = clocks.get(&id).copied().filter(|last| *last != i64::MIN);
            TableStats {
                name: table.schema.name.clone(),
                partitions: partitions(table),
                memtable_row_count: state.memtables.iter().map(|m| m.row_count(id)).sum(),
                supersession_count: table.segments.iter().map(|entry| entry.cut_count()).sum(),
                last_system_time: last.map(|last| SystemTime::from_micros(last).to_string()),
            }
        });
        Ok(Stats {
            tables: tables.collect(),
            transaction_count,
            memtable_bytes: state.memtables.iter().map(|m| m.byte_count() as u64).sum(),
            cache_bytes: self.files.cache.byte_count(),
        })
    }
}

fn partitions(table: &TableVersion) -> Vec<PartitionStats> {
    let mut partitions: BTreeMap<Partition, PartitionStats> = BTreeMap::new();
    for entry in &table.segments {
        let meta = entry.segment().meta();
        let stats = partitions.entry(meta.partition).or_insert_with(|| PartitionStats {
            partition: meta.partition.name(),
            segment_count: 0,
            row_count: 0,
            bytes: 0,
        });
        stats.segment_count += 1;
        stats.row_count += u64::from(meta.row_count);
        stats.bytes += meta.data_bytes + meta.index_bytes;
    }
    partitions.into_values().collect()
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats { transaction_count, memtable_bytes, cache_bytes, .. } = self;
        writeln!(
            f,
            "{transaction_count} transactions, {memtable_bytes} bytes of memtables, {cache_bytes} bytes of cache"
        )?;
        for table in &self.tables {
            let rows: u64 = table.partitions.iter().map(|partition| partition.row_count).sum();
            let bytes: u64 = table.partitions.iter().map(|partition| partition.bytes).sum();
            writeln!(
                f,
                "{}: {rows} rows and {bytes} bytes in {} partitions, {} rows in memory",
                table.name,
                table.partitions.len(),
                table.memtable_row_count
            )?;
        }
        Ok(())
    }
}
