//! Stand-in until merged.
use crate::error::Result;
use annals_engine::{Database, SystemTime};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::PathBuf;
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Op {
    #[default]
    Put,
    Delete,
}
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    Csv,
    Ndjson,
    Parquet,
    Arrow,
}
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}
impl Format {
    pub(crate) fn of_media_type(_t: &str) -> Option<Format> {
        None
    }
}
impl Encoding {
    pub(crate) fn of_name(_t: &str) -> Option<Encoding> {
        None
    }
}
pub(crate) struct IdempotencyKey;
impl IdempotencyKey {
    pub(crate) fn new(_k: &str, _p: &impl Serialize, _h: u64) -> Result<IdempotencyKey> {
        Ok(IdempotencyKey)
    }
}
pub(crate) struct Ingest {
    pub table: String,
    pub op: Op,
    pub op_column: Option<String>,
    pub valid_from: Option<String>,
    pub valid_to: Option<String>,
    pub system_time: Option<String>,
    pub format: Format,
    pub encoding: Encoding,
    pub decoded_bytes_max: u64,
    pub spool_dir: Option<PathBuf>,
    pub idempotency: Option<IdempotencyKey>,
}
pub(crate) struct Ingested {
    pub row_count: u64,
    pub transaction_count: u64,
    pub system_time: Option<SystemTime>,
    pub is_replay: bool,
}
pub(crate) fn ingest(_d: &Database, _r: Ingest, _b: Box<dyn Read + Send>) -> Result<Ingested> {
    Err(crate::error::Failure::new("no"))
}
