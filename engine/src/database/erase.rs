//! Erasing keys: every trace of their values goes, from memory, log and segments, and a record stays.
//!
//! All of it takes effect at one instant. Under the writer lock the memtable that takes writes is frozen: what was committed before is
//! erased, what is committed later is in the next memtable and in a later file of the log, and stays. Then, while no flush and no
//! compaction runs, the frozen memtables are flushed, the segments that have a row of one of the keys are rewritten one by one, and one
//! edit of the manifest replaces them all and has the record. Before this edit is durable nothing is erased; from then on everything is.
//! Last, what is not named any more is removed, whether snapshots could still read it or not.
//!
//! Backups come first: whatever goes wrong, the keys are not erased before no backup has them, and the record says which could not be
//! reached.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;

use super::erasure::{Erasure, ErasureRequest};
use super::inner::Inner;
use super::install::Garbage;
use super::lifecycle::Auditor;
use super::open::{remove_left_folders, remove_unnamed};
use crate::codec::{Secret, encode_keys};
use crate::compaction::{self, ErasedKeys};
use crate::error::{Error, Result};
use crate::manifest::{Edit, ErasedKeyEntry};
use crate::schema::{TableId, TableSchema};
use crate::time::SystemTime;
use crate::transaction::key_columns;

/// The most keys of one erasure. Each stays on record, and opening the database reads all records.
pub const ERASED_KEY_COUNT_MAX: usize = 65_536;

/// What was found of a key.
#[derive(Clone, Copy, Debug, Default)]
struct Trace {
    /// Whether an assertion about it was in a memtable.
    is_in_memory: bool,
    /// Whether a backup had rows of it.
    is_in_backup: bool,
    row_count: u64,
    file_count: u64,
}

impl Trace {
    fn is_some(&self) -> bool {
        self.is_in_memory || self.is_in_backup || self.row_count > 0
    }
}

impl Inner {
    pub(super) fn erase(
        &self,
        table: &str,
        keys: &RecordBatch,
        request: &ErasureRequest,
    ) -> Result<Erasure> {
        self.check_open()?;
        request.check()?;
        let schema = {
            let state = self.shared.lock().state.clone();
            state.version.table_by_name(table)?.schema.clone()
        };
        let given = keys;
        let keys = erased_keys(&schema, given)?;
        // No hold is placed from here on: what is in backups would be erased in spite of it.
        let _backing_up = self.backing_up.lock();
        self.check_erasable(&schema, given)?;
        let mut traces = vec![Trace::default(); keys.len()];
        let backups = self.erase_from_backups(schema.id, &keys)?;
        backups.found.iter().for_each(|key| traces[*key].is_in_backup = true);
        let _erasing = self.erasing.write();
        let _flushing = self.flushing.lock();
        let _compacting = self.compacting.lock();
        let (erased_us, frozen_count) = self.freeze_all()?;
        self.look_in_memtables(&schema, &keys, frozen_count, &mut traces);
        for _ in 0..frozen_count {
            self.flush_oldest_alone()?;
        }
        let edit = self.rewrite(schema.id, &keys, &mut traces)?;
        let unreached = backups.unreached;
        let found = (&keys, &traces[..], unreached);
        let erasure = self.install_erasure(&schema, found, request, erased_us, edit)?;
        let removed = self.remove_erased(schema.id, (erasure.number > 0).then_some(erased_us));
        removed.map_err(|error| {
            error.context(
                "the keys are erased for every reader, but files of them are left: run it again",
            )
        })?;
        self.note_erasures_in(&backups.folders).map_err(|error| {
            error.context("the keys are erased, but not on record in a backup: run it again")
        })?;
        Ok(erasure)
    }

    /// All erasures, oldest first.
    pub(super) fn erasures(&self) -> Result<Vec<Erasure>> {
        self.check_open()?;
        let manifest = self.manifest.lock();
        let tables = &manifest.state.tables;
        let shown = manifest.state.erasures.iter().filter_map(|record| {
            Some(Erasure::of(record, &tables.get(&record.table)?.schema.name))
        });
        Ok(shown.collect())
    }

