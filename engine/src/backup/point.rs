//! A point: what the database consisted of at one system instant, as one edit of the manifest.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::manifest::{Edit, ManifestState};

/// What the file of a point holds, as a JSON object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Point {
    /// Counted from 1 in a backup folder.
    pub(crate) number: u64,
    /// Its system time, in microseconds since 1970: every transaction up to then is in it, and none that came later.
    pub(crate) system_us: i64,
    /// The edit that makes the state of the manifest from nothing.
    pub(crate) state: Edit,
}

impl Point {
    /// The point at which a database has a state. Its log is not part of it: all was flushed.
    pub(crate) fn new(number: u64, system_us: i64, state: &ManifestState) -> Point {
        let mut state = state.clone();
        (state.wal_file, state.wal_file_newest, state.wal_frame_count) = (1, 1, 0);
        // Bitmaps are not backed up: they are made again.
        state.bitmaps.clear();
        Point { number, system_us, state: state.as_edit() }
    }

    /// The state of the manifest; `path` is the file of the point.
    pub(super) fn manifest(&self, path: &Path) -> Result<ManifestState> {
        let mut state = ManifestState::default();
        let applied = state.apply(&self.state);
        let whole = applied.map_err(|what| format!("the state contradicts itself: {what}"));
        whole.map_err(|what| Error::corrupt(path, 0, what))?;
        Ok(state)
    }
}

/// A record of JSON whose checksum matches; a field that is not known was written by another build.
pub(super) fn parse<'a, T: Deserialize<'a>>(path: &Path, payload: &'a [u8]) -> Result<T> {
    serde_json::from_slice(payload).map_err(|error| match error.is_data() {
        true => Error::unavailable(format!(
            "{} was written by a build of another version: {error}",
            path.display()
        )),
        false => Error::corrupt(path, 0, format!("the record cannot be read: {error}")),
    })
}

/// A value as the payload of a record.
pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::invalid(format!("a backup: {error}")))
}
