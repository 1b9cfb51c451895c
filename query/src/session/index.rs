//! Making and dropping indexes: the engine does it, on a thread of its own.

use annals_engine::{Database, ErrorKind};

use super::{Outcome, Session, Tag};
use crate::error::{Error, Result};
use crate::parse::{CreateIndex, table_name};

impl Session {
    pub(super) async fn create_index(&self, create: CreateIndex) -> Result<Outcome> {
        self.check_no_transaction("CREATE INDEX")?;
        let CreateIndex { name, table, column, if_not_exists } = create;
        let table = table_name(&table)?;
        let database = self.sql.database().clone();
        if !(if_not_exists && is_there(&database, &name)?) {
            run(move || database.create_index(&name, &table, &column)).await?;
        }
        Ok(Outcome::done(Tag::CreateIndex))
    }

    pub(super) async fn drop_index(&self, name: String, if_exists: bool) -> Result<Outcome> {
        self.check_no_transaction("DROP INDEX")?;
        let database = self.sql.database().clone();
        if !if_exists || is_there(&database, &name)? {
            run(move || database.drop_index(&name)).await?;
        }
        Ok(Outcome::done(Tag::DropIndex))
    }

    fn check_no_transaction(&self, statement: &str) -> Result<()> {
        match self.transaction {
            Some(_) => Err(Error::invalid(format!("{statement} cannot be part of a transaction"))),
            None => Ok(()),
        }
    }
}

fn is_there(database: &Database, name: &str) -> Result<bool> {
    Ok(database.indexes()?.iter().any(|index| index.name == name))
}

async fn run(work: impl FnOnce() -> annals_engine::Result<()> + Send + 'static) -> Result<()> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))??)
}