    /// The instant of an erasure or a backup, and how many memtables hold what was committed before it.
    pub(super) fn freeze_all(&self) -> Result<(i64, usize)> {
        let _writer = self.writer.lock();
        // Closing waits for the locks that both hold, or has had them before.
        self.check_open()?;
        if let Some(halted) = self.wal.halted() {
            return Err(halted);
        }
        let active = self.shared.lock().state.memtables.last().cloned();
        if active.is_some_and(|memtable| !memtable.is_empty()) {
            self.freeze()?;
        }
        let erased_us = self.assign_erasure_time();
        Ok((erased_us, self.shared.lock().state.memtables.len() - 1))
    }

    fn look_in_memtables(
        &self,
        schema: &TableSchema,
        keys: &ErasedKeys,
        frozen_count: usize,
        traces: &mut [Trace],
    ) {
        let state = self.shared.lock().state.clone();
        for memtable in &state.memtables[..frozen_count] {
            for ((hash, key), trace) in keys.iter().zip(&mut *traces) {
                trace.is_in_memory |= memtable.has_key(schema.id, hash, key);
            }
        }
    }

    /// Writes what replaces the segments that have a row of one of the keys. They are durable, and garbage until the edit is installed.
    ///
    /// One segment at a time: that bounds memory as it does for a compaction. No flush runs, so none of them can be cut meanwhile.
    fn rewrite(&self, table: TableId, keys: &ErasedKeys, traces: &mut [Trace]) -> Result<Edit> {
        let state = self.shared.lock().state.clone();
        let mut edit = Edit::default();
        let table = state.version.table(table)?;
        // Not as of when the erasure began: what was flushed since may have a newer entry of the table.
        let schema = &table.schema;
        for entry in &table.segments {
            let found = keys.rows_in(entry.segment())?;
            if found.rows.is_empty() {
                continue;
            }
            for (key, row_count) in found.row_counts {
                traces[key].row_count += row_count;
                traces[key].file_count += 1;
            }
            edit.segments_removed.push(entry.segment().meta().id);
            let next_id = &mut || self.next_file_id();
            let plan = compaction::plan_of(entry);
            let left = compaction::compact(&self.files, schema, &plan, &[found.rows], next_id)?;
            edit.segments_added.extend(left.segments);
        }
        Ok(edit)
    }

    /// Makes the erasure durable and visible, and its record with it, if there is anything to erase.
    fn install_erasure(
        &self,
        schema: &TableSchema,
        (keys, traces, mut unreached): (&ErasedKeys, &[Trace], Vec<String>),
        request: &ErasureRequest,
        erased_us: i64,
        mut edit: Edit,
    ) -> Result<Erasure> {
        let mut manifest = self.manifest.lock();
        // Also where there is nothing to erase: files are removed next, and those named on disk might be others than those known here.
        manifest.log.check()?;
        let secret = match &manifest.state.erasure_secret {
            Some(secret) => secret.clone(),
            None => Secret::new()?,
        };
        // Of what a place outside holds nothing is known here: every key is remembered until it comes back.
        let outside = manifest.state.sealed.values();
        let outside = outside.filter(|s| s.table == schema.id && s.state.is_attachable());
        unreached.extend(outside.map(|sealed| sealed.place()));
        let is_outside = !unreached.is_empty();
        let traced = keys.iter().zip(traces);
        let traced = traced.filter(|(_, trace)| is_outside || trace.is_some());
        let erased = traced.map(|((_, key), trace)| ErasedKeyEntry {
            hash: secret.hash(key),
            row_count: trace.row_count,
            file_count: trace.file_count,
        });
        // In the order of the keyed hashes, which tells nothing; the order of keys would.
        let mut erased: Vec<ErasedKeyEntry> = erased.collect();
        erased.sort_unstable_by_key(|key| key.hash);
        let number = if erased.is_empty() { 0 } else { manifest.state.next_erasure() };
        let file_count = edit.segments_removed.len() as u64;
        let record =
            request.record((number, schema.id), erased_us, (file_count, unreached), erased);
        let erasure = Erasure::of(&record, &schema.name);
        if number > 0 {
            let auditor = Auditor { at_us: erased_us, by: &record.by, table: &schema.name };
            let detail = format!("{} keys, {file_count} segments", record.keys.len());
            edit.audit.push(auditor.entry(&manifest, &[], "erase", "", detail));
            edit.erasures.push(record);
            edit.erasure_secret = Some(secret);
            edit.answered_us = Some(erased_us);
            edit.next_file_id = Some(self.next_file_id.load(Ordering::Relaxed));
            self.install(&mut manifest, &edit, None)?;
        }
        Ok(erasure)
    }

