//! An immutable picture of all segments: what a snapshot pins and what a flush or compaction replaces.

mod erased_mark;
mod index;
mod live_rows;
mod sealed;
mod segment_entry;
mod table_version;

pub(crate) use index::Index;
pub(crate) use live_rows::LiveRows;
pub(crate) use sealed::Sealed;
pub(crate) use segment_entry::SegmentEntry;
pub(crate) use table_version::{
    DETACHED_DIR, Files, LastErasure, TABLES_DIR, TableVersion, Version,
};
