//! Rows that a request brings, written into a table: all or none, once, however often the request is sent.
//!
//! * The rows of a request are one transaction. Where a column gives their system times, consecutive rows of equal time are
//!   one transaction each; then a wrong row stops the rest, nothing of its own transaction is applied, and the error says what
//!   is written before it.
//! * The body is read once, from front to back, in bounded memory: a chunk of rows, a message of an Arrow stream, and the rows
//!   of the transaction, which the engine bounds. A Parquet file is put into a temporary file first, for it is read from its end.
//! * A body that breaks off, in whichever way, is an error, and what it began is not committed.
//! * With an idempotency key the transaction holds a record of the request beside its rows ([`ledger`]), so that a retry finds
//!   either both or neither, also after a crash. A body without rows writes nothing and leaves no record: whatever is sent with
//!   its key next is the first.
//!
//! Calls block. What was written is durable when [`Ingester::ingest`] returns, as the database was opened to make it.

mod arrow;
mod body;
mod ledger;
mod rows;
mod running;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use annals_engine::{
    Clock, Database, ErrorKind, SystemClock, SystemTime, TableSchema, VALID_FROM, VALID_TO,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Failure, Kind, Result};
use crate::import::chunk::Checks;
use crate::import::load::{Extent, Loader, NoRecord, Record, Written};
use crate::import::plan::{Asker, Plan, Request, check_target};
use body::{Body, Watch};
pub(crate) use ledger::check_key as check_idempotency_key;
use ledger::{Found, Ledger};
use rows::Opened;
use running::Running;

/// What the rows of a request do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Op {
    /// Each asserts the values of its key over its period.
    #[default]
    Put,
    /// Each retracts its key over its period. Columns that are not of the key may be there, and are not looked at.
    Delete,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// RFC 4180, with a header line.
    Csv,
    /// A JSON object a line.
    Ndjson,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

/// How the bytes of a body are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// Not at all.
    #[default]
    Identity,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several, with a window of at most 8 MiB.
    Zstd,
}

/// What tells the attempts of one request from other requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey {
    /// 1 to 255 printable ASCII characters, chosen by whoever asks; one table's keys are not another's.
    pub(crate) key: String,
    /// For so many hours, counted from its last transaction, a retry is known to be one; then the key is free. At least 1.
    pub(crate) hours: u32,
}

/// What a request asks for, apart from its rows.
#[derive(Clone, Debug)]
pub(crate) struct Ingest {
    /// The table, which must be there.
    pub(crate) table: String,
    /// What rows do that do not say it themselves.
    pub(crate) op: Op,
    /// The column that says `put` or `delete`.
    pub(crate) op_column: Option<String>,
    /// The column with the start of each row's valid period; `_valid_from`, if there is one, unless told otherwise. NULL means
    /// without a start; where there is no such column a row holds from its system time on.
    pub(crate) valid_from: Option<String>,
    /// The column with the end; `_valid_to`, if there is one, unless told otherwise. NULL means without an end.
    pub(crate) valid_to: Option<String>,
    /// The column with the instant at which each row was recorded elsewhere.
    pub(crate) system_time: Option<String>,
    /// What the body is.
    pub(crate) format: Format,
    /// How it is compressed.
    pub(crate) encoding: Encoding,
    /// The most bytes that it may have when it is not compressed.
    pub(crate) decoded_bytes_max: u64,
    /// What makes a retry safe.
    pub(crate) idempotency: Option<IdempotencyKey>,
    /// Where to tell, after an error, what is written all the same.
    pub(crate) kept: Arc<Mutex<Written>>,
}

/// What a request did; of a retry, what all its attempts together did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ingested {
    /// Puts and deletes.
    pub(crate) row_count: u64,
    /// Committed transactions.
    pub(crate) transaction_count: u64,
    /// The system time of the last one; nothing if there were no rows.
    pub(crate) system_time: Option<SystemTime>,
    /// Whether an earlier attempt had done all of it.
    pub(crate) is_replay: bool,
}

/// Takes rows into one database. Clones share what is running, and there must be no other for the database.
#[derive(Clone, Debug)]
pub(crate) struct Ingester {
    database: Database,
    spool_dir: PathBuf,
    running: Running,
}

impl Ingester {
    /// Takes rows into the database. Parquet files lie in the folder, without a name, while they are read; without one in that
    /// for temporary files.
    pub(crate) fn new(database: Database, spool_dir: Option<PathBuf>) -> Ingester {
        let spool_dir = spool_dir.unwrap_or_else(std::env::temp_dir);
        Ingester { database, spool_dir, running: Running::default() }
    }

