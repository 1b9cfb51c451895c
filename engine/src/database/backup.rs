//! Backups of a database that is in use, and the folders of them that it remembers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::inner::Inner;
use crate::backup::{BackupOptions, BackupReport, Folder, Origin};
use crate::compaction::ErasedKeys;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Edit, ManifestState};
use crate::schema::TableId;
use crate::snapshot::State;

/// What an erasure did in backups.
#[derive(Debug, Default)]
pub(super) struct InBackups {
    /// The positions of the keys that were found.
    pub(super) found: Vec<usize>,
    /// Folders that could not be reached, with the reason.
    pub(super) unreached: Vec<String>,
    /// The folders that were reached.
    pub(super) folders: Vec<Folder>,
}

impl Inner {
    pub(super) fn backup(&self, dir: &Path, options: &BackupOptions) -> Result<BackupReport> {
        let path = self.check_backup_path(dir)?;
        let _backing_up = self.backing_up.lock();
        // Files of detached partitions go when these are attached or dropped, whoever reads them.
        let _life = self.life.lock();
        self.check_open()?;
        let origin = Origin::of(&self.manifest.lock().state);
        let (folder, _lock) = Folder::prepare(&self.files.disk, dir, origin)?;
        self.remember_backup(path)?;
        let (state, system_us, _pinned) = self.flushed_state()?;
        folder.take(&self.files, (&state, system_us), options)
    }

    pub(super) fn backups(&self) -> Result<Vec<String>> {
        self.check_open()?;
        Ok(self.manifest.lock().state.backups.iter().cloned().collect())
    }

    pub(super) fn forget_backup(&self, dir: &Path) -> Result<()> {
        // A backup that runs would go on in a folder that no erasure reaches.
        let _backing_up = self.backing_up.lock();
        self.check_open()?;
        let mut manifest = self.manifest.lock();
        let Some(path) = dir.to_str().filter(|path| manifest.state.backups.contains(*path)) else {
            let known: Vec<&str> = manifest.state.backups.iter().map(String::as_str).collect();
            return Err(Error::invalid(match known.is_empty() {
                true => format!("{} is no folder of backups, there are none", dir.display()),
                false => {
                    format!("{} is none of the backups: {}", dir.display(), known.join(", "))
                }
            }));
        };
        let edit = Edit { backups_removed: vec![path.to_owned()], ..Edit::default() };
        self.install(&mut manifest, &edit, None)
    }

    /// A path as the manifest can keep it: it must mean the same folder whoever opens the database.
    fn check_backup_path(&self, dir: &Path) -> Result<String> {
        let shown = dir.display();
        if !dir.is_absolute() {
            return Err(Error::invalid(format!("{shown} is not an absolute path")));
        }
        if dir.starts_with(&self.files.dir) {
            let own = self.files.dir.display();
            return Err(Error::invalid(format!("{shown} lies in the database's folder {own}")));
        }
        let path = dir.to_str().ok_or_else(|| Error::invalid(format!("{shown} is not UTF-8")))?;
        Ok(path.to_owned())
    }

    /// Before anything is put there: from then on an erasure looks for it.
    fn remember_backup(&self, path: String) -> Result<()> {
        let mut manifest = self.manifest.lock();
        if manifest.state.backups.contains(&path) {
            return Ok(());
        }
        let edit = Edit { backups_added: vec![path], ..Edit::default() };
        self.install(&mut manifest, &edit, None)
    }

    /// All that was committed by an instant, in segments; and what keeps their files where they are.
    fn flushed_state(&self) -> Result<(ManifestState, i64, Arc<State>)> {
        let _flushing = self.flushing.lock();
        let (system_us, frozen_count) = self.freeze_all()?;
        for _ in 0..frozen_count {
            self.flush_oldest_alone()?;
        }
        // An edit is durable before it is shown, and both are done under this lock.
        let manifest = self.manifest.lock();
        manifest.log.check()?;
        let mut state = manifest.state.clone();
        state.answered_us = state.answered_us.max(system_us);
        state.next_file_id = self.next_file_id.load(Ordering::Relaxed);
        Ok((state, system_us, self.shared.lock().state.clone()))
    }

    /// Erases keys from every backup that can be reached.
    pub(super) fn erase_from_backups(
        &self,
        table: TableId,
        keys: &ErasedKeys,
    ) -> Result<InBackups> {
        // What the database will refuse is not begun in its backups.
        if let Some(halted) = self.wal.halted() {
            return Err(halted);
        }
        let (paths, origin) = {
            let manifest = self.manifest.lock();
            manifest.log.check()?;
            (manifest.state.backups.clone(), Origin::of(&manifest.state))
        };
        let mut done = InBackups::default();
        for path in paths {
            let erased = match self.reach(&path, origin) {
                Ok(Ok(folder)) => self.erase_from_backup((folder, table, keys), &mut done),
                Ok(Err(why)) => {
                    done.unreached.push(why);
                    Ok(())
                }
                Err(error) => Err(error),
            };
            erased.map_err(|error| error.context(format!("backups in {path}")))?;
        }
        Ok(done)
    }

    /// The folder, or why it is not there: a disk may have been taken away. Damage is an error.
    fn reach(&self, path: &str, origin: Origin) -> Result<Result<Folder, String>> {
        match Folder::find(&self.files.disk, Path::new(path)) {
            Ok(None) => Ok(Err(format!("{path}: there are no backups"))),
            Ok(Some(folder)) => match folder.check_origin(origin) {
                Ok(()) => Ok(Ok(folder)),
                Err(other) => Ok(Err(other.to_string())),
            },
            Err(error) if error.kind() == ErrorKind::Io => Ok(Err(format!("{path}: {error}"))),
            Err(error) => Err(error),
        }
    }

    fn erase_from_backup(
        &self,
        (folder, table, keys): (Folder, TableId, &ErasedKeys),
        done: &mut InBackups,
    ) -> Result<()> {
        let _lock = folder.lock()?;
        let cleared = folder.clear(table, keys, &mut || self.next_file_id())?;
        if !cleared.is_empty() {
            // The numbers that files of the backup have now are never given to files of the database, whatever comes between.
            let next_file_id = Some(self.next_file_id.load(Ordering::Relaxed));
            let edit = Edit { next_file_id, ..Edit::default() };
            self.install(&mut self.manifest.lock(), &edit, None)?;
        }
        folder.install(&cleared)?;
        done.found.extend(&cleared.keys);
        done.unreached.extend(cleared.outside);
        done.folders.push(folder);
        Ok(())
    }

    /// Puts all erasures on record in the backups, for those who restore them.
    pub(super) fn note_erasures_in(&self, folders: &[Folder]) -> Result<()> {
        let (erasures, audit, secret) = {
            let state = &self.manifest.lock().state;
            (state.erasures.clone(), state.audit.clone(), state.erasure_secret.clone())
        };
        folders.iter().try_for_each(|folder| {
            let _lock = folder.lock()?;
            folder.note_erasures((&erasures, &audit), secret.as_ref())
        })
    }
}
