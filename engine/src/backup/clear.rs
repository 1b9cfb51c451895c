//! Erasing keys from all points of a backup folder.
//!
//! A segment that has rows of the keys is written again without them, once for all points that share it. Its other rows stay as they
//! are: their cuts, which differ from point to point, go into a new supersession file of each point. What is written is garbage until
//! the points that name it are written, each in place of the one before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::folder::Folder;
use super::point::Point;
use super::transfer::is_detached;
use crate::codec::Secret;
use crate::compaction::{self, CutsBySegment, ErasedKeys, Plan};
use crate::error::Result;
use crate::manifest::{AuditEntry, Edit, ErasureEntry, ManifestState};
use crate::schema::TableId;
use crate::segment::{SegmentId, SegmentMeta};
use crate::supersession::write_supersessions;
use crate::version::{Files, SegmentEntry, Version};

/// The most bytes of decoded columns and index pages that are kept while segments are searched.
const CACHE_BYTES: u64 = 32 << 20;

/// A point on its way to another.
struct Held {
    point: Point,
    state: ManifestState,
    version: Version,
    edit: Edit,
    cuts: CutsBySegment,
}

/// What replaces the points of a folder when it is installed.
#[derive(Debug, Default)]
pub(crate) struct Cleared {
    points: Vec<Point>,
    /// The positions of the keys that had rows.
    pub(crate) keys: Vec<usize>,
    /// Detached partitions of the table, in which the keys are not looked for: attaching them in a restored database erases them there.
    pub(crate) outside: BTreeSet<String>,
}

impl Cleared {
    /// Whether there was anything to erase.
    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

impl Folder {
    /// Writes what replaces the files of a table that have rows of one of the keys. The folder is locked by the caller.
    pub(crate) fn clear(
        &self,
        table: TableId,
        keys: &ErasedKeys,
        next_id: &mut dyn FnMut() -> u64,
    ) -> Result<Cleared> {
        // What an erasure has written that was cut off: its numbers may be given again.
        self.sweep(&self.named()?)?;
        let files = self.files(CACHE_BYTES);
        let mut held = self.hold_all(&files)?;
        let outside = self.outside(&held, table);
        let mut found_keys = BTreeSet::new();
        for entry in segments_of(&held, table) {
            let schema = entry.segment().schema().clone();
            let found = keys.rows_in(entry.segment())?;
            if found.rows.is_empty() {
                continue;
            }
            found_keys.extend(found.row_counts.iter().map(|(key, _)| *key));
            // All rows stay in their partition: where they end depends on the cuts, which are not applied.
            let plan = Plan { direct_row_count_min: usize::MAX, ..compaction::plan_of(&entry) };
            let left = compaction::compact(&files, &schema, &plan, &[found.rows], next_id)?;
            let id = entry.segment().meta().id;
            for held in held.iter_mut().filter(|held| held.state.segments.contains_key(&id)) {
                held.cuts.extend(left.late_cuts(&plan, held.version.table(table)?)?);
                held.edit.segments_removed.push(id);
                held.edit.segments_added.extend(left.segments.iter().cloned());
            }
        }
        let changed = held.into_iter().filter(|held| !held.edit.segments_removed.is_empty());
        let points = changed.map(|held| held.finish(&files, table, next_id));
        Ok(Cleared {
            points: points.collect::<Result<_>>()?,
            keys: found_keys.into_iter().collect(),
            outside,
        })
    }

    /// Puts the points in place of those before, and removes what none names any more.
    pub(crate) fn install(&self, cleared: &Cleared) -> Result<()> {
        for point in &cleared.points {
            self.write_point(point)?;
        }
        self.sweep(&self.named()?)
    }

    /// Puts all erasures so far on record in the newest point: a database that is restored has them all.
    pub(crate) fn note_erasures(
        &self,
        (erasures, audit): (&[Arc<ErasureEntry>], &[Arc<AuditEntry>]),
        secret: Option<&Secret>,
    ) -> Result<()> {
        let Some(&newest) = self.numbers()?.last() else { return Ok(()) };
        let (point, mut state) = self.point(newest)?;
        if state.erasures.len() == erasures.len() {
            return Ok(());
        }
        (state.erasures, state.erasure_secret) = (erasures.to_vec(), secret.cloned());
        state.audit = audit.to_vec();
        self.write_point(&Point::new(newest, point.system_us, &state))
    }

    fn outside(&self, held: &[Held], table: TableId) -> BTreeSet<String> {
        let sealed = held.iter().flat_map(|held| held.state.sealed.values());
        let detached = sealed.filter(|entry| entry.table == table && is_detached(entry));
        detached.map(|entry| format!("{}: {}", self.dir.display(), entry.place())).collect()
    }

    fn hold_all(&self, files: &Files) -> Result<Vec<Held>> {
        let numbers = self.numbers()?.into_iter();
        let hold = |number| {
            let (point, state) = self.point(number)?;
            let version = Version::open(files, &state);
            Ok(Held { point, state, version, edit: Edit::default(), cuts: Vec::new() })
        };
        numbers.map(hold).collect()
    }
}

impl Held {
    fn finish(
        mut self,
        files: &Files,
        table: TableId,
        next_id: &mut dyn FnMut() -> u64,
    ) -> Result<Point> {
        if !self.cuts.is_empty() {
            let (dir, id) = (files.supersession_dir(table), next_id());
            let meta = write_supersessions(&files.disk, &dir, (id, table), &self.cuts, 1)?;
            self.edit.supersessions_added.push(meta);
        }
        let applied = self.state.apply(&self.edit);
        applied.map_err(|what| crate::error::Error::invalid(format!("a point: {what}")))?;
        self.state.next_file_id = self.state.next_file_id.max(next_id());
        Ok(Point::new(self.point.number, self.point.system_us, &self.state))
    }
}

/// Every segment of a table that some point names, once, without cuts; with the schema of the oldest point that names it, which all
/// of them can read.
fn segments_of(held: &[Held], table: TableId) -> Vec<Arc<SegmentEntry>> {
    let mut segments: BTreeMap<SegmentId, Arc<SegmentEntry>> = BTreeMap::new();
    for held in held {
        let Some(table) = held.version.tables.get(&table) else { continue };
        for entry in &table.segments {
            let meta: &SegmentMeta = entry.segment().meta();
            let plain = || Arc::new(SegmentEntry::new(entry.segment().clone(), Vec::new()));
            segments.entry(meta.id).or_insert_with(plain);
        }
    }
    segments.into_values().collect()
}
