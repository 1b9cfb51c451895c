//! Background work, one step at a time: flushing a full memtable, compacting what the policy finds due, building indexes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;

use super::inner::Inner;
use super::lifecycle::PartitionChange;
use crate::compaction::{self, Compacted, Plan};
use crate::error::Result;
use crate::flush::FlushedTable;
use crate::manifest::{Edit, TableProgress};
use crate::memtable::{Chunk, Memtable};
use crate::partition::Partition;
use crate::schema::TableId;
use crate::snapshot::State;
use crate::supersession::write_supersessions;
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
        /// The partition they were in; the latest of them, if they were in several.
        partition: Partition,
        /// How many they were.
        input_count: usize,
        /// How many took their place, in these partitions and others.
        output_count: usize,
    },
    /// Bitmaps of a segment were made for an index.
    Index {
        /// The index's name.
        index: String,
        /// The table's name.
        table: String,
        /// The partition of the segment.
        partition: Partition,
        /// The rows of the segment.
        row_count: u64,
    },
    /// Partitions left the database because their table's retention says so.
    Retention {
        /// What became of each.
        changes: Vec<PartitionChange>,
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
            Step::Index { index, table, partition, row_count } => {
                write!(f, "indexed {row_count} rows of {table}/{partition} for {index}")
            }
            Step::Retention { changes } => {
                write!(f, "retention took out {} partitions", changes.len())
            }
        }
    }
}

/// A compaction that reads more decoded bytes than this does not run beside a flush: memory would have to hold both.
const BESIDE_FLUSH_BYTES_MAX: u64 = 112 << 20;

/// A flush is done by no more threads than this: each holds the pages of a row group in memory.
const FLUSH_THREAD_COUNT_MAX: usize = 4;

/// The background looks no more often than this for what has passed out of its table's retention.
const RETENTION_INTERVAL_US: i64 = 50_000_000;

impl Inner {
    /// One step, if one is due; flushes go before compactions, these before what retention asks for, and that before indexes: what is to be
    /// replaced, or taken out, needs none.
    pub(super) fn maintain(&self) -> Result<Option<Step>> {
        self.check_open()?;
        if let Some(step) = self.flush_oldest()? {
            return Ok(Some(step));
        }
        if let Some(step) = self.compact_due()? {
            return Ok(Some(step));
        }
        if let Some(step) = self.retain_due()? {
            return Ok(Some(step));
        }
        self.build_due(None)
    }

    /// Takes out what has passed out of its table's retention, if anything has.
    pub(super) fn retain_due(&self) -> Result<Option<Step>> {
        let changes = self.apply_retention()?;
        Ok((!changes.is_empty()).then_some(Step::Retention { changes }))
    }

    /// The same at most so often, for the background. A failure, such as a place for archives that cannot be written to, is kept to be
    /// shown and does not keep anybody from writing.
    pub(super) fn retain_in_background(&self) -> bool {
        let now_us = self.options.clock.now().micros();
        {
            let mut shared = self.shared.lock();
            if now_us.saturating_sub(shared.retained_us) < RETENTION_INTERVAL_US {
                return false;
            }
            shared.retained_us = now_us;
        }
        let retained = self.retain_due();
        let has_changed = retained.as_ref().is_ok_and(Option::is_some);
        self.shared.lock().retention_error = retained.err();
        has_changed
    }

    /// Flushes the oldest memtable that takes no more writes.
    pub(super) fn flush_oldest(&self) -> Result<Option<Step>> {
        let _flushing = self.flushing.lock();
        self.flush_oldest_alone()
    }

    /// The same for one who holds the lock of flushes.
    pub(super) fn flush_oldest_alone(&self) -> Result<Option<Step>> {
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
        let mut flushed = Vec::new();
        for table in memtable.tables() {
            let chunks = memtable.chunks(table, u64::MAX);
            row_count += memtable.row_count(table);
            edit.progress.push(progress_of(table, &chunks));
            let schema = &state.version.table(table)?.schema;
            let next_id = &mut || self.next_file_id();
            let threads = self.flush_thread_count();
            let written = FlushedTable::write(&self.files, schema, chunks, next_id, threads)?;
            flushed.push((table, written));
        }
        let memtable = memtable.clone();
        drop(state);
        self.settle_and_install(flushed, &mut edit, &memtable)?;
        let ended = self.options.clock.now().micros();
        {
            let mut shared = self.shared.lock();
            let is_behind = shared.state.memtables.len() > 1;
            shared.pace.flushed(byte_count, began, ended, is_behind);
        }
        // Whoever flushes, and not only the thread whose task it is: commits may wait for what is due now.
        self.compact_wake.work();
        if let Some(file) = edit.wal_file {
            self.wal.remove_before(file)?;
        }
        Ok(Some(Step::Flush { row_count }))
    }

