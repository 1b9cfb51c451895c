//! ALTER TABLE: the engine changes the catalogue; statements that are planned from then on see the table as it is then.

use annals_engine::{ErrorKind, TableChange, TableSchema};

use super::{Outcome, Session, Tag};
use crate::catalog::is_reserved_table;
use crate::error::{Error, Result};
use crate::parse::{AlterTable, TableAction, table_name};

impl Session {
    pub(super) async fn alter_table(&mut self, alter: AlterTable) -> Result<Outcome> {
        if self.transaction.is_some() {
            return Err(Error::invalid("ALTER TABLE cannot be part of a transaction"));
        }
        let name = table_name(&alter.name)?;
        if self.views.contains_key(&name) {
            return Err(Error::invalid(format!("`{name}` is a view: ALTER TABLE takes a table")));
        }
        let (change, is_optional) = match alter.action {
            TableAction::Change { change, is_optional } => (change, is_optional),
            TableAction::Lifecycle(change) => return self.change_life(&name, change).await,
        };
        if is_reserved_table(&name) {
            let message = format!("`{name}` is a system table: its columns are not changed");
            return Err(Error::invalid(message));
        }
        let database = self.sql.database().clone();
        if is_optional && is_done(&change, &*database.table(&name)?) {
            return Ok(Outcome::done(Tag::AlterTable));
        }
        let done = tokio::task::spawn_blocking(move || database.alter_table(&name, &change)).await;
        done.map_err(|error| Error::new(ErrorKind::Unavailable, error.to_string()))??;
        Ok(Outcome::done(Tag::AlterTable))
    }
}

/// Whether the column to be added is there, or the one to be dropped is not.
fn is_done(change: &TableChange, table: &TableSchema) -> bool {
    let is_there = |name: &str| table.columns.iter().any(|column| column.name == name);
    match change {
        TableChange::AddColumn(column) => is_there(&column.name),
        TableChange::DropColumn(name) => !is_there(name),
        _ => false,
    }
}
