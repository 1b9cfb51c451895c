//! ERASE: the keys are asked for as any query asks, and the engine erases them.

use annals_engine::{ErasureRequest, ErrorKind, MissingPartition, Snapshot};
use arrow::compute::concat_batches;

use super::sql::on_deep_stack;
use super::{Outcome, Session, Tag};
use crate::dml::Erasing;
use crate::error::{Error, Result};
use crate::parse::Erase;
use crate::plan::Planner;

impl Session {
    /// Who is on record as asking for what this session erases, and does to partitions and holds; `a SQL session` unless told otherwise.
    pub fn set_user(&mut self, name: impl Into<String>) {
        self.user = Some(name.into());
    }

    pub(super) fn user_name(&self) -> String {
        self.user.clone().unwrap_or_else(|| "a SQL session".to_owned())
    }

    pub(super) async fn erase(&self, erase: &Erase, names_periods: bool) -> Result<Outcome> {
        if self.transaction.is_some() {
            return Err(Error::invalid("ERASE cannot be part of a transaction"));
        }
        let sql = self.sql.clone();
        // The keys are those that satisfy the condition when they are erased, as far as statements of other sessions go.
        let _turn = sql.write_turn().await;
        let planner = Planner::new(self.context(self.snapshot()?, names_periods));
        let erasing = on_deep_stack(|| Erasing::plan(&planner, erase))?;
        let mut keys = erasing.keys(&self.gather(&erasing.plan).await?.batches)?;
        let outside = outside(&self.snapshot()?, &erasing.table.name)?;
        let mut notices = Vec::new();
        // What is not found may be outside, or in a backup.
        match erasing.named_keys(&erase.selection)? {
            Some(named) => keys = concat_batches(&named.schema(), [&keys, &named])?,
            None if outside.is_empty() => (),
            None => notices.push(unlooked(&outside)),
        }
        let request = ErasureRequest::by(self.user_name());
        self.cancel.begin_commit()?;
        let (database, table) = (sql.database().clone(), erasing.table.name.clone());
        let done = tokio::task::spawn_blocking(move || database.erase(&table, &keys, &request));
        let erasure = done.await.map_err(|error| {
            let message = format!("the erasure was interrupted: {error}");
            Error::new(ErrorKind::Unavailable, message)
        })??;
        sql.forget_texts();
        let row_count = erasure.keys.len() as u64;
        Ok(Outcome { row_count, notices, ..Outcome::done(Tag::Erase) })
    }
}

/// The partitions that can come back, in which a condition is not looked for.
fn outside(snapshot: &Snapshot, table: &str) -> Result<Vec<MissingPartition>> {
    let mut missing = snapshot.missing(table)?;
    missing.retain(|missing| missing.state.is_attachable());
    Ok(missing)
}

fn unlooked(outside: &[MissingPartition]) -> String {
    let named: Vec<String> = outside.iter().map(ToString::to_string).collect();
    format!(
        "keys that are in {} and nowhere else were not looked for: attach it first, or name the key by its values",
        named.join("; ")
    )
}
