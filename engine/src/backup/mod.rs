//! Backups: folders with files of the database as it was at some instants, and databases made from them again.
//!
//! A backup folder holds *points*. A point is the whole state of the manifest at one system instant; the files that it names lie in the
//! same folder, in the same places as in a database, and points share them. So a second backup adds the files that are new, and a point.
//!
//! * A point is there whole or not at all: it is written, synced and renamed after every file that it names is durable. Files that no
//!   point names are the rest of a backup that was cut off; the next one removes them.
//! * A file of a point never changes. An erasure writes others in its place, then the points anew, then removes what none names.
//! * Restoring judges every byte. The manifest of the new database is written last, so that a restore that was cut off is no database.
//!
//! `docs/format/backup.md` has the bytes, `docs/decisions/0016-backups-are-points-over-shared-files.md` the reasons.

mod clear;
mod folder;
mod point;
mod record;
mod report;
mod restore;
mod rewind;
mod take;
#[cfg(test)]
mod tests;
mod transfer;

pub(crate) use folder::{Folder, Origin};
pub use report::{BackupOptions, BackupPoint, BackupReport, RestoreOptions, RestoreReport};
pub use restore::backup_points;
