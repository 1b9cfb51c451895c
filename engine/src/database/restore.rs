//! A database from backups: files first, then a log without transactions, last the manifest.

use std::path::Path;

use super::open::{LOCK_FILE, WAL_DIR, new_branch, wal_options};
use crate::backup::{Folder, RestoreOptions, RestoreReport};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::manifest::{MANIFEST_DIR, ManifestLog, ManifestState};
use crate::options::Options;
use crate::version::{DETACHED_DIR, TABLES_DIR};
use crate::wal::Wal;

/// Makes a database in the folder `to`, which must be missing or empty, from the backups in the folder `from`.
///
/// It is as the original was at the system instant asked for, or at that of the newest point: every question as of a system instant up
/// to then has the answer that the original gave, `history` included; what was recorded later is not there. Of the options only the disk
/// is used; the database is opened afterwards as any other. It is a database of its own from then on: it has its own backups, and
/// an erasure in it names those that it came from as not reached. All erasures stay on record.
///
/// Partitions that were detached when the point was taken are detached, unless they left after the instant asked for: then they are
/// there. An instant before a partition was dropped may be one that the point cannot give; an earlier point can.
///
/// A point knows what was committed until it was taken: a history imported later, with system times before the point, is in
/// later points only.
///
/// Every file is verified before the manifest, which makes it a database, is written: when this returns it survives a power cut.
/// After an error `to` is empty, unless the disk refuses that, too.
///
/// Kinds of error: `Invalid` (`to` is not empty; the instant is after the last point, or before a partition was dropped of which the
/// point would have to know; no such point), `Unavailable` (no backups in `from`, or of a newer format), `Corrupt` (names the damaged
/// file of the backup and the offset), `Exhausted`, `Io`.
///
/// ```
/// # fn main() -> annals_engine::Result<()> {
/// # use annals_engine::rows;
/// # use annals_engine::{At, BackupOptions, Column, DataType, Database, Options, RestoreOptions, TableSpec};
/// # let dir = tempfile::tempdir().unwrap();
/// # let (home, backups, other) = (dir.path().join("db"), dir.path().join("backups"), dir.path().join("other"));
/// # let db = Database::open(&home, Options::default())?;
/// # let column = Column::new("sku", DataType::Text);
/// # db.create_table(TableSpec::keyed("prices", ["sku"]).column(column))?;
/// let mut tx = db.begin();
/// tx.put("prices", &rows!(("sku", Utf8, ["tea"]))?)?;
/// let first = tx.commit()?;
/// let mut tx = db.begin();
/// tx.put("prices", &rows!(("sku", Utf8, ["coffee"]))?)?;
/// tx.commit()?;
/// db.backup(&backups, &BackupOptions::default())?;
///
/// let then = RestoreOptions::default().at(first.system_time);
/// let report = annals_engine::restore(&backups, &other, &then, &Options::default())?;
/// assert_eq!(report.system_time, first.system_time);
///
/// let now = Database::open(&other, Options::default())?.snapshot()?;
/// assert!(now.get("prices", &["tea".into()], At::default())?.is_some());
/// assert!(now.get("prices", &["coffee".into()], At::default())?.is_none());
/// # Ok(())
/// # }
/// ```
pub fn restore(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    request: &RestoreOptions,
    options: &Options,
) -> Result<RestoreReport> {
    let (from, to, disk) = (from.as_ref(), to.as_ref(), &options.disk);
    let folder = Folder::existing(disk, from)?;
    let chosen = folder.choose(request)?;
    let shown = to.display();
    if to.starts_with(from) {
        let from = from.display();
        return Err(Error::invalid(format!("{shown} lies in the folder of the backups, {from}")));
    }
    if let Some(other) = disk.list(to)?.first() {
        return Err(Error::invalid(format!("{shown} is not empty: it holds `{other}`")));
    }
    disk.create_dir_all(to)?;
    let lock = disk.lock(&to.join(LOCK_FILE))?;
    let made = folder.restore_files(chosen, to, request).and_then(|(state, report)| {
        begin(to, state, options)?;
        Ok(report)
    });
    if made.is_err() {
        // The first error says why; another would say that the disk is no better now.
        let _ = clean_up(disk.as_ref(), to);
    }
    drop(lock);
    made
}

/// Makes a database of the files of a state.
fn begin(to: &Path, mut state: ManifestState, options: &Options) -> Result<()> {
    let (disk, wal_options) = (&options.disk, wal_options(options));
    (state.wal_file, state.wal_file_newest, state.wal_frame_count) = (1, 1, 0);
    state.branch = Some(new_branch());
    Wal::create(disk.clone(), &to.join(WAL_DIR), state.database_id, wal_options)?;
    ManifestLog::begin(disk.clone(), to.join(MANIFEST_DIR), &state, None)?;
    Ok(())
}

/// Removes what a restore has made, the manifest first: without it the rest is no database.
fn clean_up(disk: &dyn Disk, to: &Path) -> Result<()> {
    remove_all(disk, &to.join(MANIFEST_DIR), 0)?;
    disk.sync_dir(to)?;
    remove_all(disk, &to.join(WAL_DIR), 0)?;
    remove_all(disk, &to.join(TABLES_DIR), 2)?;
    remove_all(disk, &to.join(DETACHED_DIR), 2)?;
    disk.remove(&to.join(LOCK_FILE))?;
    disk.sync_dir(to)
}

/// Removes a folder with the files so many levels below it.
fn remove_all(disk: &dyn Disk, dir: &Path, level: u32) -> Result<()> {
    if !disk.exists(dir)? {
        return Ok(());
    }
    for name in disk.list(dir)? {
        match level {
            0 => disk.remove(&dir.join(name))?,
            _ => remove_all(disk, &dir.join(name), level - 1)?,
        }
    }
    disk.remove_dir(dir)
}
