//! ERASE: the keys are asked for as any query asks, and the engine erases them.

use annals_engine::{ErasureRequest, ErrorKind};
use futures::TryStreamExt;

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
        let batches: Vec<_> = self.stream(&erasing.plan).await?.try_collect().await?;
        let keys = erasing.keys(&batches)?;
        let request = ErasureRequest::by(self.user_name());
        let (database, table) = (sql.database().clone(), erasing.table.name.clone());
        let done = tokio::task::spawn_blocking(move || database.erase(&table, &keys, &request));
        let erasure = done.await.map_err(|error| {
            let message = format!("the erasure was interrupted: {error}");
            Error::new(ErrorKind::Unavailable, message)
        })??;
        sql.forget_texts();
        Ok(Outcome { row_count: erasure.keys.len() as u64, ..Outcome::done(Tag::Erase) })
    }
}
