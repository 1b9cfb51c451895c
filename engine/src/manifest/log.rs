//! The manifest on disk: a row of journals, of which the newest that was begun in full holds everything.
//!
//! Every file begins with one edit that makes the whole state, and goes on with an edit for each change. Opening the database
//! begins a new file, and so do an erasure and a file that has grown long; the older one is removed once the newer is durable.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::edit::Edit;
use super::state::ManifestState;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::journal::{Cut, Identity, Kind, Opened, Reader, Verdict, Writer};

/// The folder of the manifest in the folder of the database.
pub(crate) const MANIFEST_DIR: &str = "manifest";
/// The first eight bytes of every file.
pub(crate) const MAGIC: [u8; 8] = *b"ANNALSMF";
/// The kind of a frame that holds one edit.
pub(crate) const EDIT: Kind = Kind(1);

/// A file longer than this, and than eight times its first edit, is begun anew.
const FILE_BYTES_MIN: u64 = 1 << 20;

/// The manifest, open for appending.
#[derive(Debug)]
pub(crate) struct ManifestLog {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    writer: Writer,
    /// The length of the file after its first edit.
    first_bytes: u64,
    halted: Option<Error>,
}

/// What the files of the manifest say.
#[derive(Debug)]
pub(crate) struct ManifestFound {
    pub(crate) state: ManifestState,
    /// The number of the newest file, begun in full or not.
    newest: u64,
    /// What was behind the last edit and never known to be durable: the file that is begun next goes without it.
    pub(crate) cut: Option<Cut>,
}

