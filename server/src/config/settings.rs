//! The one table of all settings.

use std::ops::RangeInclusive;

use super::Config;
use super::value::{Number, Slot, Unit};

/// A day.
const MS_MAX: u64 = 86_400_000;
/// More than any machine has, less than what overflows when it is multiplied.
const BYTES_MAX: u64 = 1 << 40;

/// A setting: where it is in a file, in the environment, on the command line and in a [`Config`].
pub(super) struct Setting {
    /// The table of a file that it is in.
    pub(super) section: &'static str,
    /// Its key there.
    pub(super) key: &'static str,
    /// The flag without its dashes.
    pub(super) flag: &'static str,
    /// What it means.
    pub(super) meaning: &'static str,
    /// The default in words, where it depends on the machine or the database.
    pub(super) default_words: Option<&'static str>,
    /// Its value.
    pub(super) slot: for<'a> fn(&'a mut Config) -> Slot<'a>,
}

impl Setting {
    /// Such as `limits.query_ms_max`.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// The variable of the environment: the flag in capitals behind `ANNALS_`.
    pub(super) fn variable(&self) -> String {
        format!("ANNALS_{}", self.flag.replace('-', "_").to_ascii_uppercase())
    }

    const fn default_words(mut self, words: &'static str) -> Setting {
        self.default_words = Some(words);
        self
    }
}

const fn setting(
    (section, key): (&'static str, &'static str),
    flag: &'static str,
    slot: for<'a> fn(&'a mut Config) -> Slot<'a>,
    meaning: &'static str,
) -> Setting {
    Setting { section, key, flag, meaning, default_words: None, slot }
}

fn bytes(value: &mut dyn Number, range: RangeInclusive<u64>) -> Slot<'_> {
    Slot::Number(value, Unit::Bytes, range)
}

fn ms(value: &mut dyn Number) -> Slot<'_> {
    Slot::Number(value, Unit::Ms, 1..=MS_MAX)
}

fn count(value: &mut dyn Number, range: RangeInclusive<u64>) -> Slot<'_> {
    Slot::Number(value, Unit::Count, range)
}

