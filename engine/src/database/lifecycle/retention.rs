//! How long the versions of a table are kept, and what becomes of them then.

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::{Span, SpanRelativeTo};

use super::audit::{Auditor, check_by};
use super::change::PartitionChange;
use super::departure::{Departure, Wish};
use crate::compaction;
use crate::database::inner::Inner;
use crate::error::{Error, Result};
use crate::manifest::{Edit, RetentionAction, RetentionEntry, RetentionPolicy};
use crate::time::SystemTime;

/// Who is on record for what a policy does.
const POLICY: &str = "retention policy";

/// What becomes of the partitions of a table when they are old enough. A partition is old enough when all of its range lies so far back:
/// then every version in it has ended that long ago on one of the two axes.
///
/// ```
/// use annals_engine::Retention;
///
/// let retention = Retention::keep("7 years")?;
/// assert_eq!(retention.to_string(), "7 years, then drop");
/// assert!(Retention::keep("soon").is_err());
/// # Ok::<(), annals_engine::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    keep: String,
    action: RetentionAction,
}

impl Retention {
    /// Keeps a partition for a span such as `7 years`, `18 months` or `90 days` after its range has ended, then drops it.
    pub fn keep(span: impl Into<String>) -> Result<Retention> {
        let keep = span.into();
        span_of(&keep)?;
        Ok(Retention { keep, action: RetentionAction::Drop })
    }

    /// Does something else with it then.
    pub fn then(mut self, action: RetentionAction) -> Retention {
        self.action = action;
        self
    }

    /// The span as it was given.
    pub fn span(&self) -> &str {
        &self.keep
    }

    /// What becomes of a partition then.
    pub fn action(&self) -> &RetentionAction {
        &self.action
    }

    pub(in crate::database) fn entry(&self, table: crate::schema::TableId) -> RetentionEntry {
        let policy = RetentionPolicy { keep: self.keep.clone(), action: self.action.clone() };
        RetentionEntry { table, policy: Some(policy) }
    }

    fn of(policy: &RetentionPolicy) -> Retention {
        Retention { keep: policy.keep.clone(), action: policy.action.clone() }
    }

    /// A partition whose range ends by then has passed out of it.
    fn cutoff_us(&self, now: SystemTime) -> Result<i64> {
        let now = jiff::Timestamp::from_microsecond(now.micros())
            .map_err(|error| Error::invalid(format!("the clock shows {now}: {error}")))?;
        let then = now.to_zoned(jiff::tz::TimeZone::UTC).checked_sub(span_of(&self.keep)?);
        // A span longer than there is time keeps everything.
        Ok(then.map_or(i64::MIN, |then| then.timestamp().as_microsecond()))
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, then ", self.keep)?;
        match &self.action {
            RetentionAction::Drop => f.write_str("drop"),
            RetentionAction::Detach => f.write_str("detach"),
            RetentionAction::Archive(dir) => write!(f, "archive to {dir}"),
        }
    }
}

fn span_of(text: &str) -> Result<Span> {
    let wrong = || Error::invalid(format!("`{text}` is not a span of time, such as 7 years"));
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let zero = Span::new();
    let order = span.compare((zero, SpanRelativeTo::days_are_24_hours()));
    let is_positive = match order {
        Ok(order) => order.is_gt(),
        // Months and years have no fixed length; their sign is known.
        Err(_) => span.is_positive(),
    };
    if is_positive { Ok(span) } else { Err(wrong()) }
}

impl Inner {
    /// Sets how long a table is kept; `None` is for ever.
    pub(in crate::database) fn set_retention(
        &self,
        table: &str,
        retention: Option<&Retention>,
        by: &str,
    ) -> Result<()> {
        check_by(by)?;
        let schema = self.schema_of(table)?;
        if let Some(RetentionAction::Archive(dir)) = retention.map(Retention::action) {
            self.check_place(Path::new(dir))?;
        }
        let mut manifest = self.manifest.lock();
        let at_us = self.options.clock.now().micros();
        let detail = retention.map_or("for ever".to_owned(), Retention::to_string);
        let auditor = Auditor { at_us, by, table: &schema.name };
        let audit = auditor.entry(&manifest, &[], "set retention", "", detail);
        let none = RetentionEntry { table: schema.id, policy: None };
        let entry = retention.map_or(none, |retention| retention.entry(schema.id));
        let edit = Edit { retentions: vec![entry], audit: vec![audit], ..Edit::default() };
        self.install(&mut manifest, &edit, None)?;
        drop(manifest);
        self.compact_wake.work();
        Ok(())
    }

    /// How long a table is kept; `None` is for ever.
    pub(in crate::database) fn retention(&self, table: &str) -> Result<Option<Retention>> {
        let schema = self.schema_of(table)?;
        let manifest = self.manifest.lock();
        let entry = manifest.state.retentions.get(&schema.id);
        Ok(entry.and_then(|entry| entry.policy.as_ref()).map(Retention::of))
    }

    /// Takes out what has passed out of its table's retention, unless it is held.
    pub(in crate::database) fn apply_retention(&self) -> Result<Vec<PartitionChange>> {
        self.check_open()?;
        let policies: Vec<(String, Retention)> = {
            let manifest = self.manifest.lock();
            let named = manifest.state.retentions.values().filter_map(|entry| {
                let table = manifest.state.tables.get(&entry.table)?;
                Some((table.schema.name.clone(), Retention::of(entry.policy.as_ref()?)))
            });
            named.collect()
        };
        let (mut changes, mut first_error) = (Vec::new(), None);
        for (table, retention) in policies {
            // That one table's archive cannot be reached keeps no other table's policy from being applied.
            match self.apply_to(&table, &retention) {
                Ok(left) => changes.extend(left),
                Err(error) => {
                    let place = format!("retention of table `{table}`");
                    first_error.get_or_insert(error.context(place));
                }
            }
        }
        first_error.map_or(Ok(changes), Err)
    }

    fn apply_to(&self, table: &str, retention: &Retention) -> Result<Vec<PartitionChange>> {
        let schema = self.schema_of(table)?;
        if self.held_whole(&schema).is_some() {
            return Ok(Vec::new());
        }
        let cutoff_us = retention.cutoff_us(self.options.clock.now())?;
        if self.is_unflushed(schema.id, cutoff_us) {
            self.flush()?;
        }
        let due = {
            let state = self.shared.lock().state.clone();
            compaction::partitions_ended(state.version.table(schema.id)?, cutoff_us)?
        };
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let departure = match &retention.action {
            RetentionAction::Drop => Departure::Drop,
            RetentionAction::Detach => Departure::Detach,
            RetentionAction::Archive(dir) => Departure::ArchiveBelow(PathBuf::from(dir)),
        };
        self.depart(table, &due, &departure, (POLICY, Wish::Policy))
    }

    /// Whether assertions that are not in segments yet may leave a version that ended by then.
    fn is_unflushed(&self, table: crate::schema::TableId, cutoff_us: i64) -> bool {
        let state = self.shared.lock().state.clone();
        let chunks = state.memtables.iter().flat_map(|memtable| memtable.chunks(table, u64::MAX));
        let mut is_old = chunks.map(|chunk| {
            let starts = chunk.valid_from.iter().any(|at| *at > i64::MIN && *at <= cutoff_us);
            let ends = || chunk.valid_to.iter().any(|at| *at <= cutoff_us);
            chunk.system_time <= cutoff_us || starts || ends()
        });
        is_old.any(|is_old| is_old)
    }
}
