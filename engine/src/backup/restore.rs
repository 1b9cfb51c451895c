//! The files of a point in the folder of a new database, as they were at the point or at an instant before it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::folder::Folder;
use super::report::{BackupPoint, RestoreOptions, RestoreReport};
use super::rewind::rewind;
use super::transfer::{Home, Item, Transfer, items_of, judge};
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::manifest::ManifestState;
use crate::options::Options;
use crate::segment::SegmentId;
use crate::time::SystemTime;
use crate::version::{Files, Version};

/// The points in a folder of backups, oldest first. Reads no file but theirs. Kinds of error: `Unavailable` (no backups there, or of a
/// newer format), `Corrupt`, `Io`.
pub fn backup_points(from: impl AsRef<Path>, options: &Options) -> Result<Vec<BackupPoint>> {
    let folder = Folder::existing(&options.disk, from.as_ref())?;
    let point = |number| {
        let (point, state) = folder.point(number)?;
        let items = items_of(&folder.files(0), &state, Home::Backups);
        Ok(BackupPoint {
            number,
            system_time: SystemTime::from_micros(point.system_us),
            file_count: items.iter().map(|item| item.paths().len() as u64).sum(),
        })
    };
    folder.numbers()?.into_iter().map(point).collect()
}

/// A point, and the instant as of which it is restored.
#[derive(Debug)]
pub(crate) struct Chosen {
    number: u64,
    state: ManifestState,
    until: i64,
}

impl Folder {
    /// The point that was named, or the newest, or the oldest that knows what was committed by the instant asked for.
    pub(crate) fn choose(&self, request: &RestoreOptions) -> Result<Chosen> {
        let mut numbers = self.numbers()?;
        let from = self.dir.display();
        let Some(&newest) = numbers.last() else {
            return Err(Error::unavailable(format!("there is no finished backup in {from}")));
        };
        if let Some(number) = request.point {
            if !numbers.contains(&number) {
                let what = format!("there is no point {number} in {from}, the newest is {newest}");
                return Err(Error::invalid(what));
            }
            numbers = vec![number];
        } else if request.at.is_none() {
            numbers = vec![newest];
        }
        let mut last = i64::MIN;
        for number in numbers {
            let (point, state) = self.point(number)?;
            let until = request.at.map_or(point.system_us, SystemTime::micros);
            if until <= point.system_us {
                return Ok(Chosen { number, state, until });
            }
            last = point.system_us;
        }
        let (last, at) = (SystemTime::from_micros(last), request.at.unwrap_or(SystemTime::MAX));
        let which =
            request.point.map_or("the last backup".to_owned(), |number| format!("point {number}"));
        Err(Error::invalid(format!("{which} in {from} is as of {last}, which is before {at}")))
    }

    /// Brings all files of a point, as of the instant chosen, into the folder of a new database; durable, verified, and garbage until a
    /// manifest names them. Returns the state that this manifest has to have, but for its log.
    pub(crate) fn restore_files(
        &self,
        chosen: Chosen,
        to: &Path,
        request: &RestoreOptions,
    ) -> Result<(ManifestState, RestoreReport)> {
        let Chosen { number, mut state, until } = chosen;
        let disk = self.disk.clone();
        let (dir, cache) = (to.to_path_buf(), Arc::new(Cache::new(0)));
        let target = Files { disk: disk.clone(), dir, cache };
        disk.create_dir_all(&target.tables_dir())?;
        self.note_records(&mut state)?;
        let rewritten = self.rewind(&target, &mut state, until)?;
        let mut transfer = Transfer::new(disk, !request.copy);
        let (source, own) = (
            items_of(&self.files(0), &state, Home::Backups),
            items_of(&target, &state, Home::Database),
        );
        for (from, to) in source.iter().zip(&own) {
            if is_new(to, &rewritten.written) {
                to.verify()?;
            } else {
                transfer.bring(from, to)?;
                judge(from, to)?;
            }
        }
        transfer.finish()?;
        let report = RestoreReport {
            point: number,
            system_time: SystemTime::from_micros(until),
            file_count: own.iter().map(|item| item.paths().len() as u64).sum(),
            linked_count: transfer.linked_count,
            copied_count: transfer.copied_count,
            copied_bytes: transfer.copied_bytes,
            rewritten_count: rewritten.replaced_count,
        };
        Ok((state, report))
    }

    /// Makes the state that of an earlier instant, writing the segments that this takes.
    fn rewind(&self, target: &Files, state: &mut ManifestState, until: i64) -> Result<Rewritten> {
        let version = Version::open(&self.files(0), state);
        let mut next_file_id = state.next_file_id;
        let next_id = &mut || {
            next_file_id += 1;
            next_file_id - 1
        };
        let rewound = rewind((&version, state), target, until, next_id)?;
        let applied = state.apply(&rewound.edit);
        applied.map_err(|what| Error::invalid(format!("a state of before: {what}")))?;
        state.next_file_id = next_file_id;
        for (table, last_system) in rewound.last_system {
            if let Some(table) = state.tables.get_mut(&table) {
                table.last_system_us = last_system;
            }
        }
        let written = rewound.edit.segments_added.iter().map(|meta| meta.id).collect();
        let replaced_count = rewound.edit.segments_removed.len() as u64;
        Ok(Rewritten { written, replaced_count })
    }

    /// Erasures stay on record for ever, those after the point, too.
    fn note_records(&self, state: &mut ManifestState) -> Result<()> {
        let Some(&newest) = self.numbers()?.last() else { return Ok(()) };
        let (_, newest) = self.point(newest)?;
        (state.erasures, state.erasure_secret) = (newest.erasures, newest.erasure_secret);
        state.audit = newest.audit;
        // An erasure in the new database will name it as not reached.
        let path = self.dir.to_str().filter(|_| self.dir.is_absolute());
        state.backups.extend(path.map(str::to_owned));
        Ok(())
    }
}

/// Segments that a restore has written, and how many they replace.
struct Rewritten {
    written: HashSet<SegmentId>,
    replaced_count: u64,
}

fn is_new(item: &Item, written: &HashSet<SegmentId>) -> bool {
    matches!(item, Item::Segment(segment) if written.contains(&segment.meta().id))
}
