//! Sealed ranges: no write creates a version in a partition that has left, or changes one.
//!
//! The range is sealed under the writer lock before anything else is done to a partition, and what was committed before is flushed. So
//! while its versions are brought together none is added, and what was taken out is all that there was.
//!
//! A write is looked into only if it may concern a sealed range: if its period ends in one or begins before the end of the last one, or
//! if it brings a system time from before that. Then the versions of its key that it would divide or end are looked up, in the database
//! and in the folders of partitions that can come back. What a dropped partition held cannot be changed by anybody.

use std::collections::HashMap;
use std::sync::Arc;

use crate::codec::Keys;
use crate::database::inner::{Inner, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::PartitionId;
use crate::partition::Partition;
use crate::scan::{Bounds, KeyReader, Selection};
use crate::snapshot::State;
use crate::time::ValidTime;
use crate::transaction::{Staged, Transaction};
use crate::version::{Sealed, TableVersion};

/// Keeps ranges sealed while their partitions are on their way out; lets go when it is dropped.
#[derive(Debug)]
pub(in crate::database) struct Sealing<'a> {
    inner: &'a Inner,
}

impl Drop for Sealing<'_> {
    fn drop(&mut self) {
        self.inner.writer.lock().sealing.clear();
    }
}

impl Inner {
    /// Refuses, from now on, writes that concern the partitions. Commits on the engine's clock come after their ranges.
    pub(super) fn begin_sealing(&self, ids: &[PartitionId]) -> Result<Sealing<'_>> {
        let mut writer = self.writer.lock();
        self.check_open()?;
        if let Some(halted) = self.wal.halted() {
            return Err(halted);
        }
        writer.sealing = ids.to_vec();
        let end = ids.iter().map(|id| id.partition.to_us()).max().unwrap_or(i64::MIN);
        let mut shared = self.shared.lock();
        shared.answered = shared.answered.max(end);
        Ok(Sealing { inner: self })
    }

    /// An error of kind `Sealed` if the transaction would create a version in a sealed range, or change one. The writer lock is held.
    pub(in crate::database) fn check_sealed(
        &self,
        writer: &Writer,
        transaction: &Transaction,
    ) -> Result<()> {
        let state = self.shared.lock().state.clone();
        for (at, statement) in transaction.statements.iter().enumerate() {
            let id = statement.schema.id;
            let table = state.version.table(id)?;
            let sealed = table.sealed.keys().next_back();
            let own = writer.sealing.iter().filter(|sealing| sealing.table == id);
            let sealing: Vec<Partition> = own.map(|sealing| sealing.partition).collect();
            let last = sealed.into_iter().chain(&sealing).map(Partition::to_us).max();
            let Some(last_us) = last else { continue };
            // On the engine's clock it is later than all ranges.
            let system_us = transaction.system_time.map_or(i64::MAX, |own| own.micros());
            let statements = &transaction.statements[..=at];
            let (state, commit_number) = (&state, writer.next_commit - 1);
            let check =
                Check { table, sealing, last_us, system_us, statements, state, commit_number };
            check.statement(statement)?;
        }
        Ok(())
    }
}

/// Statement and row of each put, and its period, by the hash of its key.
type Puts = HashMap<u64, Vec<((usize, usize), (i64, i64))>>;

struct Check<'a> {
    table: &'a TableVersion,
    /// Partitions of it that are on their way out.
    sealing: Vec<Partition>,
    /// The end of the last sealed range.
    last_us: i64,
    system_us: i64,
    /// The statements of the transaction up to this one.
    statements: &'a [Staged],
    state: &'a Arc<State>,
    commit_number: u64,
}

