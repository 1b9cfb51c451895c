//! What `annals serve` is told: by flags, which win over variables of the environment, which win over a file, which wins over defaults.
//!
//! * `settings`: the one table of all settings. File, variables, flags, `--check` and the documentation are made from it.
//! * `value`: how each kind of value is written and read.
//! * `file`, `flags`: where values come from; `resolve` puts them together; `show` prints what came out, as a file.
//! * `inspect`: what can be found wrong without starting.

mod file;
mod flags;
mod inspect;
mod resolve;
mod settings;
mod show;
mod value;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use annals_engine::{Options, SyncMode};

use crate::disk;

pub(crate) use flags::Flags;
pub(crate) use resolve::{Resolved, Sources};

/// The settings of a server. They do not change while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Where it listens, and for whom.
    pub(crate) server: ServerConfig,
    /// How much it takes upon itself.
    pub(crate) limits: Limits,
    /// How the database is opened.
    pub(crate) engine: EngineConfig,
    /// What it tells on standard error.
    pub(crate) log: LogConfig,
    /// What it keeps on record.
    pub(crate) audit: AuditConfig,
    /// Bulk ingest.
    pub(crate) ingest: IngestConfig,
}

/// Where the server listens, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerConfig {
    /// The address; port 0 is one that the system chooses.
    pub(crate) listen: SocketAddr,
    /// Whether it may listen beyond loopback without tokens.
    pub(crate) allow_anonymous: bool,
    /// The file of the tokens. Where it is, a token is asked of everybody.
    pub(crate) tokens_file: PathBuf,
    /// A PEM file with the chain of certificates, the server's own first; set together with `tls_key` or not at all.
    pub(crate) tls_certificate: Option<PathBuf>,
    /// A PEM file with the key of the certificate.
    pub(crate) tls_key: Option<PathBuf>,
    /// How long requests in flight may go on when the server is told to end, in milliseconds.
    pub(crate) shutdown_ms_max: u64,
    /// The only folder, or URL of object storage, below which archives may be written and attached over HTTP; anywhere if not set.
    pub(crate) archive_root: Option<PathBuf>,
}

impl ServerConfig {
    /// The files of certificate and key, where TLS is asked for.
    pub(crate) fn tls_files(&self) -> Option<(&Path, &Path)> {
        Some((self.tls_certificate.as_deref()?, self.tls_key.as_deref()?))
    }
}

/// How much the server takes upon itself. All times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The body of a request, as sent and as decompressed.
    pub(crate) body_bytes_max: usize,
    /// The body of a request with SQL.
    pub(crate) sql_bytes_max: usize,
    /// Rows of an answer; none if there is no limit.
    pub(crate) row_count_max: Option<usize>,
    /// From the start of a query to its last row.
    pub(crate) query_ms_max: u64,
    /// The memory of one query.
    pub(crate) query_memory_bytes_max: usize,
    /// The memory of all queries together.
    pub(crate) memory_bytes_max: usize,
    /// Queries that run at one time.
    pub(crate) running_count_max: usize,
    /// Bulk ingests that run at one time.
    pub(crate) ingest_count_max: usize,
    /// Queries that wait for others to end.
    pub(crate) queue_count_max: usize,
    /// How long a query waits for others to end.
    pub(crate) queue_ms_max: u64,
    /// Connections at one time.
    pub(crate) connection_count_max: usize,
    /// From the first byte of a request to the end of its headers.
    pub(crate) header_ms_max: u64,
    /// The headers of a request.
    pub(crate) header_bytes_max: usize,
    /// How long a connection is kept without a request.
    pub(crate) idle_ms_max: u64,
    /// How long no byte of a body may arrive.
    pub(crate) read_ms_max: u64,
    /// How long a client may take no byte of its answer.
    pub(crate) write_ms_max: u64,
}

/// How the database is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EngineConfig {
    /// A memtable that holds more is flushed.
    pub(crate) memtable_bytes: usize,
    /// The cache of decoded columns and index pages.
    pub(crate) cache_bytes: usize,
    /// What survives a power cut.
    pub(crate) sync: SyncMode,
}

impl EngineConfig {
    /// The options to open the database with.
    pub(crate) fn options(&self) -> Options {
        let options = disk::options().memtable_bytes(self.memtable_bytes);
        options.cache_bytes(self.cache_bytes).sync(self.sync)
    }
}

/// What the server tells on standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogConfig {
    /// The form of a line.
    pub(crate) format: LogFormat,
    /// The least level that is told.
    pub(crate) level: LogLevel,
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For reading.
    Text,
    /// A JSON object.
    Json,
}

/// How much is told, from little to much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// What failed.
    Error,
    /// And what an operator should look at.
    Warn,
    /// And what happens.
    Info,
    /// And how.
    Debug,
    /// And everything else.
    Trace,
}

/// What the server keeps on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AuditConfig {
    /// Which statements.
    pub(crate) statements: AuditedStatements,
}

/// Which statements are kept on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuditedStatements {
    /// Queries and changes.
    All,
    /// Changes of data, tables and partitions.
    Changes,
    /// None.
    None,
}

/// Bulk ingest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IngestConfig {
    /// How long a key of a request is remembered, in hours.
    pub(crate) idempotency_hours: u64,
    /// Where bodies wait that must be read as files; the folder of the system for temporary files if not set.
    pub(crate) spool_dir: Option<PathBuf>,
}

impl Config {
    /// The defaults of a server of the database in `dir`. `is_terminal`: whether a person reads standard error.
    pub(crate) fn of_dir(dir: &Path, is_terminal: bool) -> Config {
        let processor_count = std::thread::available_parallelism().map_or(1, usize::from);
        Config {
            server: ServerConfig {
                listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7171)),
                allow_anonymous: false,
                tokens_file: crate::auth::tokens_file(dir),
                tls_certificate: None,
                tls_key: None,
                shutdown_ms_max: 10_000,
                archive_root: None,
            },
            limits: Limits::of_processors(processor_count),
            engine: EngineConfig {
                memtable_bytes: 192 << 20,
                cache_bytes: 256 << 20,
                sync: SyncMode::Commit,
            },
            log: LogConfig {
                format: if is_terminal { LogFormat::Text } else { LogFormat::Json },
                level: LogLevel::Info,
            },
            audit: AuditConfig { statements: AuditedStatements::All },
            ingest: IngestConfig { idempotency_hours: 24, spool_dir: None },
        }
    }
}

impl Limits {
    fn of_processors(count: usize) -> Limits {
        Limits {
            body_bytes_max: 1 << 30,
            sql_bytes_max: 1 << 20,
            row_count_max: None,
            query_ms_max: 60_000,
            query_memory_bytes_max: 512 << 20,
            memory_bytes_max: 1 << 30,
            running_count_max: (2 * count).max(4),
            ingest_count_max: 4,
            queue_count_max: 64,
            queue_ms_max: 5_000,
            connection_count_max: 1_024,
            header_ms_max: 10_000,
            header_bytes_max: 32_768,
            idle_ms_max: 75_000,
            read_ms_max: 30_000,
            write_ms_max: 30_000,
        }
    }
}

#[cfg(test)]
mod tests;
