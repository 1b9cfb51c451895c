//! From a memtable to segments: the one place where new assertions meet older versions.
//!
//! A flush resolves the assertions of every key among themselves, and finds, by key index alone, the older rows whose belief
//! they end ([`settle`]). It writes the resulting versions as segments and the cuts of older rows as a supersession file. No
//! value of an older row is read but its key.

mod extents;
mod job;
mod settle;

pub(crate) use job::FlushedTable;
