//! What all handles of one database share.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Condvar, Mutex, RwLock};

use super::install::Garbage;
use super::lifecycle::{Auditor, Retention};
use super::open::RecoveryReport;
use super::pressure::Pace;
use crate::disk::DiskLock;
use crate::error::{Error, Result};
use crate::manifest::{ManifestLog, ManifestState, PartitionId};
use crate::memtable::Memtable;
use crate::options::Options;
use crate::schema::{TableId, TableSchema, TableSpec};
use crate::snapshot::{Snapshot, State};
use crate::time::SystemTime;
use crate::version::Files;
use crate::wal::Wal;

/// A database that is open.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(super) options: Options,
    pub(super) files: Files,
    pub(super) wal: Wal,
    pub(super) recovery: RecoveryReport,
    /// Held while a backup is taken, or something that no backup may be taken beside.
    pub(super) backing_up: Mutex<()>,
    /// Held while a partition is taken out or comes back, and while a backup reads those that are out.
    pub(super) life: Mutex<()>,
    /// Held by an erasure while it runs, and shared by commits that have read before they write: between the instant of an erasure
    /// and its end they would write again what is being erased.
    pub(super) erasing: RwLock<()>,
    /// Held while a flush runs, or something that no flush may run beside.
    pub(super) flushing: Mutex<()>,
    /// Held while a compaction runs, bitmaps of a segment are made, or something runs that no compaction may run beside.
    pub(super) compacting: Mutex<()>,
    /// Held by a flush while it finds the rows that it cuts and installs them, and by a compaction while it installs the rows
    /// that replace others: each would otherwise miss what the other does.
    pub(super) settling: Mutex<()>,
    pub(super) writer: Mutex<Writer>,
    pub(super) manifest: Mutex<Manifest>,
    pub(super) shared: Mutex<Shared>,
    /// Signalled when memtables have been flushed, or cannot be.
    pub(super) room: Condvar,
    /// Never signalled: commits that are slowed wait on it for their time.
    pub(super) turn: Condvar,
    pub(super) next_file_id: AtomicU64,
    pub(super) garbage: Mutex<Vec<Garbage>>,
    /// Memtables that have been flushed, but that snapshots may still read.
    pub(super) flushed: Mutex<Vec<Weak<Memtable>>>,
    /// Wakes the background thread that flushes.
    pub(super) flush_wake: Wake,
    /// Wakes the one that compacts.
    pub(super) compact_wake: Wake,
    /// Given up by close.
    pub(super) lock: Mutex<Option<Box<dyn DiskLock>>>,
}

/// What one transaction at a time may change.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) next_commit: u64,
    pub(super) clocks: HashMap<TableId, TableClock>,
    /// Partitions that are on their way out: their ranges are sealed.
    pub(super) sealing: Vec<PartitionId>,
    /// The log record being put together; kept for its memory.
    pub(super) record: Vec<u8>,
}

/// How far a table has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableClock {
    pub(super) last_system: i64,
    pub(super) next_event_id: i64,
}

#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) log: ManifestLog,
    pub(super) state: ManifestState,
}

/// What readers and writers exchange.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) state: Arc<State>,
    /// Every transaction up to this number is durable (as far as the sync mode asks) and seen by new snapshots.
    pub(super) visible_commit: u64,
    /// The latest system time among them.
    pub(super) visible_system: i64,
    /// Transactions on the engine's clock that are in the log but not visible yet: number, system time.
    pub(super) in_flight: VecDeque<(u64, i64)>,
    /// The latest system time given to any transaction.
    pub(super) last_assigned: i64,
    /// The latest present of any snapshot: what was answered as of then must stay true.
    pub(super) answered: i64,
    /// Why memtables cannot be flushed, if they could not be when it was last tried.
    pub(super) flush_error: Option<Error>,
    /// Why segments cannot be compacted, if they could not be when it was last tried.
    pub(super) compaction_error: Option<Error>,
    /// Why retention could not be applied, if it could not be when it was last tried in the background.
    pub(super) retention_error: Option<Error>,
    /// When it was last tried.
    pub(super) retained_us: i64,
    /// How fast commits are admitted while flushing is behind.
    pub(super) pace: Pace,
    /// How far compaction is behind, in segments.
    pub(super) compaction_debt: usize,
    /// A background thread has panicked: memtables are not flushed any more, or segments not compacted.
    pub(super) is_background_dead: bool,
    pub(super) is_closed: bool,
}

/// A wish that a background thread look for work, or end.
#[derive(Debug, Default)]
pub(super) struct Wake {
    pub(super) state: Mutex<WakeState>,
    pub(super) changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct WakeState {
    pub(super) has_work: bool,
    pub(super) is_stopping: bool,
}

impl Wake {
    pub(super) fn work(&self) {
        self.state.lock().has_work = true;
        self.changed.notify_one();
    }
}

impl Inner {
    pub(super) fn check_open(&self) -> Result<()> {
        if self.shared.lock().is_closed {
            return Err(Error::unavailable("the database is closed"));
        }
        Ok(())
    }

    /// A view of all that is visible. Its present is an instant before every transaction that is not visible yet, and later
    /// transactions on the engine's clock come after it: so what it answers stays true.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut shared = self.shared.lock();
        let mut now = self.options.clock.now().micros().max(shared.visible_system);
        if let Some((_, first)) = shared.in_flight.front() {
            now = now.min(first - 1);
        }
        shared.answered = shared.answered.max(now);
        let now = SystemTime::from_micros(now);
        Snapshot::new(shared.state.clone(), shared.visible_commit, now)
    }

    pub(super) fn create_table(
        &self,
        spec: TableSpec,
        retained: Option<(&Retention, &str)>,
    ) -> Result<Arc<TableSchema>> {
        self.check_open()?;
        let mut manifest = self.manifest.lock();
        let mut names = manifest.state.tables.values().map(|table| table.schema.name.as_str());
        if names.any(|name| name == spec.name()) {
            return Err(Error::conflict(format!("there is a table `{}` already", spec.name())));
        }
        let schema = spec.resolve(manifest.state.next_table_id()?)?;
        let id = schema.id;
        let mut edit = crate::manifest::Edit::default();
        if let Some((retention, by)) = retained {
            let at_us = self.options.clock.now().micros();
            let auditor = Auditor { at_us, by, table: &schema.name };
            edit.retentions.push(retention.entry(id));
            edit.audit.push(auditor.entry(
                &manifest,
                &[],
                "set retention",
                "",
                retention.to_string(),
            ));
        }
        edit.tables.push(schema);
        self.install(&mut manifest, &edit, None)?;
        let state = self.shared.lock().state.clone();
        Ok(state.version.table(id)?.schema.clone())
    }

    pub(super) fn next_file_id(&self) -> u64 {
        self.next_file_id.fetch_add(1, Ordering::Relaxed)
    }
}