impl ManifestLog {
    /// Judges the files without changing them; `None` if no file was ever begun in full, and so nothing was ever stored.
    pub(crate) fn judge(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Option<ManifestFound>> {
        let numbers = numbers(disk, dir)?;
        let Some(&newest) = numbers.last() else { return Ok(None) };
        for &number in numbers.iter().rev() {
            if let Some((state, cut)) = read_file(disk, dir, number)? {
                return Ok(Some(ManifestFound { state, newest, cut }));
            }
        }
        Ok(None)
    }

    /// Begins a new file with the whole state, and removes the older ones.
    pub(crate) fn begin(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        state: &ManifestState,
        found: Option<&ManifestFound>,
    ) -> Result<ManifestLog> {
        disk.create_dir_all(&dir)?;
        let older = numbers(&disk, &dir)?;
        let newest = found.map_or(0, |found| found.newest).max(older.last().copied().unwrap_or(0));
        let writer = begin_file(&disk, &dir, newest + 1, state)?;
        let first_bytes = writer.length();
        remove(&disk, &dir, &older)?;
        Ok(ManifestLog { disk, dir, writer, first_bytes, halted: None })
    }

    /// Appends an edit, which makes `state` of the state before; durable when it returns. After a failure every later call fails.
    pub(crate) fn append(&mut self, edit: &Edit, state: &ManifestState) -> Result<()> {
        self.check()?;
        let appended = self.try_append(edit, state);
        appended.map_err(|error| {
            let halted = Error::halted(format!("the manifest could not be written: {error}"));
            self.halted = Some(halted.clone());
            halted
        })
    }

    /// An error after a failure: the state on disk may then be another one than that in memory.
    pub(crate) fn check(&self) -> Result<()> {
        self.halted.clone().map_or(Ok(()), Err)
    }

    fn try_append(&mut self, edit: &Edit, state: &ManifestState) -> Result<()> {
        // Earlier edits tell of segments that an erasure removes: between which instants their rows lay.
        let must_forget = !edit.erasures.is_empty();
        if must_forget || self.writer.length() > FILE_BYTES_MIN.max(8 * self.first_bytes) {
            let older = self.writer.number();
            self.writer = begin_file(&self.disk, &self.dir, older + 1, state)?;
            self.first_bytes = self.writer.length();
            return remove(&self.disk, &self.dir, &[older]);
        }
        append_promised(&mut self.writer, edit)
    }

    /// Marks the end, so that damage to the last edit is told from an edit that was never finished.
    pub(crate) fn close(&mut self) -> Result<()> {
        if self.halted.is_none() {
            self.writer.seal(0)?;
            self.halted = Some(Error::unavailable("the database is closed"));
        }
        Ok(())
    }
}

fn begin_file(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    number: u64,
    state: &ManifestState,
) -> Result<Writer> {
    let mut writer = Writer::create(disk.as_ref(), &path_of(dir, number), &identity(number), 1)?;
    append_promised(&mut writer, &state.as_edit())?;
    Ok(writer)
}

/// Makes an edit durable, and then that it was: whoever acts on it may remove files, so rot in it must never look like an edit
/// that was not finished.
fn append_promised(writer: &mut Writer, edit: &Edit) -> Result<()> {
    writer.append(EDIT, &encode(edit)?)?;
    writer.sync()?;
    writer.append(Kind::PROMISE, &[])?;
    writer.sync()
}

fn remove(disk: &Arc<dyn Disk>, dir: &Path, numbers: &[u64]) -> Result<()> {
    for number in numbers {
        disk.remove(&path_of(dir, *number))?;
    }
    disk.sync_dir(dir)
}

/// The state that a file describes; `None` if its first edit was never durable.
fn read_file(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    number: u64,
) -> Result<Option<(ManifestState, Option<Cut>)>> {
    let path = path_of(dir, number);
    let file = disk.open(&path)?;
    let length = file.len()?;
    let length = usize::try_from(length)
        .map_err(|_| Error::exhausted(format!("{} does not fit in memory", path.display())))?;
    let mut bytes = vec![0; length];
    file.read_at(0, &mut bytes)?;
    let mut reader = match Reader::open(&path, &bytes, &identity(number))? {
        Opened::Journal(reader) => reader,
        Opened::TornCreation => return Ok(None),
    };
    let mut state: Option<ManifestState> = None;
    loop {
        match reader.next()? {
            Verdict::Frame(frame) if frame.kind == EDIT => {
                let corrupt = |what: String| Error::corrupt(&path, frame.offset, what);
                let edit: Edit = serde_json::from_slice(frame.payload).map_err(|error| {
                    if error.is_data() {
                        // The checksum matches and it is JSON: whoever wrote it knew other fields than this build.
                        let path = path.display();
                        return Error::unavailable(format!(
                            "{path} was written by a build of another version: {error}"
                        ));
                    }
                    corrupt(format!("an edit cannot be read: {error}"))
                })?;
                let applied = state.get_or_insert_default().apply(&edit);
                applied
                    .map_err(|what| corrupt(format!("an edit contradicts the state: {what}")))?;
            }
            Verdict::Frame(frame) if matches!(frame.kind, Kind::PROMISE | Kind::SEAL) => {}
            Verdict::Frame(frame) => {
                let what = format!("frames of kind {} are unknown", frame.kind.0);
                return Err(Error::corrupt(&path, frame.offset, what));
            }
            Verdict::End { .. } => return Ok(state.map(|state| (state, None))),
            Verdict::TornTail { offset, byte_count, why } => {
                let cut = Cut { file: path, offset, byte_count, why };
                return Ok(state.map(|state| (state, Some(cut))));
            }
        }
    }
}

fn encode(edit: &Edit) -> Result<Vec<u8>> {
    serde_json::to_vec(edit)
        .map_err(|error| Error::invalid(format!("an edit of the manifest: {error}")))
}

fn identity(number: u64) -> Identity {
    // The database's number stands in the first edit: whoever reads the manifest does not know it yet.
    Identity { magic: MAGIC, database_id: 0, number }
}

fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:010}.manifest"))
}

fn numbers(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Vec<u64>> {
    let names = disk.list(dir)?;
    let number = |name: &String| name.strip_suffix(".manifest")?.parse().ok();
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}
