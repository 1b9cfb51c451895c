//! Changes: each is an ordinary query whose answer becomes puts or deletes.
//!
//! DataFusion's own DELETE and UPDATE reach a table without their WHERE, so they are never planned: the rows that a change concerns are
//! asked for by a SELECT with the same WHERE, the same subqueries and the new values, over the versions that overlap the portion.
//! What comes back is clipped to the portion. An INSERT asks whether its keys are free; an UPSERT asks nothing.

mod convert;
mod erase;
mod free;
mod insert;
mod names;
mod periods;
mod portion;
mod select;
mod stage;

use std::sync::Arc;

use annals_engine::{TableSchema, ValidTime};
use datafusion::logical_expr::LogicalPlan;

use crate::catalog::is_reserved_table;
use crate::error::{Error, Result};
use crate::parse::Statement;
use crate::plan::Planner;
use crate::session::Tag;
use portion::Portion;

pub(crate) use erase::Erasing;

/// A change that is planned: the query that gives its rows, and what becomes of them.
pub(crate) struct Change {
    pub(crate) tag: Tag,
    pub(crate) plan: LogicalPlan,
    /// Whether what is done depends on rows that are there already.
    pub(crate) reads_rows: bool,
    table: Arc<TableSchema>,
    action: Action,
}

impl Change {
    /// The name of the table that is changed.
    pub(crate) fn table_name(&self) -> &str {
        &self.table.name
    }
}

/// What becomes of the rows.
enum Action {
    /// Put as given; the names are the target columns in order. `is_insert` wants the keys to be free.
    Put { columns: Vec<String>, is_insert: bool },
    /// Put again with new values, inside the portion.
    Update { portion: Portion, may_repeat: bool },
    /// Retracted inside the portion.
    Delete { portion: Portion },
}

/// Plans an INSERT, UPSERT, UPDATE or DELETE. Without a portion it acts from `acts_from` on.
pub(crate) fn plan(
    planner: &Planner,
    statement: &Statement,
    acts_from: ValidTime,
) -> Result<Change> {
    let change = match statement {
        Statement::Insert(insert) => insert::plan(planner, insert)?,
        Statement::Update(update) => select::plan_update(planner, update, acts_from)?,
        Statement::Delete(delete) => select::plan_delete(planner, delete, acts_from)?,
        _ => return Err(Error::invalid("the statement is not a change")),
    };
    let name = change.table_name();
    match is_reserved_table(name) {
        true => Err(Error::invalid(format!(
            "`{name}` is a system table: its rows are on record, and only ERASE or its retention takes them away"
        ))),
        false => Ok(change),
    }
}
