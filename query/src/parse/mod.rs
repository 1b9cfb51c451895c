//! From text to statements: everything that Annals adds to SQL is taken off here, before the planner sees a statement.
//!
//! Text becomes tokens once ([`tokens`]), so that `FOR` in a string, a comment or a quoted name is never taken for a clause.
//! Temporal clauses become a table version that the parser of the SQL library knows ([`temporal`]); statements that it does not
//! know are cut into pieces that it does ([`statement`]). Invariant: no clause is dropped; what is not understood is an error.

mod alter_table;
mod bind;
mod create_table;
mod depth;
mod dialect;
mod index;
mod lifecycle;
mod redact;
mod scope;
mod sequenced;
mod statement;
mod temporal;
mod tokens;

pub(crate) use alter_table::{AlterTable, TableAction};
pub(crate) use bind::bind_statement as bind;
pub(crate) use create_table::{CreateTable, literal, table_name};
pub(crate) use index::CreateIndex;
pub(crate) use lifecycle::{AttachFrom, LifecycleChange, pinned};
pub(crate) use redact::redact;
pub(crate) use scope::{EVENT_ID, is_hidden, show_periods};
pub(crate) use sequenced::{Sequenced, sequenced};
pub(crate) use statement::{
    Defaults, Delete, Erase, Insert, Parsed, Statement, Update, condition_query, parse,
    select_query,
};
pub(crate) use temporal::{Axis, Form, Version, version_arguments, write_version};
pub(crate) use tokens::is_complete;
