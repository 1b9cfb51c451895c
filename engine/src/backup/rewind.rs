//! The state of a point as it was at an earlier system instant.
//!
//! Nothing is ever overwritten, so the past is what is left without what came later: versions that began later are not there, versions
//! that ended later have not ended, later cuts were not made. Segments that none of this concerns stay as they are; each of the others
//! is written again, its rows carved by the cuts that are left, and placed by their new ends.

use std::collections::BTreeMap;

use crate::compaction::{compact_until, plan_of};
use crate::error::Result;
use crate::manifest::Edit;
use crate::schema::TableId;
use crate::segment::SegmentMeta;
use crate::version::{Files, SegmentEntry, TableVersion, Version};

/// What makes the earlier state of the later one.
#[derive(Debug, Default)]
pub(super) struct Rewound {
    pub(super) edit: Edit,
    /// For each table that has changed since, the last system time of which it has a trace.
    pub(super) last_system: BTreeMap<TableId, i64>,
}

/// Writes the segments that replace those of `version` which `until`, a system instant in microseconds, concerns.
pub(super) fn rewind(
    version: &Version,
    target: &Files,
    until: i64,
    next_id: &mut dyn FnMut() -> u64,
) -> Result<Rewound> {
    let mut rewound = Rewound::default();
    for table in version.tables.values().filter(|table| table.last_system > until) {
        let last = rewind_table(table, target, until, next_id, &mut rewound.edit)?;
        rewound.last_system.insert(table.schema.id, last);
    }
    Ok(rewound)
}

fn rewind_table(
    table: &TableVersion,
    target: &Files,
    until: i64,
    next_id: &mut dyn FnMut() -> u64,
    edit: &mut Edit,
) -> Result<i64> {
    let mut last = i64::MIN;
    for entry in &table.segments {
        let meta = entry.segment().meta();
        let of_entry = last_of(meta).max(last_cut(entry)?);
        if of_entry <= until {
            last = last.max(of_entry);
            continue;
        }
        let plan = plan_of(entry);
        let left = compact_until(target, &table.schema, (&plan, until), &[], next_id)?;
        last = left.segments.iter().map(last_of).fold(last, i64::max);
        edit.segments_removed.push(meta.id);
        edit.segments_added.extend(left.segments);
    }
    Ok(last)
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
