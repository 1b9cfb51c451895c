//! From statements to plans: names resolve to tables at their instants, everything else is DataFusion's work.
//!
//! One [`Context`] serves one statement: its snapshot, its present (`now()` in a bound, `now()` in the query and "no clause" are the
//! same instant), its defaults. Invariant: no two scans of different instants are ever equal to the planner, which compares scans
//! by name; so the instants are part of a scan's name.

mod context;
mod instant;
mod now;
mod relation;
mod sequenced;
mod table_function;
mod types;
mod unnamed;
mod yielding;

pub(crate) use context::{Context, Planner, View, Views};
pub(crate) use instant::{Bound, Clauses};
pub(crate) use types::Uuids;
pub(crate) use yielding::yielding;
