//! The life of partitions: what has ended leaves the database, wholly or not at all, and comes back; no answer about later instants
//! changes by it, and any other is an error that says where it went.
//!
//! Stories at the boundaries; random histories with random departures against the model of the contract; the power cut and a failing
//! call at every call of the disk; the history of the time zones through a killed process; folders read by a plain Parquet reader.

mod archive;
mod columns;
mod crash;
mod erasure;
mod holds;
mod invariant;
mod retention;
mod stories;
mod tz;
