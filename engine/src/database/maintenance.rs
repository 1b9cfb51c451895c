//! Background work, one step at a time: flushing a full memtable, compacting what the policy finds due.

use std::fmt;
use std::sync::Arc;

use super::inner::Inner;
use crate::compaction::{self, Plan};
use crate::error::Result;
use crate::flush::flush_table;
use crate::manifest::{Edit, TableProgress};
use crate::memtable::Chunk;
use crate::partition::Partition;
use crate::schema::TableId;
use crate::snapshot::State;
use crate::version::{TableVersion, Version};

/// A step of background work that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A memtable was written to segments.
    Flush {
        /// The assertions it held.
        row_count: u64,
    },
    /// Segments were replaced by what they add up to.
    Compaction {
        /// The table's name.
        table: String,
        /// The partition they were in.
        partition: Partition,
        /// How many they were.
        input_count: usize,
        /// How many took their place, in this partition and earlier ones.
        output_count: usize,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Flush { row_count } => write!(f, "flushed {row_count} rows"),
            Step::Compaction { table, partition, input_count, output_count } => {
                write!(
                    f,
                    "compacted {table}/{partition}: {input_count} segments into {output_count}"
                )
            }
        }
    }
}

impl Inner {
    /// One step, if one is due; flushes go before compactions.
    pub(super) fn maintain(&self) -> Result<Option<Step>> {
        self.check_open()?;
        if let Some(step) = self.flush_oldest()? {
            return Ok(Some(step));
        }
        self.compact_step(&compaction::next_plan)
    }

    /// Flushes the oldest memtable that takes no more writes.
    pub(super) fn flush_oldest(&self) -> Result<Option<Step>> {
        let _guard = self.maintenance.lock();
        self.sweep()?;
        let state = self.shared.lock().state.clone();
        let [memtable, next, ..] = &state.memtables[..] else { return Ok(None) };
        let (began, byte_count) = (self.options.clock.now().micros(), memtable.byte_count());
        let mut edit = Edit {
            wal_file: Some(next.wal_file),
            wal_file_newest: Some(self.wal.file()),
            commit_number: Some(memtable.last_commit()).filter(|number| *number > 0),
            ..Edit::default()
        };
        let mut row_count = 0;
        for table in memtable.tables() {
            let chunks = memtable.chunks(table, u64::MAX);
            row_count += memtable.row_count(table);
            edit.progress.push(progress_of(table, &chunks));
            let table = state.version.table(table)?;
            let output = flush_table(&self.files, table, &chunks, &mut || self.next_file_id())?;
            edit.segments_added.extend(output.segments);
            edit.supersessions_added.extend(output.supersessions);
        }
        edit.answered_us = Some(self.shared.lock().answered);
        edit.next_file_id = Some(self.next_file_id.load(std::sync::atomic::Ordering::Relaxed));
        let memtable = memtable.clone();
        drop(state);
        self.install(&mut self.manifest.lock(), &edit, Some(&memtable))?;
        let ended = self.options.clock.now().micros();
        {
            let mut shared = self.shared.lock();
            let is_behind = shared.state.memtables.len() > 1;
            shared.pace.flushed(byte_count, began, ended, is_behind);
        }
        if let Some(file) = edit.wal_file {
            self.wal.remove_before(file)?;
        }
        Ok(Some(Step::Flush { row_count }))
    }

    /// Carries out the plan that `choose` finds for some table.
    fn compact_step(&self, choose: &dyn Fn(&TableVersion) -> Option<Plan>) -> Result<Option<Step>> {
        let _guard = self.maintenance.lock();
        self.sweep()?;
        let state = self.shared.lock().state.clone();
        let Some(plan) = state.version.tables.values().find_map(|table| choose(table)) else {
            return Ok(None);
        };
        let schema = state.version.table(plan.table)?.schema.clone();
        drop(state);
        let added = compaction::compact(&self.files, &schema, &plan, &mut || self.next_file_id())?;
        let step = Step::Compaction {
            table: schema.name.clone(),
            partition: plan.partition,
            input_count: plan.inputs.len(),
            output_count: added.len(),
        };
        let edit = Edit {
            segments_added: added,
            segments_removed: plan.inputs.iter().map(|e| e.segment().meta().id).collect(),
            next_file_id: Some(self.next_file_id.load(std::sync::atomic::Ordering::Relaxed)),
            ..Edit::default()
        };
        drop(plan);
        self.install(&mut self.manifest.lock(), &edit, None)?;
        self.sweep()?;
        Ok(Some(step))
    }

    /// Flushes everything, the memtable that takes writes included.
    pub(super) fn flush(&self) -> Result<()> {
        self.check_open()?;
        {
            let _writer = self.writer.lock();
            let active = self.shared.lock().state.memtables.last().cloned();
            if active.is_some_and(|memtable| !memtable.is_empty()) {
                self.freeze()?;
            }
        }
        while self.flush_oldest()?.is_some() {}
        Ok(())
    }

    pub(super) fn compact(&self, progress: &mut dyn FnMut(&str)) -> Result<()> {
        self.flush()?;
        while let Some(step) = self.compact_step(&compaction::next_full_plan)? {
            progress(&step.to_string());
        }
        self.sweep()
    }

    pub(super) fn close(&self) -> Result<()> {
        self.flush()?;
        // Nothing is committed from here on: whoever holds the writer lock next finds the database closed.
        let _maintenance = self.maintenance.lock();
        let _writer = self.writer.lock();
        let mut manifest = self.manifest.lock();
        let answered = {
            let mut shared = self.shared.lock();
            shared.is_closed = true;
            let version = Version::default();
            let memtables = shared.state.memtables.clone();
            shared.state = Arc::new(State { version, memtables });
            shared.answered
        };
        self.room.notify_all();
        self.wal.close()?;
        let edit = Edit {
            answered_us: Some(answered),
            wal_file_newest: Some(self.wal.file()),
            wal_frame_count: Some(self.wal.next_lsn().0),
            ..Edit::default()
        };
        let mut state = manifest.state.clone();
        state.apply(&edit).map_err(crate::error::Error::invalid)?;
        manifest.log.append(&edit, &state)?;
        manifest.state = state;
        manifest.log.close()?;
        self.sweep()?;
        *self.lock.lock() = None;
        Ok(())
    }
}

fn progress_of(table: TableId, chunks: &[Arc<Chunk>]) -> TableProgress {
    let last_system_us = chunks.iter().map(|chunk| chunk.system_time).max().unwrap_or(i64::MIN);
    let next_event_id = chunks.iter().filter_map(|chunk| chunk.next_event_id()).max().unwrap_or(1);
    TableProgress { table, last_system_us, next_event_id }
}
