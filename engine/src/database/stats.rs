//! Sizes and counts, for people and for monitoring.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::inner::Inner;
use crate::error::Result;
use crate::partition::Partition;
use crate::time::{SystemTime, ValidTime};
use crate::version::{SegmentEntry, TableVersion};

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
    /// Why retention could not be applied in the background when it was last tried; `None` if it could.
    pub retention_error: Option<String>,
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

/// A segment: an immutable run of versions of one table in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentStats {
    /// The name of its table.
    pub table: String,
    /// The name of its partition, such as `2024-03` or `current`.
    pub partition: String,
    /// Its name; those of its two files are this one and `.parquet` or `.index`.
    pub segment: String,
    /// The rows in it.
    pub row_count: u64,
    /// Those of them whose system period has no end in the segment: still believed, where no cut has ended it.
    pub open_row_count: u64,
    /// Cuts of its rows that no compaction has turned into plain rows yet.
    pub cut_count: u64,
    /// The bytes of its files.
    pub bytes: u64,
    /// The least start and the greatest end of its rows in valid time.
    pub valid: (ValidTime, ValidTime),
    /// The least start and the greatest end of its rows in system time.
    pub system: (SystemTime, SystemTime),
}

impl Inner {
    /// Every segment, by table, partition and age.
    pub(super) fn segments(&self) -> Result<Vec<SegmentStats>> {
        self.check_open()?;
        let state = self.shared.lock().state.clone();
        let tables = state.version.tables.values();
        let mut segments: Vec<_> = tables
            .flat_map(|t| t.segments.iter().map(move |entry| (&t.schema.name, entry)))
            .collect();
        segments.sort_by_key(|(table, entry)| {
            let meta = entry.segment().meta();
            (*table, meta.partition, meta.id)
        });
        let stats = |(table, entry): (&String, &Arc<SegmentEntry>)| {
            let meta = entry.segment().meta();
            let zone = &meta.zone;
            SegmentStats {
                table: table.clone(),
                partition: meta.partition.name(),
                segment: meta.id.to_string(),
                row_count: meta.row_count.into(),
                open_row_count: meta.open_count.into(),
                cut_count: entry.cut_count(),
                bytes: meta.data_bytes + meta.index_bytes,
                valid: (
                    ValidTime::from_micros(zone.valid_from.0),
                    ValidTime::from_micros(zone.valid_to.1),
                ),
                system: (
                    SystemTime::from_micros(zone.system_from.0),
                    SystemTime::from_micros(zone.system_to.1),
                ),
            }
        };
        Ok(segments.into_iter().map(stats).collect())
    }

    pub(super) fn stats(&self) -> Result<Stats> {
        self.check_open()?;
        let clocks: BTreeMap<_, _> = {
            let writer = self.writer.lock();
            writer.clocks.iter().map(|(id, clock)| (*id, clock.last_system)).collect()
        };
        let (state, transaction_count, retention_error) = {
            let shared = self.shared.lock();
            let error = shared.retention_error.as_ref().map(ToString::to_string);
            (shared.state.clone(), shared.visible_commit, error)
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
            retention_error,
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
        if let Some(error) = &self.retention_error {
            writeln!(f, "retention could not be applied: {error}")?;
        }
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
