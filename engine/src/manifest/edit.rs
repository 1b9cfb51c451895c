//! One edit of the manifest, stored as a JSON object; absent fields change nothing.

use serde::{Deserialize, Serialize};

use super::audit::AuditEntry;
use super::erasure::ErasureEntry;
use super::index::IndexEntry;
use super::retention::{HoldEntry, HoldId, RetentionEntry};
use super::sealed::{PartitionId, SealedEntry};
use crate::bitmap::{BitmapMeta, IndexId};
use crate::codec::Secret;
use crate::schema::{TableId, TableSchema};
use crate::segment::{SegmentId, SegmentMeta};
use crate::supersession::SupersessionMeta;

/// One atomic change of what the database consists of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Edit {
    /// The database's own number, in hexadecimal; in the first edit alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database_id: Option<String>,
    /// Tables made, or replaced by a newer entry with the same number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tables: Vec<TableSchema>,
    /// Segments that are part of the database from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) segments_added: Vec<SegmentMeta>,
    /// Segments that are not any more, and with them their supersessions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) segments_removed: Vec<SegmentId>,
    /// Files of supersessions that apply from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) supersessions_added: Vec<SupersessionMeta>,
    /// Indexes that there are no more, and with them their bitmaps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) indexes_dropped: Vec<IndexId>,
    /// Indexes that were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) indexes_added: Vec<IndexEntry>,
    /// Bitmaps of segments, for indexes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) bitmaps_added: Vec<BitmapMeta>,
    /// How far the tables have come.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) progress: Vec<TableProgress>,
    /// The first file of the log whose transactions are not in segments yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wal_file: Option<u64>,
    /// The newest file of the log when the edit was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wal_file_newest: Option<u64>,
    /// How many frames the log had when the database was closed: later it can only have more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wal_frame_count: Option<u64>,
    /// The number of the last transaction that is in segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit_number: Option<u64>,
    /// The first number that no segment, supersession file or index has borne.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_file_id: Option<u64>,
    /// A system time, in microseconds since 1970, up to which questions have been answered: later commits come after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answered_us: Option<i64>,
    /// What makes the hashes of erased keys this database's own; with the first erasure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) erasure_secret: Option<Secret>,
    /// Erasures that were carried out with this edit, or before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) erasures: Vec<ErasureEntry>,
    /// Partitions that are not part of the database from now on, or whose place has changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) partitions_sealed: Vec<SealedEntry>,
    /// Sealed partitions that are part of it again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) partitions_attached: Vec<PartitionId>,
    /// How long tables are kept from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) retentions: Vec<RetentionEntry>,
    /// Holds that apply from now on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) holds_placed: Vec<HoldEntry>,
    /// Holds that apply no more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) holds_released: Vec<HoldId>,
    /// What stays on record of this edit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) audit: Vec<AuditEntry>,
    /// Of a restored database: a number that no other restored database has, in hexadecimal; in the first edit alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    /// Folders that hold backups of the database from now on: an erasure has to reach them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) backups_added: Vec<String>,
    /// Folders that no erasure reaches any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) backups_removed: Vec<String>,
}

/// How far one table has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableProgress {
    pub(crate) table: TableId,
    /// The system time of its last transaction, in microseconds since 1970.
    pub(crate) last_system_us: i64,
    /// The number that the next row of an event table gets.
    pub(crate) next_event_id: i64,
}
