//! How far back a table can still answer.
//!
//! A partition that was detached, archived or dropped may have held a version that is asked for. As of one instant of both times a
//! smaller answer would be a wrong one, so it is refused; a range is answered with what is left, and tells what is missing.

use std::fmt;

use super::bounds::{Selection, ZoneVerdict};
use crate::error::{Error, ErrorKind, Result};
use crate::partition::PartitionState;
use crate::time::{SystemTime, ValidTime};
use crate::version::{Sealed, TableVersion};

/// An error names so many partitions at most.
const NAMED_COUNT_MAX: usize = 4;

/// A partition that is not part of the database and may have held versions that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingPartition {
    /// The table's name.
    pub table: String,
    /// The partition's, such as `2024-03`.
    pub partition: String,
    /// What became of it.
    pub state: PartitionState,
    /// The folder that holds it, relative to that of the database unless it lies elsewhere; `None` if it was dropped.
    pub location: Option<String>,
    /// When it was taken out.
    pub since: SystemTime,
}

/// The missing partitions that may hold versions of a selection, in order of time.
///
/// An error of kind `Missing` if the selection is one instant of both times of a keyed table, unless `is_partial` asks for what is left.
pub(crate) fn check_horizon(
    table: &TableVersion,
    selection: &Selection,
    is_partial: bool,
) -> Result<Vec<MissingPartition>> {
    let missing = missing(table, selection);
    match selection.point {
        Some(point) if !missing.is_empty() && !is_partial && !table.schema.is_event => {
            Err(refusal(point, &missing))
        }
        _ => Ok(missing),
    }
}

fn missing(table: &TableVersion, selection: &Selection) -> Vec<MissingPartition> {
    let Some((last, _)) = table.sealed.last_key_value() else { return Vec::new() };
    // What ended by then is seen by nobody who looks at later instants of both times.
    if selection.point.is_some_and(|(system, valid)| system.min(valid) >= last.to_us()) {
        return Vec::new();
    }
    let whole = selection.of_whole();
    let may_hold = |sealed: &&Sealed| whole.judge(&sealed.entry.zone) != ZoneVerdict::None;
    let sealed = table.sealed.values().map(AsRef::as_ref);
    sealed.filter(may_hold).map(|sealed| MissingPartition::of(&table.schema.name, sealed)).collect()
}

fn refusal((system, valid): (i64, i64), missing: &[MissingPartition]) -> Error {
    let (system, valid) = (SystemTime::from_micros(system), ValidTime::from_micros(valid));
    let mut named: Vec<String> =
        missing.iter().take(NAMED_COUNT_MAX).map(MissingPartition::to_string).collect();
    if missing.len() > NAMED_COUNT_MAX {
        named.push(format!("and {} more", missing.len() - NAMED_COUNT_MAX));
    }
    let (table, named) = (&missing[0].table, named.join(", "));
    let message = format!(
        "table `{table}` as of system time {system} and valid time {valid} may need what is no longer in the database: {named}; \
         attach it, or ask for what is left with ALLOW PARTIAL"
    );
    Error::new(ErrorKind::Missing, message)
}

impl MissingPartition {
    pub(crate) fn of(table: &str, sealed: &Sealed) -> MissingPartition {
        let entry = &sealed.entry;
        MissingPartition {
            table: table.to_owned(),
            partition: entry.partition.name(),
            state: entry.state,
            location: entry.location.clone(),
            since: SystemTime::from_micros(entry.sealed_us),
        }
    }
}

impl fmt::Display for MissingPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {}, {}", self.partition, self.state)?;
        match &self.location {
            Some(location) => write!(f, " to {location}"),
            None => Ok(()),
        }
    }
}
