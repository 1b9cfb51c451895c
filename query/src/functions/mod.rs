//! What temporal SQL computes beyond scans: relations of periods, what was restated between two system instants, and
//! aggregates for every valid instant at once.
//!
//! Each is a function of its arguments alone: none of them plans a statement or asks what time it is.

pub(crate) mod changes;
pub(crate) mod periods;
pub(crate) mod sequenced;
