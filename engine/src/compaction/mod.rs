//! Background work on segments: merging runs, turning cuts into plain versions, moving what has ended to its partition. An erasure
//! rewrites segments by the same job, without the rows of its keys ([`erase`]).
//!
//! A plan is chosen by [`policy`], carried out by [`job`], and installed by one edit of the manifest. Plans are bounded in
//! rows and bytes, which bounds memory. Flushes go on meanwhile: the cuts that they make in rows which a compaction is
//! rewriting are carried over to the new rows before these are installed.

mod erase;
mod job;
mod policy;
mod settling;

pub(crate) use erase::{ErasedKeys, rows_with_hashes};
pub(crate) use job::{Compacted, compact};
pub(crate) use policy::{Plan, debt, next_full_plan, next_plan, plan_of};
pub(crate) use settling::{partitions_ended, settling_plan};
