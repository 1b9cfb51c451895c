//! The folder of backups: whose they are, which points there are, and what no point names.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::point::{Point, encode, parse};
use super::record::{UNFINISHED, read_record, write_record};
use super::transfer::{Home, items_of};
use crate::cache::Cache;
use crate::disk::{Disk, DiskLock};
use crate::error::{Error, Result};
use crate::journal::Identity;
use crate::manifest::ManifestState;
use crate::version::{DETACHED_DIR, Files, TABLES_DIR};

/// The file that makes a folder one of backups.
pub(super) const MARKER_FILE: &str = "BACKUP";
/// The file whose lock is held by who changes the folder.
const LOCK_FILE: &str = "LOCK";
/// The folder of the points.
pub(super) const POINTS_DIR: &str = "points";
/// The first eight bytes of the marker, and of the file of a point.
pub(super) const MARKER_MAGIC: [u8; 8] = *b"ANNALSBK";
pub(super) const POINT_MAGIC: [u8; 8] = *b"ANNALSBP";

/// Whose backups a folder holds. A database that was restored is another one than that which goes on, although it has its number:
/// from then on they give the same numbers to different files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) database_id: u128,
    pub(crate) branch: Option<u128>,
}

/// What the marker holds, as a JSON object.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    database_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
}

/// A folder of backups.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
    origin: Origin,
}

impl Origin {
    pub(crate) fn of(state: &ManifestState) -> Origin {
        Origin { database_id: state.database_id, branch: state.branch }
    }
}