/// All settings, those of a section next to one another.
pub(super) const SETTINGS: &[Setting] = &[
    setting(
        ("server", "listen"),
        "listen",
        |c| Slot::Address(&mut c.server.listen),
        "The address to listen on; port 0 is one that the system chooses",
    ),
    setting(
        ("server", "allow_anonymous"),
        "allow-anonymous",
        |c| Slot::Switch(&mut c.server.allow_anonymous),
        "Listen beyond loopback although there is no tokens file, and so everybody may do everything",
    ),
    setting(
        ("server", "tokens_file"),
        "tokens-file",
        |c| Slot::Path(&mut c.server.tokens_file),
        "The file of tokens; where it is, every request must bring one of them",
    )
    .default_words("`server/tokens.toml` in the folder of the database"),
    setting(
        ("server", "tls_certificate"),
        "tls-certificate",
        |c| Slot::OptionalPath(&mut c.server.tls_certificate),
        "A PEM file with the certificates for TLS, the server's own first; together with tls_key",
    ),
    setting(
        ("server", "tls_key"),
        "tls-key",
        |c| Slot::OptionalPath(&mut c.server.tls_key),
        "A PEM file with the key of the certificate (PKCS#8, PKCS#1 or SEC1)",
    ),
    setting(
        ("server", "shutdown_ms_max"),
        "shutdown-ms-max",
        |c| ms(&mut c.server.shutdown_ms_max),
        "How long requests in flight may go on once the server is told to end",
    ),
    setting(
        ("server", "archive_root"),
        "archive-root",
        |c| Slot::OptionalPath(&mut c.server.archive_root),
        "The only folder, or URL of object storage, below which partitions are archived to and attached from over HTTP; anywhere if not set",
    ),
    setting(
        ("limits", "body_bytes_max"),
        "body-bytes-max",
        |c| bytes(&mut c.limits.body_bytes_max, 1..=BYTES_MAX),
        "The body of a request, as sent and as decompressed",
    ),
    setting(
        ("limits", "sql_bytes_max"),
        "sql-bytes-max",
        |c| bytes(&mut c.limits.sql_bytes_max, 1..=BYTES_MAX),
        "The body of a request with SQL",
    ),
    setting(
        ("limits", "row_count_max"),
        "row-count-max",
        |c| count(&mut c.limits.row_count_max, 0..=1_000_000_000_000),
        "Rows of an answer; 0 is no limit",
    ),
    setting(
        ("limits", "query_ms_max"),
        "query-ms-max",
        |c| ms(&mut c.limits.query_ms_max),
        "From the start of a query to its last row",
    ),
    setting(
        ("limits", "query_memory_bytes_max"),
        "query-memory-bytes-max",
        |c| bytes(&mut c.limits.query_memory_bytes_max, 1 << 20..=BYTES_MAX),
        "The memory of one query",
    ),
    setting(
        ("limits", "memory_bytes_max"),
        "memory-bytes-max",
        |c| bytes(&mut c.limits.memory_bytes_max, 1 << 20..=BYTES_MAX),
        "The memory of all queries together",
    ),
    setting(
        ("limits", "running_count_max"),
        "running-count-max",
        |c| count(&mut c.limits.running_count_max, 1..=10_000),
        "Queries that run at one time",
    )
    .default_words("2 for each processor, at least 4"),
    setting(
        ("limits", "ingest_count_max"),
        "ingest-count-max",
        |c| count(&mut c.limits.ingest_count_max, 1..=10_000),
        "Bulk ingests that run at one time, beside the queries",
    ),
    setting(
        ("limits", "queue_count_max"),
        "queue-count-max",
        |c| count(&mut c.limits.queue_count_max, 0..=1_000_000),
        "Queries, and as many ingests, that wait for others to end; with 0 none waits",
    ),
    setting(
        ("limits", "queue_ms_max"),
        "queue-ms-max",
        |c| ms(&mut c.limits.queue_ms_max),
        "How long a query waits for others to end",
    ),
    setting(
        ("limits", "connection_count_max"),
        "connection-count-max",
        |c| count(&mut c.limits.connection_count_max, 1..=1_000_000),
        "Connections at one time",
    ),
    setting(
        ("limits", "header_ms_max"),
        "header-ms-max",
        |c| ms(&mut c.limits.header_ms_max),
        "From the first byte of a request to the end of its headers",
    ),
    setting(
        ("limits", "header_bytes_max"),
        "header-bytes-max",
        |c| bytes(&mut c.limits.header_bytes_max, 8_192..=16 << 20),
        "The headers of a request",
    ),
    setting(
        ("limits", "idle_ms_max"),
        "idle-ms-max",
        |c| ms(&mut c.limits.idle_ms_max),
        "How long a connection is kept without a request",
    ),
    setting(
        ("limits", "read_ms_max"),
        "read-ms-max",
        |c| ms(&mut c.limits.read_ms_max),
        "How long no byte of a body may arrive",
    ),
    setting(
        ("limits", "write_ms_max"),
        "write-ms-max",
        |c| ms(&mut c.limits.write_ms_max),
        "How long a client may take no byte of its answer",
    ),
    setting(
        ("engine", "memtable_bytes"),
        "engine-memtable-bytes",
        |c| bytes(&mut c.engine.memtable_bytes, 64 << 10..=BYTES_MAX),
        "A memtable that holds more is flushed",
    ),
    setting(
        ("engine", "cache_bytes"),
        "engine-cache-bytes",
        |c| bytes(&mut c.engine.cache_bytes, 0..=BYTES_MAX),
        "The cache of decoded columns and index pages",
    ),
    setting(
        ("engine", "sync"),
        "engine-sync",
        |c| Slot::Sync(&mut c.engine.sync),
        "What was acknowledged survives a power cut (commit), all but the last so many milliseconds (such as 100ms), or what the system has written (off)",
    ),
    setting(
        ("log", "format"),
        "log-format",
        |c| Slot::Choice(&mut c.log.format),
        "The form of a line of the log: text or json",
    )
    .default_words("`text` on a terminal, else `json`"),
    setting(
        ("log", "level"),
        "log-level",
        |c| Slot::Choice(&mut c.log.level),
        "How much is told: error, warn, info, debug or trace",
    ),
    setting(
        ("audit", "statements"),
        "audit-statements",
        |c| Slot::Choice(&mut c.audit.statements),
        "Which statements are kept on record in annals.audit: all, changes or none",
    ),
    setting(
        ("ingest", "idempotency_hours"),
        "ingest-idempotency-hours",
        |c| Slot::Number(&mut c.ingest.idempotency_hours, Unit::Hours, 1..=8_760),
        "How long an Idempotency-Key is remembered",
    ),
    setting(
        ("ingest", "spool_dir"),
        "ingest-spool-dir",
        |c| Slot::OptionalPath(&mut c.ingest.spool_dir),
        "Where bodies wait that must be read as files; the system's folder for temporary files if not set",
    ),
];
