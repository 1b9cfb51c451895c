//! Sessions: statements one after the other, each against one snapshot, transactions across several.

mod access;
mod alter;
mod breadth;
mod cancel;
mod change;
mod direct;
mod erase;
mod execute;
mod folders;
mod index;
mod lifecycle;
mod memory;
mod missing;
mod outcome;
mod prepared;
mod sql;
mod texts;
mod transaction;

use std::sync::Arc;

use annals_engine::{SystemTime, ValidTime, Value};
use arrow::array::RecordBatch;
use futures::TryStreamExt;

pub use access::Access;
pub use cancel::CancelToken;
pub use memory::HeldRows;
pub use outcome::{Outcome, Tag};
pub use prepared::Prepared;
pub use sql::{Sql, SqlOptions};

use crate::error::{Error, Result};
use crate::plan::Views;
pub(crate) use transaction::OpenTransaction;

/// Statements of one client. A transaction, temporary views and default instants belong to it and end with it.
///
/// Dropping a future of [`Session::execute`] cancels the statement; inside a transaction nothing of it is kept.
pub struct Session {
    sql: Sql,
    transaction: Option<OpenTransaction>,
    views: Arc<Views>,
    valid: Option<ValidTime>,
    system: Option<SystemTime>,
    user: Option<String>,
    memory_bytes_max: Option<usize>,
    cancel: CancelToken,
    holds_reads: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("is_in_transaction", &self.transaction.is_some())
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(sql: Sql) -> Session {
        Session {
            sql,
            transaction: None,
            views: Arc::default(),
            valid: None,
            system: None,
            user: None,
            memory_bytes_max: None,
            cancel: CancelToken::new(),
            holds_reads: false,
        }
    }

    /// Instants at which tables without a clause are read, in place of now; a statement's own `SETTING` goes before them. Event tables
    /// are read over all of valid time in any case.
    ///
    /// While one is set, statements that change something are refused (`Invalid`), all but ROLLBACK: they concern what is believed now,
    /// and say which valid time they are about themselves.
    pub fn set_defaults(&mut self, valid: Option<ValidTime>, system: Option<SystemTime>) {
        self.valid = valid;
        self.system = system;
    }

    /// The most bytes that one statement may hold for its sorts, joins and aggregates, and for the rows of a change, out of what all
    /// share ([`SqlOptions::memory_bytes_max`]), and of what its functions make. What can spill does so beyond that; the rest fails with the kind `Exhausted`.
    pub fn set_memory_bytes_max(&mut self, bytes: usize) {
        self.memory_bytes_max = Some(bytes);
    }

    /// Room for an answer whose rows are held: at most as many bytes as one statement may hold.
    pub fn held_rows(&self) -> HeldRows {
        let pool = &self.sql.state().runtime_env().memory_pool;
        HeldRows::new(pool, self.memory_bytes_max.unwrap_or(usize::MAX))
    }

    /// The token that cancels what the session does from here on, until it has committed once. What still computes when it is cancelled
    /// ends soon, with an error of the kind `Unavailable`.
    pub fn set_cancel_token(&mut self, token: CancelToken) {
        self.cancel = token;
    }

    /// Whether its token was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Whether what queries read inside a transaction must be as it was when the transaction commits (else it fails with the kind
    /// `Conflict`), as it must be for changes and assertions in any case. Then their answers are also those as of the commit.
    pub fn set_holds_reads(&mut self, holds_reads: bool) {
        self.holds_reads = holds_reads;
    }

    /// Whether BEGIN has been said and neither COMMIT nor ROLLBACK.
    pub fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Reads statements without running them; errors name line and column. What was read once is kept, so that preparing the
    /// same text again costs a look-up.
    pub fn prepare(&self, sql: &str) -> Result<Vec<Prepared>> {
        self.sql.prepare(sql)
    }

    /// Runs statements one after the other, to the end or the first that fails. The answers of queries are streams: nothing of
    /// them has been computed when this returns.
    pub async fn run(&mut self, sql: &str) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for prepared in self.prepare_or_fail(sql)? {
            outcomes.push(self.execute(&prepared, &[]).await?);
        }
        Ok(outcomes)
    }

    /// A statement that cannot be read fails the transaction as one that cannot be run: what comes after it counts on it.
    fn prepare_or_fail(&mut self, sql: &str) -> Result<Vec<Prepared>> {
        let prepared = self.prepare(sql);
        if prepared.is_err()
            && let Some(transaction) = &mut self.transaction
        {
            transaction.fail();
        }
        prepared
    }

    /// Runs one query and gathers its answer, without its notices ([`Outcome::notices`]). An error if there is not exactly one statement, or it is not a query.
    pub async fn collect(&mut self, sql: &str) -> Result<Vec<RecordBatch>> {
        let prepared = self.prepare_or_fail(sql)?;
        let [prepared] = prepared.as_slice() else {
            return Err(Error::invalid(format!(
                "one query was expected, {} statements were given",
                prepared.len()
            )));
        };
        match self.execute(prepared, &[]).await?.rows {
            Some(rows) => Ok(rows.try_collect().await?),
            None => Err(Error::invalid("the statement is not a query")),
        }
    }

    /// Runs one statement with its parameters: `$1` is the first of them, `?` takes them in turn.
    pub async fn execute(&mut self, prepared: &Prepared, parameters: &[Value]) -> Result<Outcome> {
        let result = sql::polled_on_deep_stack(self.dispatch(prepared, parameters)).await;
        if result.is_err()
            && let Some(transaction) = &mut self.transaction
        {
            transaction.fail();
        }
        result.map_err(|error| prepared.place(error))
    }
}
