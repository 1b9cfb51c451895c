//! The contract as a model that is small enough to be believed.
//!
//! [`Assertions`] is the rule: the last assertion that covers an instant decides. [`Versions`] is what ranges and histories
//! show: rectangles in the two times, in the naive form of the textbooks. The two are written independently of each other
//! and of the engine; `tests/oracle_agrees_with_itself.rs` holds them against each other.
//!
//! Instants are plain microseconds here; `i64::MIN` and `i64::MAX` stand for unbounded.

mod clause;
mod rule;
mod table;
mod versions;

pub use clause::Clause;
pub use rule::{Assertion, Assertions};
pub use table::Table;
pub use versions::{Version, Versions};
