//! Which version goes into which segment, and in which order.
//!
//! * A version without an end lives in `current`, any other in the time partition of its end. A flush leaves the few rows of
//!   far-off partitions in `current` too, until a compaction has enough of them.
//! * Inside a segment, versions still believed come first ("the open section"): they are all that a question at the present
//!   system time, or a new put, can concern.
//! * Where a time partition gets many rows of both kinds, each kind gets a segment of its own: open rows can still be cut and
//!   are rewritten then, closed rows are not.
//! * Inside a section, rows go by partition of their end (`current` first, then latest first), then by start, the larger of
//!   `valid_from` and `system_from`. A reader at (T, V = T) needs exactly the rows of later partitions that start by then: a
//!   prefix of each.

mod fixed;
mod numbered;
mod place;
mod run;
mod source;

pub(crate) use place::{Placed, Placement, SortedRows};
pub(crate) use run::{SEGMENT_ROW_COUNT_MAX, write_groups};
pub(crate) use source::Source;
