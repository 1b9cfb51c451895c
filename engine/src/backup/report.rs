//! What is asked of backups and restores, and what they tell of what they did.

use std::fmt;

use crate::time::SystemTime;

/// How a backup is taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackupOptions {
    pub(super) copy: bool,
}

impl BackupOptions {
    /// Whether files are copied even where the file system could give them a second name in the backup folder. A second name costs no
    /// time and no space; but what then destroys the bytes of the database destroys those of the backup. Off unless told otherwise.
    pub fn copy(mut self, is_on: bool) -> BackupOptions {
        self.copy = is_on;
        self
    }
}

/// What a backup did; displayed, a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReport {
    /// The number of the new point, from 1 on.
    pub number: u64,
    /// Its system time: every transaction up to then is in it, and none that came later.
    pub system_time: SystemTime,
    /// Files that the point names.
    pub file_count: u64,
    /// Those of them that an earlier point has brought.
    pub reused_count: u64,
    /// Those that got a second name.
    pub linked_count: u64,
    /// Those that were copied, and read again to be verified.
    pub copied_count: u64,
    /// Their bytes.
    pub copied_bytes: u64,
}

impl fmt::Display for BackupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BackupReport { number, system_time, file_count, reused_count, linked_count, .. } = self;
        let BackupReport { copied_count, copied_bytes, .. } = self;
        write!(
            f,
            "point {number} as of {system_time}: {file_count} files, {reused_count} there already, \
             {linked_count} linked, {copied_count} copied ({copied_bytes} bytes)"
        )
    }
}

/// A point that can be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupPoint {
    /// Its number in the folder, from 1 on.
    pub number: u64,
    /// Its system time: every transaction up to then is in it, and none that came later.
    pub system_time: SystemTime,
    /// Files that it names, of which other points may name the same.
    pub file_count: u64,
}

/// What is restored: the newest point, unless told otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestoreOptions {
    pub(super) at: Option<SystemTime>,
    pub(super) point: Option<u64>,
    pub(super) copy: bool,
}

impl RestoreOptions {
    /// The database as it was at this system instant, from the oldest point that knows it unless a point is named.
    pub fn at(mut self, system_time: SystemTime) -> RestoreOptions {
        self.at = Some(system_time);
        self
    }

    /// From the point of this number.
    pub fn point(mut self, number: u64) -> RestoreOptions {
        self.point = Some(number);
        self
    }

    /// Whether files are copied even where the file system could give them a second name; see [`BackupOptions::copy`].
    pub fn copy(mut self, is_on: bool) -> RestoreOptions {
        self.copy = is_on;
        self
    }
}

/// What a restore did; displayed, a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreReport {
    /// The number of the point that it was made from.
    pub point: u64,
    /// The system instant as of which the database is.
    pub system_time: SystemTime,
    /// Files of segments and of supersessions that it has.
    pub file_count: u64,
    /// Those that got a second name.
    pub linked_count: u64,
    /// Those that were copied.
    pub copied_count: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Segments of the point that had to be written again, since some of their rows are of later.
    pub rewritten_count: u64,
}

impl fmt::Display for RestoreReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RestoreReport { point, system_time, file_count, linked_count, .. } = self;
        let RestoreReport { copied_count, copied_bytes, rewritten_count, .. } = self;
        write!(
            f,
            "as of {system_time}, from point {point}: {file_count} files, {linked_count} linked, \
             {copied_count} copied ({copied_bytes} bytes), {rewritten_count} segments rewritten"
        )
    }
}
