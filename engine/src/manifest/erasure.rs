//! What is on record of an erasure: everything but what was erased.

use serde::{Deserialize, Serialize};

use crate::codec::KeyedHash;
use crate::schema::TableId;

/// An erasure that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasureEntry {
    /// Counted from 1, without gaps.
    pub(crate) number: u64,
    pub(crate) table: TableId,
    /// Its system time, in microseconds since 1970.
    pub(crate) erased_us: i64,
    /// Who asked for it.
    pub(crate) by: String,
    /// Why, if that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// How many segments were replaced or removed.
    pub(crate) file_count: u64,
    /// The keys of which there was a trace, or could be one in `unreached`.
    pub(crate) keys: Vec<ErasedKeyEntry>,
    /// Places that were not reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unreached: Vec<String>,
}

/// A key that was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasedKeyEntry {
    /// HMAC-SHA256 of the encoded key.
    pub(crate) hash: KeyedHash,
    /// How many rows of segments it had.
    pub(crate) row_count: u64,
    /// In how many segments.
    pub(crate) file_count: u64,
}
