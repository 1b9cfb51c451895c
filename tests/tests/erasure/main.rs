//! Erasure: of an erased key no file of the database holds a value, from the instant at which `erase` returns, for ever.
//!
//! Values are bytes that occur nowhere else. Every file is searched for them as bytes: after the erasure, and after everything that
//! rewrites files. The power is cut at every call of the disk that an erasure makes. Snapshots, commits and failures come between.

mod between;
mod crash;
mod traces;

use annals_tests::guests;
