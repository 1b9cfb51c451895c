//! How a transaction becomes part of the database.
//!
//! Under the writer lock it gets its number and its system time, is appended to the log and put into the memtable; then the
//! lock is free for the next one while this one waits for the log to be durable. Transactions that wait together are made
//! durable by one sync. Only then do snapshots see them.

use std::collections::HashMap;
use std::sync::Arc;

use super::inner::{Inner, TableClock, Writer};
use crate::error::{Error, Result};
use crate::memtable::{Chunk, Memtable};
use crate::schema::TableId;
use crate::snapshot::{Snapshot, State};
use crate::time::SystemTime;
use crate::transaction::{
    Assigned, Commit, EventIds, LoggedOperation, Staged, Transaction, encode_transaction,
};
use crate::wal::Lsn;

impl Inner {
    pub(super) fn commit(&self, transaction: Transaction) -> Result<Commit> {
        self.wait_for_room(transaction.byte_count())?;
        let (commit, lsn) = {
            let has_read = !transaction.expectations.is_empty();
            let _not_erasing = has_read.then(|| self.erasing.read());
            self.append(&transaction)?
        };
        self.wal.sync_to(lsn)?;
        self.publish(&commit);
        Ok(commit)
    }

    fn append(&self, transaction: &Transaction) -> Result<(Commit, Lsn)> {
        let mut writer = self.writer.lock();
        self.check_open()?;
        if let Some(halted) = self.wal.halted() {
            return Err(halted);
        }
        self.check_expectations(&writer, transaction)?;
        self.check_sealed(&writer, transaction)?;
        // Before anything of the transaction is logged: a disk without room for a new file of the log refuses it cleanly.
        let active = self.active_memtable();
        if active.byte_count() > self.memtable_bytes_max() || active.is_full() {
            self.freeze()?;
        }
        let number = writer.next_commit;
        let system_time = match transaction.system_time {
            Some(own) => self.check_own_time(&writer, transaction, own)?,
            None => self.assign_time(number),
        };
        let operations = assign(&writer, &transaction.statements, system_time, number);
        let logged = operations.and_then(|operations| {
            let mut record = std::mem::take(&mut writer.record);
            record.clear();
            encode_transaction(number, system_time, "", &operations, &mut record)?;
            let lsn = self.wal.append(&record);
            writer.record = record;
            Ok((operations, lsn?))
        });
        let (operations, lsn) = match logged {
            Ok(logged) => logged,
            Err(error) => {
                // Nothing of it is in the log (or the log has halted): no snapshot need wait for it.
                self.shared.lock().in_flight.retain(|(other, _)| *other != number);
                return Err(error);
            }
        };
        self.apply(&mut writer, number, operations);
        let system_time = SystemTime::from_micros(system_time);
        Ok((Commit { system_time, number }, lsn))
    }

    fn check_expectations(&self, writer: &Writer, transaction: &Transaction) -> Result<()> {
        if transaction.expectations.is_empty() {
            return Ok(());
        }
        let snapshot = {
            let mut shared = self.shared.lock();
            let now = self.options.clock.now().micros().max(shared.last_assigned);
            shared.answered = shared.answered.max(now);
            let now = SystemTime::from_micros(now);
            Snapshot::new(shared.state.clone(), writer.next_commit - 1, now)
        };
        for expectation in &transaction.expectations {
            if !(expectation.holds)(&snapshot)? {
                return Err(Error::conflict(expectation.message.clone()));
            }
        }
        Ok(())
    }

    /// A system time of the engine's own: after every earlier one, and after every instant that was answered for.
    fn assign_time(&self, number: u64) -> i64 {
        let mut shared = self.shared.lock();
        let now = self.options.clock.now().micros();
        let after = shared.last_assigned.max(shared.answered).saturating_add(1);
        let system_time = now.max(after);
        shared.last_assigned = system_time;
        shared.in_flight.push_back((number, system_time));
        system_time
    }

