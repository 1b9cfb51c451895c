//! A transaction while its statements run: what it has staged, what it reads, and on what it stands.

use std::collections::BTreeSet;

use annals_engine::{Commit, Database, ErrorKind, Snapshot, SystemTime, Transaction, ValidTime};

use crate::error::{Error, Result};

/// An open transaction. It reads what was committed when it began, plus its own statements. When it commits, the tables whose
/// rows its changes depend on must be as they were: then it might as well have run at the instant of its commit.
pub(crate) struct OpenTransaction {
    transaction: Transaction,
    base: Snapshot,
    /// Its own system time; `None` if the commit is given one.
    system_time: Option<SystemTime>,
    /// Tables that a change or an assertion has read.
    reads: BTreeSet<String>,
    is_failed: bool,
}

impl OpenTransaction {
    pub(crate) fn begin(
        database: &Database,
        system_time: Option<SystemTime>,
    ) -> Result<OpenTransaction> {
        let base = database.snapshot()?;
        let mut transaction = database.begin();
        // Rows are written with the columns of the tables that they were read from, also if a table is changed meanwhile.
        transaction.tables_of(&base);
        if let Some(at) = system_time {
            transaction.system_time(at);
        }
        Ok(OpenTransaction {
            transaction,
            base,
            system_time,
            reads: BTreeSet::new(),
            is_failed: false,
        })
    }

    /// What a statement of the transaction reads.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        if self.is_failed {
            let message = "the transaction has failed: only ROLLBACK is left";
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        match self.transaction.row_count() {
            0 => Ok(self.base.clone()),
            _ => Ok(self.transaction.snapshot(&self.base)?),
        }
    }

    /// When a change without a portion begins to act: at the transaction's own system time, or at the first instant that its commit
    /// can get.
    pub(crate) fn acts_from(&self) -> ValidTime {
        let first = || SystemTime::from_micros(self.base.system_time().micros().saturating_add(1));
        ValidTime::from_micros(self.system_time.unwrap_or_else(first).micros())
    }

    /// The last change of a table that it has not made itself.
    pub(crate) fn last_change(&self, table: &str) -> Result<Option<SystemTime>> {
        Ok(self.base.last_change(table)?)
    }

    /// Where the changes go.
    pub(crate) fn staged(&mut self) -> &mut Transaction {
        &mut self.transaction
    }

    /// Notes that what the transaction does depends on the rows of these tables.
    pub(crate) fn depends_on(&mut self, tables: impl IntoIterator<Item = String>) {
        self.reads.extend(tables);
    }

    pub(crate) fn fail(&mut self) {
        self.is_failed = true;
    }

    /// Commits on a thread of its own, because it waits for the disk. `None` if there was nothing to commit.
    pub(crate) async fn commit(mut self) -> Result<Option<Commit>> {
        // A failed transaction cannot be committed, and says so.
        self.snapshot()?;
        for table in self.reads {
            let seen = self.base.last_change(&table)?;
            let message = format!(
                "another transaction has changed table `{table}` since this one read it: run it again"
            );
            self.transaction.expect(message, move |latest| Ok(latest.last_change(&table)? == seen));
        }
        if self.transaction.row_count() == 0 {
            return Ok(None);
        }
        let transaction = self.transaction;
        let done = tokio::task::spawn_blocking(move || transaction.commit()).await;
        let done = done.map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("the commit was interrupted: {error}"))
        })?;
        Ok(Some(done?))
    }
}
