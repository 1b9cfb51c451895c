//! A database and the model side by side.
//!
//! [`World`] takes every step on both; [`World::ask`] asks both the same question and compares the answers row by row.

mod answer;
mod backup;
mod world;
mod write;

pub use answer::{ask, load_ids};
pub use backup::restored;
pub use world::{Counts, World};
pub use write::{erased_keys, write};

/// The period columns in the order in which answers show them.
pub const PERIOD_COLUMNS: [&str; 4] = ["_valid_from", "_valid_to", "_system_from", "_system_to"];
