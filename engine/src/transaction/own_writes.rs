//! What a transaction has stated so far, as its author reads it: over a snapshot, before anything of it is committed.
//!
//! Each statement gets its place in time once for all snapshots over one base, and goes into memtables behind those of the
//! base. A small one is merged into the one before it, so that after n statements there are about log n of them, and a
//! snapshot after every statement costs little more than the statement.

use std::collections::HashMap;
use std::sync::Arc;

use super::handle::Transaction;
use super::staged::{Assigned, EventIds, Staged};
use crate::error::{Error, Result};
use crate::memtable::Memtable;
use crate::schema::TableId;
use crate::snapshot::{Snapshot, State};
use crate::time::SystemTime;

/// The statements of a transaction that have been laid over one base.
#[derive(Debug, Default)]
pub(super) struct OwnWrites {
    /// `None` until a snapshot is asked for.
    base: Option<Snapshot>,
    /// When the statements are believed from, over that base.
    system_time: i64,
    statement_count: usize,
    events: HashMap<TableId, EventIds>,
    /// Oldest first, each larger than the next.
    memtables: Vec<Arc<Memtable>>,
}

impl Transaction {
    /// A view of `base` and of what this transaction has stated so far, as if that had been committed right after all that
    /// `base` shows, or at the transaction's own system time. Nobody else sees anything of it, and nothing is logged.
    ///
    /// It is cheap to ask for after every statement as long as `base` is the same. Its present is no earlier than that of
    /// `base`. What it answers as of then is provisional: the commit gets a later system time, and others may come first. An
    /// event that this very transaction put has a negative `_event_id`, which [`Transaction::delete`] understands.
    ///
    /// An error of kind `Invalid` says why the transaction could not be committed over `base`: its own system time is not later
    /// than the last one of a table, or a period that begins at the system time is empty. One of kind `Conflict` says that a table was
    /// changed ([`crate::Database::alter_table`]) after `base` was made, and that this transaction has stated rows of its new columns; see
    /// [`Transaction::tables_of`].
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::rows;
    /// # use annals_engine::{At, Column, DataType, Database, Options, TableSpec};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # let column = Column::new("sku", DataType::Text);
    /// # db.create_table(TableSpec::keyed("prices", ["sku"]).column(column))?;
    /// let base = db.snapshot()?;
    /// let mut tx = db.begin();
    /// tx.put("prices", &rows!(("sku", Utf8, ["tea"]))?)?;
    /// let own = tx.snapshot(&base)?;
    /// assert!(own.get("prices", &["tea".into()], At::default())?.is_some());
    /// assert!(db.snapshot()?.get("prices", &["tea".into()], At::default())?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn snapshot(&self, base: &Snapshot) -> Result<Snapshot> {
        let system_time = self.system_time_over(base)?;
        let mut own = self.own_writes.lock();
        let is_same = own.base.as_ref().is_some_and(|other| other.is_same(base));
        if !is_same || own.system_time != system_time {
            *own = OwnWrites { base: Some(base.clone()), system_time, ..OwnWrites::default() };
        }
        if let Err(error) = own.catch_up(self, base) {
            *own = OwnWrites::default();
            return Err(error);
        }
        let (version, memtables) = (base.state().version.clone(), &base.state().memtables);
        let memtables = memtables.iter().chain(&own.memtables).cloned().collect();
        let now = base.system_time().max(SystemTime::from_micros(system_time));
        Ok(Snapshot::new(Arc::new(State { version, memtables }), base.commit_number(), now))
    }

    /// The system time of a commit that directly follows `base`.
    fn system_time_over(&self, base: &Snapshot) -> Result<i64> {
        let tables = &base.state().version.tables;
        let last = |table: &TableId| tables.get(table).map_or(i64::MIN, |t| base.last_system(t));
        if let Some(own) = self.system_time {
            self.check_own_time(own, self.clock_now(), &last)?;
            return Ok(own.micros());
        }
        // What the base has answered stays true: no commit comes before the instant after its present.
        Ok(base.system_time().micros().saturating_add(1))
    }

    /// Refuses a system time that the transaction has brought along if it lies after `now`, or not after `last` of a table.
    pub(crate) fn check_own_time(
        &self,
        own: SystemTime,
        now: SystemTime,
        last: &dyn Fn(&TableId) -> i64,
    ) -> Result<()> {
        let own = own.checked()?;
        if own > now {
            return Err(Error::invalid(format!(
                "system time {own} lies in the future, now is {now}"
            )));
        }
        for statement in &self.statements {
            let last = last(&statement.schema.id);
            if own.micros() <= last {
                let last = SystemTime::from_micros(last);
                return Err(Error::invalid(format!(
                    "system time {own} is not later than {last}, the last one of table `{}`",
                    statement.schema.name
                )));
            }
        }
        Ok(())
    }
}

impl OwnWrites {
    /// Lays the statements over the base that are not yet.
    fn catch_up(&mut self, transaction: &Transaction, base: &Snapshot) -> Result<()> {
        let commit_number = base.commit_number();
        let mut rows = Vec::new();
        for statement in &transaction.statements[self.statement_count..] {
            check_not_newer(statement, base)?;
            let table = statement.schema.id;
            let events = self.events.entry(table).or_insert_with(EventIds::provisional);
            // The number of the base, as it is that which the snapshot sees up to: what others commit has a greater one.
            let assigned =
                Assigned { system_time: self.system_time, commit_number, events: *events };
            rows.push((table, Arc::new(statement.assign(assigned)?)));
            events.advance(statement);
            self.statement_count += 1;
        }
        if rows.is_empty() {
            return Ok(());
        }
        let mut row_count: usize = rows.iter().map(|(_, rows)| rows.len()).sum();
        while let Some(before) = self.memtables.pop_if(|m| m.total_row_count() <= row_count) {
            row_count += before.total_row_count();
            rows.splice(0..0, before.all());
        }
        let memtable = Memtable::new(0);
        memtable.insert(rows);
        self.memtables.push(Arc::new(memtable));
        Ok(())
    }
}

/// Refuses rows that were stated with a newer entry of their table than the one that the snapshot shows: its columns need not have room
/// for their values.
fn check_not_newer(statement: &Staged, base: &Snapshot) -> Result<()> {
    let Some(table) = base.state().version.tables.get(&statement.schema.id) else { return Ok(()) };
    if table.schema.version < statement.schema.version {
        let table = &table.schema.name;
        return Err(Error::conflict(format!(
            "table `{table}` was changed after the snapshot was made that this transaction reads: \
             run it again"
        )));
    }
    Ok(())
}