impl Folder {
    /// The folder, if it is one of backups.
    pub(crate) fn find(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Option<Folder>> {
        let path = dir.join(MARKER_FILE);
        if !disk.exists(&path)? {
            return Ok(None);
        }
        let payload = read_record(disk.as_ref(), &path, &marker_identity())?;
        let marker: Marker = parse(&path, &payload)?;
        let number = |text: &str| {
            let number = u128::from_str_radix(text, 16);
            number.map_err(|_| Error::corrupt(&path, 0, format!("`{text}` is not a number")))
        };
        let branch = marker.branch.as_deref().map(number).transpose()?;
        let origin = Origin { database_id: number(&marker.database_id)?, branch };
        Ok(Some(Folder { disk: disk.clone(), dir: dir.to_path_buf(), origin }))
    }

    /// The folder, which must be one of backups.
    pub(crate) fn existing(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Folder> {
        let missing = || Error::unavailable(format!("there are no backups in {}", dir.display()));
        Folder::find(disk, dir)?.ok_or_else(missing)
    }

    /// The folder for backups of `origin`, made if it is missing or empty; locked for as long as the guard lives.
    pub(crate) fn prepare(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        origin: Origin,
    ) -> Result<(Folder, Box<dyn DiskLock>)> {
        if let Some(folder) = Folder::find(disk, dir)? {
            folder.check_origin(origin)?;
            let lock = folder.lock()?;
            return Ok((folder, lock));
        }
        let own = [LOCK_FILE.to_owned(), format!("{MARKER_FILE}{UNFINISHED}")];
        if let Some(other) = disk.list(dir)?.iter().find(|name| !own.contains(name)) {
            return Err(Error::invalid(format!(
                "{} is not a backup folder: it holds `{other}`; choose one that is missing or empty",
                dir.display()
            )));
        }
        disk.create_dir_all(dir)?;
        let folder = Folder { disk: disk.clone(), dir: dir.to_path_buf(), origin };
        let lock = folder.lock()?;
        let hex = |number: u128| format!("{number:032x}");
        let marker =
            Marker { database_id: hex(origin.database_id), branch: origin.branch.map(hex) };
        let path = dir.join(MARKER_FILE);
        write_record(disk.as_ref(), &path, &marker_identity(), &encode(&marker)?)?;
        Ok((folder, lock))
    }

    /// An error if the backups are another database's.
    pub(crate) fn check_origin(&self, origin: Origin) -> Result<()> {
        if self.origin == origin {
            return Ok(());
        }
        let dir = self.dir.display();
        Err(Error::invalid(match self.origin.database_id == origin.database_id {
            true => format!(
                "{dir} holds backups from before this database was restored, or of another restored one"
            ),
            false => format!(
                "{dir} holds backups of database {:032x}, and this is {:032x}",
                self.origin.database_id, origin.database_id
            ),
        }))
    }

    /// Keeps others from changing the folder.
    pub(crate) fn lock(&self) -> Result<Box<dyn DiskLock>> {
        self.disk.lock(&self.dir.join(LOCK_FILE))
    }

    /// What its segments open their files with. They are read once: little of them is kept.
    pub(super) fn files(&self, cache_bytes: u64) -> Files {
        let cache = Arc::new(Cache::new(cache_bytes));
        Files { disk: self.disk.clone(), dir: self.dir.clone(), cache }
    }

    /// The file of a point.
    pub(super) fn point_path(&self, number: u64) -> PathBuf {
        self.dir.join(POINTS_DIR).join(point_name(number))
    }

    /// The numbers of the points, oldest first.
    pub(crate) fn numbers(&self) -> Result<Vec<u64>> {
        let names = self.disk.list(&self.dir.join(POINTS_DIR))?;
        let number = |name: &String| {
            let number = name.strip_suffix(".point")?.parse().ok()?;
            (*name == point_name(number)).then_some(number)
        };
        let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Reads a point that is there, and what it says of the manifest.
    pub(crate) fn point(&self, number: u64) -> Result<(Point, ManifestState)> {
        let path = self.point_path(number);
        let payload = read_record(self.disk.as_ref(), &path, &self.identity(number))?;
        let point: Point = parse(&path, &payload)?;
        let state = point.manifest(&path)?;
        if point.number != number || Origin::of(&state) != self.origin {
            let what = format!("it is point {} of another folder", point.number);
            return Err(Error::corrupt(path, 0, what));
        }
        Ok((point, state))
    }

    /// Writes a point, in place of the one of its number if there is one; durable when this returns.
    pub(crate) fn write_point(&self, point: &Point) -> Result<()> {
        self.disk.create_dir_all(&self.dir.join(POINTS_DIR))?;
        let path = self.point_path(point.number);
        write_record(self.disk.as_ref(), &path, &self.identity(point.number), &encode(point)?)
    }

    /// The files that some point names.
    pub(super) fn named(&self) -> Result<HashSet<PathBuf>> {
        let files = self.files(0);
        let mut named = HashSet::new();
        for number in self.numbers()? {
            let (_, state) = self.point(number)?;
            named.extend(
                items_of(&files, &state, Home::Backups).iter().flat_map(|item| item.paths()),
            );
        }
        Ok(named)
    }

    /// Removes what no point names: the rest of something that was cut off, or what an erasure has replaced.
    pub(super) fn sweep(&self, named: &HashSet<PathBuf>) -> Result<()> {
        for place in [TABLES_DIR, DETACHED_DIR].map(|name| self.dir.join(name)) {
            for table in self.disk.list(&place)? {
                let table_dir = place.join(table);
                for folder in self.disk.list(&table_dir)? {
                    self.remove_from(&table_dir.join(folder), &|path| !named.contains(path))?;
                }
            }
        }
        let is_unfinished =
            |path: &Path| path.extension().is_some_and(|ending| ending == &UNFINISHED[1..]);
        self.remove_from(&self.dir.join(POINTS_DIR), &is_unfinished)
    }

    fn remove_from(&self, dir: &Path, is_left: &dyn Fn(&Path) -> bool) -> Result<()> {
        let mut is_touched = false;
        for name in self.disk.list(dir)? {
            let path = dir.join(name);
            if is_left(&path) {
                self.disk.remove(&path)?;
                is_touched = true;
            }
        }
        if is_touched { self.disk.sync_dir(dir) } else { Ok(()) }
    }

    fn identity(&self, number: u64) -> Identity {
        Identity { magic: POINT_MAGIC, database_id: self.origin.database_id, number }
    }
}

fn point_name(number: u64) -> String {
    format!("{number:010}.point")
}

fn marker_identity() -> Identity {
    // Whose backups they are stands in the record: whoever reads the marker does not know it yet.
    Identity { magic: MARKER_MAGIC, database_id: 0, number: 0 }
}
