//! INSERT, UPSERT, UPDATE and DELETE: their rows are asked for, staged and committed.

use annals_engine::{ErrorKind, Snapshot};

use super::memory::Held;
use super::missing::{check_changeable, notices_of};
use super::sql::on_deep_stack;
use super::transaction::OpenTransaction;
use super::{CancelToken, Outcome, Session, Tag};
use crate::dml::{self, Change};
use crate::error::{Error, Result};
use crate::parse::Statement;
use crate::plan::Planner;

/// A change outside a transaction is tried so often when others change the same tables.
const ATTEMPT_COUNT_MAX: usize = 16;

/// The rows of a change, before any of them is staged.
struct Asked {
    change: Change,
    snapshot: Snapshot,
    held: Held,
    outcome: Outcome,
}

impl Session {
    /// Runs a change in the open transaction, or in one of its own, again if others came between.
    pub(super) async fn change(
        &mut self,
        statement: &Statement,
        names_periods: bool,
    ) -> Result<Outcome> {
        if let Some(mut open) = self.transaction.take() {
            let asked = match self.ask(&mut open, statement, names_periods).await {
                Ok(asked) => asked,
                Err(error) => {
                    self.transaction = Some(open);
                    return Err(error);
                }
            };
            let (open, staged) = stage(asked, open).await?;
            self.transaction = Some(open);
            return staged;
        }
        let sql = self.sql.clone();
        let _turn = sql.write_turn().await;
        let mut attempt = 0;
        loop {
            attempt += 1;
            if self.cancel.is_cancelled() {
                return Err(CancelToken::error());
            }
            let mut open = OpenTransaction::begin(sql.database(), None)?;
            let may_try_again = |error: &Error| {
                let came_between = matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Erased);
                came_between && attempt < ATTEMPT_COUNT_MAX
            };
            let asked = self.ask(&mut open, statement, names_periods).await;
            let staged = match asked {
                Ok(asked) => stage(asked, open).await?,
                Err(error) => (open, Err(error)),
            };
            let (open, mut outcome) = match staged {
                (_, Err(error)) if error.kind() == ErrorKind::Erased && may_try_again(&error) => {
                    continue;
                }
                (open, staged) => (open, staged?),
            };
            self.cancel.begin_commit()?;
            let done = open.commit().await;
            // A log that halted may hold the transaction all the same.
            if done.as_ref().is_err_and(|error| error.kind() != ErrorKind::Halted) {
                self.cancel.end_commit();
            }
            match done {
                Err(error) if may_try_again(&error) => continue,
                done => outcome.commit = done?,
            }
            return Ok(outcome);
        }
    }

    async fn ask(
        &self,
        open: &mut OpenTransaction,
        statement: &Statement,
        names_periods: bool,
    ) -> Result<Asked> {
        let snapshot = open.snapshot()?;
        let planner = Planner::new(self.context(snapshot.clone(), names_periods));
        let change = on_deep_stack(|| dml::plan(&planner, statement, open.acts_from()))?;
        if matches!(change.tag, Tag::Update | Tag::Delete) {
            check_changeable(&change.plan, change.table_name())?;
        }
        let notices = notices_of(&change.plan)?;
        let held = self.gather(&change.plan).await?;
        if change.reads_rows {
            open.depends_on(super::execute::tables_of(&change.plan)?);
        }
        let outcome = Outcome { notices, ..Outcome::done(change.tag) };
        Ok(Asked { change, snapshot, held, outcome })
    }
}

/// Stages the rows of a change. What may take long, because there are many rows or the table is asked for their keys, is done on a
/// thread that nothing else waits for. The transaction comes back whether this succeeds or not.
async fn stage(
    mut asked: Asked,
    mut open: OpenTransaction,
) -> Result<(OpenTransaction, Result<Outcome>)> {
    let is_quick = asked.change.is_quick(&asked.held.batches);
    let work = move || {
        let staged = asked.change.stage(&asked.snapshot, &mut open, &asked.held.batches);
        let outcome = staged.map(|row_count| {
            asked.outcome.row_count = row_count;
            asked.outcome
        });
        (open, outcome)
    };
    if is_quick {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| {
        Error::new(ErrorKind::Unavailable, format!("the change was interrupted: {error}"))
    })
}