    /// The system time of an erasure: later commits come after it, and everything so far before.
    pub(super) fn assign_erasure_time(&self) -> i64 {
        let mut shared = self.shared.lock();
        let after = shared.last_assigned.max(shared.answered).saturating_add(1);
        let erased_at = self.options.clock.now().micros().max(after);
        (shared.last_assigned, shared.answered) = (erased_at, erased_at);
        erased_at
    }

    fn check_own_time(
        &self,
        writer: &Writer,
        transaction: &Transaction,
        own: SystemTime,
    ) -> Result<i64> {
        let last = |table: &TableId| writer.clocks.get(table).map_or(i64::MIN, |c| c.last_system);
        transaction.check_own_time(own, self.options.clock.now(), &last)?;
        let mut shared = self.shared.lock();
        shared.last_assigned = shared.last_assigned.max(own.micros());
        Ok(own.micros())
    }

    /// Puts a transaction that is in the log into the memtable.
    fn apply(&self, writer: &mut Writer, number: u64, operations: Vec<LoggedOperation>) {
        writer.next_commit = number + 1;
        for (table, chunk) in &operations {
            writer.clocks.entry(*table).or_insert(TableClock::NEW).advance(chunk);
        }
        let active = self.active_memtable();
        active.insert(operations);
    }

    fn active_memtable(&self) -> Arc<Memtable> {
        let shared = self.shared.lock();
        let last = shared.state.memtables.last();
        last.cloned().expect("a state has a memtable that takes writes")
    }

    fn memtable_bytes_max(&self) -> usize {
        let bytes_max = self.options.memtable_bytes;
        match self.options.background {
            true => self.shared.lock().pace.memtable_bytes(bytes_max),
            false => bytes_max,
        }
    }

    /// Starts a new memtable and a new file of the log with it. The writer lock is held.
    pub(super) fn freeze(&self) -> Result<()> {
        let file = self.wal.rotate()?;
        let mut shared = self.shared.lock();
        let mut memtables = shared.state.memtables.clone();
        memtables.push(Arc::new(Memtable::new(file)));
        let version = shared.state.version.clone();
        shared.state = Arc::new(State { version, memtables });
        drop(shared);
        self.flush_wake.work();
        Ok(())
    }

    /// Shows transactions up to this one to snapshots. It is durable, and so is everything before it in the log.
    fn publish(&self, commit: &Commit) {
        let mut shared = self.shared.lock();
        shared.visible_system = shared.visible_system.max(commit.system_time.micros());
        shared.show(commit.number);
    }
}

impl super::inner::Shared {
    /// Every transaction up to `number` is durable.
    pub(super) fn show(&mut self, number: u64) {
        self.visible_commit = self.visible_commit.max(number);
        while let Some(&(first, system_time)) = self.in_flight.front()
            && first <= number
        {
            self.visible_system = self.visible_system.max(system_time);
            self.in_flight.pop_front();
        }
    }
}

impl TableClock {
    /// A table that has had no transaction.
    pub(super) const NEW: TableClock = TableClock { last_system: i64::MIN, next_event_id: 1 };

    /// A transaction of the table has been logged.
    pub(super) fn advance(&mut self, chunk: &Chunk) {
        self.last_system = self.last_system.max(chunk.system_time);
        self.next_event_id = self.next_event_id.max(chunk.next_event_id().unwrap_or(0));
    }
}

/// Gives every statement its place in time.
fn assign(
    writer: &Writer,
    statements: &[Staged],
    system_time: i64,
    commit_number: u64,
) -> Result<Vec<LoggedOperation>> {
    let mut events = HashMap::new();
    let mut operations = Vec::with_capacity(statements.len());
    for statement in statements {
        let table = statement.schema.id;
        let clock = writer.clocks.get(&table).unwrap_or(&TableClock::NEW);
        let next_id = clock.next_event_id;
        let events = events.entry(table).or_insert_with(|| EventIds::committed(next_id));
        let assigned = Assigned { system_time, commit_number, events: *events };
        operations.push((table, Arc::new(statement.assign(assigned)?)));
        events.advance(statement);
    }
    Ok(operations)
}
