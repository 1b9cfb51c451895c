//! A transaction: what it states while it is being put together, and how it is written to the log.

mod conform;
mod record;
mod staged;
#[cfg(test)]
mod tests;
mod transaction;

pub(crate) use record::{LoggedOperation, decode_transaction, encode_transaction};
pub(crate) use staged::{Assigned, Staged};
pub use transaction::{Commit, Transaction};
