//! What becomes of partitions, and where they go.

use std::path::{Path, PathBuf};

use crate::database::inner::Inner;
use crate::disk::is_url;
use crate::error::{Error, Result};
use crate::manifest::PartitionId;
use crate::partition::PartitionState;
use crate::schema::TableSchema;
use crate::version::Files;

/// What becomes of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::database) enum Departure {
    Detach,
    Drop,
    /// Into this folder, which is the partition's own.
    Archive(PathBuf),
    /// Into a folder of its own below this one, `<table>/<partition>`.
    ArchiveBelow(PathBuf),
}

/// Whose wish it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::database) enum Wish {
    /// What cannot be done is an error.
    Explicit,
    /// Partitions that are empty or held are passed over.
    Policy,
}

impl Departure {
    pub(super) fn is_archive(&self) -> bool {
        matches!(self, Departure::Archive(_) | Departure::ArchiveBelow(_))
    }

    pub(super) fn state(&self) -> PartitionState {
        match self {
            Departure::Detach => PartitionState::Detached,
            Departure::Drop => PartitionState::Dropped,
            Departure::Archive(_) | Departure::ArchiveBelow(_) => PartitionState::Archived,
        }
    }

    pub(super) fn action(&self) -> &'static str {
        match self {
            Departure::Detach => "detach partition",
            Departure::Drop => "drop partition",
            Departure::Archive(_) | Departure::ArchiveBelow(_) => "archive partition",
        }
    }

    /// To a folder that the caller names; relative to that of the database.
    pub(in crate::database) fn archive(dir: &Path) -> Departure {
        Departure::Archive(dir.to_path_buf())
    }
}

impl Inner {
    /// Nobody's files are replaced by an archive, least of all those of the database.
    pub(super) fn check_target(&self, departure: &Departure) -> Result<()> {
        let (Departure::Archive(dir) | Departure::ArchiveBelow(dir)) = departure else {
            return Ok(());
        };
        self.check_place(dir)?;
        if is_url(dir) {
            return Ok(());
        }
        let (own, target) = (normal(&self.files.dir)?, normal(&self.files.dir.join(dir))?);
        match target.starts_with(&own) {
            true => Err(Error::invalid(format!(
                "{} lies in the folder of the database, {}: an archive lies elsewhere",
                target.display(),
                own.display()
            ))),
            false => Ok(()),
        }
    }

    /// An error if partitions cannot be put in such a place, or taken from it.
    pub(super) fn check_place(&self, dir: &Path) -> Result<()> {
        if !is_url(dir) {
            return Ok(());
        }
        match self.files.disk.takes_urls() {
            false => Err(Error::invalid(format!(
                "{} is in object storage, which this database was opened without",
                dir.display()
            ))),
            // There is nothing to be made there; a URL that is none is refused.
            true => self.files.disk.create_dir_all(dir),
        }
    }

    /// The folder that a partition goes to.
    pub(super) fn folder_of(
        &self,
        schema: &TableSchema,
        id: PartitionId,
        departure: &Departure,
    ) -> PathBuf {
        match departure {
            Departure::Detach | Departure::Drop => Files::detached_dir(id.table, id.partition),
            Departure::Archive(dir) => dir.clone(),
            Departure::ArchiveBelow(dir) => {
                // A name may hold what is none of a folder's name.
                let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
                let table = &schema.name;
                let table = match table.chars().all(is_plain) {
                    true => table.clone(),
                    false => format!("{:06}", id.table),
                };
                dir.join(table).join(id.partition.name())
            }
        }
    }
}

/// An absolute path without `.` and `..`.
fn normal(dir: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(dir)
        .map_err(|error| Error::invalid(format!("folder {}: {error}", dir.display())))?;
    let mut normal = PathBuf::new();
    for component in absolute.components() {
        match component {
            std::path::Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    Ok(normal)
}
