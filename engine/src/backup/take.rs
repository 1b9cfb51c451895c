//! Taking a backup: the files of a state go into the folder, then the point that names them.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use super::folder::Folder;
use super::point::Point;
use super::report::{BackupOptions, BackupReport};
use super::transfer::{Home, Transfer, items_of, judge};
use crate::error::{Error, Result};
use crate::manifest::ManifestState;
use crate::segment::{SegmentId, SegmentMeta};
use crate::supersession::SupersessionMeta;
use crate::time::SystemTime;
use crate::version::Files;

/// What all points of a folder name.
#[derive(Default)]
struct Named {
    paths: HashSet<PathBuf>,
    segments: BTreeMap<SegmentId, SegmentMeta>,
    supersessions: BTreeMap<u64, SupersessionMeta>,
    last_number: u64,
}

impl Folder {
    /// Adds a point at `system_us` with the files of a state, which stay where they are while this runs. The folder is locked by the
    /// caller. Durable when this returns; after an error there is no new point.
    pub(crate) fn take(
        &self,
        source: &Files,
        (state, system_us): (&ManifestState, i64),
        options: &BackupOptions,
    ) -> Result<BackupReport> {
        let named = self.named_by_all(state)?;
        self.sweep(&named.paths)?;
        let mut transfer = Transfer::new(self.disk.clone(), !options.copy);
        let (mut file_count, mut reused_count) = (0, 0);
        let own = items_of(&self.files(0), state, Home::Backups);
        for (from, to) in items_of(source, state, Home::Database).iter().zip(own) {
            let paths = to.paths();
            file_count += paths.len() as u64;
            if self.has_all(&paths, &named)? {
                reused_count += paths.len() as u64;
            } else if transfer.bring(from, &to)? {
                judge(from, &to)?;
            }
        }
        transfer.finish()?;
        let number = named.last_number + 1;
        self.write_point(&Point::new(number, system_us, state))?;
        Ok(BackupReport {
            number,
            system_time: SystemTime::from_micros(system_us),
            file_count,
            reused_count,
            linked_count: transfer.linked_count,
            copied_count: transfer.copied_count,
            copied_bytes: transfer.copied_bytes,
        })
    }

    /// What the points name; an error if one of them names another file as the state does.
    fn named_by_all(&self, state: &ManifestState) -> Result<Named> {
        let files = self.files(0);
        let mut named = Named::default();
        for number in self.numbers()? {
            let (_, other) = self.point(number)?;
            named.paths.extend(
                items_of(&files, &other, Home::Backups).iter().flat_map(|item| item.paths()),
            );
            named.segments.extend(other.segments);
            named.supersessions.extend(other.supersessions);
            named.last_number = number;
        }
        // A copy of the folder of a database goes on giving the numbers that the database itself gives.
        let differs = |(id, meta): (&SegmentId, &SegmentMeta)| {
            named.segments.get(id).is_some_and(|other| other != meta)
        };
        let differ = |(id, meta): (&u64, &SupersessionMeta)| {
            named.supersessions.get(id).is_some_and(|other| other != meta)
        };
        if state.segments.iter().any(differs) || state.supersessions.iter().any(differ) {
            return Err(Error::conflict(format!(
                "{} holds backups of a copy of this database that has gone another way since",
                self.dir.display()
            )));
        }
        Ok(named)
    }

    /// Whether all of an item is there, since a point names it.
    fn has_all(&self, paths: &[PathBuf], named: &Named) -> Result<bool> {
        for path in paths {
            if !named.paths.contains(path) || !self.disk.exists(path)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
