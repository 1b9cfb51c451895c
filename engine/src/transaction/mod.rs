//! A transaction: what it states while it is being put together, and how it is written to the log.

mod conform;
mod handle;
mod own_writes;
mod record;
mod staged;
#[cfg(test)]
mod tests;

pub use handle::{Commit, Transaction};
pub(crate) use record::{LoggedOperation, Schemas, decode_transaction, encode_transaction};
pub(crate) use staged::{Assigned, EventIds, Staged, key_columns};
