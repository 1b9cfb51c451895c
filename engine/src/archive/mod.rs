//! Partitions outside the database: a folder of plain Parquet files, and a manifest that says what they are.
//!
//! The files are those of the partition's segments, byte for byte: every version with all four instants, nothing applied to them from
//! elsewhere. The manifest, `partition.json`, is written last, so a folder without it is none. `docs/format/partition.md` describes it.

mod folder;
mod manifest;

pub(crate) use folder::{Transfer, bring_in, finish, remove_folder, take_out};
pub(crate) use manifest::{MANIFEST_FILE, MANIFEST_SEED, PartitionManifest, read_manifest};
