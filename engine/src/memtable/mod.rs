//! What has been committed but not flushed: assertions in the order of their commits, found by key.
//!
//! Writes are blind. An assertion is appended as it came, with the batch it came in; nothing older is read, resolved or
//! changed. What it supersedes is worked out by those who need it: a flush for all keys at once, a look-up for one key, a
//! scan for the keys it meets ([`resolve`]).

mod chunk;
mod resolve;
mod table;
mod view;

pub(crate) use chunk::{Chunk, Operation};
pub(crate) use resolve::{HashPart, KeyedRow, KeyedRows, Resolver, RowRef, are_keys_short, key_of};
pub(crate) use table::Memtable;
pub(crate) use view::{ByKey, Mask, MemView};
