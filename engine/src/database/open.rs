//! Opening: take the lock, judge the manifest and the log, and only then change anything.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::{Condvar, Mutex, RwLock};

use super::inner::{Inner, Manifest, Shared, TableClock, Wake, Writer};
use super::pressure::Pace;
use crate::archive::remove_folder;
use crate::cache::Cache;
use crate::disk::{Disk, DiskLock};
use crate::error::{Error, Result};
use crate::journal::HEADER_BYTES;
use crate::manifest::{Edit, MANIFEST_DIR, ManifestFound, ManifestLog, ManifestState, TableState};
use crate::memtable::Memtable;
use crate::options::Options;
use crate::schema::TableId;
use crate::snapshot::State;
use crate::transaction::{Schemas, decode_transaction};
use crate::version::{DETACHED_DIR, Files, TABLES_DIR, Version};
use crate::wal::{Cut, Wal, WalOptions, WalRecovery};

/// The file whose lock makes a process the owner of a database.
pub(super) const LOCK_FILE: &str = "LOCK";
/// The folder of the log.
pub(super) const WAL_DIR: &str = "wal";
/// A file of the log that is longer is followed by another.
const WAL_FILE_BYTES_MAX: u64 = 256 << 20;

/// What opening a database did. Displayed, it is a line for each thing worth knowing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Transactions that were in the log but not in segments, and are in memory again.
    pub transaction_count: u64,
    /// Bytes of the log that were read.
    pub log_bytes: u64,
    /// What was cut from the end of the log or of the manifest, never having been acknowledged: where, how much, and why.
    pub cuts: Vec<String>,
    /// Files that an unfinished flush, compaction, erasure or building of an index had left, and folders of partitions that were not
    /// taken out after all or are back: they were removed.
    pub removed_files: Vec<String>,
}

impl fmt::Display for RecoveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecoveryReport { transaction_count, log_bytes, .. } = self;
        write!(f, "replayed {transaction_count} transactions from {log_bytes} bytes of log")?;
        self.cuts.iter().try_for_each(|cut| write!(f, "\ncut {cut}"))?;
        self.removed_files.iter().try_for_each(|file| write!(f, "\nremoved unfinished {file}"))
    }
}

/// Whether an open may make a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenMode {
    CreateIfMissing,
    Existing,
}

/// What the log holds beyond the segments.
struct Replayed {
    memtable: Memtable,
    clocks: HashMap<TableId, TableClock>,
    last_commit: u64,
    last_system: i64,
}

impl Inner {
    pub(super) fn open(dir: &Path, options: Options, mode: OpenMode) -> Result<Inner> {
        let disk = options.disk.clone();
        let lock = take_lock(&disk, dir, mode)?;
        let manifest_dir = dir.join(MANIFEST_DIR);
        let found = ManifestLog::judge(&disk, &manifest_dir)?;
        if found.is_none() {
            check_nothing_stored(&disk, dir, mode)?;
        }
        let state = match &found {
            Some(found) => found.state.clone(),
            None => ManifestState { database_id: new_database_id(), ..ManifestState::default() },
        };
        let mut replayed = Replayed::new(&state);
        let wal_options = wal_options(&options);
        let wal_dir = dir.join(WAL_DIR);
        let (wal, wal_recovery) = match &found {
            Some(_) => open_wal(&disk, &wal_dir, &state, wal_options, &mut replayed)?,
            None => (create_wal(&disk, &wal_dir, &state, wal_options)?, WalRecovery::default()),
        };
        let mut recovery = report(dir, &wal_recovery, found.as_ref());
        let mut state = state;
        // Each opening begins a file of the log. If those before it hold nothing, nobody reads them again.
        let first_file = (wal_recovery.frame_count == 0).then_some(wal.file());
        replayed.memtable.wal_file = first_file.unwrap_or(state.wal_file);
        let edit =
            Edit { wal_file: first_file, wal_file_newest: Some(wal.file()), ..Edit::default() };
        state.apply(&edit).map_err(Error::invalid)?;
        // No transaction is open yet: rows with older entries are in segments or in the log, or nowhere.
        let logged = replayed.memtable.all();
        state.forget_schemas(
            &logged.iter().map(|(id, chunk)| (*id, chunk.schema.version)).collect(),
        );
        drop(logged);
        let log = ManifestLog::begin(disk.clone(), manifest_dir, &state, found.as_ref())?;
        if let Some(file) = first_file {
            wal.remove_before(file)?;
        }
        let cache = Arc::new(Cache::new(options.cache_bytes as u64));
        let files = Files { disk, dir: dir.to_path_buf(), cache };
        files.disk.create_dir_all(&files.tables_dir())?;
        recovery.removed_files = remove_orphans(&files, &state)?;
        let version = Version::open(&files, &state);
        Ok(replayed.into_inner(
            options,
            files,
            wal,
            recovery,
            Manifest { log, state },
            version,
            lock,
        ))
    }
}