    /// How many threads a flush may use. Writers wait for it, so it may have all of a small machine; a caller who does without
    /// threads in the background gets none here.
    fn flush_thread_count(&self) -> usize {
        if !self.options.background {
            return 1;
        }
        let available = std::thread::available_parallelism().map_or(1, |count| count.get());
        available.min(FLUSH_THREAD_COUNT_MAX)
    }

    /// The part of a flush during which no compaction may replace the segments that are there.
    fn settle_and_install(
        &self,
        flushed: Vec<(TableId, FlushedTable)>,
        edit: &mut Edit,
        memtable: &Arc<Memtable>,
    ) -> Result<()> {
        let settling = self.settling.lock();
        let state = self.shared.lock().state.clone();
        for (table, flushed) in flushed {
            let table = state.version.table(table)?;
            let next_id = &mut || self.next_file_id();
            let cuts = flushed.settle(&self.files, table, next_id, self.flush_thread_count())?;
            edit.supersessions_added.extend(cuts);
            edit.segments_added.extend(flushed.segments);
        }
        drop(state);
        edit.answered_us = Some(self.shared.lock().answered);
        edit.next_file_id = Some(self.next_file_id.load(Ordering::Relaxed));
        self.install(&mut self.manifest.lock(), edit, Some(memtable))?;
        // The next flush would be first again, and a compaction that is ready would never be installed.
        MutexGuard::unlock_fair(settling);
        Ok(())
    }

    /// Carries out the background compaction that is due, if one is.
    pub(super) fn compact_due(&self) -> Result<Option<Step>> {
        self.compact_step(&|table| Ok(compaction::next_plan(table)))
    }

    /// Carries out the plan that `choose` finds for some table.
    pub(super) fn compact_step(
        &self,
        choose: &dyn Fn(&TableVersion) -> Result<Option<Plan>>,
    ) -> Result<Option<Step>> {
        let mut _flushing = None;
        let (_compacting, state, plan) = loop {
            let compacting = self.compacting.lock();
            self.sweep()?;
            let state = self.shared.lock().state.clone();
            let mut plans = state.version.tables.values().filter_map(|t| choose(t).transpose());
            let Some(plan) = plans.next().transpose()? else { return Ok(None) };
            drop(plans);
            if _flushing.is_some() || plan.decoded_bytes() <= BESIDE_FLUSH_BYTES_MAX {
                break (compacting, state, plan);
            }
            // The lock of flushes comes before that of compactions; what is due is looked for again.
            drop((compacting, state, plan));
            _flushing = Some(self.flushing.lock());
        };
        let schema = state.version.table(plan.table)?.schema.clone();
        drop(state);
        let next_id = &mut || self.next_file_id();
        let compacted = compaction::compact(&self.files, &schema, &plan, &[], next_id)?;
        let step = Step::Compaction {
            table: schema.name.clone(),
            partition: plan.partition(),
            input_count: plan.inputs.len(),
            output_count: compacted.segments.len(),
        };
        self.carry_and_install(plan, compacted)?;
        self.sweep()?;
        Ok(Some(step))
    }

    /// Installs what a compaction has written, with the cuts that flushes have made in its inputs meanwhile.
    fn carry_and_install(&self, plan: Plan, compacted: Compacted) -> Result<()> {
        let settling = self.settling.lock();
        let state = self.shared.lock().state.clone();
        let late = compacted.late_cuts(&plan, state.version.table(plan.table)?)?;
        drop(state);
        let mut edit = Edit {
            segments_added: compacted.segments,
            segments_removed: plan.inputs.iter().map(|e| e.segment().meta().id).collect(),
            ..Edit::default()
        };
        if !late.is_empty() {
            let (dir, id) = (self.files.supersession_dir(plan.table), self.next_file_id());
            let meta = write_supersessions(&self.files.disk, &dir, (id, plan.table), &late, 1)?;
            edit.supersessions_added.push(meta);
        }
        edit.next_file_id = Some(self.next_file_id.load(Ordering::Relaxed));
        drop(plan);
        self.install(&mut self.manifest.lock(), &edit, None)?;
        MutexGuard::unlock_fair(settling);
        Ok(())
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
        while let Some(step) = self.compact_step(&|table| Ok(compaction::next_full_plan(table)))? {
            progress(&step.to_string());
        }
        while let Some(step) = self.build_due(None)? {
            progress(&step.to_string());
        }
        self.sweep()
    }

    pub(super) fn close(&self) -> Result<()> {
        // A backup reads files that the next open of the folder could remove.
        let _backing_up = self.backing_up.lock();
        let _life = self.life.lock();
        self.flush()?;
        // Nothing is committed from here on: whoever holds the writer lock next finds the database closed.
        let _flushing = self.flushing.lock();
        let _compacting = self.compacting.lock();
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
