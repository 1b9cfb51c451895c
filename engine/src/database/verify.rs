//! Reading every byte of every file: what a database answers can be no better than what it stores.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::index::column_rows;
use super::inner::Inner;
use super::open::{LOCK_FILE, WAL_DIR, lost_manifest};
use crate::archive::{MANIFEST_FILE, read_manifest};
use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{MANIFEST_DIR, ManifestLog, ManifestState};
use crate::options::Options;
use crate::partition::PartitionState;
use crate::segment::Segment;
use crate::version::{Files, Sealed, SegmentEntry, TableVersion, Version};
use crate::wal::{Cut, Wal};

/// How much was read and how much of it is damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Files that were read.
    pub file_count: u64,
    /// Their bytes.
    pub byte_count: u64,
    /// Damages that were reported.
    pub damage_count: u64,
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VerifyReport { file_count, byte_count, damage_count } = self;
        write!(f, "{file_count} files, {byte_count} bytes, {damage_count} damages")
    }
}

/// Reads every byte of every file of the database in a folder, and tells `report` of each damage, naming file and offset.
///
/// Works on a database that is too damaged to open, and changes nothing. Kinds of error: `Unavailable` (no database, or another
/// process holds it), `Io`.
///
/// ```
/// # fn main() -> annals_engine::Result<()> {
/// # use annals_engine::{Database, Options};
/// # let dir = tempfile::tempdir().unwrap();
/// Database::open(dir.path(), Options::default())?.close()?;
/// let report = annals_engine::verify(dir.path(), &Options::default(), &mut |damage| eprintln!("{damage}"))?;
/// assert_eq!(report.damage_count, 0);
/// # Ok(())
/// # }
/// ```
pub fn verify(
    dir: impl AsRef<Path>,
    options: &Options,
    report: &mut dyn FnMut(Error),
) -> Result<VerifyReport> {
    let (dir, disk) = (dir.as_ref(), options.disk.clone());
    if !disk.exists(&dir.join(MANIFEST_DIR))? {
        return Err(Error::unavailable(format!("there is no database in {}", dir.display())));
    }
    let _lock = disk.lock(&dir.join(LOCK_FILE))?;
    let files = Files { disk, dir: dir.to_path_buf(), cache: Arc::new(Cache::new(0)) };
    let mut checker = Checker { files: &files, report, counts: VerifyReport::default() };
    let found = ManifestLog::judge(&files.disk, &dir.join(MANIFEST_DIR));
    checker.count_dir(&dir.join(MANIFEST_DIR))?;
    let Some(found) = checker.judge(found)? else { return Ok(checker.counts) };
    let Some(found) = found else {
        let lost = lost_manifest(&files.disk, dir)?;
        checker.judge(Err::<(), _>(lost))?;
        return Ok(checker.counts);
    };
    if let Some(cut) = found.cut {
        checker.judge(Err::<(), _>(torn_tail(cut)))?;
    }
    checker.check_log(dir, &found.state)?;
    checker.check_segments(&Version::open(&files, &found.state))?;
    Ok(checker.counts)
}

impl Inner {
    /// The same for a database that is open. Flushes and compactions wait meanwhile.
    pub(super) fn verify(&self, report: &mut dyn FnMut(Error)) -> Result<VerifyReport> {
        self.check_open()?;
        let _flushing = self.flushing.lock();
        let _compacting = self.compacting.lock();
        let writer = self.writer.lock();
        let mut checker = Checker { files: &self.files, report, counts: VerifyReport::default() };
        let (state, dir) = (self.shared.lock().state.clone(), self.files.dir.clone());
        {
            let manifest = self.manifest.lock();
            let found = ManifestLog::judge(&self.files.disk, &dir.join(MANIFEST_DIR));
            checker.judge(found)?;
            checker.count_dir(&dir.join(MANIFEST_DIR))?;
            self.wal.sync_all()?;
            checker.check_log(&dir, &manifest.state)?;
        }
        drop(writer);
        // Files that a version names are immutable, so writers need not wait for the long part.
        checker.check_segments(&state.version)?;
        Ok(checker.counts)
    }
}

/// What opening would cut, as damage.
fn torn_tail(cut: Cut) -> Error {
    Error::corrupt(cut.file, cut.offset, format!("a torn tail: {}", cut.why))
}