impl Replayed {
    fn new(state: &ManifestState) -> Replayed {
        let clock = |(id, table): (&TableId, &TableState)| {
            let (last_system, next_event_id) = (table.last_system_us, table.next_event_id);
            (*id, TableClock { last_system, next_event_id })
        };
        let clocks: HashMap<_, _> = state.tables.iter().map(clock).collect();
        Replayed {
            memtable: Memtable::new(state.wal_file),
            last_system: clocks.values().map(|clock| clock.last_system).max().unwrap_or(i64::MIN),
            clocks,
            last_commit: state.commit_number,
        }
    }

    /// Takes one transaction of the log; an error says what about it cannot be.
    fn replay(&mut self, payload: &[u8], schemas: &Schemas) -> Result<(), String> {
        let logged = decode_transaction(payload, schemas).map_err(|error| error.to_string())?;
        if logged.commit_number != self.last_commit + 1 {
            let (found, last) = (logged.commit_number, self.last_commit);
            return Err(format!("transaction {found} follows transaction {last}"));
        }
        self.last_commit = logged.commit_number;
        self.last_system = self.last_system.max(logged.system_time);
        for (table, chunk) in &logged.operations {
            let clock = self.clocks.entry(*table).or_insert(TableClock::NEW);
            clock.advance(chunk);
        }
        self.memtable.insert(logged.operations);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a database, put together once")]
    fn into_inner(
        self,
        options: Options,
        files: Files,
        wal: Wal,
        recovery: RecoveryReport,
        manifest: Manifest,
        version: Version,
        lock: Box<dyn DiskLock>,
    ) -> Inner {
        let shared = Shared {
            state: Arc::new(State { version, memtables: vec![Arc::new(self.memtable)] }),
            visible_commit: self.last_commit,
            visible_system: self.last_system,
            in_flight: VecDeque::new(),
            last_assigned: self.last_system,
            answered: manifest.state.answered_us,
            flush_error: None,
            compaction_error: None,
            retention_error: None,
            retained_us: i64::MIN,
            pace: Pace::default(),
            compaction_debt: 0,
            is_background_dead: false,
            is_closed: false,
        };
        let writer = Writer {
            next_commit: self.last_commit + 1,
            clocks: self.clocks,
            sealing: Vec::new(),
            record: Vec::new(),
        };
        Inner {
            options,
            files,
            wal,
            recovery,
            backing_up: Mutex::new(()),
            life: Mutex::new(()),
            erasing: RwLock::new(()),
            flushing: Mutex::new(()),
            compacting: Mutex::new(()),
            settling: Mutex::new(()),
            writer: Mutex::new(writer),
            next_file_id: AtomicU64::new(manifest.state.next_file_id),
            manifest: Mutex::new(manifest),
            shared: Mutex::new(shared),
            room: Condvar::new(),
            turn: Condvar::new(),
            garbage: Mutex::new(Vec::new()),
            flushed: Mutex::new(Vec::new()),
            flush_wake: Wake::default(),
            compact_wake: Wake::default(),
            lock: Mutex::new(Some(lock)),
        }
    }
}

/// Refuses a folder that holds something else, then takes the lock.
fn take_lock(disk: &Arc<dyn Disk>, dir: &Path, mode: OpenMode) -> Result<Box<dyn DiskLock>> {
    let shown = dir.display();
    if !disk.exists(&dir.join(MANIFEST_DIR))? {
        let names = disk
            .list(dir)
            .map_err(|error| Error::unavailable(format!("{shown} is not a database: {error}")))?;
        if let Some(other) = names.iter().find(|name| *name != LOCK_FILE && *name != WAL_DIR) {
            return Err(Error::unavailable(format!(
                "{shown} is not a database: it holds `{other}` and no manifest"
            )));
        }
        if mode == OpenMode::Existing {
            return Err(Error::unavailable(format!("there is no database in {shown}")));
        }
        disk.create_dir_all(dir)?;
    }
    disk.lock(&dir.join(LOCK_FILE))
}

/// Refuses to begin anew where something was stored: a manifest that is lost must not take the data with it.
fn check_nothing_stored(disk: &Arc<dyn Disk>, dir: &Path, mode: OpenMode) -> Result<()> {
    // The folder of the tables is made last of a new database: where it is, there was a manifest.
    let mut is_stored = disk.exists(&dir.join(TABLES_DIR))?;
    for name in disk.list(&dir.join(WAL_DIR))? {
        is_stored |= disk.open(&dir.join(WAL_DIR).join(name))?.len()? > HEADER_BYTES as u64;
    }
    if is_stored {
        return Err(lost_manifest(disk, dir)?);
    }
    match mode {
        OpenMode::CreateIfMissing => Ok(()),
        OpenMode::Existing => {
            Err(Error::unavailable(format!("there is no database in {}", dir.display())))
        }
    }
}

/// The damage of a database without a manifest. Where a file of it is left, it is the one that was damaged.
pub(super) fn lost_manifest(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Error> {
    let manifest_dir = dir.join(MANIFEST_DIR);
    let path = match disk.list(&manifest_dir)?.pop() {
        Some(name) => manifest_dir.join(name),
        None => manifest_dir,
    };
    Ok(Error::corrupt(path, 0, "the manifest is lost, and with it what the other files hold"))
}

pub(super) fn wal_options(options: &Options) -> WalOptions {
    let clock = options.clock.clone();
    let now = move || {
        let micros = clock.now().micros();
        std::time::Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    WalOptions { sync: options.sync, file_bytes_max: WAL_FILE_BYTES_MAX, now: Arc::new(now) }
}

fn open_wal(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    state: &ManifestState,
    options: WalOptions,
    replayed: &mut Replayed,
) -> Result<(Wal, WalRecovery)> {
    let schemas = state.tables.values().flat_map(TableState::schemas);
    let schemas: Schemas =
        schemas.map(|schema| ((schema.id, schema.version), Arc::new(schema.clone()))).collect();
    let files = state.wal_file..=state.wal_file_newest;
    let mut replay = |file: u64, payload: &[u8]| {
        let replayed = replayed.replay(payload, &schemas);
        replayed.map_err(|what| Error::corrupt(dir.join(format!("{file:010}.wal")), 0, what))
    };
    let opened = Wal::open(disk.clone(), dir, state.database_id, files, options, &mut replay)?;
    let found = opened.0.next_lsn().0;
    if found < state.wal_frame_count {
        let newest = dir.join(format!("{:010}.wal", state.wal_file_newest));
        let what = format!("the log ends after frame {found}, and had {}", state.wal_frame_count);
        return Err(Error::corrupt(newest, 0, what));
    }
    Ok(opened)
}

/// Begins a log where there was none, or where the power failed before the manifest of a new database was begun.
fn create_wal(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    state: &ManifestState,
    options: WalOptions,
) -> Result<Wal> {
    for name in disk.list(dir)? {
        disk.remove(&dir.join(name))?;
    }
    disk.create_dir_all(dir)?;
    Wal::create(disk.clone(), dir, state.database_id, options)
}

fn report(dir: &Path, wal: &WalRecovery, found: Option<&ManifestFound>) -> RecoveryReport {
    let told = |cut: &Cut| {
        let file = cut.file.strip_prefix(dir).unwrap_or(&cut.file).display();
        format!("{} bytes of {file} from offset {}: {}", cut.byte_count, cut.offset, cut.why)
    };
    let of_manifest = found.and_then(|found| found.cut.as_ref());
    RecoveryReport {
        transaction_count: wal.frame_count,
        log_bytes: wal.byte_count,
        cuts: wal.cut.iter().chain(of_manifest).map(told).collect(),
        removed_files: Vec::new(),
    }
}

/// Removes files below `tables/` that the manifest does not name: a flush or compaction was cut off before its edit, or an
/// erasure after it.
fn remove_orphans(files: &Files, state: &ManifestState) -> Result<Vec<String>> {
    let version = Version::open(files, state);
    let segments = version.segments().flat_map(|entry| entry.segment().file_paths());
    let supersessions = version.segments().flat_map(|entry| entry.files());
    let mut named: HashSet<_> =
        segments.chain(supersessions.map(|file| file.path().to_path_buf())).collect();
    let bitmaps = version.bitmaps().filter_map(|bitmap| Some(bitmap.path()?.to_path_buf()));
    named.extend(bitmaps);
    let mut removed = Vec::new();
    for table in files.disk.list(&files.tables_dir())? {
        remove_unnamed(files, &files.tables_dir().join(table), &named, &mut removed)?;
    }
    remove_left_folders(files, &version, &mut removed)?;
    Ok(removed)
}

/// Removes folders of partitions that are not detached: one was not yet, or was attached or dropped.
pub(super) fn remove_left_folders(
    files: &Files,
    version: &Version,
    removed: &mut Vec<String>,
) -> Result<()> {
    let sealed = version.tables.values().flat_map(|table| table.sealed.values());
    let places = sealed.filter_map(|sealed| sealed.entry.location.as_ref());
    let kept: HashSet<PathBuf> = places.map(|place| files.place(place)).collect();
    let detached = files.dir.join(DETACHED_DIR);
    for table in files.disk.list(&detached)? {
        // What is no folder is none of ours.
        let Ok(partitions) = files.disk.list(&detached.join(&table)) else { continue };
        for partition in partitions {
            let folder = detached.join(&table).join(partition);
            if !kept.contains(&folder) && files.disk.list(&folder).is_ok() {
                remove_folder(files.disk.as_ref(), &folder)?;
                removed.push(files.shown(&folder));
            }
        }
    }
    Ok(())
}

/// Removes the files of a table that are not among those named, durably, and adds them to `removed`.
pub(super) fn remove_unnamed(
    files: &Files,
    table_dir: &Path,
    named: &HashSet<PathBuf>,
    removed: &mut Vec<String>,
) -> Result<()> {
    let disk = &files.disk;
    for folder in disk.list(table_dir)? {
        let folder = table_dir.join(folder);
        let mut is_touched = false;
        for name in disk.list(&folder)? {
            let path = folder.join(name);
            if !named.contains(&path) {
                disk.remove(&path)?;
                removed.push(files.shown(&path));
                is_touched = true;
            }
        }
        if is_touched {
            disk.sync_dir(&folder)?;
        }
    }
    Ok(())
}

/// A number that no other database has, so that files of one are never taken for another's.
fn new_database_id() -> u128 {
    // The standard library seeds its hash maps from the operating system's randomness; that is enough for an identity.
    let random = || RandomState::new().build_hasher().finish();
    (u128::from(random()) << 64) | u128::from(random())
}

/// A number that tells a restored database from the original and from every other that was restored of it.
pub(super) fn new_branch() -> u128 {
    new_database_id()
}
