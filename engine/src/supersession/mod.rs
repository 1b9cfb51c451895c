//! Which row stopped speaking for which valid range, from when on.
//!
//! A put or delete that covers part of an older version leaves that version's row where it is. What is recorded is a
//! [`Cut`]: from system time `at` on, the row no longer speaks for the valid range `[from, to)`. A row's visible region is
//! its rectangle minus its cuts; [`carve`] turns both into plain rectangles, the same ones whether it is done by a read, by
//! a flush or by a compaction, so that maintenance changes no answer.

mod carve;
mod file;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use carve::{Cut, LivePieces, carve};
pub(crate) use file::{SupersessionFile, SupersessionMeta, write_supersessions};
pub(crate) use set::SupersessionSet;
