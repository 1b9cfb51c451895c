//! The database: a handle that ties log, memtables, segments and manifest together.
//!
//! Locks, in the order in which they may be taken: `backing_up` (one backup or erasure at a time), `life` (one partition leaves or
//! comes back at a time), `erasing` (one erasure at a time), `flushing` (one flush at a time), `compacting` (one compaction at a time),
//! `settling` (one of them at a time changes which rows there are and which are cut), `writer` (one transaction at a time),
//! `manifest` (one edit at a time), `shared` (a few instructions at a time; all that readers take).

mod alter;
mod background;
mod backup;
mod commit;
mod erase;
mod erasure;
mod handle;
mod index;
mod inner;
mod install;
mod lifecycle;
mod maintenance;
mod open;
mod pressure;
mod restore;
mod stats;
mod verify;

pub use erase::ERASED_KEY_COUNT_MAX;
pub use erasure::{ErasedKey, Erasure, ErasureRequest};
pub use handle::Database;
pub use index::IndexStats;
pub use lifecycle::{AuditRecord, Hold, PartitionChange, PartitionInfo, Retention};
pub use maintenance::Step;
pub use open::RecoveryReport;
pub use restore::restore;
pub use stats::{PartitionStats, SegmentStats, Stats, TableStats};
pub use verify::{VerifyReport, verify};
