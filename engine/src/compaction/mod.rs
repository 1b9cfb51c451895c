//! Background work on segments: merging runs, turning cuts into plain versions, moving what has ended to its partition.
//!
//! A plan is chosen by [`policy`], carried out by [`job`], and installed by one edit of the manifest. Plans are bounded in
//! rows and bytes, which bounds memory and how long a flush can have to wait for one.

mod job;
mod policy;

pub(crate) use job::compact;
pub(crate) use policy::{Plan, debt, next_full_plan, next_plan};
