//! What a partition holds, once it is brought together.

use std::sync::Arc;

use super::change::PartitionChange;
use crate::compaction;
use crate::database::inner::Inner;
use crate::error::{Error, Result};
use crate::index::Zone;
use crate::manifest::PartitionId;
use crate::partition::Partition;
use crate::schema::TableSchema;
use crate::segment::{Segment, SegmentMeta};
use crate::time::SystemTime;

/// The segments of a partition that is whole and by itself.
pub(super) struct Found {
    pub(super) id: PartitionId,
    pub(super) segments: Vec<Arc<Segment>>,
}

impl Found {
    pub(super) fn metas(&self) -> Vec<SegmentMeta> {
        self.segments.iter().map(|segment| segment.meta().clone()).collect()
    }

    pub(super) fn zone(&self, schema: &TableSchema) -> Result<Zone> {
        let zones = self.segments.iter().map(|segment| segment.meta().zone);
        zones.reduce(|all, zone| all.union(&zone)).ok_or_else(|| {
            let (table, partition) = (&schema.name, self.id.partition);
            Error::invalid(format!("there is nothing in partition {partition} of table `{table}`"))
        })
    }

    pub(super) fn change(&self, schema: &TableSchema, zone: &Zone) -> PartitionChange {
        let metas = || self.segments.iter().map(|segment| segment.meta());
        let row_count = metas().map(|meta| u64::from(meta.row_count)).sum();
        let bytes = metas().map(|meta| meta.data_bytes + meta.index_bytes).sum();
        PartitionChange::new((&schema.name, self.id.partition), (row_count, bytes), zone)
    }
}

impl Inner {
    /// What taking partitions out would take out, and what could no longer be answered. Versions of them are brought together for it,
    /// which changes no answer.
    pub(in crate::database) fn preview(
        &self,
        table: &str,
        partitions: &[Partition],
    ) -> Result<Vec<PartitionChange>> {
        let _life = self.life.lock();
        let schema = self.schema_of(table)?;
        let mut partitions = partitions.to_vec();
        partitions.sort_unstable();
        partitions.dedup();
        let mut changes = Vec::new();
        let state = self.shared.lock().state.clone();
        for (partition, sealed) in &state.version.table(schema.id)?.sealed {
            if partitions.contains(partition) && sealed.entry.state.is_attachable() {
                partitions.retain(|other| other != partition);
                changes.push(PartitionChange::of(&schema.name, &sealed.entry));
            }
        }
        drop(state);
        for partition in &partitions {
            self.check_may_leave(&schema, *partition)?;
        }
        self.settle(&schema, &partitions, false)?;
        for found in self.found(&schema, &partitions)? {
            let zone = found.zone(&schema)?;
            changes.push(found.change(&schema, &zone));
        }
        Ok(changes)
    }

    pub(super) fn check_may_leave(&self, schema: &TableSchema, partition: Partition) -> Result<()> {
        let (table, width) = (&schema.name, schema.partition_width);
        if partition.is_current() || Partition::of_end(partition.to_us(), width) != partition {
            return Err(Error::invalid(format!(
                "`{partition}` is no partition of table `{table}` that could be taken out: those have ended, and have the width of a {}",
                width.name()
            )));
        }
        let now = self.options.clock.now();
        if partition.to_us() > now.micros() {
            let end = SystemTime::from_micros(partition.to_us());
            return Err(Error::invalid(format!(
                "partition {partition} of table `{table}` ends at {end}, after now, {now}: what it holds is still believed of the present or \
                 the future"
            )));
        }
        Ok(())
    }

    /// Brings the versions of the partitions together in segments of their own.
    pub(super) fn settle(
        &self,
        schema: &TableSchema,
        partitions: &[Partition],
        is_for_others: bool,
    ) -> Result<()> {
        self.flush()?;
        let plan = |table: &crate::version::TableVersion| match table.schema.id == schema.id {
            true => compaction::settling_plan(table, partitions, is_for_others),
            false => Ok(None),
        };
        while self.compact_step(&plan)?.is_some() {}
        Ok(())
    }

    pub(super) fn found(
        &self,
        schema: &TableSchema,
        partitions: &[Partition],
    ) -> Result<Vec<Found>> {
        let state = self.shared.lock().state.clone();
        let table = state.version.table(schema.id)?;
        let found = partitions.iter().map(|partition| {
            let own = |segment: &&Arc<Segment>| segment.meta().partition == *partition;
            let segments = table.segments.iter().map(|entry| entry.segment()).filter(own);
            let id = PartitionId { table: schema.id, partition: *partition };
            Found { id, segments: segments.cloned().collect() }
        });
        Ok(found.collect())
    }
}