impl Check<'_> {
    fn statement(&self, statement: &Staged) -> Result<()> {
        let mut keys: Option<Keys> = None;
        // The places and periods of puts of the transaction, by the hash of their key; made when first asked for.
        let mut puts: Option<Puts> = None;
        let number = self.statements.len() - 1;
        for row in 0..statement.row_count() {
            let (from, to) = statement.period(row, self.system_us);
            if statement.is_put() {
                self.check_end(to, row)?;
            }
            let is_later = from > self.last_us && self.system_us > self.last_us;
            if is_later || statement.is_event_put() {
                continue;
            }
            if keys.is_none() {
                keys = Some(statement.encoded_keys()?);
            }
            let Some(keys) = &keys else { continue };
            self.check_versions(keys.get(row), (from, to), row)?;
            if self.range_of(from).is_some() && !statement.schema.is_event {
                if puts.is_none() {
                    puts = Some(self.puts(statement.schema.id)?);
                }
                let of_key = puts.as_ref().and_then(|all| all.get(&keys.hash(row)));
                let divides = |put: &&((usize, usize), (i64, i64))| {
                    put.0 < (number, row) && put.1.0 < from && from < put.1.1
                };
                if of_key.into_iter().flatten().any(|put| divides(&put)) {
                    self.check_end(from, row)?;
                }
            }
        }
        Ok(())
    }

    /// The sealed range that a version lies in if it ends then.
    fn range_of(&self, end_us: i64) -> Option<Partition> {
        // Nothing ends before all time.
        if end_us > self.last_us || end_us == i64::MIN {
            return None;
        }
        let range = Partition::of_end(end_us, self.table.schema.partition_width);
        let is_sealed = self.table.sealed.contains_key(&range) || self.sealing.contains(&range);
        is_sealed.then_some(range)
    }

    /// An error if a version that ends then lies in a sealed range.
    fn check_end(&self, end_us: i64, row: usize) -> Result<()> {
        self.range_of(end_us).map_or(Ok(()), |range| Err(self.refusal(&range, end_us, row)))
    }

    /// What becomes of the versions of a key that are believed now, if it is asserted over a period.
    fn check_versions(&self, key: &[u8], (from, to): (i64, i64), row: usize) -> Result<()> {
        let valid = Bounds {
            from_max: to.saturating_sub(1),
            to_min: from.saturating_add(1),
            ..Bounds::ANY
        };
        let system = Bounds { to_min: i64::MAX, ..Bounds::ANY };
        let overlapping = Selection { valid, system, point: None };
        let reader = KeyReader::new(self.table, &self.state.memtables, self.commit_number);
        for version in reader.find(key, &overlapping)? {
            self.check_end(version.rect.valid_to.min(self.system_us), row)?;
            if version.rect.valid_from < from {
                self.check_end(from, row)?;
            }
        }
        // What ended before the assertion begins is not met by it.
        let met = |(partition, sealed): &(&Partition, &Arc<Sealed>)| {
            partition.to_us() > from && !sealed.segments.is_empty()
        };
        for (partition, sealed) in self.table.sealed.iter().filter(met) {
            let schema = &*self.table.schema;
            let reader =
                KeyReader { schema, segments: &sealed.segments, memtables: &[], commit_number: 0 };
            let found = reader.find(key, &overlapping).map_err(|error| {
                let (name, state) = (partition.name(), sealed.entry.state);
                error.context(format!("partition {name}, {state}, may hold the key"))
            })?;
            if let Some(version) = found.first() {
                return Err(self.refusal(partition, version.rect.valid_to, row));
            }
        }
        Ok(())
    }

    fn puts(&self, table: crate::schema::TableId) -> Result<Puts> {
        let mut puts = Puts::new();
        for (number, statement) in self.statements.iter().enumerate() {
            if statement.schema.id != table || !statement.is_put() {
                continue;
            }
            let keys = statement.encoded_keys()?;
            for row in 0..statement.row_count() {
                let put = ((number, row), statement.period(row, self.system_us));
                puts.entry(keys.hash(row)).or_default().push(put);
            }
        }
        Ok(puts)
    }

    fn refusal(&self, range: &Partition, end_us: i64, row: usize) -> Error {
        let became = match self.table.sealed.get(range).map(|sealed| &sealed.entry) {
            Some(entry) => match &entry.location {
                Some(location) => format!("{} to {location}", entry.state),
                None => entry.state.to_string(),
            },
            None => "on its way out".to_owned(),
        };
        let (table, end) = (&self.table.schema.name, ValidTime::from_micros(end_us));
        let message = format!(
            "row {row} of table `{table}`: it would make or change a version that ends at {end}, in partition {range}, which is {became}"
        );
        Error::new(ErrorKind::Sealed, message)
    }
}
