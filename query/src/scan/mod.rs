//! Tables as DataFusion reads them: the engine's scans at fixed instants, with what can be decided there pushed down.
//!
//! Invariant: a filter that is pushed down is decided by the engine exactly, and is not evaluated again; every other one stays
//! where it was.

mod dynamic;
mod exec;
mod occurrence;
mod pushdown;
mod table;
mod view;

pub(crate) use pushdown::value_of;
pub(crate) use table::TemporalTable;
pub(crate) use view::{VIEWS, ViewTable};