    /// Removes everything of a table that is not part of it any more: what failed compactions have left behind, and, if keys were
    /// erased (`erased_us`), what this erasure and compactions before it have replaced. Snapshots that could read that refuse to.
    fn remove_erased(&self, table: TableId, erased_us: Option<i64>) -> Result<()> {
        let state = self.shared.lock().state.clone();
        if let Some(erased_us) = erased_us {
            self.forget_erased(table, SystemTime::from_micros(erased_us));
        }
        let owners = state.version.segments().map(|entry| entry.segment().cache_owner());
        self.files.cache.keep_only(&owners.collect());
        self.remove_erased_garbage(table)?;
        let mut named: HashSet<_> =
            state.version.segments().flat_map(|entry| entry.segment().file_paths()).collect();
        let files = state.version.segments().flat_map(|entry| entry.files());
        named.extend(files.map(|file| file.path().to_path_buf()));
        named.extend(state.version.bitmaps().filter_map(|b| Some(b.path()?.to_path_buf())));
        for garbage in &*self.garbage.lock() {
            match garbage {
                Garbage::Segment(segment) => named.extend(segment.file_paths()),
                Garbage::Supersessions(file) => {
                    named.insert(file.path().to_path_buf());
                }
                Garbage::Bitmap(bitmap) => named.extend(bitmap.path().map(ToOwned::to_owned)),
            }
        }
        remove_unnamed(&self.files, &self.files.table_dir(table), &named, &mut Vec::new())?;
        // What failed departures have left behind has second names of the same files.
        remove_left_folders(&self.files, &state.version, &mut Vec::new())?;
        // Of the files of the log only a removal that failed can have left some.
        let first = state.memtables.first().map_or(0, |memtable| memtable.wal_file);
        self.wal.remove_before(first)?;
        drop(state);
        self.sweep()
    }

    /// Makes memtables and segments that only older snapshots have refuse to answer.
    fn forget_erased(&self, table: TableId, at: SystemTime) {
        self.flushed.lock().retain(|memtable| match memtable.upgrade() {
            Some(memtable) => {
                memtable.forget(table);
                true
            }
            None => false,
        });
        for garbage in &*self.garbage.lock() {
            match garbage {
                Garbage::Segment(segment) if segment.meta().table == table => segment.erase(at),
                Garbage::Bitmap(bitmap) if bitmap.table() == table => bitmap.erase(at),
                _ => (),
            }
        }
    }

    /// Removes the files of erased segments. What cannot be removed stays garbage, and the first error is returned.
    fn remove_erased_garbage(&self, table: TableId) -> Result<()> {
        let mut first_error = None;
        let mut folders = BTreeSet::new();
        self.garbage.lock().retain(|garbage| {
            let (path, removed) = match garbage {
                Garbage::Segment(segment)
                    if segment.meta().table == table && segment.is_erased() =>
                {
                    let [path, _] = segment.file_paths();
                    (Some(path), segment.remove_files())
                }
                Garbage::Bitmap(bitmap) if bitmap.table() == table && bitmap.is_erased() => {
                    (bitmap.path().map(ToOwned::to_owned), bitmap.remove())
                }
                _ => return true,
            };
            folders.extend(path.and_then(|path| Some(path.parent()?.to_path_buf())));
            removed.map_err(|error| first_error.get_or_insert(error).clone()).is_err()
        });
        for folder in folders {
            self.files.disk.sync_dir(&folder)?;
        }
        first_error.map_or(Ok(()), Err)
    }
}

/// The keys of a batch as they are stored, each once.
fn erased_keys(schema: &Arc<TableSchema>, keys: &RecordBatch) -> Result<ErasedKeys> {
    let columns = key_columns(schema, keys)?;
    let erased = ErasedKeys::new(&encode_keys(&columns)?, keys.num_rows());
    if erased.len() > ERASED_KEY_COUNT_MAX {
        let what = format!("more than {ERASED_KEY_COUNT_MAX} keys in one erasure");
        return Err(Error::exhausted(format!("{what}: erase them in parts")));
    }
    Ok(erased)
}
