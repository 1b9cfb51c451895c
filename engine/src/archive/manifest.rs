//! `partition.json`: what a folder of a partition says of itself.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::codec::checksum;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::manifest::PartitionId;
use crate::schema::TableSchema;
use crate::segment::SegmentMeta;
use crate::time::ValidTime;

/// The file that makes a folder the folder of a partition.
pub(crate) const MANIFEST_FILE: &str = "partition.json";
/// What the field `format` holds.
const FORMAT: &str = "annals partition";
const FORMAT_VERSION: u32 = 1;
/// Seeds the checksum of a manifest.
pub(crate) const MANIFEST_SEED: u64 = u64::from_le_bytes(*b"ANNALSPT");
/// A longer file is none of ours: a partition has some hundred bytes a segment.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;

/// What is known of a partition outside the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PartitionManifest {
    format: String,
    format_version: u32,
    /// The database that it was taken out of, in hexadecimal.
    pub(crate) database_id: String,
    table: String,
    pub(crate) table_id: u32,
    is_event: bool,
    key: Vec<String>,
    columns: Vec<ColumnEntry>,
    /// Its name, such as `2024-03`.
    pub(crate) partition: String,
    range_from: String,
    range_to: String,
    row_count: u64,
    files: Vec<FileEntry>,
    /// What the database needs to read the files.
    segments: Vec<SegmentMeta>,
    /// The branch that the database goes on as, if it was restored.
    #[serde(skip)]
    branch: Option<u128>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ColumnEntry {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
    nullable: bool,
}

/// A Parquet file; the checksums of its bytes are in the index file of the same name, whose own is among `segments`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileEntry {
    name: String,
    row_count: u32,
    bytes: u64,
}

impl PartitionManifest {
    pub(crate) fn new(
        (database_id, branch): (u128, Option<u128>),
        schema: &TableSchema,
        id: PartitionId,
        segments: &[SegmentMeta],
    ) -> PartitionManifest {
        let column = |column: &crate::schema::Column| ColumnEntry {
            name: column.name.clone(),
            data_type: column.data_type.to_string(),
            nullable: column.nullable,
        };
        let file = |meta: &SegmentMeta| FileEntry {
            name: format!("{}.parquet", meta.id),
            row_count: meta.row_count,
            bytes: meta.data_bytes,
        };
        let instant = |micros: i64| ValidTime::from_micros(micros).to_string();
        PartitionManifest {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            database_id: format!("{database_id:032x}"),
            table: schema.name.clone(),
            table_id: id.table,
            is_event: schema.is_event,
            key: schema.key.iter().map(|at| schema.columns[*at].name.clone()).collect(),
            columns: schema.columns.iter().map(column).collect(),
            partition: id.partition.name(),
            range_from: instant(id.partition.from_us()),
            range_to: instant(id.partition.to_us()),
            row_count: segments.iter().map(|meta| u64::from(meta.row_count)).sum(),
            files: segments.iter().map(file).collect(),
            segments: segments.to_vec(),
            branch,
        }
    }

    /// What tells a partition of a database from all others.
    pub(super) fn identity(&self) -> Result<Vec<u8>> {
        let identity = (FORMAT, &self.database_id, self.table_id, &self.partition);
        // A restored copy goes its own way under the number of the database that it was made of.
        let named = match self.branch {
            Some(branch) => serde_json::to_vec(&(identity, format!("{branch:032x}"))),
            None => serde_json::to_vec(&identity),
        };
        named.map_err(|error| Error::invalid(format!("the name of a partition: {error}")))
    }

    /// The bytes of the file.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::invalid(format!("the manifest of a partition: {error}")))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// Reads the manifest in a folder, and gives the checksum of its bytes. Whoever acts on it holds that against what is on record.
pub(crate) fn read_manifest(disk: &dyn Disk, dir: &Path) -> Result<(PartitionManifest, u32)> {
    let path = dir.join(MANIFEST_FILE);
    if !disk.exists(&path)? {
        let dir = dir.display();
        return Err(Error::invalid(format!("{dir} holds no partition: it has no {MANIFEST_FILE}")));
    }
    let file = disk.open(&path)?;
    let length = file.len()?;
    if length > MANIFEST_BYTES_MAX {
        return Err(Error::corrupt(&path, 0, format!("{length} bytes are no manifest")));
    }
    let mut bytes = vec![0; length as usize];
    file.read_at(0, &mut bytes)?;
    let manifest: PartitionManifest = serde_json::from_slice(&bytes)
        .map_err(|error| Error::corrupt(&path, 0, format!("it cannot be read: {error}")))?;
    if manifest.format != FORMAT || manifest.format_version != FORMAT_VERSION {
        let (format, version) = (&manifest.format, manifest.format_version);
        let path = path.display();
        return Err(Error::unavailable(format!(
            "{path} is of the format `{format}`, version {version}, which this build does not know"
        )));
    }
    Ok((manifest, checksum(MANIFEST_SEED, &bytes)))
}
