//! Every rule of the contract has a test that bears its name.
//!
//! Stories of a few transactions, told by hand on one small table and asked at the instants where it matters: equal to the
//! start of a period, equal to its end, and one microsecond before each. What is said of maintenance is asked again after a
//! crash, a flush, a restart, each step of background work and a compaction.

mod defaults;
mod estimates;
mod events;
mod own_writes;
mod queries;
mod rules;
mod time_stamps;
mod transactions;