    /// Writes the rows of a body. What [`Ingested`] tells is durable and visible when this returns.
    ///
    /// After an error nothing is written, unless a column gives system times: then its sentence says what is. An error of the
    /// reader comes back as [`Failure::Body`]. Else [`Failure::kind`] is the engine's (`Invalid` for parameters and rows that are
    /// wrong, which are named by line or number), or one of [`Kind`]'s own.
    pub(crate) fn ingest(&self, request: Ingest, body: Box<dyn Read + Send>) -> Result<Ingested> {
        check_target(&request.table)?;
        let table = self.table(&request.table)?;
        let Some(key) = &request.idempotency else {
            let (body, watch) = open(&request, body, None)?;
            let written = self.pour(&request, &table, body, &watch, NoRecord, false)?;
            return Ok(Ingested::new(written));
        };
        let mut ledger = Ledger::new(&self.database, &table, &request, key)?;
        let Some(_taken) = self.running.take(table.id, ledger.request()) else {
            let what = "a request with this idempotency key is still running";
            return Err(Failure::of(Kind::KeyBusy, what));
        };
        let (body, watch) = open(&request, body, Some(ledger.hash_seed()))?;
        match ledger.find()? {
            Found::Finished(ingested, digest) => replay(body, &watch, ingested, &digest),
            Found::Unfinished => {
                let watched = ledger.watching(&watch);
                let written = self.pour(&request, &table, body, &watch, watched, true)?;
                ledger::check_resumed(&written)?;
                Ok(Ingested::new(written))
            }
            Found::New => {
                ledger.make_table()?;
                let watched = ledger.watching(&watch);
                let written = self.pour(&request, &table, body, &watch, watched, false)?;
                Ok(Ingested::new(written))
            }
        }
    }

    fn table(&self, name: &str) -> Result<std::sync::Arc<TableSchema>> {
        self.database.table(name).map_err(|error| match error.kind() {
            ErrorKind::Invalid => Failure::of(Kind::NoSuchTable, error.to_string()),
            _ => Failure::from(error),
        })
    }

    /// Reads the body to its end and writes its rows. `is_retry`: transactions of it may be there already.
    fn pour(
        &self,
        request: &Ingest,
        table: &TableSchema,
        body: Body,
        watch: &Watch,
        record: impl Record,
        is_retry: bool,
    ) -> Result<Written> {
        let opened = Opened::open(request.format, body, watch, &self.spool_dir);
        let opened = opened.map_err(|error| watch.explain(error))?;
        let plan = plan(request, table, opened.names())?;
        let mut rows = opened.rows(&plan).map_err(|error| watch.explain(error))?;
        let table_last = match plan.request.system_time {
            Some(_) if !is_retry => crate::import::last_system_time(&self.database, table)?,
            _ => None,
        };
        let mut checks = Checks::new(&plan, table.is_event, table_last, SystemClock.now());
        let mut loader = Loader::new(&self.database, &plan, Extent::Whole, record);
        let mut load = || {
            loop {
                let chunk = rows.next().map_err(|error| loader.note(watch.explain(error)))?;
                let Some(chunk) = chunk else { break };
                checks.set_now(SystemClock.now());
                checks.check(&chunk).map_err(|error| loader.note(error))?;
                loader.feed(None, &chunk)?;
            }
            watch.check_end().map_err(|error| loader.note(error))?;
            loader.finish()
        };
        let loaded = load();
        *request.kept.lock() = loader.written();
        loaded
    }
}

impl Ingested {
    fn new(written: Written) -> Ingested {
        Ingested {
            row_count: written.row_count,
            transaction_count: written.transaction_count,
            system_time: written.system_time,
            is_replay: false,
        }
    }
}

fn open(
    request: &Ingest,
    body: Box<dyn Read + Send>,
    hash_seed: Option<u64>,
) -> Result<(Body, Watch)> {
    Ok(Body::new(body, request.encoding, request.decoded_bytes_max, hash_seed)?)
}

/// What becomes of each column of the body.
fn plan(request: &Ingest, table: &TableSchema, names: &[String]) -> Result<Plan> {
    let implied = |named: &Option<String>, name: &str| {
        let is_there = || names.iter().any(|other| other == name);
        named.clone().or_else(|| is_there().then(|| name.to_owned()))
    };
    // A line of NDJSON without an end has none, so that any line may be the first to have one.
    let may_have_end = request.format == Format::Ndjson && !table.is_event;
    let valid_to = implied(&request.valid_to, VALID_TO);
    let request = Request {
        table: request.table.clone(),
        valid_from: implied(&request.valid_from, VALID_FROM),
        valid_to: valid_to.or_else(|| may_have_end.then(|| VALID_TO.to_owned())),
        system_time: request.system_time.clone(),
        op: request.op_column.clone(),
        is_delete: request.op == Op::Delete,
        asker: Asker::Request,
        ..Request::default()
    };
    let checked = request.check().map_err(|error| match error {
        Failure::Usage(text) => Failure::new(text),
        other => other,
    });
    checked.and_then(|()| Plan::existing(request, table))
}

/// Answers a retry of a request that is done, if its body is the same.
fn replay(mut body: Body, watch: &Watch, ingested: Ingested, digest: &str) -> Result<Ingested> {
    io::copy(&mut body, &mut io::sink()).map_err(|error| watch.explain(Failure::from(error)))?;
    watch.check_end()?;
    match watch.digest().as_deref() == Some(digest) {
        true => Ok(ingested),
        false => Err(ledger::reused("another body")),
    }
}