struct Checker<'a> {
    files: &'a Files,
    report: &'a mut dyn FnMut(Error),
    counts: VerifyReport,
}

impl Checker<'_> {
    /// Reports damage; any other error ends the verification.
    fn judge<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unavailable) => {
                self.counts.damage_count += 1;
                (self.report)(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn count_dir(&mut self, dir: &Path) -> Result<()> {
        for name in self.files.disk.list(dir)? {
            self.counts.byte_count += self.files.disk.open(&dir.join(name))?.len()?;
            self.counts.file_count += 1;
        }
        Ok(())
    }

    fn check_log(&mut self, dir: &Path, state: &ManifestState) -> Result<()> {
        let (wal_dir, files) = (dir.join(WAL_DIR), state.wal_file..=state.wal_file_newest);
        let judged = Wal::judge(self.files.disk.clone(), &wal_dir, state.database_id, files);
        self.count_dir(&wal_dir)?;
        let Some((recovery, mut damages)) = self.judge(judged)? else { return Ok(()) };
        damages.extend(recovery.cut.map(torn_tail));
        damages.into_iter().try_for_each(|damage| self.judge(Err::<(), _>(damage)).map(drop))
    }

    fn check_segment(&mut self, segment: &Segment) -> Result<()> {
        let meta = segment.meta();
        self.counts.file_count += 2;
        self.counts.byte_count += meta.data_bytes + meta.index_bytes;
        let mut damages = Vec::new();
        let verified = segment.verify(&mut |damage| damages.push(damage));
        for damage in damages {
            self.judge(Err::<(), _>(damage))?;
        }
        self.judge(verified).map(drop)
    }

    fn check_segments(&mut self, version: &Version) -> Result<()> {
        let mut files = std::collections::BTreeMap::new();
        for entry in version.segments() {
            let damage_count = self.counts.damage_count;
            self.check_segment(entry.segment())?;
            let table = version.table(entry.segment().meta().table)?;
            self.check_bitmaps(table, entry, self.counts.damage_count == damage_count)?;
            files.extend(entry.files().iter().map(|file| (file.meta().id, file.clone())));
        }
        for file in files.values() {
            self.counts.file_count += 1;
            self.counts.byte_count += file.meta().bytes;
            self.judge(file.verify())?;
        }
        let sealed = version.tables.values().flat_map(|table| table.sealed.values());
        let detached = sealed.filter(|sealed| sealed.entry.state == PartitionState::Detached);
        detached.into_iter().try_for_each(|sealed| self.check_detached(sealed))
    }

    /// A detached partition lies in the folder of the database, unless somebody has moved it: that is no damage.
    fn check_detached(&mut self, sealed: &Sealed) -> Result<()> {
        let dir = self.files.place(sealed.entry.location.as_deref().unwrap_or_default());
        if !self.files.disk.exists(&dir)? {
            return Ok(());
        }
        let manifest = read_manifest(self.files.disk.as_ref(), &dir);
        self.counts.file_count += 1;
        if let Some((_, checksum)) = self.judge(manifest)?
            && Some(checksum) != sealed.entry.checksum
        {
            let path = dir.join(MANIFEST_FILE);
            let changed = Error::corrupt(path, 0, "its checksum differs from the one on record");
            self.judge(Err::<(), _>(changed))?;
        }
        for entry in &sealed.segments {
            self.check_segment(entry.segment())?;
        }
        Ok(())
    }

    /// Checks the bitmaps of a segment, and holds them against its columns if it is whole.
    fn check_bitmaps(
        &mut self,
        table: &TableVersion,
        entry: &SegmentEntry,
        is_whole: bool,
    ) -> Result<()> {
        for bitmap in entry.bitmaps().iter().filter(|bitmap| bitmap.meta().has_file()) {
            self.counts.file_count += 1;
            self.counts.byte_count += bitmap.meta().bytes;
            let mut indexes = table.indexes.iter().map(|index| &index.entry);
            let index = indexes.find(|index| index.id == bitmap.meta().index);
            let position = index.and_then(|index| index.position_in(entry.segment().schema()));
            let mut column = match position.filter(|_| is_whole) {
                Some(position) => self.judge(column_rows(entry.segment(), position))?,
                None => None,
            };
            self.judge(bitmap.verify(column.as_mut()))?;
        }
        Ok(())
    }
}
