//! The state of a point as it was at an earlier system instant.
//!
//! Nothing is ever overwritten, so the past is what is left without what came later: versions that began later are not there, versions
//! that ended later have not ended, later cuts were not made. Segments that none of this concerns stay as they are; each of the others
//! is written again, its rows carved by the cuts that are left, and placed by their new ends. Partitions that were detached later are
//! part of the database again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::transfer::is_detached;
use crate::compaction::{Plan, compact_until, plan_of, rows_with_hashes};
use crate::error::{Error, Result};
use crate::manifest::{Edit, ManifestState, PartitionId, SealedEntry};
use crate::partition::PartitionState;
use crate::schema::TableId;
use crate::segment::SegmentMeta;
use crate::time::SystemTime;
use crate::version::{Files, Sealed, SegmentEntry, TableVersion, Version};

/// What makes the earlier state of the later one.
#[derive(Debug, Default)]
pub(super) struct Rewound {
    pub(super) edit: Edit,
    /// For each table that has changed since, the last system time of which it has a trace.
    pub(super) last_system: BTreeMap<TableId, i64>,
}

/// Writes the segments that replace those of a version which `until`, a system instant in microseconds, concerns.
pub(super) fn rewind(
    (version, state): (&Version, &ManifestState),
    target: &Files,
    until: i64,
    next_id: &mut dyn FnMut() -> u64,
) -> Result<Rewound> {
    let mut rewinding = Rewinding { target, until, next_id, edit: Edit::default() };
    let mut last_system = BTreeMap::new();
    for table in version.tables.values() {
        if table.last_system > until {
            last_system.insert(table.schema.id, rewinding.rewind_table(table)?);
        }
        for sealed in table.sealed.values().filter(|sealed| sealed.entry.sealed_us > until) {
            rewinding.unseal(table, sealed, state)?;
        }
    }
    let edit = rewinding.edit;
    check_sealed(&edit, state, until)?;
    Ok(Rewound { edit, last_system })
}

struct Rewinding<'a> {
    target: &'a Files,
    until: i64,
    next_id: &'a mut dyn FnMut() -> u64,
    edit: Edit,
}

impl Rewinding<'_> {
    /// Returns the last system time of which there is a trace.
    fn rewind_table(&mut self, table: &TableVersion) -> Result<i64> {
        let mut last = i64::MIN;
        for entry in &table.segments {
            let meta = entry.segment().meta();
            let of_entry = last_of(meta).max(last_cut(entry)?);
            if of_entry <= self.until {
                last = last.max(of_entry);
                continue;
            }
            let added = self.rewrite(table, entry, Vec::new())?;
            last = added.iter().map(last_of).fold(last, i64::max);
            self.edit.segments_removed.push(meta.id);
            self.edit.segments_added.extend(added);
        }
        Ok(last)
    }

    /// Versions that no longer end where they did go to other partitions, however few they are: none may wait in `current` for one that
    /// is sealed.
    fn rewrite(
        &mut self,
        table: &TableVersion,
        entry: &Arc<SegmentEntry>,
        left_out: Vec<u32>,
    ) -> Result<Vec<SegmentMeta>> {
        let plan = Plan { direct_row_count_min: 0, ..plan_of(entry) };
        let (plan, left_out) = ((&plan, self.until), [left_out]);
        let left = compact_until(self.target, &table.schema, plan, &left_out, self.next_id)?;
        Ok(left.segments)
    }

    /// What left later was there, without what was erased since it left. Of what was archived the files are elsewhere: where they hold
    /// something of later, they are those of another history.
    fn unseal(
        &mut self,
        table: &TableVersion,
        sealed: &Sealed,
        state: &ManifestState,
    ) -> Result<()> {
        let entry = &sealed.entry;
        if !is_detached(entry) {
            // What had not ended then is believed as of then, and is not here.
            if entry.zone.end.1 > self.until && entry.zone.system_from.0 <= self.until {
                return Err(left_for_good(entry, self.until));
            }
            if entry.segments.iter().any(|meta| last_of(meta) > self.until) {
                let (state, segments) = (PartitionState::Dropped, Vec::new());
                let (location, checksum) = (None, None);
                let dropped =
                    SealedEntry { state, segments, location, checksum, ..(**entry).clone() };
                self.edit.partitions_sealed.push(dropped);
            }
            return Ok(());
        }
        let since = state.erasures.iter();
        let since = since.filter(|e| e.table == entry.table && e.number > entry.erasure);
        let erased = since.flat_map(|erasure| &erasure.keys).map(|key| key.hash).collect();
        for segment in &sealed.segments {
            let left_out = match &state.erasure_secret {
                Some(secret) => rows_with_hashes(segment.segment(), secret, &erased)?,
                None => Vec::new(),
            };
            let added = self.rewrite(table, segment, left_out)?;
            self.edit.segments_added.extend(added);
        }
        self.edit.partitions_attached.push(entry.id());
        Ok(())
    }
}

/// An error if a version as of then lies in a partition that has left since for good: what else it held is not in the backup.
fn check_sealed(edit: &Edit, state: &ManifestState, until: i64) -> Result<()> {
    for meta in &edit.segments_added {
        let id = PartitionId { table: meta.table, partition: meta.partition };
        let sealed = state.sealed.get(&id).filter(|_| !edit.partitions_attached.contains(&id));
        if let Some(sealed) = sealed {
            return Err(left_for_good(sealed, until));
        }
    }
    Ok(())
}

fn left_for_good(sealed: &SealedEntry, until: i64) -> Error {
    let (at, until) = (SystemTime::from_micros(sealed.sealed_us), SystemTime::from_micros(until));
    let (partition, what) = (sealed.partition, sealed.state);
    Error::invalid(format!(
        "partition {partition} was {what} at {at}: its point of the backups cannot tell how the database was before, at {until}"
    ))
}

/// The last instant at which a row began or ended.
fn last_of(meta: &SegmentMeta) -> i64 {
    let ended = meta.closed_zone.map_or(i64::MIN, |zone| zone.system_to.1);
    meta.zone.system_from.1.max(ended)
}

fn last_cut(entry: &SegmentEntry) -> Result<i64> {
    if entry.cut_count() == 0 {
        return Ok(i64::MIN);
    }
    Ok(entry.cuts()?.iter().map(|(_, cut)| cut.at).max().unwrap_or(i64::MIN))
}
